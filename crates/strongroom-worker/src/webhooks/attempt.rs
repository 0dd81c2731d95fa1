//! One attempt: the event's bytes, signed and sent, and what the receiver made of it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use strongroom_engine::{Endpoint, Engine, OutEvent};
use strongroom_outbound::{Limits, Outbound, Reply, Request};
use strongroom_types::time::{SECOND, Timestamp};

/// What a receiver may take, and how much of its reply is read.
const LIMITS: Limits = Limits {
    time: Duration::from_secs(30),
    reply_bytes: 1_024,
};

const AGENT: &str = concat!("Strongroom/", env!("CARGO_PKG_VERSION"));

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Delivered,
    /// Try again; the receiver may have asked for a pause, in milliseconds.
    Failed(Option<i64>),
    /// It wants nothing more, ever.
    Gone,
}

pub(super) async fn send(
    engine: &Engine,
    outbound: &Outbound,
    endpoint: &Arc<Endpoint>,
    event: &OutEvent,
) -> Verdict {
    let live = endpoint.scope.mode.is_live();
    let Ok(target) = outbound.check(&endpoint.webhook.url, live) else {
        return Verdict::Failed(None);
    };
    let now = engine.now();
    let Some(request) = request(endpoint, event, now) else {
        return Verdict::Failed(None);
    };
    match outbound.send(&target, request, LIMITS).await {
        Ok(reply) => verdict(&reply, now),
        Err(_) => Verdict::Failed(None),
    }
}

fn request(endpoint: &Endpoint, event: &OutEvent, now: Timestamp) -> Option<Request> {
    let mut headers = vec![
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (USER_AGENT, HeaderValue::from_static(AGENT)),
    ];
    for (name, value) in endpoint.signer.headers(event, now) {
        headers.push((HeaderName::from_static(name), value.parse().ok()?));
    }
    Some(Request {
        method: http::Method::POST,
        headers,
        body: Bytes::copy_from_slice(event.body.as_bytes()),
    })
}

fn verdict(reply: &Reply, now: Timestamp) -> Verdict {
    match reply.status {
        200..=299 => Verdict::Delivered,
        410 => Verdict::Gone,
        _ => Verdict::Failed(asked(reply, now)),
    }
}

/// `Retry-After` in milliseconds: a number of seconds, or a date.
fn asked(reply: &Reply, now: Timestamp) -> Option<i64> {
    let text = reply.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse::<u32>() {
        Ok(seconds) => Some(i64::from(seconds) * SECOND),
        Err(_) => Timestamp::parse_http_date(text).map(|time| time.0.saturating_sub(now.0)),
    }
}
