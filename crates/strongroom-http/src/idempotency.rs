//! The idempotency key as clients send it (CONTRACT 2).
//!
//! `X-Idempotency-Key` is an alias, and the quoted form of the IETF draft names the same key as the bare one.

use hyper::HeaderMap;
use hyper::header::HeaderValue;

use crate::problem::{EdgeCode, Problem};

const MAX_LENGTH: usize = 255;

/// The key of a request, if it has one.
///
/// # Errors
/// 400 when a value is no key, or when the values sent do not agree.
pub fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let standard = headers.get_all("idempotency-key").iter();
    let alias = headers.get_all("x-idempotency-key").iter();
    let mut found: Option<String> = None;
    for value in standard.chain(alias) {
        let key = parse(value).ok_or_else(invalid)?;
        match &found {
            Some(first) if *first != key => return Err(conflict()),
            Some(_) => {}
            None => found = Some(key),
        }
    }
    Ok(found)
}

fn parse(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?.trim();
    let key = match text.strip_prefix('"') {
        Some(quoted) => unquote(quoted)?,
        None => text.to_owned(),
    };
    let visible = key.bytes().all(|byte| byte.is_ascii_graphic());
    ((1..=MAX_LENGTH).contains(&key.len()) && visible).then_some(key)
}

/// The inside of a structured-field string (RFC 9651, 3.3.3); its opening quote is gone.
fn unquote(text: &str) -> Option<String> {
    let mut key = String::with_capacity(text.len());
    let mut letters = text.strip_suffix('"')?.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return None,
            '\\' => key.push(letters.next().filter(|next| matches!(next, '"' | '\\'))?),
            other => key.push(other),
        }
    }
    Some(key)
}

fn invalid() -> Problem {
    let text = "`Idempotency-Key` takes 1 to 255 visible ASCII characters";
    Problem::new(EdgeCode::IdempotencyKeyInvalid, text)
}

fn conflict() -> Problem {
    let text = "`Idempotency-Key` and `X-Idempotency-Key` name different keys";
    Problem::new(EdgeCode::ConflictingHeaders, text)
}

/// Money is only moved under a key, so that a retry cannot move it twice.
pub fn required() -> Problem {
    let text =
        "this request moves money: send an `Idempotency-Key`, and the same one when you retry";
    Problem::new(EdgeCode::IdempotencyKeyRequired, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&'static str, &[u8])]) -> Result<Option<String>, &'static str> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        key(&headers).map_err(|problem| problem.code())
    }

    #[test]
    fn both_names_and_both_forms_mean_one_key() {
        let some = |key: &str| Ok(Some(key.to_owned()));
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[("idempotency-key", b"abc")]), some("abc"));
        assert_eq!(read(&[("idempotency-key", b"\"abc\"")]), some("abc"));
        assert_eq!(read(&[("x-idempotency-key", b" abc ")]), some("abc"));
        assert_eq!(
            read(&[("idempotency-key", b"\"a\\\"b\\\\\"")]),
            some("a\"b\\")
        );
        assert_eq!(
            read(&[
                ("idempotency-key", b"\"abc\""),
                ("x-idempotency-key", b"abc")
            ]),
            some("abc")
        );
        assert_eq!(
            read(&[("idempotency-key", &[b'k'; 255])]),
            some(&"k".repeat(255))
        );
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let long = [b'k'; 256];
        let odd: [&[u8]; 10] = [
            b"",
            b" ",
            b"\"\"",
            b"a b",
            b"\xc3\xa9",
            b"\"abc",
            b"\"a\"b\"",
            b"\"a\\x\"",
            b"\"a\\\"",
            &long,
        ];
        for value in odd {
            assert_eq!(
                read(&[("idempotency-key", value)]),
                Err("idempotency_key_invalid"),
                "{value:?}"
            );
        }
        let differ = Err("idempotency_key_conflict");
        assert_eq!(
            read(&[("idempotency-key", b"a"), ("x-idempotency-key", b"b")]),
            differ
        );
        assert_eq!(
            read(&[("idempotency-key", b"a"), ("idempotency-key", b"b")]),
            differ
        );
    }
}
