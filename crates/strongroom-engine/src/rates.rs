//! What organizations bound their requests by, in memory for whoever counts them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use strongroom_domain::rate_limits::RateLimits;
use strongroom_types::mode::Scope;

use crate::engine::Engine;

/// The rates of each log that has any. Rebuilt at start, changed by the commit that changes them.
#[derive(Default)]
pub(crate) struct Rates {
    all: RwLock<HashMap<u32, Arc<RateLimits>>>,
    /// Whether there are any, so that nobody looks who has none.
    any: AtomicBool,
}

impl Rates {
    pub fn put(&self, number: u32, limits: &RateLimits) {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(number, Arc::new(limits.clone()));
        drop(all);
        self.any.store(true, Ordering::Release);
    }

    fn of(&self, number: u32) -> Option<Arc<RateLimits>> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&number).cloned()
    }
}

impl Engine {
    /// What an organization bounds its requests by, in one mode.
    pub fn rate_limits(&self, scope: &Scope) -> Option<Arc<RateLimits>> {
        self.shared().rates.of(scope.number)
    }
}
