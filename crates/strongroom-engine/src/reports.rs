//! Reports while they are made: how far each is, and reading for one in slices between which others read.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use strongroom_auth::Caller;
use strongroom_auth::permission::Operate;
use strongroom_crypto::sha256;
use strongroom_domain::action::Action;
use strongroom_domain::alerts::Rule;
use strongroom_domain::entry::Transaction;
use strongroom_domain::record::Record;
use strongroom_domain::reports::{Asked, MOST_LINES, ReportFailure, Sheet, Stretch};
use strongroom_domain::shifts::cash_key;
use strongroom_domain::tills::Digest;
use strongroom_store::{Batch, EntryRow, IdRange, MAX_SEQ};
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
                Stage::Log(Run {
                    first,
                    next: first,
                    last,
                    is_tail: false,
                })
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

    /// Reads pages of a slice and opens them, until none is left.
    fn read_pages(&mut self, slice: &Slice) -> Result<(), ReadFault> {
        let (scope, opener) = (self.scope, self.opener.clone());
        while let Some((page, from, to)) = slice.next_page() {
            let rows = self.reader.entries(scope.number, from, to, false, PAGE)?;
            // A log has no gaps: figures without an entry that was there would be wrong, and nobody would know.
            if u64::try_from(rows.len()).ok() != to.checked_sub(from).map(|more| more + 1) {
                let text = format!("the log from entry {from} to {to}");
                return Err(OpenFault::Malformed(text).into());
            }
            match opened(&opener, &scope, &rows) {
                Ok(moved) => locked(&slice.folded).take(page, moved),
                Err(ReadFault::Open(OpenFault::NoKey(_))) => {
                    slice.unkept.store(true, Ordering::Relaxed);
                    return Ok(());
                }
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
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
            true => Stage::Log(Run {
                first: read.saturating_add(1),
                next: read.saturating_add(1),
                last: self.newest()?,
                is_tail: true,
            }),
        };
        Ok(())
    }
}

/// Some pages of the log, for whoever is free to read the next, and the sheet that takes them in.
struct Slice {
    first: u64,
    last: u64,
    pages: usize,
    taken: AtomicUsize,
    folded: Mutex<Folded>,
    /// Whether a key was gone.
    unkept: AtomicBool,
}

impl Slice {
    fn new(sheet: Sheet, run: Run) -> Slice {
        let page = u64::try_from(PAGE).unwrap_or(u64::MAX);
        let (first, last) = (run.next, run.last);
        let entries = last.saturating_add(1).saturating_sub(first);
        let pages = usize::try_from(entries.div_ceil(page)).unwrap_or(PAGES);
        Slice {
            first,
            last,
            pages: pages.min(PAGES),
            taken: AtomicUsize::new(0),
            folded: Mutex::new(Folded {
                sheet: Some(sheet),
                next: 0,
                early: BTreeMap::new(),
            }),
            unkept: AtomicBool::new(false),
        }
    }

    /// A page that nobody has read yet, with its first entry and its last.
    fn next_page(&self) -> Option<(usize, u64, u64)> {
        let page = self.taken.fetch_add(1, Ordering::Relaxed);
        (page < self.pages).then(|| (page, self.start(page), self.start(page + 1) - 1))
    }

    fn start(&self, page: usize) -> u64 {
        let entries = u64::try_from(page.saturating_mul(PAGE)).unwrap_or(u64::MAX);
        let end = self.last.saturating_add(1);
        self.first.saturating_add(entries).min(end)
    }

    /// The last entry of its last page.
    fn end(&self) -> u64 {
        self.start(self.pages).saturating_sub(1)
    }
}

/// A sheet that takes pages in their order, in whichever they are opened.
struct Folded {
    sheet: Option<Sheet>,
    next: usize,
    early: BTreeMap<usize, Vec<Moved>>,
}

impl Folded {
    fn take(&mut self, page: usize, moved: Vec<Moved>) {
        self.early.insert(page, moved);
        let Some(sheet) = &mut self.sheet else { return };
        while let Some(moved) = self.early.remove(&self.next) {
            for (sequence, time, transactions) in moved {
                sheet.entry(sequence, time, &transactions);
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
