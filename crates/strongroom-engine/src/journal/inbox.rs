//! Lines between whoever adds them and the thread that writes them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::journal::line::Line;

/// Bytes of lines kept while the writer is behind; more are dropped.
const MOST_WAITING: usize = 8 * 1024 * 1024;

/// Bytes of lines at which the writer is woken.
const WAKE_AT: usize = 64 * 1024;

/// How long a flush waits for a writer that does not come.
const PATIENCE: Duration = Duration::from_secs(5);

struct Waiting<L> {
    lines: Vec<L>,
    bytes: usize,
    /// Lines taken in so far.
    added: u64,
    /// How many of these are written, or dropped for good.
    settled: u64,
    flush: bool,
    sync: bool,
    closed: bool,
}

/// What the writer took.
pub(super) struct Taken {
    /// Lines added so far, these included.
    pub upto: u64,
    /// Somebody waits for them.
    pub flush: bool,
    /// And wants them durable.
    pub sync: bool,
    pub closed: bool,
}

/// A bounded list of lines; adding takes a lock that is only ever held to push or to swap.
pub(super) struct Inbox<L> {
    waiting: Mutex<Waiting<L>>,
    arrived: Condvar,
    settled: Condvar,
    dropped: AtomicU64,
}

impl<L> Default for Inbox<L> {
    fn default() -> Inbox<L> {
        Inbox {
            waiting: Mutex::new(Waiting {
                lines: Vec::new(),
                bytes: 0,
                added: 0,
                settled: 0,
                flush: false,
                sync: false,
                closed: false,
            }),
            arrived: Condvar::new(),
            settled: Condvar::new(),
            dropped: AtomicU64::new(0),
        }
    }
}

impl<L: Line> Inbox<L> {
    /// Adds a line, or counts it as dropped when there is no room.
    pub fn add(&self, line: L) {
        let size = line.size();
        let mut waiting = self.lock();
        let before = waiting.bytes;
        let after = before.saturating_add(size);
        if after > MOST_WAITING || waiting.closed {
            drop(waiting);
            return self.drop_lines(1);
        }
        waiting.bytes = after;
        waiting.added = waiting.added.saturating_add(1);
        waiting.lines.push(line);
        drop(waiting);
        if before < WAKE_AT && after >= WAKE_AT {
            self.arrived.notify_one();
        }
    }

    /// Waits until everything added so far is settled, a few seconds at most.
    pub fn flush(&self, sync: bool) {
        let mut waiting = self.lock();
        let upto = waiting.added;
        waiting.flush = true;
        waiting.sync |= sync;
        self.arrived.notify_one();
        // A writer that does not come holds nobody back: what it keeps is read, or lost, later.
        drop(
            self.settled
                .wait_timeout_while(waiting, PATIENCE, |waiting| {
                    waiting.settled < upto || waiting.sync
                }),
        );
    }

    /// Swaps out what is there, once it is worth it, somebody waits for it, or `patience` is over. `lines` is empty.
    pub fn take(&self, lines: &mut Vec<L>, patience: Duration) -> Taken {
        let idle =
            |waiting: &mut Waiting<L>| waiting.bytes < WAKE_AT && !waiting.flush && !waiting.closed;
        let waited = self.arrived.wait_timeout_while(self.lock(), patience, idle);
        let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut waiting.lines, lines);
        waiting.bytes = 0;
        let flush = std::mem::take(&mut waiting.flush);
        Taken {
            upto: waiting.added,
            flush,
            sync: waiting.sync,
            closed: waiting.closed,
        }
    }

    /// Says that all lines up to `upto` are written or dropped, and made durable if `synced`.
    pub fn settle(&self, upto: u64, synced: bool) {
        let mut waiting = self.lock();
        waiting.settled = upto;
        waiting.sync &= !synced;
        drop(waiting);
        self.settled.notify_all();
    }

    /// Takes nothing more.
    pub fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
    }

    pub fn drop_lines(&self, lines: u32) {
        self.dropped.fetch_add(u64::from(lines), Ordering::Relaxed);
    }

    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<L>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use strongroom_types::id::{RawId, RequestId};
    use strongroom_types::time::Timestamp;

    use super::*;
    use crate::journal::RequestLine;

    fn line(user_agent: String) -> RequestLine {
        RequestLine {
            scope: None,
            time: Timestamp(0),
            request: RequestId(RawId::ZERO),
            method: "GET".into(),
            path: "/".into(),
            status: 200,
            duration_us: 0,
            credential: None,
            address: String::new(),
            user_agent,
            code: None,
        }
    }

    #[test]
    fn memory_is_bounded_and_what_does_not_fit_is_counted() {
        let inbox = Inbox::default();
        for _ in 0..1_000 {
            inbox.add(line("x".repeat(16 * 1024)));
        }
        let mut lines = Vec::new();
        let taken = inbox.take(&mut lines, Duration::ZERO);
        let kept = u64::try_from(lines.len()).unwrap();
        assert!((450..=512).contains(&kept), "{kept}");
        assert_eq!((taken.upto, inbox.dropped()), (kept, 1_000 - kept));
        // There is room again.
        inbox.add(line(String::new()));
        assert_eq!(inbox.dropped(), 1_000 - kept);
    }

    #[test]
    fn a_flush_wakes_the_writer_and_waits_for_it() {
        let inbox = Inbox::default();
        inbox.add(line(String::new()));
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut lines = Vec::new();
                let taken = inbox.take(&mut lines, Duration::from_secs(60));
                assert!(taken.flush && taken.sync);
                assert_eq!(lines.len(), 1);
                inbox.settle(taken.upto, true);
            });
            inbox.flush(true);
            writer.join().unwrap();
        });
        assert_eq!(inbox.dropped(), 0);
    }

    #[test]
    fn what_comes_after_the_end_is_counted() {
        let inbox = Inbox::default();
        inbox.close();
        inbox.add(line(String::new()));
        assert_eq!(inbox.dropped(), 1);
    }
}
