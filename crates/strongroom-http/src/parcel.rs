//! A request's body on its way: read once, and kept where it may have to be sent to another node.

use std::time::Duration;

use bytes::Bytes;
use hyper::body::Body;

use crate::body;
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

    /// The whole body, of so many bytes at most.
    ///
    /// # Errors
    /// As [`body::read`], at every call.
    pub async fn read_most(&mut self, patience: Duration, most: usize) -> Result<Bytes, Problem> {
        if let Some(read) = &self.read {
            return Ok(read.0.clone());
        }
        if let Some(fault) = self.fault {
            return Err(body::fault(fault));
        }
        let Some(unread) = self.unread.take() else {
            return Err(body::fault(EdgeCode::InvalidJson));
        };
        let read = body::read(unread, patience, most).await;
        match &read {
            Ok(bytes) if self.is_kept => self.read = Some(Wiped(bytes.clone())),
            Ok(_) => {}
            Err(problem) => self.fault = body::code_of(problem),
        }
        read
    }
}
