//! One call at a time for each payment and refund, so that nothing is repeated before it was sent, or while it is.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::shelf::Seat;

/// The payments and refunds that something is just told of.
#[derive(Default)]
pub(super) struct Busy(Mutex<HashSet<Seat>>);

/// Until it is dropped, no other call is made for it.
pub(super) struct Call<'b> {
    busy: &'b Busy,
    seat: Seat,
}

impl Busy {
    /// Begins a call; nothing while another one runs.
    pub fn begin(&self, seat: Seat) -> Option<Call<'_>> {
        let is_free = self.lock().insert(seat);
        // Made only then: one that is dropped ends the call that runs.
        is_free.then(|| Call { busy: self, seat })
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Seat>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.busy.lock().remove(&self.seat);
    }
}
