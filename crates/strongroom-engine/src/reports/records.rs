//! Records read for a report: by when they were made, and sales by when they were completed or voided.

use strongroom_domain::bank_files::BankFile;
use strongroom_domain::facts::Field;
use strongroom_domain::record::Record;
use strongroom_domain::sales::{hour_of, hour_start, hour_text};
use strongroom_domain::shifts::cash_key;
use strongroom_store::{IdRange, MAX_SEQ};
use strongroom_types::id::{AnyId, Kind, RawId};
use strongroom_types::time::Timestamp;

use crate::reports::{ReportScan, Run, Stage};
use crate::view::{ReadFault, View};

/// Records read at once, and pages of one slice.
const RECORDS: usize = 500;
const PAGES: usize = 4;
/// Banks' files read at once, each with all of its pages, and pages of one.
const BANK_FILES: usize = 5;
const FILE_PAGES: usize = 20;
/// Hours of one slice.
const HOURS: i64 = 250;

impl ReportScan {
    /// What the records of the period stand behind. Where sales of before are looked for by their hours, it begins with an hour.
    fn first_id(&self) -> RawId {
        let from = self.period.0;
        start_of(match self.stretch.later {
            true => hour_start(hour_of(from)),
            false => from,
        })
    }
}

/// What is before all ids of a time.
fn start_of(time: Timestamp) -> RawId {
    RawId::from_parts(u64::try_from(time.0).unwrap_or(0), 0)
}

impl View<'_> {
    pub(super) fn read_records(
        &mut self,
        scan: &mut ReportScan,
        kind: usize,
        after: Option<RawId>,
        read: u64,
    ) -> Result<(), ReadFault> {
        scan.percent = scan.percent.max(90);
        let Some(of) = scan.stretch.records.get(kind).copied() else {
            return self.after_records(scan, read);
        };
        if let Some(raw) = scan.stretch.only {
            if let Some(record) = self.record(AnyId { kind: of, raw })? {
                self.take_record(scan, raw, &record)?;
            }
            return self.after_records(scan, read);
        }
        let within = scan.stretch.within;
        let mut range = IdRange {
            after: after.or(within.then(|| scan.first_id())).map(|raw| raw.0),
            // An id may be a millisecond ahead of its time; the sheet looks at the time.
            before: within.then(|| start_of(scan.period.1.plus(2)).0),
        };
        for _ in 0..PAGES {
            let number = self.scope.number;
            let most = match of {
                Kind::BankFile => BANK_FILES,
                _ => RECORDS,
            };
            let rows = self.reader.records(number, of.code(), range, false, most)?;
            let Some(last) = rows.last() else {
                scan.stage = Stage::Records {
                    kind: kind + 1,
                    after: None,
                    read,
                };
                return Ok(());
            };
            range.after = Some(last.id);
            for row in &rows {
                let (id, record) = self.open_record(row)?;
                self.take_record(scan, id.raw, &record)?;
            }
        }
        scan.stage = Stage::Records {
            kind,
            after: range.after.map(RawId),
            read,
        };
        Ok(())
    }

    fn take_record(
        &mut self,
        scan: &mut ReportScan,
        raw: RawId,
        record: &Record,
    ) -> Result<(), ReadFault> {
        if let Record::BankFile(file) = record
            && scan.sheet.wants(file)
        {
            return self.take_pages(scan, file);
        }
        let held = match record {
            Record::Shift(shift) if shift.is_open() => match self.record(cash_key(shift.id))? {
                Some(Record::Cash(account)) => account.balances.available,
                _ => 0,
            },
            _ => 0,
        };
        scan.sheet.record(raw, record, held);
        Ok(())
    }

    /// What a bank's file says, a few pages at a time.
    fn take_pages(&mut self, scan: &mut ReportScan, file: &BankFile) -> Result<(), ReadFault> {
        for pages in file.pages.chunks(FILE_PAGES) {
            let ids: Vec<AnyId> = pages.iter().map(|page| page.any()).collect();
            for (_, record) in self.records(&ids)? {
                if let Record::FilePage(page) = record {
                    scan.sheet.bank_page(file, &page);
                }
            }
        }
        Ok(())
    }

    /// What comes behind the records.
    fn after_records(&mut self, scan: &mut ReportScan, read: u64) -> Result<(), ReadFault> {
        scan.percent = 95;
        scan.stage = match (scan.stretch.later, scan.stretch.tail) {
            (true, _) => self.hours(scan)?,
            (false, true) => {
                let next = read.saturating_add(1);
                Stage::Log(Run::tail(next, self.newest()?))
            }
            (false, false) => Stage::Done,
        };
        Ok(())
    }

    /// The hours of the period, as far as anything happened in them.
    fn hours(&mut self, scan: &ReportScan) -> Result<Stage, ReadFault> {
        let log = self.scope.number;
        let first = self.reader.entries(log, 1, MAX_SEQ, false, 1)?;
        let newest = self.reader.entries(log, 1, MAX_SEQ, true, 1)?;
        let (Some(first), Some(newest)) = (first.first(), newest.first()) else {
            return Ok(Stage::Done);
        };
        let (from, to) = scan.period;
        Ok(Stage::Hours {
            next: hour_of(from.max(Timestamp(first.time))),
            last: hour_of(to.plus(-1).min(Timestamp(newest.time))),
        })
    }

    /// Sales that were made before the period, and were completed or voided in some hours of it.
    pub(super) fn read_hours(
        &mut self,
        scan: &mut ReportScan,
        next: i64,
        last: i64,
    ) -> Result<(), ReadFault> {
        let end = next.saturating_add(HOURS).min(last.saturating_add(1));
        for hour in next..end {
            // Those that were made since are read already.
            let first = scan.first_id();
            let mut sales = self.holders(Field::SaleHour, &hour_text(hour), usize::MAX)?;
            sales.retain(|sale| sale.raw <= first);
            for ids in sales.chunks(RECORDS) {
                for (_, record) in self.records(ids)? {
                    scan.sheet.record_of_hour(hour, &record);
                }
            }
        }
        scan.stage = match end > last {
            true => Stage::Done,
            false => Stage::Hours { next: end, last },
        };
        Ok(())
    }
}
