//! What a server answers while another one has the books: that it lives, and is not ready. It has no engine yet, so it
//! knows no key and reads no body.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER,
};
use hyper::{Method, Request, Response, StatusCode};
use strongroom_types::id::{RawId, RequestId};

use crate::problem::{EdgeCode, Problem};
use crate::respond::{Reply, always};

/// Seconds after which it is worth to ask again: a lease that is not renewed ends within them.
const RETRY: u64 = 5;

/// Answers a request.
pub(crate) fn answer<B>(request: &Request<B>, behind_tls: bool) -> Response<Reply> {
    let (status, kind, body) = match request.uri().path() {
        "/health" => (StatusCode::OK, "application/json", json("ok")),
        "/ready" => (
            StatusCode::SERVICE_UNAVAILABLE,
            "application/json",
            json("standing_by"),
        ),
        _ => (
            StatusCode::SERVICE_UNAVAILABLE,
            "application/problem+json",
            problem(),
        ),
    };
    let body = match *request.method() {
        Method::HEAD => Bytes::new(),
        _ => body,
    };
    let mut response = Response::new(Reply::Whole(Full::new(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    always(headers, behind_tls);
    let fixed: [(HeaderName, &'static str); 3] = [
        (CONTENT_TYPE, kind),
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        // The next request may be for the server that this becomes.
        (CONNECTION, "close"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, HeaderValue::from(RETRY));
    }
    response
}

fn json(word: &str) -> Bytes {
    Bytes::from(format!("{{\"status\":\"{word}\"}}"))
}

fn problem() -> Bytes {
    let text = "this server stands by: another one serves, or the database is not there yet";
    Problem::new(EdgeCode::StandingBy, text).render(RequestId(RawId(strongroom_crypto::random())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(path: &str) -> (u16, bool) {
        let request = Request::get(path).body(()).unwrap();
        let response = answer(&request, true);
        let again = response.headers().contains_key(RETRY_AFTER);
        (response.status().as_u16(), again)
    }

    #[test]
    fn it_lives_and_is_not_ready() {
        assert_eq!(told("/health"), (200, false));
        for path in ["/ready", "/v1/payouts", "/metrics", "/"] {
            assert_eq!(told(path), (503, true), "{path}");
        }
        let body = String::from_utf8(problem().to_vec()).unwrap();
        assert!(body.contains("\"code\":\"standing_by\""), "{body}");
    }
}
