//! Reports while they are made: how far each is, and reading for one in slices between which others read.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use strongroom_auth::Caller;
use strongroom_auth::permission::Operate;
use strongroom_crypto::sha256;
use strongroom_domain::action::Action;
use strongroom_domain::alerts::Rule;
use strongroom_domain::entry::Transaction;
use strongroom_domain::record::Record;
use strongroom_domain::reports::{Asked, ReportFailure, Sheet, Stretch};
use strongroom_domain::shifts::cash_key;
use strongroom_domain::tills::Digest;
use strongroom_store::{EntryRow, IdRange, MAX_SEQ, Reader};
use strongroom_types::id::{AnyId, Kind, RawId, ReportId, ShiftId, WalletId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::engine::Engine;
use crate::envelope::Failure;
use crate::opened::{OpenFault, Opener};
use crate::shared::Counters;
use crate::view::{ReadFault, View};

/// Entries read at once, and pages of one slice.
const PAGE: usize = 2_048;
const PAGES: usize = 8;
/// Records read at once, and pages of one slice.
const RECORDS: usize = 500;
const RECORD_PAGES: usize = 4;
/// Threads that read and open entries, one page after another.
const THREADS: usize = 2;

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
    /// Entries from the first to the last; the tail is what was written since.
    Log {
        first: u64,
        next: u64,
        last: u64,
        is_tail: bool,
    },
    /// Records of a kind, by its place, behind an id.
    Records {
        kind: usize,
        after: Option<RawId>,
        /// Where the log ended before.
        read: u64,
    },
    Done,
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
        let read = self.read(caller, move |view| {
            view.advance(&mut scan)?;
            Ok(scan)
        });
        read.await
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
            Stage::Log {
                first,
                next,
                last,
                is_tail,
            } => self.read_log(scan, (first, next, last), is_tail),
            Stage::Records { kind, after, read } => self.read_records(scan, kind, after, read),
            Stage::Done => Ok(()),
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
                Stage::Log {
                    first,
                    next: first,
                    last,
                    is_tail: false,
                }
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

    fn read_log(
        &mut self,
        scan: &mut ReportScan,
        (first, next, last): (u64, u64, u64),
        is_tail: bool,
    ) -> Result<(), ReadFault> {
        let reached = match self.log_slice(&mut scan.sheet, next, last) {
            Ok(reached) => reached,
            Err(ReadFault::Open(OpenFault::NoKey(_))) => {
                scan.fail(ReportFailure::NotKept);
                return Ok(());
            }
            Err(fault) => return Err(fault),
        };
        if scan.sheet.lines() > strongroom_domain::reports::MOST_LINES {
            scan.fail(ReportFailure::TooLarge);
            return Ok(());
        }
        let whole = last.saturating_sub(first).max(1);
        let share = reached.saturating_sub(first).saturating_mul(90) / whole;
        scan.percent = scan.percent.max(u8::try_from(share).unwrap_or(90).min(90));
        scan.stage = match (reached >= last, is_tail || scan.stretch.records.is_empty()) {
            (false, _) => Stage::Log {
                first,
                next: reached.saturating_add(1),
                last,
                is_tail,
            },
            (true, true) => Stage::Done,
            (true, false) => Stage::Records {
                kind: 0,
                after: None,
                read: last,
            },
        };
        Ok(())
    }

    /// Reads entries and opens them, a page on each thread. Says how far it came.
    fn log_slice(&mut self, sheet: &mut Sheet, next: u64, last: u64) -> Result<u64, ReadFault> {
        let (scope, opener) = (self.scope, &self.opener);
        let pages = Mutex::new(Pages {
            reader: &mut *self.reader,
            log: scope.number,
            next,
            last,
            taken: 0,
        });
        let folded = Mutex::new(Folded {
            sheet,
            next: 0,
            early: BTreeMap::new(),
        });
        let turn = || -> Result<(), ReadFault> {
            while let Some((page, rows)) = locked(&pages).take()? {
                let moved = opened(opener, &scope, &rows)?;
                locked(&folded).take(page, moved);
            }
            Ok(())
        };
        thread::scope(|threads| {
            let running: Vec<_> = (0..THREADS).map(|_| threads.spawn(turn)).collect();
            running
                .into_iter()
                .map(|thread| match thread.join() {
                    Ok(ended) => ended,
                    Err(panic) => std::panic::resume_unwind(panic),
                })
                .collect::<Result<(), ReadFault>>()
        })?;
        let reached = locked(&pages).next.saturating_sub(1);
        Ok(reached)
    }

    fn read_records(
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
        let (from, to) = scan.period;
        let start = |time: Timestamp| RawId::from_parts(u64::try_from(time.0).unwrap_or(0), 0);
        let within = scan.stretch.within;
        let mut range = IdRange {
            after: after.or(within.then(|| start(from))).map(|raw| raw.0),
            // An id may be a millisecond ahead of its time; the sheet looks at the time.
            before: within.then(|| start(to.plus(2)).0),
        };
        for _ in 0..RECORD_PAGES {
            let number = self.scope.number;
            let rows = self
                .reader
                .records(number, of.code(), range, false, RECORDS)?;
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

    fn after_records(&mut self, scan: &mut ReportScan, read: u64) -> Result<(), ReadFault> {
        scan.percent = 95;
        scan.stage = match scan.stretch.tail {
            false => Stage::Done,
            true => Stage::Log {
                first: read.saturating_add(1),
                next: read.saturating_add(1),
                last: self.newest()?,
                is_tail: true,
            },
        };
        Ok(())
    }
}

/// A slice's entries, page by page, for whichever thread is free.
struct Pages<'a> {
    reader: &'a mut dyn Reader,
    log: u32,
    next: u64,
    last: u64,
    taken: usize,
}

impl Pages<'_> {
    /// The next page and its place; `None` at the end of the slice.
    fn take(&mut self) -> Result<Option<(usize, Vec<EntryRow>)>, ReadFault> {
        if self.next > self.last || self.taken >= PAGES {
            return Ok(None);
        }
        let rows = self
            .reader
            .entries(self.log, self.next, self.last, false, PAGE)?;
        let Some(end) = rows.last().map(|row| row.seq) else {
            self.next = self.last.saturating_add(1);
            return Ok(None);
        };
        self.next = end.saturating_add(1);
        self.taken += 1;
        Ok(Some((self.taken - 1, rows)))
    }
}

/// A sheet that takes pages in their order, in whichever they are opened.
struct Folded<'a> {
    sheet: &'a mut Sheet,
    next: usize,
    early: BTreeMap<usize, Vec<Moved>>,
}

impl Folded<'_> {
    fn take(&mut self, page: usize, moved: Vec<Moved>) {
        self.early.insert(page, moved);
        while let Some(moved) = self.early.remove(&self.next) {
            for (sequence, time, transactions) in moved {
                self.sheet.entry(sequence, time, &transactions);
            }
            self.next += 1;
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Moved = (u64, Timestamp, Vec<Transaction>);

fn opened(opener: &Opener, scope: &Scope, rows: &[EntryRow]) -> Result<Vec<Moved>, ReadFault> {
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        if Action::from_code(row.action).is_some_and(Action::moves_nothing) {
            continue;
        }
        let moved = opener.moves(scope, row)?;
        if !moved.is_empty() {
            all.push((row.seq, Timestamp(row.time), moved));
        }
    }
    Ok(all)
}
