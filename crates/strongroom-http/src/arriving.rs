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
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let arriving = self.get_mut();
        let polled = Pin::new(&mut arriving.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            arriving.spill.keep(frame);
        }
        if matches!(polled, Poll::Ready(None)) || arriving.body.is_end_stream() {
            arriving.turn.is_read();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The pieces of the body that is being read. SECURITY: of one that held a card number where none may stand nothing is
/// left in memory: its pieces lie in the connection's buffer, which can be overwritten once the connection is gone.
#[derive(Default)]
pub(crate) struct Spill {
    pieces: Mutex<Vec<Bytes>>,
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
            self.lock().clear();
        }
        tainted
    }

    /// Overwrites what was kept, where nobody else holds it any more.
    pub fn wipe(&self) {
        let mut pieces = self.lock();
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

    fn keep(&self, frame: &Frame<Bytes>) {
        if let Some(piece) = frame.data_ref() {
            self.lock().push(piece.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Bytes>> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
