//! The tripwire: a card number in a header, a parameter or a field that is not one for card numbers is refused before
//! anything is logged of the request (CONTRACT 6).
//!
//! The whole body is searched as it came; only where that finds something, or where escapes could hide it, is the body
//! read field by field. Passed over are fields that their route names ([`Route::exempt`]), numbers in fields of
//! amounts, which are sealed and bounded, and the headers of tracing, which nothing here reads or logs and whose
//! numbers are random.

use std::borrow::Cow;

use hyper::HeaderMap;
use hyper::http::request::Parts;
use percent_encoding::percent_decode;
use strongroom_domain::rejection::{Code, Rejection};
use strongroom_vault::holds;

use crate::json::parse::{below, masked};
use crate::json::{Object, Value, parse_object};
use crate::problem::Problem;
use crate::route::Route;

/// Where a card number stood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Hit {
    Header(String),
    Parameter(String),
    /// JSON pointer; empty for a body that is none.
    Field(String),
}

/// Fields whose numbers are amounts of money.
const AMOUNTS: [&str; 5] = [
    "amount",
    "unit_amount",
    "low_balance_threshold",
    "min_amount",
    "max_amount",
];

/// Beginnings of the names of tracing headers.
const TRACING: [&str; 14] = [
    "traceparent",
    "tracestate",
    "b3",
    "x-b3-",
    "x-amzn-trace-id",
    "x-cloud-trace-context",
    "x-datadog-",
    "uber-trace-id",
    "sentry-trace",
    "baggage",
    "elastic-apm-traceparent",
    "newrelic",
    "x-ot-",
    "ot-tracer-",
];

/// The first card number of a request, if it holds one.
pub(crate) fn check(head: &Parts, body: &[u8], route: &Route) -> Option<Hit> {
    in_headers(&head.headers)
        .or_else(|| head.uri.query().and_then(in_query))
        .or_else(|| in_body(body, route))
}

fn in_headers(headers: &HeaderMap) -> Option<Hit> {
    let hit = headers.iter().find(|(name, value)| {
        let traces = TRACING.iter().any(|start| name.as_str().starts_with(start));
        !traces && (holds(value.as_bytes()) || holds(name.as_str().as_bytes()))
    });
    hit.map(|(name, _)| Hit::Header(shown(name.as_str())))
}

fn in_query(query: &str) -> Option<Hit> {
    query.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name), decoded(value));
        let amount = AMOUNTS.iter().any(|amount| amount.as_bytes() == &*name)
            && value.iter().all(u8::is_ascii_digit);
        let hit = holds(&name) || (!amount && holds(&value));
        hit.then(|| Hit::Parameter(shown(&String::from_utf8_lossy(&name))))
    })
}

fn decoded(text: &str) -> Cow<'_, [u8]> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text.as_bytes());
    }
    let spaced = text.replace('+', " ");
    Cow::Owned(percent_decode(spaced.as_bytes()).collect())
}

fn in_body(body: &[u8], route: &Route) -> Option<Hit> {
    // SECURITY: statements are full of long numbers, of which three in a hundred would be taken for a card's. What is kept
    // of them is searched by whoever reads them (`v1/bank_files.rs`), and nothing of them is logged.
    if route.xml {
        return None;
    }
    // SECURITY: a digit may be written as an escape.
    if !holds(body) && !body.contains(&b'\\') {
        return None;
    }
    match parse_object(body) {
        Ok(object) => in_object(&object, "", route).map(Hit::Field),
        // What cannot be read is refused anyway; of the one body that may hold a number, for that reason.
        Err(_) if holds(body) && !route.card => Some(Hit::Field(String::new())),
        Err(_) => None,
    }
}

fn in_object(object: &Object<'_>, path: &str, route: &Route) -> Option<String> {
    object.0.iter().find_map(|(key, value)| {
        let pointer = || format!("{path}{}", below(key, ""));
        if holds(key.as_bytes()) {
            return Some(pointer());
        }
        match value {
            Value::Number(_) if AMOUNTS.contains(&&**key) => None,
            value => in_value(value, &pointer(), route),
        }
    })
}

fn in_value(value: &Value<'_>, pointer: &str, route: &Route) -> Option<String> {
    let found = match value {
        Value::Text(text) => holds(text.as_bytes()) || hides(text),
        // In such a field too: its reader says what is wrong with a number there.
        Value::Number(text) => holds(text.as_bytes()),
        Value::Object(object) => return in_object(object, pointer, route),
        Value::List(list) => {
            let mut places = list.iter().enumerate();
            return places.find_map(|(n, item)| in_value(item, &format!("{pointer}/{n}"), route));
        }
        Value::Null | Value::Bool(_) => false,
    };
    (found && !route.exempt.contains(&pointer)).then(|| pointer.to_owned())
}

