//! The key text a request presents. Nothing is proven here: the engine alone knows which keys exist.

use hyper::HeaderMap;
use hyper::header::{ACCEPT, AUTHORIZATION, COOKIE};
use strongroom_types::id::ApprovalId;

use crate::json::NOBODY;

/// How a key or a token is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Whoever has it may use it; `X-API-Key` and cookies are no different.
    Bearer,
    /// With a proof that its holder has another key (RFC 9449).
    Dpop,
}

/// How the request says that its token is sent.
pub fn scheme(headers: &HeaderMap) -> Scheme {
    let value = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let scheme = value.and_then(|text| text.split_once(' '));
    match scheme.is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("dpop")) {
        true => Scheme::Dpop,
        false => Scheme::Bearer,
    }
}

/// The one key text of `Authorization: Bearer` or `DPoP`, or of `X-API-Key`; `None` when there is none to look up.
///
/// Two different keys in one request are none: which one acts must never depend on who reads the request.
pub fn unverified_key(headers: &HeaderMap) -> Option<&str> {
    let mut found: Option<&str> = None;
    let bearers = headers.get_all(AUTHORIZATION).iter().map(|value| {
        let text = value.to_str().ok()?;
        let (scheme, key) = text.split_once(' ')?;
        let is_known = ["bearer", "dpop"]
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known));
        is_known.then_some(key)
    });
    let keys = headers
        .get_all("x-api-key")
        .iter()
        .map(|value| value.to_str().ok());
    for key in bearers.chain(keys) {
        let key = key?;
        if found.is_some_and(|first| first != key) {
            return None;
        }
        found = Some(key);
    }
    found
}

/// The name of the cookie that holds a session. SECURITY: its prefix has browsers take it over TLS only, for this host
/// alone, and for every path.
pub const SESSION_COOKIE: &str = "__Host-strongroom";

/// The session's text in the cookie of a request that presents nothing else; `None` when there is none, or two.
pub fn unverified_session(headers: &HeaderMap) -> Option<&str> {
    if headers.contains_key(AUTHORIZATION) || headers.contains_key("x-api-key") {
        return None;
    }
    let mut found = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == SESSION_COOKIE)
        .map(|(_, value)| value);
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// The approval that a request sent again says it has been given. What names none, or two, is nobody's.
pub fn approval(headers: &HeaderMap) -> Option<ApprovalId> {
    let mut values = headers.get_all("approval-id").iter();
    let first = values.next()?;
    let named = first.to_str().ok().and_then(ApprovalId::parse);
    let alone = named.filter(|_| values.next().is_none());
    Some(alone.unwrap_or(ApprovalId(NOBODY)))
}

/// Whether a PDF is what the client names first of what it accepts.
pub(crate) fn wants_pdf(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let first = accept.and_then(|text| text.split([',', ';']).next());
    first.is_some_and(|media| media.trim().eq_ignore_ascii_case("application/pdf"))
}

/// The last event a reader has seen, as the specification of server-sent events has it sent.
pub(crate) fn last_event(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("last-event-id")?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn read(pairs: &[(&'static str, &[u8])]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        unverified_key(&headers).map(str::to_owned)
    }

    #[test]
    fn one_key_by_either_header() {
        let key = Some("sk_test_x".to_owned());
        assert_eq!(read(&[("authorization", b"Bearer sk_test_x")]), key);
        assert_eq!(read(&[("authorization", b"bearer sk_test_x")]), key);
        assert_eq!(read(&[("x-api-key", b"sk_test_x")]), key);
        assert_eq!(
            read(&[
                ("authorization", b"Bearer sk_test_x"),
                ("x-api-key", b"sk_test_x")
            ]),
            key
        );
    }

    #[test]
    fn anything_else_is_no_key() {
        let cases: &[&[(&'static str, &[u8])]] = &[
            &[],
            &[("authorization", b"Basic c2s6")],
            &[("authorization", b"Bearer")],
            &[("authorization", b"sk_test_x")],
            &[("authorization", b"Bearer \xff")],
            &[("authorization", b"Bearer a"), ("x-api-key", b"b")],
            &[("authorization", b"Basic c2s6"), ("x-api-key", b"b")],
        ];
        for case in cases {
            assert_eq!(read(case), None, "{case:?}");
        }
        // These reach the look-up as they are and match nothing: padding is part of the text.
        assert_eq!(
            read(&[("authorization", b"Bearer undefined")]),
            Some("undefined".into())
        );
        assert_eq!(
            read(&[("authorization", b"Bearer  sk_test_x")]),
            Some(" sk_test_x".into())
        );
    }

    #[test]
    fn a_session_comes_by_its_cookie_alone() {
        let read = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, HeaderValue::from_static(value));
            }
            unverified_session(&headers).map(str::to_owned)
        };
        let cookie = ("cookie", "a=b; __Host-strongroom=sess_test_x; c=d");
        assert_eq!(read(&[cookie]), Some("sess_test_x".to_owned()));
        assert_eq!(read(&[cookie, ("authorization", "Bearer x")]), None);
        assert_eq!(
            read(&[cookie, cookie]),
            None,
            "which one acts is not to be guessed"
        );
        assert_eq!(read(&[("cookie", "strongroom=sess_test_x")]), None);
        assert_eq!(read(&[]), None);
    }

    #[test]
    fn an_approval_is_named_once_or_is_nobody_s() {
        let named = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("approval-id", HeaderValue::from_static(value));
            }
            approval(&headers).map(|id| id.to_string())
        };
        let id = "appr_0123456789abcdef01234567";
        let nobody = Some(ApprovalId(NOBODY).to_string());
        assert_eq!(named(&[]), None);
        assert_eq!(named(&[id]), Some(id.to_owned()));
        assert_eq!(named(&["appr_1"]), nobody);
        assert_eq!(named(&[id, id]), nobody);
    }
}
