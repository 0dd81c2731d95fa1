//! A connection's socket together with what is known of its progress: whether a head is arriving, an answer is being
//! made, or nothing happens, and since when.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use strongroom_channel::Gate;

/// Phase and time in one number: milliseconds since the start, times four, plus the phase.
pub struct Progress {
    start: Instant,
    state: AtomicU64,
}

/// Nothing asked, or an answer not yet taken.
const IDLE: u64 = 0;
/// Some of a head has arrived.
const HEAD: u64 = 1;
/// An answer that goes on for as long as its reader takes it.
const STREAM: u64 = 3;
/// A request is being answered; its body and its handler have limits of their own.
const BUSY: u64 = 2;

impl Progress {
    pub fn new() -> Progress {
        Progress {
            start: Instant::now(),
            state: AtomicU64::new(IDLE),
        }
    }

    /// Marks a request as being answered until the guard is dropped.
    pub fn busy(self: &Arc<Self>) -> Busy {
        self.state.store(BUSY, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }

    /// Whether a head takes longer than `head`, or nothing has happened for longer than `idle`.
    pub fn is_overdue(&self, head: Duration, idle: Duration) -> bool {
        let state = self.state.load(Ordering::Relaxed);
        let passed = self
            .start
            .elapsed()
            .saturating_sub(Duration::from_millis(state / 4));
        match state % 4 {
            IDLE | STREAM => passed > idle,
            HEAD => passed > head,
            _ => false,
        }
    }

    /// Marks the connection as one of a stream: it has as long as its reader takes something now and then.
    pub fn streams(&self) {
        self.state.store(self.now() | STREAM, Ordering::Relaxed);
    }

    /// Bytes went out.
    fn taken(&self) {
        if self.state.load(Ordering::Relaxed) % 4 == STREAM {
            self.streams();
        }
    }

    /// Bytes came in: the first of them begin a head.
    fn received(&self) {
        let state = self.state.load(Ordering::Relaxed);
        if state % 4 == IDLE {
            self.state.store(self.now() | HEAD, Ordering::Relaxed);
        }
    }

    fn now(&self) -> u64 {
        let passed = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(0);
        passed.saturating_mul(4)
    }
}

/// A request being answered.
pub struct Busy(Arc<Progress>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.state.store(self.0.now() | IDLE, Ordering::Relaxed);
    }
}

/// A socket that reports what it receives.
pub struct Watched {
    stream: TokioIo<Gate>,
    progress: Arc<Progress>,
}

impl Watched {
    pub fn new(stream: Gate, progress: Arc<Progress>) -> Watched {
        Watched {
            stream: TokioIo::new(stream),
            progress,
        }
    }

    fn inner(self: Pin<&mut Self>) -> Pin<&mut TokioIo<Gate>> {
        Pin::new(&mut self.get_mut().stream)
    }
}

impl Read for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = self.as_mut().inner().poll_read(context, buffer);
        if matches!(polled, Poll::Ready(Ok(()))) {
            self.progress.received();
        }
        polled
    }
}

impl Write for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = self.as_mut().inner().poll_write(context, bytes);
        if matches!(polled, Poll::Ready(Ok(1..))) {
            self.progress.taken();
        }
        polled
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.inner().poll_write_vectored(context, slices)
    }
}
