//! Reports: those that wait are as many as their desk says.

use std::collections::BTreeMap;

use strongroom_domain::record::Record;
use strongroom_domain::reports::ReportStatus;

use crate::verify::report::Damages;
use crate::verify::unread::Unread;

/// Reports that wait in a log, and what is recorded of their number.
#[derive(Default)]
struct Waiting {
    found: u32,
    recorded: u32,
}

/// Everything that is known of reports.
#[derive(Default)]
pub(super) struct Reports {
    waiting: BTreeMap<u32, Waiting>,
}

impl Reports {
    pub fn record(&mut self, log: u32, record: &Record) {
        match record {
            Record::Report(report) if report.status == ReportStatus::Queued => {
                let waiting = self.waiting.entry(log).or_default();
                waiting.found = waiting.found.saturating_add(1);
            }
            Record::ReportDesk(desk) => {
                self.waiting.entry(log).or_default().recorded = desk.waiting;
            }
            _ => {}
        }
    }

    pub fn finish(&self, unread: &Unread, damages: &mut Damages) {
        for (log, waiting) in &self.waiting {
            if waiting.found != waiting.recorded && !unread.any(*log) {
                damages.note(format!(
                    "the reports of log {log}: {} wait where {} are recorded to",
                    waiting.found, waiting.recorded
                ));
            }
        }
    }
}
