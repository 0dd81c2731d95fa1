//! A body on its way from a connection: when all of it was read, and wiping what was read of one that is refused.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use strongroom_channel::Turn;

/// A body of a connection.
pub(crate) struct Arriving {
    body: Incoming,
    turn: Arc<Turn>,
    spill: Arc<Spill>,
}

impl Arriving {
    pub fn new(body: Incoming, turn: Arc<Turn>, spill: Arc<Spill>) -> Arriving {
        turn.begins(body.is_end_stream());
        Arriving { body, turn, spill }
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let arriving = self.get_mut();
        let polled = Pin::new(&mut arriving.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && !arriving.spill.keep(frame)
        {
            return Poll::Ready(Some(Err(Box::new(Scattered))));
        }
        if matches!(polled, Poll::Ready(None)) || arriving.body.is_end_stream() {
            arriving.turn.is_read();
        }
        polled.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A body that comes a few bytes at a time.
#[derive(Debug)]
pub(crate) struct Scattered;

impl std::fmt::Display for Scattered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the body comes in too many small segments")
    }
}

impl std::error::Error for Scattered {}

/// Reads of a body that are nothing to ask about, and how many bytes each further one must have brought.
const SMALL_READS: usize = 128;
const LEAST_READ: usize = 1_024;
/// What lies between two chunks that were read together, at most: the end of one and the head of the next.
const BETWEEN: usize = 64;

/// What was kept of a body.
#[derive(Default)]
struct Kept {
    pieces: Vec<Bytes>,
    bytes: usize,
    reads: usize,
    /// Where the last piece ends.
    end: usize,
}

impl Kept {
    /// SECURITY: a piece holds the buffer that it was read into, of 8 KiB or more, so that what comes a byte at a time would
    /// take thousands of times its size. Pieces that lie close behind each other were read together; the buffers themselves may be
    /// neighbours.
    fn keep(&mut self, piece: Bytes) -> bool {
        let start = piece.as_ptr().addr();
        let is_together = (self.end..=self.end.saturating_add(BETWEEN)).contains(&start);
        self.reads += usize::from(!is_together);
        self.bytes += piece.len();
        self.end = start.saturating_add(piece.len());
        self.pieces.push(piece);
        self.reads <= SMALL_READS + self.bytes / LEAST_READ
    }
}

/// The pieces of the body that is being read. SECURITY: of one that held a card number where none may stand nothing is
/// left in memory: its pieces lie in the connection's buffer, which can be overwritten once the connection is gone.
#[derive(Default)]
pub(crate) struct Spill {
    kept: Mutex<Kept>,
    tainted: AtomicBool,
}

impl Spill {
    /// The request is refused for a card number.
    pub fn taint(&self) {
        self.tainted.store(true, Ordering::Relaxed);
    }

    /// Ends a request. Says whether its connection must end with it.
    pub fn ends(&self) -> bool {
        let tainted = self.tainted.load(Ordering::Relaxed);
        if !tainted {
            *self.lock() = Kept::default();
        }
        tainted
    }

    /// Overwrites what was kept, where nobody else holds it any more.
    pub fn wipe(&self) {
        let pieces = &mut self.lock().pieces;
        if !self.tainted.load(Ordering::Relaxed) {
            return;
        }
        // From the last: of several pieces of one buffer the first is left, and what lies behind it is overwritten too.
        while let Some(piece) = pieces.pop() {
            if let Ok(mut bytes) = piece.try_into_mut() {
                strongroom_vault::wipe(&mut bytes);
                bytes.resize(bytes.capacity(), 0);
            }
        }
    }

    /// Whether the body may go on.
    fn keep(&self, frame: &Frame<Bytes>) -> bool {
        frame
            .data_ref()
            .is_none_or(|piece| self.lock().keep(piece.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many pieces are kept before it is said to be enough, each `size` bytes of a buffer of its own.
    fn kept(size: usize, count: usize) -> usize {
        let mut kept = Kept::default();
        // As an allocator hands them out, one behind the other.
        let buffers = Bytes::from(vec![b'x'; count * 8_192]);
        let pieces = (0..count).map(|n| buffers.slice(n * 8_192..n * 8_192 + size));
        pieces.take_while(|piece| kept.keep(piece.clone())).count()
    }

    #[test]
    fn what_comes_a_byte_at_a_time_is_cut_short_and_what_comes_in_packets_is_not() {
        assert_eq!(kept(1, 200), SMALL_READS);
        assert_eq!(kept(1_200, 300), 300);
        // A buffer full of tiny chunks was read at once.
        let buffer = Bytes::from(vec![b'x'; 8_192]);
        let mut kept = Kept::default();
        let mut chunks = (0..buffer.len()).step_by(6);
        assert!(chunks.all(|at| kept.keep(buffer.slice(at..at + 1))));
        assert_eq!(kept.reads, 1);
    }
}
