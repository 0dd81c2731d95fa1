//! What a delivery looks like on the wire, and what an answer to it means: the one place for both, whoever sends it.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use strongroom_engine::{AttemptOutcome, Signer};
use strongroom_outbound::{Limits, Reply, Request};
use strongroom_types::id::EventId;
use strongroom_types::time::{SECOND, Timestamp};

/// What a receiver may take, and how much of its reply is read.
pub const DELIVERY_LIMITS: Limits = Limits {
    time: Duration::from_secs(30),
    reply_bytes: 1_024,
};

/// What comes of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Delivered,
    /// Try again; after the pause that the receiver asked for, in milliseconds.
    Failed(Option<i64>),
    /// It wants nothing more, ever.
    Gone,
}

impl Verdict {
    /// Any 2xx is a delivery; a redirect is none.
    pub fn of(reply: &Reply, now: Timestamp) -> Verdict {
        match reply.status {
            200..=299 => Verdict::Delivered,
            410 => Verdict::Gone,
            _ => Verdict::Failed(asked(reply, now)),
        }
    }

    pub(super) fn outcome(self) -> AttemptOutcome {
        match self {
            Verdict::Delivered => AttemptOutcome::Delivered,
            Verdict::Failed(_) => AttemptOutcome::Failed,
            Verdict::Gone => AttemptOutcome::Gone,
        }
    }
}

/// The request that brings an event's stored bytes, signed now. `None` when it cannot be put into headers.
pub fn delivery(signer: &Signer, id: EventId, body: &str, now: Timestamp) -> Option<Request> {
    // Who sends is named by the client that everything goes through.
    let mut headers = vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    for (name, value) in signer.headers(id, body, now) {
        headers.push((HeaderName::from_static(name), value.parse().ok()?));
    }
    Some(Request {
        method: http::Method::POST,
        headers,
        body: Bytes::copy_from_slice(body.as_bytes()),
    })
}

/// `Retry-After` in milliseconds: a number of seconds, or a date.
fn asked(reply: &Reply, now: Timestamp) -> Option<i64> {
    let text = reply.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse::<u32>() {
        Ok(seconds) => Some(i64::from(seconds) * SECOND),
        Err(_) => Timestamp::parse_http_date(text).map(|time| time.0.saturating_sub(now.0)),
    }
}
