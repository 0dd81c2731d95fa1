//! A shelf in memory, for tests of what is kept on one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use strongroom_types::time::Timestamp;
use zeroize::Zeroizing;

use crate::Answering;
use crate::shelf::{Seat, Sheet, Shelf, ShelfFault};

/// 2026-01-01.
pub(crate) const NOW: Timestamp = Timestamp(1_767_225_600_000);

/// A sheet's body, since when it is there, and whether a number is on it.
type Kept = (Vec<u8>, Timestamp, bool);

#[derive(Default)]
pub(crate) struct MemoryShelf {
    sheets: Mutex<HashMap<Seat, Kept>>,
    fails: AtomicBool,
    /// Milliseconds after [`NOW`].
    later: AtomicI64,
}

impl MemoryShelf {
    pub fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::Relaxed);
    }

    pub fn later(&self, milliseconds: i64) {
        self.later.store(milliseconds, Ordering::Relaxed);
    }

    fn good(&self) -> Result<(), ShelfFault> {
        match self.fails.load(Ordering::Relaxed) {
            true => Err(ShelfFault),
            false => Ok(()),
        }
    }
}

impl Shelf for MemoryShelf {
    fn get(&self, seat: Seat) -> Result<Option<Zeroizing<Vec<u8>>>, ShelfFault> {
        self.good()?;
        let sheets = self.sheets.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(sheets
            .get(&seat)
            .map(|(body, ..)| Zeroizing::new(body.clone())))
    }

    fn put(&self, sheet: Sheet) -> Answering<Result<(), ShelfFault>> {
        let put = self.good().map(|()| {
            let mut sheets = self.sheets.lock().unwrap_or_else(PoisonError::into_inner);
            let Sheet {
                seat,
                body,
                since,
                has_number,
            } = sheet;
            sheets.insert(seat, (body.to_vec(), since, has_number));
        });
        Box::pin(std::future::ready(put))
    }

    fn with_numbers(&self, before: Timestamp) -> Result<Vec<Seat>, ShelfFault> {
        self.good()?;
        let sheets = self.sheets.lock().unwrap_or_else(PoisonError::into_inner);
        let old = sheets
            .iter()
            .filter(|(_, (_, since, has))| *has && *since < before);
        Ok(old.map(|(seat, _)| *seat).collect())
    }

    fn now(&self) -> Timestamp {
        NOW.plus(self.later.load(Ordering::Relaxed))
    }
}
