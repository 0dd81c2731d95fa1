//! Reports while they are made: how far each is, and reading for one in slices between which others read.

mod records;
mod slices;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use strongroom_auth::Caller;
use strongroom_auth::permission::Operate;
use strongroom_crypto::sha256;
use strongroom_domain::alerts::Rule;
use strongroom_domain::reports::{Asked, MOST_LINES, ReportFailure, Sheet, Stretch};
use strongroom_domain::tills::Digest;
use strongroom_store::{Batch, MAX_SEQ};
use strongroom_types::id::{AnyId, Kind, RawId, ReportId, ShiftId, WalletId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::engine::Engine;
use crate::envelope::Failure;
use crate::reports::slices::{Slice, locked};
use crate::shared::Counters;
use crate::view::{ReadFault, View};

/// What is known of reports in memory alone.
#[derive(Default)]
pub(crate) struct Reports {
    /// Percent of each that is being made.
    progress: Mutex<HashMap<ReportId, u8>>,
    pub reconciled: AtomicU64,
    pub differing: AtomicU64,
}

impl Reports {
    pub fn progress(&self, id: ReportId) -> Option<u8> {
        let all = self.progress.lock();
        all.unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .copied()
    }
}

/// A report on its way: what it has by now, and what it reads next.
pub struct ReportScan {
    sheet: Sheet,
    stretch: Stretch,
    period: (Timestamp, Timestamp),
    stage: Stage,
    percent: u8,
    failure: Option<ReportFailure>,
}

/// What is read next.
#[derive(Clone, Copy)]
enum Stage {
    Begin,
    Log(Run),
    /// Records of a kind, by its place, behind an id.
    Records {
        kind: usize,
        after: Option<RawId>,
        /// Where the log ended before.
        read: u64,
    },
    /// Hours in which sales of before were completed or voided.
    Hours {
        next: i64,
        last: i64,
    },
    Done,
}

/// Entries from the first to the last; the tail is what was written since.
#[derive(Clone, Copy)]
struct Run {
    first: u64,
    next: u64,
    last: u64,
    is_tail: bool,
}

impl Run {
    fn whole(first: u64, last: u64) -> Run {
        Run {
            first,
            next: first,
            last,
            is_tail: false,
        }
    }

    fn tail(first: u64, last: u64) -> Run {
        Run {
            is_tail: true,
            ..Run::whole(first, last)
        }
    }
}

impl ReportScan {
    pub fn new(asked: &Asked) -> ReportScan {
        ReportScan {
            sheet: Sheet::new(asked),
            stretch: Sheet::stretch(asked),
            period: (asked.from, asked.to),
            stage: Stage::Begin,
            percent: 0,
            failure: None,
        }
    }

    /// Reconciles accounts alone.
    pub fn of_accounts(asked: &Asked) -> ReportScan {
        let scan = ReportScan::new(asked);
        ReportScan {
            stretch: scan.stretch.clone().of_accounts(),
            ..scan
        }
    }

    pub fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }

    /// How much of it is read.
    pub fn percent(&self) -> u8 {
        self.percent
    }

    /// What was read.
    ///
    /// # Errors
    /// Why it is no report.
    pub fn into_sheet(self) -> Result<Sheet, ReportFailure> {
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok(self.sheet),
        }
    }

    /// What follows once a run is read up to an entry.
    fn read(&mut self, run: Run, reached: u64, is_unkept: bool) {
        if is_unkept {
            return self.fail(ReportFailure::NotKept);
        }
        if self.sheet.lines() > MOST_LINES {
            return self.fail(ReportFailure::TooLarge);
        }
        let Run { first, last, .. } = run;
        let whole = last.saturating_sub(first).max(1);
        let share = reached.saturating_sub(first).saturating_mul(90) / whole;
        self.percent = self.percent.max(u8::try_from(share).unwrap_or(90).min(90));
        self.stage = match (
            reached >= last,
            run.is_tail || self.stretch.records.is_empty(),
        ) {
            (false, _) => Stage::Log(Run {
                next: reached.saturating_add(1),
                ..run
            }),
            (true, true) => Stage::Done,
            (true, false) => Stage::Records {
                kind: 0,
                after: None,
                read: last,
            },
        };
    }

    fn fail(&mut self, failure: ReportFailure) {
        self.failure = Some(failure);
        self.stage = Stage::Done;
    }
}

