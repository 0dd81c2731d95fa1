//! Request signatures of the documents: `X-Signature` and `X-Timestamp` (CONTRACT 4).
//!
//! The message is `METHOD \n URL \n TIMESTAMP \n BODY` over the bytes received, never parsed and serialised again.
//! The documents' own snippet signs the letters `undefined` for a missing body, and either the request target or the
//! full URL, so several messages are acceptable; the Host header never takes part.

use strongroom_crypto::{MacKey, equal};
use strongroom_types::time::Timestamp;

/// How far a timestamp may be from the server's clock, in seconds.
pub const WINDOW: i64 = 300;

/// A request as received, for its signature.
#[derive(Clone, Copy)]
pub struct SignedRequest<'a> {
    pub method: &'a str,
    /// Path and query exactly as received.
    pub target: &'a str,
    /// The configured public origins, such as `https://pay.example`.
    pub origins: &'a [String],
    pub body: &'a [u8],
    pub signature: Option<&'a [u8]>,
    pub timestamp: Option<&'a [u8]>,
}

/// Why a signature was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureFault {
    MissingTimestamp,
    MissingSignature,
    /// Not decimal digits.
    BadTimestamp,
    /// Not 64 lower-case hexadecimal digits.
    BadSignature,
    /// Outside the window.
    Expired,
    Mismatch,
}

impl SignedRequest<'_> {
    /// Whether the request carries any part of a signature.
    pub fn is_signed(&self) -> bool {
        self.signature.is_some() || self.timestamp.is_some()
    }

    /// Checks the signature and returns its 32 bytes, which the commit spends.
    ///
    /// # Errors
    /// The first [`SignatureFault`] in the enum's order.
    pub fn verify(&self, key: &MacKey, now: Timestamp) -> Result<[u8; 32], SignatureFault> {
        let presented = self.presented(now)?;
        let matches = |prefix: &String| {
            let tag = key.tag(&[prefix.as_bytes(), self.body]);
            equal(&tag, &presented)
        };
        match self.prefixes().iter().any(matches) {
            true => Ok(presented),
            false => Err(SignatureFault::Mismatch),
        }
    }

    /// The signature as it was sent, with everything checked but whether it matches.
    ///
    /// # Errors
    /// The first [`SignatureFault`] in the enum's order but the last.
    pub fn presented(&self, now: Timestamp) -> Result<[u8; 32], SignatureFault> {
        let signature = self.signature.ok_or(SignatureFault::MissingSignature);
        let timestamp = self.timestamp.ok_or(SignatureFault::MissingTimestamp)?;
        let signature = signature?;
        let seconds = parse_seconds(timestamp).ok_or(SignatureFault::BadTimestamp)?;
        let presented = parse_hex(signature).ok_or(SignatureFault::BadSignature)?;
        if seconds.abs_diff(now.seconds()) > WINDOW.unsigned_abs() {
            return Err(SignatureFault::Expired);
        }
        Ok(presented)
    }

    /// What may stand before the body in the signed message; for an absent body that is also the documents' word.
    pub fn prefixes(&self) -> Vec<String> {
        let timestamp = String::from_utf8_lossy(self.timestamp.unwrap_or_default());
        let words: &[&str] = match self.body.is_empty() {
            true => &["undefined", ""],
            false => &[""],
        };
        let urls = std::iter::once("").chain(self.origins.iter().map(String::as_str));
        let both = urls.flat_map(|origin| words.iter().map(move |word| (origin, word)));
        both.map(|(origin, word)| {
            format!(
                "{}\n{origin}{}\n{timestamp}\n{word}",
                self.method, self.target
            )
        })
        .collect()
    }

    /// The string the server would have signed, for the error of a test-mode key.
    pub fn message(&self) -> String {
        let timestamp = String::from_utf8_lossy(self.timestamp.unwrap_or_default()).into_owned();
        let body = if self.body.is_empty() {
            "undefined".into()
        } else {
            String::from_utf8_lossy(self.body)
        };
        format!("{}\n{}\n{timestamp}\n{body}", self.method, self.target)
    }
}

