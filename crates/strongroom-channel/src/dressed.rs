//! What stands on every answer, also on those that are not ours: hyper itself answers a head that is no request, or too
//! large a one, with an empty 4xx and no headers to speak of. On their way out they are dressed.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Nothing here is ever cached, framed, guessed at or run.
pub const PROTECTING: [(&str, &str); 8] = [
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    (
        "content-security-policy",
        "default-src 'none'; frame-ancestors 'none'",
    ),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), geolocation=(), microphone=(), payment=()",
    ),
];

/// The same, where answers leave this machine over TLS.
pub const TLS_FROM_NOW_ON: (&str, &str) = (
    "strict-transport-security",
    "max-age=63072000; includeSubDomains",
);

/// A stream that lets no answer out bare.
pub struct Dressed<S> {
    stream: S,
    behind_tls: bool,
    /// What is written in the place of a bare answer, and how much of it is out.
    instead: Option<(Vec<u8>, usize)>,
}

impl<S> Dressed<S> {
    pub fn new(stream: S, behind_tls: bool) -> Dressed<S> {
        Dressed {
            stream,
            behind_tls,
            instead: None,
        }
    }
}

/// Whether bytes that are about to be written are such an answer. Ours have headers that protect; its have none.
fn is_bare(bytes: &[u8]) -> bool {
    if !bytes.starts_with(b"HTTP/1.1 4") {
        return false;
    }
    let holds = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    bytes.ends_with(b"\r\n\r\n") && holds(b"content-length: 0") && !holds(b"x-content-type-options")
}

fn dressed(bytes: &[u8], behind_tls: bool) -> Vec<u8> {
    let rest = bytes.len().saturating_sub(2);
    let (head, end) = bytes.split_at(rest);
    let mut whole = head.to_vec();
    let tls = behind_tls.then_some(TLS_FROM_NOW_ON);
    for (name, value) in PROTECTING.into_iter().chain(tls) {
        whole.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    whole.extend_from_slice(end);
    whole
}

impl<S: AsyncWrite + Unpin> Dressed<S> {
    /// Writes a bare answer with the headers that protect. It is one piece, and given again until it is out.
    fn poll_instead(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let instead = self.instead.take();
        let (whole, mut out) = instead.unwrap_or_else(|| (dressed(bytes, self.behind_tls), 0));
        while let Some(rest) = whole.get(out..).filter(|rest| !rest.is_empty()) {
            match Pin::new(&mut self.stream).poll_write(context, rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(0)),
                Poll::Ready(Ok(more)) => out += more,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.instead = Some((whole, out));
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Dressed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Dressed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.instead.is_some() || is_bare(bytes) {
            true => self.poll_instead(context, bytes),
            false => Pin::new(&mut self.stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match slices.iter().find(|slice| !slice.is_empty()) {
            Some(first) if self.instead.is_some() || is_bare(first) => {
                self.poll_instead(context, first)
            }
            _ => Pin::new(&mut self.stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const BARE: &[u8] =
        b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

    #[test]
    fn what_is_bare_gets_the_headers_and_ours_is_left_alone() {
        assert!(is_bare(BARE));
        let whole = String::from_utf8(dressed(BARE, true)).unwrap();
        assert!(whole.starts_with("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n"));
        assert!(
            whole.contains("x-content-type-options: nosniff\r\n"),
            "{whole}"
        );
        assert!(
            whole.contains("strict-transport-security: max-age"),
            "{whole}"
        );
        assert!(whole.ends_with("\r\n\r\n") && !is_bare(whole.as_bytes()));
        let ours: [&[u8]; 3] = [
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 404 Not Found\r\nx-content-type-options: nosniff\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n",
        ];
        assert!(ours.iter().all(|bytes| !is_bare(bytes)));
    }

    /// The reader takes a few bytes at a time, so that the answer goes out in pieces.
    #[tokio::test]
    async fn it_goes_out_whole_through_a_narrow_pipe() {
        let (near, mut far) = tokio::io::duplex(7);
        let writing = tokio::spawn(async move {
            let mut stream = Dressed::new(near, false);
            stream.write_all(BARE).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        });
        let mut came = Vec::new();
        far.read_to_end(&mut came).await.unwrap();
        writing.await.unwrap();
        let expected = [&dressed(BARE, false), &b"HTTP/1.1 200 OK\r\n\r\n"[..]].concat();
        assert_eq!(came, expected);
    }
}