/// How often escapes within escapes are resolved.
const ROUNDS: usize = 3;

/// SECURITY: a text may be JSON itself, such as what a till signed, and a digit of it an escape. The escapes are resolved where
/// they stand, and nothing is read of the text: what is in what costs no depth and no more memory than the text has.
fn hides(text: &str) -> bool {
    let mut resolved = Cow::Borrowed(text);
    for _ in 0..ROUNDS {
        if !resolved.contains('\\') {
            return false;
        }
        resolved = Cow::Owned(unescaped(&resolved));
        if holds(resolved.as_bytes()) {
            return true;
        }
    }
    false
}

/// A text with what JSON's escapes in it stand for; what is none stays.
fn unescaped(text: &str) -> String {
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        resolved.push_str(before);
        let code = escape.strip_prefix('u').and_then(|code| code.get(..4));
        let code = code.and_then(|code| u32::from_str_radix(code, 16).ok());
        let (stands_for, length) = match (code.and_then(char::from_u32), escape.chars().next()) {
            (Some(stands_for), _) => (stands_for, 5),
            (None, Some(mark @ ('"' | '\\' | '/'))) => (mark, 1),
            (None, Some('b' | 'f' | 'n' | 'r' | 't')) => (' ', 1),
            (None, _) => ('\\', 0),
        };
        resolved.push(stands_for);
        rest = escape.get(length..).unwrap_or("");
    }
    resolved.push_str(rest);
    resolved
}

/// A name that goes into the answer and the log: a card number can stand in a name too.
fn shown(name: &str) -> String {
    masked(name).chars().take(64).collect()
}

const ADVICE: &str = "holds what looks like a card number: card numbers go to `POST /v1/tokens` as `card.number`, and to nowhere else";

impl Hit {
    /// For the log and the client.
    pub fn rejection(&self) -> Rejection {
        let code = Code::CardNumberRefused;
        match self {
            Hit::Header(name) => Rejection::new(code, format!("the header `{name}` {ADVICE}")),
            Hit::Parameter(name) => {
                Rejection::new(code, format!("the parameter `{name}` {ADVICE}"))
            }
            Hit::Field(pointer) if pointer.is_empty() => {
                Rejection::new(code, format!("the body {ADVICE}"))
            }
            Hit::Field(pointer) => Rejection::at(code, pointer, ADVICE),
        }
    }

