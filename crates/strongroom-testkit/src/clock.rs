//! A clock that stands still until it is moved.

use std::sync::atomic::{AtomicI64, Ordering};

use strongroom_engine::Clock;
use strongroom_types::time::Timestamp;

/// Starts at 2026-01-01T00:00:00Z; moves only when told, in either direction.
pub struct FakeClock(AtomicI64);

impl Default for FakeClock {
    fn default() -> FakeClock {
        FakeClock(AtomicI64::new(1_767_225_600_000))
    }
}

impl FakeClock {
    /// Moves the clock by milliseconds, back when negative.
    pub fn advance(&self, milliseconds: i64) {
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}
