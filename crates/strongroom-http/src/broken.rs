//! The answers that are not ours: hyper itself answers a head that is no request, or too large a one, with an empty 4xx and no
//! headers to speak of. On their way out they get what stands on everything.

use hyper::HeaderMap;

use crate::respond::always;

/// Whether bytes that are about to be written are such an answer. Ours say which request they are for; its say nothing.
pub(crate) fn is_bare(bytes: &[u8]) -> bool {
    if !bytes.starts_with(b"HTTP/1.1 4") {
        return false;
    }
    let holds = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    bytes.ends_with(b"\r\n\r\n") && holds(b"content-length: 0") && !holds(b"x-request-id")
}

/// The same with the headers that protect.
pub(crate) fn protected(bytes: &[u8], behind_tls: bool) -> Vec<u8> {
    let mut headers = HeaderMap::new();
    always(&mut headers, behind_tls);
    let rest = bytes.len().saturating_sub(2);
    let (head, end) = bytes.split_at(rest);
    let mut whole = head.to_vec();
    for (name, value) in &headers {
        whole.extend_from_slice(name.as_str().as_bytes());
        whole.extend_from_slice(b": ");
        whole.extend_from_slice(value.as_bytes());
        whole.extend_from_slice(b"\r\n");
    }
    whole.extend_from_slice(end);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_bare_gets_more() {
        let bare = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        assert!(is_bare(bare));
        let whole = String::from_utf8(protected(bare, true)).unwrap();
        assert!(whole.starts_with("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n"));
        assert!(
            whole.contains("\r\nx-content-type-options: nosniff\r\n")
                && whole.ends_with("\r\n\r\n")
        );
        assert!(whole.contains("strict-transport-security"));
        assert!(!is_bare(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
        assert!(!is_bare(
            b"HTTP/1.1 404 Not Found\r\nx-request-id: req_1\r\ncontent-length: 0\r\n\r\n"
        ));
        assert!(!is_bare(
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n"
        ));
    }
}
