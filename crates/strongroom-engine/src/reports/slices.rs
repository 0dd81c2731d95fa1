//! A slice of the log, read by two at once and taken in by the sheet in its order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use strongroom_domain::action::Action;
use strongroom_domain::entry::Transaction;
use strongroom_domain::reports::Sheet;
use strongroom_store::EntryRow;
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::opened::{OpenFault, Opener};
use crate::reports::Run;
use crate::view::{ReadFault, View};

/// Entries read at once, and pages of one slice.
const PAGE: usize = 2_048;
const PAGES: usize = 8;

impl View<'_> {
    /// Reads pages of a slice and opens them, until none is left.
    pub(super) fn read_pages(&mut self, slice: &Slice) -> Result<(), ReadFault> {
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
}

/// Some pages of the log, for whoever is free to read the next, and the sheet that takes them in.
pub(super) struct Slice {
    first: u64,
    last: u64,
    pages: usize,
    taken: AtomicUsize,
    pub folded: Mutex<Folded>,
    /// Whether a key was gone.
    pub unkept: AtomicBool,
}

impl Slice {
    pub fn new(sheet: Sheet, run: Run) -> Slice {
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
    pub fn end(&self) -> u64 {
        self.start(self.pages).saturating_sub(1)
    }
}

/// A sheet that takes pages in their order, in whichever they are opened.
pub(super) struct Folded {
    pub sheet: Option<Sheet>,
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

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
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
