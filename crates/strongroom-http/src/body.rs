//! Taking a request's body off the wire: bounded in bytes and in time.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::HeaderMap;
use hyper::body::Body;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};

use crate::problem::{EdgeCode, Problem};

/// The largest body, in bytes.
pub const MAX_BODY: usize = 1 << 20;

/// Reads the whole body.
///
/// # Errors
/// 413 over [`MAX_BODY`], 408 when it does not arrive within `patience`, 400 when it breaks off.
pub async fn read<B>(body: B, patience: Duration) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    // A length that is announced is refused before a byte of it is read.
    if body.size_hint().lower() > u64::try_from(MAX_BODY).unwrap_or(u64::MAX) {
        return Err(too_large());
    }
    let collected = Limited::new(body, MAX_BODY).collect();
    match tokio::time::timeout(patience, std::pin::pin!(collected)).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(fault(EdgeCode::InvalidJson)),
        Err(_) => Err(fault(EdgeCode::BodyTimeout)),
    }
}

fn too_large() -> Problem {
    fault(EdgeCode::BodyTooLarge)
}

/// Why a body could not be read.
pub(crate) fn fault(code: EdgeCode) -> Problem {
    Problem::new(
        code,
        match code {
            EdgeCode::BodyTooLarge => "a body has at most 1048576 bytes",
            EdgeCode::BodyTimeout => "the body did not arrive in time",
            _ => "the body broke off",
        },
    )
}

/// The fault behind a problem of [`read`].
pub(crate) fn code_of(problem: &Problem) -> Option<EdgeCode> {
    let faults = [
        EdgeCode::BodyTooLarge,
        EdgeCode::BodyTimeout,
        EdgeCode::InvalidJson,
    ];
    faults
        .into_iter()
        .find(|fault| fault.code() == problem.code())
}

/// Refuses a body that says it is something else than JSON.
///
/// `text/plain` passes: it is what `fetch` writes over a JSON text when no type is given, as the documents' own
/// snippets do. No cookie authenticates anything here, so a form of another site gains nothing by it.
///
/// # Errors
/// 415.
pub fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let identity = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get(CONTENT_ENCODING).is_none_or(identity) {
        return Err(unsupported("bodies are not compressed"));
    }
    match headers.get(CONTENT_TYPE) {
        None => Ok(()),
        Some(value) if value.to_str().is_ok_and(is_json) => Ok(()),
        Some(_) => Err(unsupported("send JSON as `Content-Type: application/json`")),
    }
}

fn is_json(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let mut pieces = lower.split(';').map(str::trim);
    let kind = pieces.next().unwrap_or("");
    let named = matches!(kind, "application/json" | "text/json" | "text/plain");
    let suffixed = kind.starts_with("application/") && kind.ends_with("+json");
    let charset = pieces.find_map(|piece| piece.strip_prefix("charset="));
    let readable = charset.is_none_or(|name| matches!(name.trim_matches('"'), "utf-8" | "utf8"));
    (named || suffixed) && readable
}

fn unsupported(text: &str) -> Problem {
    Problem::new(EdgeCode::UnsupportedMediaType, text)
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    #[test]
    fn only_json_passes() {
        let typed = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_str(value).unwrap());
            check_type(&headers).is_ok()
        };
        for value in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/merge-patch+json",
            "text/plain;charset=UTF-8",
        ] {
            assert!(typed(value), "{value}");
        }
        for value in [
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "text/html",
            "application/json; charset=utf-16",
            "",
        ] {
            assert!(!typed(value), "{value}");
        }
        let mut zipped = HeaderMap::new();
        zipped.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert!(check_type(&zipped).is_err());
    }

    #[tokio::test]
    async fn bodies_are_bounded() {
        let patience = Duration::from_secs(1);
        let full = |n: usize| Full::new(Bytes::from(vec![b'x'; n]));
        assert_eq!(
            read(full(MAX_BODY), patience).await.unwrap().len(),
            MAX_BODY
        );
        assert_eq!(
            read(full(MAX_BODY + 1), patience)
                .await
                .unwrap_err()
                .status(),
            413
        );
        assert!(read(full(0), patience).await.unwrap().is_empty());
    }
}