    /// Names the place to the client.
    pub fn explain(self, problem: Problem) -> Problem {
        match self {
            Hit::Header(name) => problem.detail("header", name),
            Hit::Parameter(name) => problem.detail("parameter", name),
            Hit::Field(_) => problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;
    use crate::routes::routes;

    fn check_at(path: &str, uri: &str, header: (&str, &str), body: &str) -> Option<Hit> {
        let request = Request::post(uri).header(header.0, header.1);
        let (head, ()) = request.body(()).unwrap().into_parts();
        let row = |route: &&Route| route.path == path && route.is_mutating();
        check(&head, body.as_bytes(), routes().iter().find(row).unwrap())
    }

    fn field(path: &str, body: &str) -> Option<String> {
        match check_at(path, "/", ("accept", "*/*"), body) {
            Some(Hit::Field(pointer)) => Some(pointer),
            Some(other) => panic!("{other:?}"),
            None => None,
        }
    }

    #[test]
    fn the_first_field_is_named_wherever_it_hides() {
        for (body, pointer) in [
            (r#"{"a":"4242 4242 4242 4242"}"#, "/a"),
            (r#"{"a":4242424242424242}"#, "/a"),
            (r#"{"a":"\u0034242424242424242"}"#, "/a"),
            (
                r#"{"a":"x\\","b":["y",{"c":"5555555555554444"}]}"#,
                "/b/1/c",
            ),
            (
                r#"{"metadata":{"4242424242424242":"x"}}"#,
                "/metadata/************4242",
            ),
            (r#"{"amount":"4242424242424242"}"#, "/amount"),
            (r#"{"a":"4242424242424242""#, ""),
            ("4242424242424242", ""),
            // In a text that is JSON itself, or in one within that, or nearly is.
            (r#"{"a":"{\"b\":\"42424242\\u00342424242\"}"}"#, "/a"),
            (r#"{"a":"[\"42424242\\u00342424242\"]"}"#, "/a"),
            (r#"{"a":{"b":"x 42424242\\\\u00342424242 \\"}}"#, "/a/b"),
            (r#"{"a":"\\u00e4\\n4242 4242\\u002d42424242\\u20"}"#, "/a"),
        ] {
            assert_eq!(
                field("/v1/wallets", body).as_deref(),
                Some(pointer),
                "{body}"
            );
        }
    }

    /// Texts within texts, each with lists around it, as deep as a body has room for.
    #[test]
    fn texts_within_texts_cost_no_depth() {
        let mut text = "7".to_owned();
        loop {
            let inner = text.replace('\\', r"\u005c").replace('"', r"\u0022");
            let next = format!("{{\"a\":{}\"{inner}\"{}}}", "[".repeat(31), "]".repeat(31));
            if next.len() > crate::body::MAX_BODY {
                break;
            }
            text = next;
        }
        assert!(text.len() > crate::body::MAX_BODY / 2);
        assert_eq!(field("/v1/wallets", &text), None);
    }

    #[test]
    fn what_is_no_escape_stays() {
        for (text, resolved) in [
            (r"\u0041\\n\/", r"A\n/"),
            (r"\u12", r"\u12"),
            (r"\ud800x\uzzzz", r"\ud800x\uzzzz"),
            ("\\u00\u{e4}\u{e4}", "\\u00\u{e4}\u{e4}"),
            (r"\", r"\"),
            (r"\é\n", r"\é "),
        ] {
            assert_eq!(unescaped(text), resolved);
        }
    }

    #[test]
    fn what_the_contract_permits_passes() {
        for (path, body) in [
            ("/v1/tokens", r#"{"card":{"number":"4242424242424242"}}"#),
            ("/v1/tokens", r#"{"card":{"number":4242424242424242}}"#),
            (
                "/v1/payouts",
                r#"{"recipient":{"account_number":"4242424242424242"}}"#,
            ),
            (
                "/v1/payouts",
                r#"{"recipient":{"iban":"NL00 4242 4242 4242 4242"}}"#,
            ),
            ("/v1/payouts", r#"{"amount":4242424242424242}"#),
            (
                "/v1/wallets",
                r#"{"low_balance_threshold":4242424242424242}"#,
            ),
            ("/v1/wallets", r#"{"owner":{"phone":"+4915112345670"}}"#),
            (
                "/v1/wallets",
                r#"{"reference_id":"9f2c4242-4242-4242-8242-424242424242"}"#,
            ),
        ] {
            assert_eq!(field(path, body), None, "{path} {body}");
        }
        let cut = r#"{"card":{"number":"4242424242424242""#;
        assert_eq!(field("/v1/tokens", cut), None, "it is no JSON, and says so");
        assert_eq!(
            field("/v1/tokens", r#"{"card":{"name":"4242424242424242"}}"#).as_deref(),
            Some("/card/name")
        );
        assert_eq!(
            field(
                "/v1/wallets",
                r#"{"recipient":{"account_number":"4242424242424242"}}"#
            )
            .as_deref(),
            Some("/recipient/account_number")
        );
    }

    #[test]
    fn parameters_and_headers_are_searched_too() {
        let at = |uri, header| check_at("/v1/wallets", uri, header, "");
        let plain = ("accept", "*/*");
        let parameter = |name: &str| Some(Hit::Parameter(name.to_owned()));
        assert_eq!(at("/?a=1&b=4242+4242%204242-4242", plain), parameter("b"));
        assert_eq!(at("/?a=%34242424242424242", plain), parameter("a"));
        assert_eq!(
            at("/?4242424242424242", plain),
            parameter("************4242")
        );
        assert_eq!(at("/?min_amount=4242424242424242", plain), None);
        assert_eq!(at("/?phone=%2B4915112345670", plain), None);
        let header = |name: &str| Some(Hit::Header(name.to_owned()));
        assert_eq!(
            at("/", ("user-agent", "till/4242424242424242")),
            header("user-agent")
        );
        assert_eq!(
            at("/", ("idempotency-key", "4242-4242-4242-4242")),
            header("idempotency-key")
        );
        for name in [
            "traceparent",
            "sentry-trace",
            "baggage",
            "elastic-apm-traceparent",
            "newrelic",
            "x-ot-span-context",
            "ot-tracer-traceid",
        ] {
            let value = "00-4242424242424242-4242424242424242-01";
            assert_eq!(at("/", (name, value)), None, "{name}");
        }
    }
}
