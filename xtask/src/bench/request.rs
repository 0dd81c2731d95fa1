//! The requests of the benchmark, whole HTTP/1.1 messages: making and funding wallets, webhooks, and
//! the signed, idempotent payouts that are measured. The same bytes go to every server.

use std::io::Write;
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use strongroom_crypto::MacKey;

/// Builds requests for one server with one API key.
pub struct Requests {
    host: String,
    authorization: String,
    signing: MacKey,
    body: Vec<u8>,
}

impl Requests {
    /// For the server at `address`; the signature is keyed by the text of the signing secret.
    pub fn new(address: SocketAddr, secret_key: &str, signing_secret: &str) -> Self {
        Self {
            host: address.to_string(),
            authorization: format!("Bearer {secret_key}"),
            signing: MacKey::new(signing_secret.as_bytes()),
            body: Vec::new(),
        }
    }

    /// Writes a signed `POST` of `body` to `path` into `out`.
    pub fn post(
        &mut self,
        out: &mut Vec<u8>,
        path: &str,
        key: &str,
        body: std::fmt::Arguments<'_>,
    ) {
        self.send(out, "POST", path, key, body);
    }

    /// Writes a signed request of any method into `out`.
    pub fn send(
        &mut self,
        out: &mut Vec<u8>,
        method: &str,
        path: &str,
        key: &str,
        body: std::fmt::Arguments<'_>,
    ) {
        self.body.clear();
        // Writing into a vector does not fail.
        let _ = self.body.write_fmt(body);
        let timestamp = unix_seconds().to_string();
        let signed: [&[u8]; 7] = [
            method.as_bytes(),
            b"\n",
            path.as_bytes(),
            b"\n",
            timestamp.as_bytes(),
            b"\n",
            &self.body,
        ];
        let signature = hex(&self.signing.tag(&signed));
        let _ = write!(
            out,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\nContent-Type: application/json\r\n\
             Idempotency-Key: {key}\r\nX-Timestamp: {timestamp}\r\nX-Signature: {signature}\r\n\
             Content-Length: {}\r\n\r\n",
            self.host,
            self.authorization,
            self.body.len(),
        );
        out.extend_from_slice(&self.body);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a load generator signs the time that it sends at"
)]
pub(super) fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or_default();
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

#[cfg(test)]
mod tests {
    use strongroom_crypto::MacKey;

    use super::{Requests, hex};

    #[test]
    fn the_contract_s_vector_is_signed_alike() {
        let message = concat!(
            "POST\n/v1/payouts\n1705314600\n",
            r#"{"amount":10000,"currency":"PHP","recipient":{"type":"wallet","id":"wallet_123"}}"#
        );
        let tag = MacKey::new(b"sk_test_1234567890abcdef").tag(&[message.as_bytes()]);
        assert_eq!(
            hex(&tag),
            "622b0dcfd35f6cb1ec5fec04ab2b858e61fa7e7809c92db080c1f0103860a4ba"
        );
    }

    #[test]
    fn a_request_counts_its_body_and_signs_what_it_sends() {
        let mut requests = Requests::new("127.0.0.1:9".parse().unwrap(), "sk_test_a", "secret");
        let mut out = Vec::new();
        requests.post(&mut out, "/v1/x", "k1", format_args!("{{\"n\":{}}}", 12));
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.ends_with("Content-Length: 8\r\n\r\n{\"n\":12}"),
            "{text}"
        );
        let header = |name: &str| {
            let (_, rest) = text.split_once(&format!("{name}: ")).unwrap();
            rest.split_once("\r\n").unwrap().0
        };
        let message = format!("POST\n/v1/x\n{}\n{{\"n\":12}}", header("X-Timestamp"));
        let expected = hex(&MacKey::new(b"secret").tag(&[message.as_bytes()]));
        assert_eq!(header("X-Signature"), expected);
    }
}
