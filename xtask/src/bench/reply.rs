//! One HTTP/1.1 reply, cut from the bytes of a kept-alive connection. Knows only replies with a
//! `Content-Length`, which is what both servers send.

/// A whole reply, borrowed from the connection's buffer.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply<'a> {
    /// The status code.
    pub status: u16,
    /// The body's bytes.
    pub body: &'a [u8],
    /// Bytes of head and body together.
    pub length: usize,
}

const HEAD_END: &[u8] = b"\r\n\r\n";

/// The reply at the start of `bytes`; `None` while it is not complete.
pub fn parse(bytes: &[u8]) -> Result<Option<Reply<'_>>, String> {
    let Some(end) = bytes
        .windows(HEAD_END.len())
        .position(|window| window == HEAD_END)
    else {
        return Ok(None);
    };
    let head = bytes.get(..end).unwrap_or_default();
    let head = std::str::from_utf8(head).map_err(|_| "a reply's head is no text".to_owned())?;
    let status = status(head).ok_or_else(|| format!("no reply of HTTP/1.1: {head}"))?;
    let length = content_length(head).ok_or_else(|| format!("no Content-Length: {head}"))?;
    let start = end + HEAD_END.len();
    let body = bytes.get(start..start + length);
    Ok(body.map(|body| Reply {
        status,
        body,
        length: start + length,
    }))
}

fn status(head: &str) -> Option<u16> {
    head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

/// What a head says about the length of its body.
pub fn content_length(head: &str) -> Option<usize> {
    let named = |line: &&str| {
        line.get(..15)
            .is_some_and(|name| name.eq_ignore_ascii_case("content-length:"))
    };
    head.split("\r\n")
        .find(named)?
        .get(15..)?
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::{Reply, parse};

    #[test]
    fn a_whole_reply_is_cut_and_the_next_is_left() {
        let bytes = b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1";
        assert_eq!(
            parse(bytes),
            Ok(Some(Reply {
                status: 201,
                body: b"{}",
                length: 45
            }))
        );
    }

    #[test]
    fn a_part_waits_for_the_rest() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell";
        assert_eq!(parse(bytes), Ok(None));
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\nContent-"), Ok(None));
    }

    #[test]
    fn what_cannot_be_counted_is_an_error() {
        assert!(parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
        assert!(parse(b"SSH-2.0\r\n\r\n").is_err());
    }
}