fn parse_seconds(text: &[u8]) -> Option<i64> {
    if !(1..=12).contains(&text.len()) || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn parse_hex(text: &[u8]) -> Option<[u8; 32]> {
    let mut bytes = [0u8; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

fn digit(letter: u8) -> Option<u8> {
    match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAYOUT: &str =
        r#"{"amount":10000,"currency":"PHP","recipient":{"type":"wallet","id":"wallet_123"}}"#;
    const NOW: Timestamp = Timestamp(1_705_314_600_000);

    fn request<'a>(
        method: &'a str,
        target: &'a str,
        body: &'a str,
        signature: &'a str,
    ) -> SignedRequest<'a> {
        SignedRequest {
            method,
            target,
            origins: &[],
            body: body.as_bytes(),
            signature: Some(signature.as_bytes()),
            timestamp: Some(b"1705314600"),
        }
    }

    /// The executed vectors of CONTRACT 4.
    #[test]
    fn the_documents_vectors() {
        let key = MacKey::new(b"sk_test_1234567890abcdef");
        let origins = ["https://api.nextapi.com".to_owned()];
        let vectors = [
            (
                "GET",
                "/v1/account",
                "",
                "57f48ff53dacdd4feab2097904a131ad5705f89eaa21685ef9bc0a5e70fd04d3",
            ),
            (
                "GET",
                "/v1/account",
                "",
                "35c0b88f0d40c187cb96730e2a042dc096c8dc0fbf1062d7e8c2055e8e552be1",
            ),
            (
                "GET",
                "/v1/account",
                "",
                "0b2b441ede3a37840e6bb333d89c595b292e3479f233f87443dc0b2d25a5d568",
            ),
            (
                "POST",
                "/v1/payouts",
                PAYOUT,
                "622b0dcfd35f6cb1ec5fec04ab2b858e61fa7e7809c92db080c1f0103860a4ba",
            ),
            (
                "POST",
                "/v1/payouts?dry_run=true",
                r#"{"note":"Peña"}"#,
                "34371b4bf78924f7202a6beec903b4ed4d204309d5f34f165c73d878bd597c6f",
            ),
        ];
        for (method, target, body, signature) in vectors {
            let mut request = request(method, target, body, signature);
            request.origins = &origins;
            assert!(
                request.verify(&key, NOW).is_ok(),
                "{method} {target} {signature}"
            );
        }
    }

    #[test]
    fn faults_are_told_apart() {
        let key = MacKey::new(b"sk_test_1234567890abcdef");
        let good = "622b0dcfd35f6cb1ec5fec04ab2b858e61fa7e7809c92db080c1f0103860a4ba";
        let fault = |request: SignedRequest<'_>, now| request.verify(&key, now).err();
        let base = request("POST", "/v1/payouts", PAYOUT, good);
        assert_eq!(fault(base, NOW), None);
        assert_eq!(fault(base, NOW.plus(300_000)), None);
        assert_eq!(
            fault(base, NOW.plus(301_000)),
            Some(SignatureFault::Expired)
        );
        assert_eq!(
            fault(
                SignedRequest {
                    timestamp: None,
                    ..base
                },
                NOW
            ),
            Some(SignatureFault::MissingTimestamp)
        );
        assert_eq!(
            fault(
                SignedRequest {
                    signature: None,
                    ..base
                },
                NOW
            ),
            Some(SignatureFault::MissingSignature)
        );
        for text in [
            "-1705314600",
            "1705314600.0",
            "",
            "99999999999999",
            "0x65a50d28",
        ] {
            let odd = SignedRequest {
                timestamp: Some(text.as_bytes()),
                ..base
            };
            assert_eq!(
                fault(odd, NOW),
                Some(SignatureFault::BadTimestamp),
                "{text}"
            );
        }
    }

    #[test]
    fn nothing_but_the_signed_request_passes() {
        let key = MacKey::new(b"sk_test_1234567890abcdef");
        let good = "622b0dcfd35f6cb1ec5fec04ab2b858e61fa7e7809c92db080c1f0103860a4ba";
        let fault = |request: SignedRequest<'_>, now| request.verify(&key, now).err();
        let base = request("POST", "/v1/payouts", PAYOUT, good);
        let upper = good.to_uppercase();
        let odd = SignedRequest {
            signature: Some(upper.as_bytes()),
            ..base
        };
        assert_eq!(fault(odd, NOW), Some(SignatureFault::BadSignature));
        for changed in [
            SignedRequest {
                method: "PUT",
                ..base
            },
            SignedRequest {
                target: "/v1/payouts/",
                ..base
            },
            SignedRequest {
                body: b"{}",
                ..base
            },
            SignedRequest {
                timestamp: Some(b"1705314601"),
                ..base
            },
        ] {
            assert_eq!(fault(changed, NOW), Some(SignatureFault::Mismatch));
        }
        assert_eq!(
            base.verify(&MacKey::new(b"other"), NOW),
            Err(SignatureFault::Mismatch)
        );
    }
}