impl Engine {
    /// Says how far a report is that is being made; nothing once it is no longer.
    pub fn set_report_progress(&self, id: ReportId, percent: Option<u8>) {
        let progress = &self.shared().reports.progress;
        let mut all = progress.lock().unwrap_or_else(PoisonError::into_inner);
        match percent {
            Some(percent) => all.insert(id, percent),
            None => all.remove(&id),
        };
    }

    /// Reads one slice for a report.
    ///
    /// # Errors
    /// [`Failure`] of the read; what was read by then is lost.
    pub async fn advance_report(
        &self,
        caller: &Caller<Operate>,
        mut scan: ReportScan,
    ) -> Result<ReportScan, Failure> {
        if let Stage::Log(run) = scan.stage {
            return self.advance_log(caller, scan, run).await;
        }
        if let Stage::Begin = scan.stage {
            // A batch has its time before it is durable: what was on its way when the period ended belongs to it.
            self.derive(Batch::default()).await?;
        }
        let read = self.read(caller, move |view| {
            view.advance(&mut scan)?;
            Ok(scan)
        });
        read.await
    }

    /// Reads a slice of the log by two readers at once, each a page and then another.
    async fn advance_log(
        &self,
        caller: &Caller<Operate>,
        mut scan: ReportScan,
        run: Run,
    ) -> Result<ReportScan, Failure> {
        let slice = Arc::new(Slice::new(scan.sheet, run));
        let turn = || {
            let slice = Arc::clone(&slice);
            self.read(caller, move |view| view.read_pages(&slice))
        };
        let (one, other) = tokio::join!(turn(), turn());
        one?;
        other?;
        scan.sheet = locked(&slice.folded)
            .sheet
            .take()
            .ok_or(Failure::Internal)?;
        scan.read(run, slice.end(), slice.unkept.load(Ordering::Relaxed));
        Ok(scan)
    }

    /// What a report's content is known again by.
    pub fn content_digest(bytes: &[u8]) -> Digest {
        Digest(sha256(&[bytes]))
    }

    /// Counts a finished reconciliation, and raises an alert for each account that does not agree.
    pub fn note_reconciled(&self, scope: Scope, accounts: usize, differing: &[AnyId]) {
        let reports = &self.shared().reports;
        Counters::add(&reports.reconciled, accounts);
        Counters::add(&reports.differing, differing.len());
        for account in differing {
            let subject = match account.kind {
                Kind::Account => WalletId(account.raw).any(),
                Kind::Cash => ShiftId(account.raw).any(),
                _ => *account,
            };
            tracing::error!(account = %subject, "an account is not what its postings say");
            self.notice(scope, Rule::BooksDiffer, subject, None);
        }
    }
}

impl View<'_> {
    fn advance(&mut self, scan: &mut ReportScan) -> Result<(), ReadFault> {
        match scan.stage {
            Stage::Begin => self.begin(scan),
            Stage::Records { kind, after, read } => self.read_records(scan, kind, after, read),
            Stage::Hours { next, last } => self.read_hours(scan, next, last),
            Stage::Log(_) | Stage::Done => Ok(()),
        }
    }

    fn begin(&mut self, scan: &mut ReportScan) -> Result<(), ReadFault> {
        scan.stage = match scan.stretch.log {
            None => Stage::Records {
                kind: 0,
                after: None,
                read: 0,
            },
            Some((from, to)) => {
                let first = match from {
                    Some(from) => self.last_before(from)?.saturating_add(1),
                    None => 1,
                };
                let last = match to {
                    Some(to) => self.last_before(to)?,
                    None => self.newest()?,
                };
                Stage::Log(Run::whole(first, last))
            }
        };
        Ok(())
    }

    /// The last entry before a time; 0 where there is none.
    fn last_before(&mut self, time: Timestamp) -> Result<u64, ReadFault> {
        let log = self.scope.number;
        let last = self.reader.entry_at_time(log, time.0.saturating_sub(1))?;
        Ok(last.unwrap_or(0))
    }

    fn newest(&mut self) -> Result<u64, ReadFault> {
        let log = self.scope.number;
        let newest = self.reader.entries(log, 1, MAX_SEQ, true, 1)?;
        Ok(newest.first().map_or(0, |row| row.seq))
    }
}
