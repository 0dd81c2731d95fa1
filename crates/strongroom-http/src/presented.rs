//! The key text a request presents. Nothing is proven here: the engine alone knows which keys exist.

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

/// The one key text of `Authorization: Bearer` or `X-API-Key`; `None` when there is none to look up.
///
/// Two different keys in one request are none: which one acts must never depend on who reads the request.
pub fn unverified_key(headers: &HeaderMap) -> Option<&str> {
    let mut found: Option<&str> = None;
    let bearers = headers.get_all(AUTHORIZATION).iter().map(|value| {
        let text = value.to_str().ok()?;
        let (scheme, key) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key)
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
}
