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
use strongroom_channel::Dressed;
use tokio::io::{AsyncRead, AsyncWrite};

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

/// A socket that reports what it receives, and lets no answer out bare.
pub struct Watched<S> {
    stream: TokioIo<Dressed<S>>,
    progress: Arc<Progress>,
}

impl<S: Unpin> Watched<S> {
    pub fn new(stream: S, progress: Arc<Progress>, behind_tls: bool) -> Watched<S> {
        Watched {
            stream: TokioIo::new(Dressed::new(stream, behind_tls)),
            progress,
        }
    }

    fn inner(self: Pin<&mut Self>) -> Pin<&mut TokioIo<Dressed<S>>> {
        Pin::new(&mut self.get_mut().stream)
    }
}

impl<S: AsyncRead + Unpin> Read for Watched<S> {
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

impl<S: AsyncWrite + Unpin> Write for Watched<S> {
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
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = self.as_mut().inner().poll_write_vectored(context, slices);
        if matches!(polled, Poll::Ready(Ok(1..))) {
            self.progress.taken();
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// Each way of writing to a stream's reader shows that he takes something.
    #[tokio::test]
    async fn a_stream_is_no_longer_idle_once_something_goes_out() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut reader = TcpStream::connect(address).await.unwrap();
        let (socket, _) = listener.accept().await.unwrap();
        let progress = Arc::new(Progress::new());
        let mut watched = Watched::new(socket, Arc::clone(&progress), false);
        assert!(watched.is_write_vectored(), "hyper writes in this way");
        let stamp = || progress.state.load(Ordering::Relaxed);
        for is_vectored in [false, true] {
            progress.streams();
            let before = stamp();
            tokio::time::sleep(Duration::from_millis(5)).await;
            let slices = [io::IoSlice::new(b"one"), io::IoSlice::new(b"two")];
            let written = poll_fn(|context| match is_vectored {
                true => Pin::new(&mut watched).poll_write_vectored(context, &slices),
                false => Pin::new(&mut watched).poll_write(context, b"onetwo"),
            });
            assert_eq!(written.await.unwrap(), 6);
            assert!(stamp() > before && stamp() % 4 == STREAM, "{is_vectored}");
            let mut came = [0; 6];
            reader.read_exact(&mut came).await.unwrap();
            assert_eq!(&came, b"onetwo");
        }
    }
}
