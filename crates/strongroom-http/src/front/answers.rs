//! What a node answers by itself, without asking anybody.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Method, Response, StatusCode};
use strongroom_types::id::{RawId, RequestId};

use crate::problem::{EdgeCode, Problem};
use crate::respond::{Reply, always};

/// Seconds after which it is worth to ask again: a lease that is not renewed ends within them.
const RETRY: u64 = 5;

/// What an answer depends on.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub method: &'a Method,
    pub behind_tls: bool,
}

/// Nobody decides, and waiting did not help.
pub(crate) fn nobody(asked: Asked<'_>) -> Response<Reply> {
    let text = "no node decides now: one takes over within seconds; nothing was done, try again";
    problem(
        asked,
        Problem::new(EdgeCode::HandingOver, text).retry_after(RETRY),
    )
}

/// Somebody decides who takes nothing from other nodes.
pub(crate) fn standing_by(asked: Asked<'_>) -> Response<Reply> {
    let text = "this server stands by: another one, of an older version, serves";
    problem(
        asked,
        Problem::new(EdgeCode::StandingBy, text).retry_after(RETRY),
    )
}

/// More wait than there is room for.
pub(crate) fn overloaded(asked: Asked<'_>) -> Response<Reply> {
    let text = "too many requests wait for the node that decides; nothing was done, try again";
    problem(
        asked,
        Problem::new(EdgeCode::Overloaded, text).retry_after(RETRY),
    )
}

/// The answer was lost, and the same request again might do the same again.
pub(crate) fn outcome_unknown(asked: Asked<'_>) -> Response<Reply> {
    let text = "the connection to the node that decides was lost before its answer came: look whether it was carried out; with an `Idempotency-Key` it would have been tried again";
    problem(
        asked,
        Problem::new(EdgeCode::OutcomeUnknown, text).retry_after(RETRY),
    )
}

/// A state in one word.
pub(crate) fn status(asked: Asked<'_>, is_good: bool, word: &str) -> Response<Reply> {
    let status = match is_good {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let body = Bytes::from(format!("{{\"status\":\"{word}\"}}"));
    let retry = (!is_good).then_some(RETRY);
    write(asked, status, "application/json", body, retry)
}

fn problem(asked: Asked<'_>, problem: Problem) -> Response<Reply> {
    let body = problem.render(RequestId(RawId(strongroom_crypto::random())));
    let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let retry = problem.retry_seconds();
    write(asked, status, "application/problem+json", body, retry)
}

fn write(
    asked: Asked<'_>,
    status: StatusCode,
    kind: &'static str,
    body: Bytes,
    retry: Option<u64>,
) -> Response<Reply> {
    let body = match *asked.method {
        Method::HEAD => Bytes::new(),
        _ => body,
    };
    let mut response = Response::new(Reply::Whole(Full::new(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    always(headers, asked.behind_tls);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if let Some(seconds) = retry {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
