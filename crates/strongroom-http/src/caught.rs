//! A panic in a handler is that request's 500 and nobody else's.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::call::BoxFuture;

/// The handler panicked; its message is in the server's log, never in an answer.
#[derive(Debug)]
pub struct Panicked;

/// A future that turns a panic into [`Panicked`].
pub struct Caught<T>(pub BoxFuture<T>);

impl<T> Future for Caught<T> {
    type Output = Result<T, Panicked>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // After a panic the future is dropped, never polled again, so no broken state is seen.
        let polled = catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context)));
        match polled {
            Ok(poll) => poll.map(Ok),
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn panics_are_caught_before_and_after_a_pause() {
        let calm: BoxFuture<u8> = Box::pin(async { 7 });
        assert_eq!(Caught(calm).await.unwrap(), 7);
        let wild: BoxFuture<u8> = Box::pin(async { panic!("at once") });
        assert!(Caught(wild).await.is_err());
        let late: BoxFuture<u8> = Box::pin(async {
            tokio::task::yield_now().await;
            panic!("later")
        });
        assert!(Caught(late).await.is_err());
    }
}
