//! How much of requests is kept that nobody has let in: their bodies wait in a node's memory, or on their way to the vault,
//! before anybody has looked at their keys.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Kilobytes of bodies that all requests together may hold.
const KILOBYTES: usize = 256 * 1_024;

/// What all requests share.
pub(crate) struct Budget(Arc<Semaphore>);

impl Default for Budget {
    fn default() -> Budget {
        Budget(Arc::new(Semaphore::new(KILOBYTES)))
    }
}

/// One request's share, given back when dropped.
#[derive(Clone, Default)]
pub(crate) struct Share(Arc<Mutex<Taken>>);

#[derive(Default)]
struct Taken {
    bytes: usize,
    held: Option<OwnedSemaphorePermit>,
    was_refused: bool,
}

/// A body that takes its share as it arrives: what is announced and never sent takes nothing.
pub(crate) struct Counted<B> {
    body: B,
    budget: Arc<Semaphore>,
    share: Share,
}

impl Budget {
    pub fn count<B>(&self, body: B) -> (Counted<B>, Share) {
        let share = Share::default();
        let counted = Counted {
            body,
            budget: Arc::clone(&self.0),
            share: share.clone(),
        };
        (counted, share)
    }
}

impl Share {
    /// Whether there was no room.
    pub fn was_refused(&self) -> bool {
        self.lock().was_refused
    }

    fn take(&self, budget: &Arc<Semaphore>, bytes: usize) -> bool {
        let mut own = self.lock();
        // SECURITY: of all pieces together, not of each: a kilobyte for every byte would let a few hold it all.
        own.bytes = own.bytes.saturating_add(bytes);
        let held = own
            .held
            .as_ref()
            .map_or(0, OwnedSemaphorePermit::num_permits);
        let more = own.bytes.div_ceil(1_024).saturating_sub(held);
        let kilobytes = u32::try_from(more).unwrap_or(u32::MAX);
        let taken = Arc::clone(budget).try_acquire_many_owned(kilobytes);
        match (taken, &mut own.held) {
            (Ok(more), Some(held)) => held.merge(more),
            (Ok(more), held) => *held = Some(more),
            (Err(_), _) => own.was_refused = true,
        }
        !own.was_refused
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B> Body for Counted<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let own = self.get_mut();
        let polled = Pin::new(&mut own.body).poll_frame(context);
        let bytes = match &polled {
            Poll::Ready(Some(Ok(frame))) => frame.data_ref().map_or(0, Bytes::len),
            _ => 0,
        };
        if bytes > 0 && !own.share.take(&own.budget, bytes) {
            return Poll::Ready(Some(Err("there is no room for it".into())));
        }
        polled.map(|next| next.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full};

    use super::*;

    /// So many pieces of one byte.
    struct Pieces(usize);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            let next = self.0.checked_sub(1);
            self.0 = next.unwrap_or(0);
            Poll::Ready(next.map(|_| Ok(Frame::data(Bytes::from_static(b"x")))))
        }
    }

    #[tokio::test]
    async fn what_arrives_is_counted_until_it_is_dropped() {
        let budget = Budget(Arc::new(Semaphore::new(3)));
        let body = |bytes: usize| Full::new(Bytes::from(vec![b'x'; bytes]));
        let (first, share) = budget.count(body(2_000));
        assert_eq!(budget.0.available_permits(), 3, "nothing came yet");
        let read = first.collect().await.unwrap();
        assert_eq!(
            (read.to_bytes().len(), budget.0.available_permits()),
            (2_000, 1)
        );
        let (second, refused) = budget.count(body(1_025));
        assert!(second.collect().await.is_err() && refused.was_refused());
        assert!(!share.was_refused());
        drop(share);
        assert_eq!(budget.0.available_permits(), 3);
    }

    #[tokio::test]
    async fn many_small_pieces_take_what_they_come_to() {
        let budget = Budget(Arc::new(Semaphore::new(2)));
        let (counted, share) = budget.count(Pieces(1_025));
        assert_eq!(counted.collect().await.unwrap().to_bytes().len(), 1_025);
        assert_eq!(budget.0.available_permits(), 0);
        drop(share);
        assert_eq!(budget.0.available_permits(), 2);
    }
}
