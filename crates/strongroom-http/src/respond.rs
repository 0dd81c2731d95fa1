//! Responses: status, headers and body. Every response, whatever went wrong, leaves through [`write`].

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, CONNECTION, CONTENT_DISPOSITION,
    CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION,
    RETRY_AFTER, STRICT_TRANSPORT_SECURITY, WWW_AUTHENTICATE,
};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode};
use strongroom_channel::dressed::{PROTECTING, TLS_FROM_NOW_ON};

use crate::app::App;
use crate::call::Answer;
use crate::edge::Passed;
use crate::feed::Feed;
use crate::pay::Shown;
use crate::problem::Problem;
use crate::visit::Visit;

/// The body of a response.
pub enum Reply {
    Whole(Full<Bytes>),
    Live(Feed),
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Reply::Whole(body) => Pin::new(body).poll_frame(context),
            Reply::Live(feed) => Pin::new(feed).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Reply::Whole(body) => body.is_end_stream(),
            Reply::Live(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Reply::Whole(body) => body.size_hint(),
            Reply::Live(_) => SizeHint::default(),
        }
    }
}

/// Makes a response a stream. Its connection serves nothing after it.
pub(crate) fn stream(response: &mut Response<Reply>, head: &Parts, feed: Feed) {
    let headers = response.headers_mut();
    fixed(headers, CONTENT_TYPE, "text/event-stream");
    headers.remove(CONTENT_LENGTH);
    fixed(headers, CONNECTION, "close");
    // A proxy that collects answers would hold the events back.
    fixed(headers, HeaderName::from_static("x-accel-buffering"), "no");
    if head.method != Method::HEAD {
        *response.body_mut() = Reply::Live(feed);
    }
}

const METHODS: &str = "GET, HEAD, POST, PATCH, DELETE, OPTIONS";
const HEADERS: &str = "Approval-Id, Authorization, Content-Digest, Content-Type, DPoP, Idempotency-Key, Signature, Signature-Input, X-API-Key, X-CSRF-Token, X-Idempotency-Key, X-Signature, X-Timestamp";
const EXPOSED: &str = "Content-Disposition, DPoP-Nonce, Idempotent-Replayed, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id";

/// Writes the response to a request.
pub(crate) fn write(
    app: &App,
    visit: &Visit,
    head: &Parts,
    outcome: &Result<Passed, Problem>,
) -> Response<Reply> {
    let (status, body) = match outcome {
        Ok(passed) => (passed.status, passed.answer.body.clone()),
        Err(problem) => (problem.status(), problem.render(visit.request)),
    };
    let mut headers = HeaderMap::with_capacity(24);
    always(&mut headers, app.settings().behind_tls);
    put(&mut headers, "x-request-id", &visit.request.to_string());
    if is_for_pages(head.uri.path()) {
        cross_origin(&mut headers, head);
    }
    match outcome {
        Ok(passed) => describe(&mut headers, status, &passed.answer),
        Err(problem) => explain(&mut headers, problem),
    }
    limits(&mut headers, visit);
    ask_for_proof(&mut headers, visit);
    finish(status, headers, head, body)
}

static ALWAYS: LazyLock<[(HeaderName, HeaderValue); PROTECTING.len()]> = LazyLock::new(|| {
    PROTECTING.map(|(name, value)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    })
});

/// What stands on everything: nothing here is ever cached, framed, guessed at or run.
pub(crate) fn always(headers: &mut HeaderMap, behind_tls: bool) {
    for (name, value) in &*ALWAYS {
        headers.insert(name, value.clone());
    }
    if behind_tls {
        let (_, value) = TLS_FROM_NOW_ON;
        fixed(headers, STRICT_TRANSPORT_SECURITY, value);
    }
}

