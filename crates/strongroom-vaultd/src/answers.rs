//! What the vault answers by itself, when the API process is not asked or does not answer: as that would say it.

use hyper::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use strongroom_channel::dressed::PROTECTING;
use strongroom_channel::message::{Header, Response, SecretBytes};
use strongroom_crypto::random;
use strongroom_types::id::{RawId, RequestId};
use zeroize::Zeroizing;

/// A page for somebody who pays by a link.
const PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Not ready</title>\
    <h1>The payment page is not reachable right now</h1>\
    <p>Wait a moment and open the payment link again: it says whether it was paid.</p></html>\n";

/// Why there is no other answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The body did not arrive.
    Late,
    /// The API process is away: it was not asked.
    Away,
    /// It was asked, and its answer did not come.
    Unknown,
}

impl Trouble {
    /// Status, code, title and detail, of the API's own errors.
    fn words(self) -> (u16, &'static str, &'static str, &'static str) {
        match self {
            Trouble::Late => (
                408,
                "request_timeout",
                "The body took too long",
                "the body did not arrive in time",
            ),
            Trouble::Away => (
                503,
                "handing_over",
                "Another server takes the books over",
                "no server that decides is connected to the card vault; nothing was done, try again",
            ),
            Trouble::Unknown => (
                503,
                "outcome_unknown",
                "It is not known whether the request was carried out",
                "the server went away before its answer came: look whether it was carried out",
            ),
        }
    }
}

/// The whole answer, to a form of the payment page or to a program.
pub(crate) fn trouble(trouble: Trouble, is_page: bool) -> Response {
    let (status, code, title, detail) = trouble.words();
    let header = |name: HeaderName, value: &str| Header {
        name: name.as_str().to_owned(),
        value: value.as_bytes().to_vec(),
    };
    let mut headers: Vec<Header> = PROTECTING
        .into_iter()
        .map(|(name, value)| header(HeaderName::from_static(name), value))
        .collect();
    let body = match is_page {
        true => {
            headers.push(header(CONTENT_TYPE, "text/html; charset=utf-8"));
            PAGE.to_owned()
        }
        false => {
            headers.push(header(CONTENT_TYPE, "application/problem+json"));
            headers.push(header(ACCESS_CONTROL_ALLOW_ORIGIN, "*"));
            let problem = serde_json::json!({
                "type": format!("urn:strongroom:problem:{code}"),
                "title": title,
                "status": status,
                "detail": detail,
                "code": code,
                "message": detail,
                "request_id": RequestId(RawId(random())).to_string(),
                "error": {"code": code, "message": detail, "details": {}},
                "errors": [],
            });
            problem.to_string()
        }
    };
    if status == 503 {
        headers.push(header(RETRY_AFTER, "1"));
    }
    Response {
        status,
        headers,
        body: SecretBytes(Zeroizing::new(body.into_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trouble_is_told_to_programs_and_to_people() {
        for told in [Trouble::Late, Trouble::Away, Trouble::Unknown] {
            let (status, code, ..) = told.words();
            for is_page in [false, true] {
                let response = trouble(told, is_page);
                assert_eq!(response.status, status);
                let has = |name: &str| response.headers.iter().any(|header| header.name == name);
                assert!(PROTECTING.iter().all(|(name, _)| has(name)));
                assert_eq!(has("retry-after"), status == 503);
                let body = std::str::from_utf8(&response.body.0).unwrap();
                assert_eq!(body.contains(code), !is_page, "{body}");
                assert_eq!(body.starts_with("<!doctype html>"), is_page);
            }
        }
    }
}
