//! What is sent, how much it may take, and what comes back.

use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::HeaderMap;

/// A request. `Host`, `Content-Length` and what belongs to the connection are the client's own and refused here.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Bytes,
}

/// What an exchange may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For all of it: name, connection, TLS, sending, reading.
    pub time: Duration,
    /// How much of the reply's body is kept.
    pub reply_bytes: usize,
}

/// An answer, whatever its status: a redirect is an answer like any other.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The body went on beyond the limit.
    pub truncated: bool,
}
