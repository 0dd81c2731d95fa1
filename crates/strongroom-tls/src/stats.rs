//! How handshakes ended, counted.

use std::sync::atomic::{AtomicU64, Ordering};

/// Totals since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HandshakeCounts {
    pub done: u64,
    pub failed: u64,
    pub timed_out: u64,
    /// Spoke plain HTTP.
    pub plain: u64,
    /// Found no room among the unfinished ones.
    pub crowded: u64,
    /// Reloads that took the new files, and those that kept the old.
    pub reloads: u64,
    pub reloads_failed: u64,
    /// Certificates that came from an ACME server, and attempts that failed.
    pub fetched: u64,
    pub fetches_failed: u64,
}

#[derive(Default)]
pub(crate) struct Stats {
    pub done: Count,
    pub failed: Count,
    pub timed_out: Count,
    pub plain: Count,
    pub crowded: Count,
    pub reloads: Count,
    pub reloads_failed: Count,
    pub fetched: Count,
    pub fetches_failed: Count,
}

#[derive(Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Stats {
    pub fn read(&self) -> HandshakeCounts {
        HandshakeCounts {
            done: self.done.read(),
            failed: self.failed.read(),
            timed_out: self.timed_out.read(),
            plain: self.plain.read(),
            crowded: self.crowded.read(),
            reloads: self.reloads.read(),
            reloads_failed: self.reloads_failed.read(),
            fetched: self.fetched.read(),
            fetches_failed: self.fetches_failed.read(),
        }
    }
}
