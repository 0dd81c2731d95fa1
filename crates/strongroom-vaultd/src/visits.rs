//! The cards of requests that are being answered.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use strongroom_types::id::TokenId;
use strongroom_vault::{CardNumber, SecurityCode};
use zeroize::Zeroizing;

/// A request that is being answered, as the vault alone knows it.
pub(crate) struct Visit {
    /// The body as it came, for its signature.
    pub body: Zeroizing<Vec<u8>>,
    pub number: Option<CardNumber>,
    /// Taken once.
    pub code: Mutex<Option<SecurityCode>>,
    /// The token that a reveal asks for.
    pub reveals: Option<TokenId>,
    /// The number that its answer shows.
    pub shown: Mutex<Option<CardNumber>>,
    /// SECURITY: a signature is checked once for a request, so that nobody tries numbers by it.
    pub checked: AtomicBool,
}

impl Visit {
    pub fn take_code(&self) -> Option<SecurityCode> {
        lock(&self.code).take()
    }

    pub fn show(&self, number: CardNumber) {
        *lock(&self.shown) = Some(number);
    }

    pub fn shown(&self) -> Option<CardNumber> {
        lock(&self.shown).take()
    }
}

#[derive(Default)]
pub(crate) struct Visits {
    next: AtomicU64,
    all: Mutex<HashMap<u64, Arc<Visit>>>,
}

impl Visits {
    /// Keeps a visit until the guard is dropped.
    pub fn begin(&self, visit: Visit) -> Begun<'_> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let visit = Arc::new(visit);
        lock(&self.all).insert(number, Arc::clone(&visit));
        Begun {
            visits: self,
            number,
            visit,
        }
    }

    pub fn find(&self, number: u64) -> Option<Arc<Visit>> {
        lock(&self.all).get(&number).map(Arc::clone)
    }

    pub fn is_empty(&self) -> bool {
        lock(&self.all).is_empty()
    }
}

pub(crate) struct Begun<'v> {
    visits: &'v Visits,
    pub number: u64,
    pub visit: Arc<Visit>,
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        lock(&self.visits.all).remove(&self.number);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
