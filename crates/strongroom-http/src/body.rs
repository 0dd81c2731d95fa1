//! Taking a request's body off the wire: bounded in bytes and in time.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::Body;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};

use crate::arriving::Scattered;
use crate::problem::{EdgeCode, Problem};

/// The largest body, in bytes.
pub const MAX_BODY: usize = 1 << 20;

/// Reads the whole body.
///
/// # Errors
/// 413 over `most` bytes, 408 when it does not arrive within `patience`, 400 when it breaks off.
pub async fn read<B>(body: B, patience: Duration, most: usize) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    // A length that is announced is refused before a byte of it is read.
    if body.size_hint().lower() > u64::try_from(most).unwrap_or(u64::MAX) {
        return Err(too_large());
    }
    let whole = whole(body, most);
    let read = tokio::time::timeout(patience, std::pin::pin!(whole)).await;
    read.unwrap_or_else(|_| Err(fault(EdgeCode::BodyTimeout)))
}

/// SECURITY: a chunk of one byte costs dozens in memory, so their number is bounded as the bytes are.
const MAX_PIECES: usize = 16_384;

async fn whole<B>(body: B, most: usize) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut body = std::pin::pin!(body);
    // Of one piece, as most are, nothing is copied.
    let (mut first, mut rest) = (Bytes::new(), BytesMut::new());
    let mut pieces = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| match error.into().is::<Scattered>() {
            true => too_large(),
            false => fault(EdgeCode::InvalidJson),
        })?;
        let Ok(piece) = frame.into_data() else {
            continue;
        };
        pieces += 1;
        let length = first.len() + rest.len() + piece.len();
        if length > most || pieces > MAX_PIECES {
            return Err(too_large());
        }
        match pieces {
            1 => first = piece,
            _ => append(&mut rest, std::mem::take(&mut first), &piece),
        }
    }
    Ok(if pieces > 1 { rest.freeze() } else { first })
}

/// SECURITY: what is outgrown is overwritten: a body may hold a card number.
fn append(to: &mut BytesMut, first: Bytes, piece: &Bytes) {
    let needed = to.len() + first.len() + piece.len();
    if needed > to.capacity() {
        let mut larger = BytesMut::with_capacity(needed.max(2 * to.capacity()));
        larger.extend_from_slice(to);
        strongroom_vault::wipe(to);
        *to = larger;
    }
    to.extend_from_slice(&first);
    to.extend_from_slice(piece);
}

fn too_large() -> Problem {
    fault(EdgeCode::BodyTooLarge)
}

/// Why a body could not be read.
pub(crate) fn fault(code: EdgeCode) -> Problem {
    Problem::new(
        code,
        match code {
            EdgeCode::BodyTooLarge => {
                "a body has at most 1048576 bytes, a bank's file as many as are configured, in at most 16384 chunks, and not a few bytes at a time"
            }
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

/// Refuses a body that says it is something else than XML.
///
/// # Errors
/// 415.
pub fn check_xml(headers: &HeaderMap) -> Result<(), Problem> {
    let identity = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get(CONTENT_ENCODING).is_none_or(identity) {
        return Err(unsupported("bodies are not compressed"));
    }
    let named = |value: &HeaderValue| {
        let kind = value.to_str().unwrap_or("").split(';').next().unwrap_or("");
        let kind = kind.trim();
        kind.eq_ignore_ascii_case("application/xml") || kind.eq_ignore_ascii_case("text/xml")
    };
    match headers.get(CONTENT_TYPE).is_some_and(named) {
        true => Ok(()),
        false => Err(unsupported(
            "send the file as `Content-Type: application/xml`",
        )),
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

    /// So many pieces of so many bytes.
    struct Pieces(usize, usize);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
            let next = self.0.checked_sub(1);
            self.0 = next.unwrap_or(0);
            let piece = |n: usize| Bytes::from(vec![u8::try_from(n % 251).unwrap(); self.1]);
            std::task::Poll::Ready(next.map(|n| Ok(hyper::body::Frame::data(piece(n)))))
        }
    }

    #[tokio::test]
    async fn pieces_come_together_in_their_order_and_are_bounded_in_number() {
        let patience = Duration::from_secs(60);
        let read_pieces = |count, bytes| read(Pieces(count, bytes), patience, MAX_BODY);
        let whole = read_pieces(1_000, 3).await.unwrap();
        let expected = (0..1_000)
            .rev()
            .flat_map(|n: usize| [u8::try_from(n % 251).unwrap(); 3]);
        assert!(whole.iter().copied().eq(expected));
        assert_eq!(read_pieces(MAX_PIECES, 1).await.unwrap().len(), MAX_PIECES);
        let refused = read_pieces(MAX_PIECES + 1, 1).await.unwrap_err();
        assert_eq!(refused.status(), 413);
        let refused = read_pieces(3, MAX_BODY / 2).await.unwrap_err();
        assert_eq!(refused.status(), 413);
    }

    #[tokio::test]
    async fn bodies_are_bounded() {
        let patience = Duration::from_secs(1);
        let full = |n: usize| Full::new(Bytes::from(vec![b'x'; n]));
        assert_eq!(
            read(full(MAX_BODY), patience, MAX_BODY)
                .await
                .unwrap()
                .len(),
            MAX_BODY
        );
        assert_eq!(
            read(full(MAX_BODY + 1), patience, MAX_BODY)
                .await
                .unwrap_err()
                .status(),
            413
        );
        assert!(read(full(0), patience, MAX_BODY).await.unwrap().is_empty());
    }
}