/// What scripts of other sites call: the API, and what an application in a browser asks of the authorization server. SECURITY: never
/// what people are asked on, where a page of another site must not look on.
fn is_for_pages(path: &str) -> bool {
    path.starts_with("/v1")
        || ["/oauth/token", "/oauth/par", "/oauth/revoke", METADATA].contains(&path)
}

const METADATA: &str = "/.well-known/oauth-authorization-server";

/// How the client should show what it holds, and the nonce that its next proof should repeat.
fn ask_for_proof(headers: &mut HeaderMap, visit: &Visit) {
    if let Some(challenge) = &visit.challenge {
        put(headers, WWW_AUTHENTICATE.as_str(), challenge);
    }
    if let Some(nonce) = &visit.proof_nonce {
        put(headers, "dpop-nonce", nonce);
    }
}

/// Any page may call, none may use a visitor's credentials; so publishable keys work in browsers, and the refusal of
/// a secret key can be read there.
fn cross_origin(headers: &mut HeaderMap, head: &Parts) {
    fixed(headers, ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    if head.method == Method::OPTIONS {
        fixed(headers, ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        fixed(headers, ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        fixed(headers, ACCESS_CONTROL_MAX_AGE, "600");
    } else {
        fixed(headers, ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

fn describe(headers: &mut HeaderMap, status: u16, answer: &Answer) {
    if let Some(shown) = &answer.shown {
        describe_shown(headers, shown);
    } else if let Some(page) = answer.page {
        fixed(headers, CONTENT_TYPE, "text/html; charset=utf-8");
        headers.insert(CONTENT_SECURITY_POLICY, page.policy.clone());
    } else if status != 204 {
        let media = answer.media.unwrap_or("application/json");
        fixed(headers, CONTENT_TYPE, media);
    }
    if let Some(name) = &answer.filename {
        let disposition = format!("attachment; filename=\"{name}\"");
        put(headers, CONTENT_DISPOSITION.as_str(), &disposition);
    }
    if let Some(cookie) = &answer.cookie {
        put(headers, "set-cookie", cookie);
    }
    if let Some(seconds) = answer.retry {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if answer.replayed {
        fixed(
            headers,
            HeaderName::from_static("idempotent-replayed"),
            "true",
        );
    }
}

pub(crate) fn describe_shown(headers: &mut HeaderMap, shown: &Shown) {
    fixed(headers, CONTENT_TYPE, shown.kind);
    headers.insert(CONTENT_SECURITY_POLICY, shown.policy.clone());
    if let Some(location) = &shown.location {
        put(headers, LOCATION.as_str(), location);
    }
    if let Some(seconds) = shown.retry {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if shown.embeddable {
        let name = HeaderName::from_static("cross-origin-resource-policy");
        fixed(headers, name, "cross-origin");
    }
}

fn explain(headers: &mut HeaderMap, problem: &Problem) {
    fixed(headers, CONTENT_TYPE, "application/problem+json");
    if problem.status() == 401 {
        fixed(headers, WWW_AUTHENTICATE, "Bearer");
    }
    if let Some(seconds) = problem.retry_seconds() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if problem.is_replayed() {
        fixed(
            headers,
            HeaderName::from_static("idempotent-replayed"),
            "true",
        );
    }
}

fn limits(headers: &mut HeaderMap, visit: &Visit) {
    if let Some(standing) = &visit.standing {
        put(headers, "ratelimit", &standing.rate_limit());
        put(headers, "ratelimit-policy", &standing.policy());
    }
    if let Some(allow) = &visit.allow {
        put(headers, ALLOW.as_str(), allow);
    }
}

fn finish(status: u16, mut headers: HeaderMap, head: &Parts, body: Bytes) -> Response<Reply> {
    let mut body = body;
    if head.method == Method::HEAD {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        body = Bytes::new();
    }
    let mut response = Response::new(Reply::Whole(Full::new(body)));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = headers;
    response
}

pub(crate) fn fixed(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

/// A value made here of visible characters; one that is not is left out.
fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
