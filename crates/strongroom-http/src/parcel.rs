//! A request's body on its way: read once, and kept where it may have to be sent to another node.

use std::time::Duration;

use bytes::Bytes;
use hyper::body::Body;

use crate::body;
use crate::budget::{Budget, Share};
use crate::cards::Wiped;
use crate::problem::{EdgeCode, Problem};

/// A body that is read when it is first asked for.
pub(crate) struct Parcel<B> {
    unread: Option<B>,
    /// SECURITY: a body may hold a card number; it is overwritten where nobody else holds its bytes.
    read: Option<Wiped>,
    /// Why it could not be read, by whoever tried.
    fault: Option<EdgeCode>,
    is_kept: bool,
}

impl<B> Parcel<B> {
    /// Of a request that goes no further.
    pub fn passing(body: B) -> Parcel<B> {
        Parcel {
            unread: Some(body),
            read: None,
            fault: None,
            is_kept: false,
        }
    }

    /// Of a request that may go to another node.
    pub fn kept(body: B) -> Parcel<B> {
        Parcel {
            is_kept: true,
            ..Parcel::passing(body)
        }
    }

    /// Of a request whose body another node has read.
    pub fn whole(body: Bytes) -> Parcel<B> {
        Parcel {
            unread: None,
            read: Some(Wiped(body)),
            fault: None,
            is_kept: false,
        }
    }

    /// Of a request whose body another node could not read.
    pub fn faulty(fault: EdgeCode) -> Parcel<B> {
        Parcel {
            unread: None,
            read: None,
            fault: Some(fault),
            is_kept: false,
        }
    }
}

impl<B> Parcel<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// The whole body of a request as most are.
    ///
    /// # Errors
    /// As [`body::read`], at every call.
    pub async fn read(&mut self, patience: Duration) -> Result<Bytes, Problem> {
        self.read_most(patience, body::MAX_BODY).await
    }

    /// The same, with a share of what all such bodies together may hold: it is given back when the share is dropped.
    ///
    /// # Errors
    /// As [`body::read`], at every call; 503 when there is no room.
    pub async fn read_within(
        &mut self,
        patience: Duration,
        budget: &Budget,
    ) -> Result<(Bytes, Share), Problem> {
        let mut share = Share::default();
        let counted = |unread| {
            let (counted, taken) = budget.count(Box::pin(unread));
            share = taken;
            body::read(counted, patience, body::MAX_BODY)
        };
        let read = self.read_by(counted).await;
        match share.was_refused() {
            true => {
                let text =
                    "the bodies of too many requests are under way; nothing was done, try again";
                Err(Problem::new(EdgeCode::Overloaded, text).retry_after(1))
            }
            false => Ok((read?, share)),
        }
    }

    /// The whole body, of so many bytes at most.
    ///
    /// # Errors
    /// As [`body::read`], at every call.
    pub async fn read_most(&mut self, patience: Duration, most: usize) -> Result<Bytes, Problem> {
        self.read_by(|unread| body::read(unread, patience, most))
            .await
    }

    async fn read_by<F>(&mut self, read: impl FnOnce(B) -> F) -> Result<Bytes, Problem>
    where
        F: Future<Output = Result<Bytes, Problem>>,
    {
        if let Some(read) = &self.read {
            return Ok(read.0.clone());
        }
        if let Some(fault) = self.fault {
            return Err(body::fault(fault));
        }
        let Some(unread) = self.unread.take() else {
            return Err(body::fault(EdgeCode::InvalidJson));
        };
        let read = read(unread).await;
        match &read {
            Ok(bytes) if self.is_kept => self.read = Some(Wiped(bytes.clone())),
            Ok(_) => {}
            Err(problem) => self.fault = body::code_of(problem),
        }
        read
    }
}
