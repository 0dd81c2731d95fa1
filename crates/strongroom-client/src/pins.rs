//! Pin sets: the signed list of keys that a server may be known by.
//!
//! The document is what `strongroom pins sign` makes and a server publishes at `/.well-known/strongroom-pins`: a JSON Web
//! Signature (RFC 7515, flattened) with Ed25519. The signer's public key comes with the program, never from the server.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use strongroom_crypto::{equal, verify_ed25519};

const TYPE: &str = "strongroom-pins+json";
const MOST_BYTES: usize = 64 * 1024;
const MOST_PINS: usize = 16;
/// How far the signer's clock may be ahead, in seconds.
const TOLERANCE: i64 = 300;

/// A verified pin set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinSet {
    /// Keep the highest one that was seen, and give it as the least next time.
    pub sequence: u64,
    /// Seconds since 1970.
    pub issued_at: i64,
    pub expires_at: i64,
    pub hosts: Vec<String>,
    /// SHA-256 over each key's SubjectPublicKeyInfo.
    pins: Vec<[u8; 32]>,
}

/// Why a document is no pin set to go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinRefused {
    Malformed,
    BadSignature,
    /// It is of the future.
    NotYet,
    Expired,
    /// A newer one was seen before.
    RolledBack,
    OtherHost,
}

impl fmt::Display for PinRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PinRefused::Malformed => "this is no pin set",
            PinRefused::BadSignature => "the pin set is not signed by that key",
            PinRefused::NotYet => "the pin set is of the future",
            PinRefused::Expired => "the pin set has expired",
            PinRefused::RolledBack => "a newer pin set was seen before",
            PinRefused::OtherHost => "the pin set is for other hosts",
        })
    }
}

impl std::error::Error for PinRefused {}

/// What a pin set is held against.
#[derive(Clone, Copy, Debug)]
pub struct PinCheck<'a> {
    /// What `strongroom pins key` showed.
    pub public_key: &'a str,
    pub host: &'a str,
    /// The highest sequence that was seen.
    pub least_sequence: u64,
    /// Seconds since 1970.
    pub now: i64,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    protected: &'a str,
    payload: &'a str,
    signature: &'a str,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: String,
}

#[derive(Deserialize)]
struct Payload {
    sequence: u64,
    issued_at: i64,
    expires_at: i64,
    #[serde(default)]
    hosts: Vec<String>,
    pins: Vec<Pin>,
}

#[derive(Deserialize)]
struct Pin {
    spki_sha256: String,
}

impl PinSet {
    /// Verifies a document.
    ///
    /// # Errors
    /// The first [`PinRefused`] that applies.
    pub fn verify(document: &[u8], check: &PinCheck<'_>) -> Result<PinSet, PinRefused> {
        if document.len() > MOST_BYTES {
            return Err(PinRefused::Malformed);
        }
        let public = STANDARD.decode(check.public_key.trim());
        let public = public.ok().and_then(|key| <[u8; 32]>::try_from(key).ok());
        let public = public.ok_or(PinRefused::BadSignature)?;
        let Envelope {
            protected,
            payload,
            signature,
        } = read(document)?;
        let signature = <[u8; 64]>::try_from(decoded(signature)?);
        let signature = signature.map_err(|_| PinRefused::Malformed)?;
        // SECURITY: the signature comes first; nothing of a document that is not the signer's is understood.
        if !verify_ed25519(
            &public,
            format!("{protected}.{payload}").as_bytes(),
            &signature,
        ) {
            return Err(PinRefused::BadSignature);
        }
        let header: Header = serde_json::from_slice(&decoded(protected)?).map_err(malformed)?;
        if header.alg != "EdDSA" || header.typ != TYPE {
            return Err(PinRefused::Malformed);
        }
        let payload = serde_json::from_slice(&decoded(payload)?).map_err(malformed)?;
        let set = PinSet::of(payload)?;
        set.check(check)?;
        Ok(set)
    }

    fn of(payload: Payload) -> Result<PinSet, PinRefused> {
        let pins = payload.pins.iter().map(|pin| {
            let bytes = STANDARD
                .decode(&pin.spki_sha256)
                .map_err(|_| PinRefused::Malformed)?;
            <[u8; 32]>::try_from(bytes).map_err(|_| PinRefused::Malformed)
        });
        let pins: Vec<[u8; 32]> = pins.collect::<Result<_, _>>()?;
        let different: BTreeSet<&[u8; 32]> = pins.iter().collect();
        if !(2..=MOST_PINS).contains(&different.len()) || payload.issued_at >= payload.expires_at {
            return Err(PinRefused::Malformed);
        }
        Ok(PinSet {
            sequence: payload.sequence,
            issued_at: payload.issued_at,
            expires_at: payload.expires_at,
            hosts: payload.hosts,
            pins,
        })
    }

    fn check(&self, check: &PinCheck<'_>) -> Result<(), PinRefused> {
        if self.issued_at > check.now.saturating_add(TOLERANCE) {
            return Err(PinRefused::NotYet);
        }
        if check.now >= self.expires_at {
            return Err(PinRefused::Expired);
        }
        if self.sequence < check.least_sequence {
            return Err(PinRefused::RolledBack);
        }
        let is_named = self.hosts.iter().any(|host| host == check.host);
        match self.hosts.is_empty() || is_named {
            true => Ok(()),
            false => Err(PinRefused::OtherHost),
        }
    }

    /// Whether a key is one of the pinned, by SHA-256 over its SubjectPublicKeyInfo.
    pub fn covers(&self, pin: &[u8; 32]) -> bool {
        self.pins.iter().any(|known| equal(known, pin))
    }
}

fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, PinRefused> {
    serde_json::from_slice(bytes).map_err(malformed)
}

fn malformed(_: serde_json::Error) -> PinRefused {
    PinRefused::Malformed
}

fn decoded(text: &str) -> Result<Vec<u8>, PinRefused> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| PinRefused::Malformed)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use strongroom_crypto::SigningKey;

    use super::*;

    const SEED: [u8; 32] = [5; 32];

    fn signed(seed: &[u8; 32], header: &Value, payload: &Value) -> Vec<u8> {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let (protected, payload) = (part(header), part(payload));
        let signature =
            SigningKey::from_seed(seed).sign(format!("{protected}.{payload}").as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(signature);
        json!({ "protected": protected, "payload": payload, "signature": signature })
            .to_string()
            .into_bytes()
    }

    fn payload() -> Value {
        let pin =
            |byte: u8| json!({ "use": "current", "spki_sha256": STANDARD.encode([byte; 32]) });
        json!({ "sequence": 3, "issued_at": 1_000, "expires_at": 2_000, "hosts": ["pay.example"], "pins": [pin(1), pin(2)] })
    }

    fn header() -> Value {
        json!({ "alg": "EdDSA", "typ": TYPE, "kid": "x" })
    }

    fn public() -> String {
        STANDARD.encode(SigningKey::from_seed(&SEED).public())
    }

    fn check(public_key: &str) -> PinCheck<'_> {
        PinCheck {
            public_key,
            host: "pay.example",
            least_sequence: 3,
            now: 1_500,
        }
    }

    #[test]
    fn a_signed_set_is_read() {
        let key = public();
        let set = PinSet::verify(&signed(&SEED, &header(), &payload()), &check(&key)).unwrap();
        assert_eq!(set.sequence, 3);
        assert!(set.covers(&[1; 32]) && set.covers(&[2; 32]) && !set.covers(&[3; 32]));
    }

    #[test]
    fn everything_else_is_refused() {
        let key = public();
        let good = check(&key);
        let refused =
            |document: &[u8], check: &PinCheck<'_>| PinSet::verify(document, check).unwrap_err();
        let document = signed(&SEED, &header(), &payload());
        for (check, why) in [
            (PinCheck { now: 2_000, ..good }, PinRefused::Expired),
            (PinCheck { now: 699, ..good }, PinRefused::NotYet),
            (
                PinCheck {
                    least_sequence: 4,
                    ..good
                },
                PinRefused::RolledBack,
            ),
            (
                PinCheck {
                    host: "other.example",
                    ..good
                },
                PinRefused::OtherHost,
            ),
            (
                PinCheck {
                    public_key: "AAAA",
                    ..good
                },
                PinRefused::BadSignature,
            ),
        ] {
            assert_eq!(refused(&document, &check), why);
        }
        let other = signed(&[6; 32], &header(), &payload());
        assert_eq!(refused(&other, &good), PinRefused::BadSignature);
        let mut few = payload();
        few["pins"].as_array_mut().unwrap().truncate(1);
        let mut twice = payload();
        twice["pins"][1] = twice["pins"][0].clone();
        let mut text = payload();
        text["sequence"] = json!("3");
        for (header, payload) in [
            (json!({ "alg": "none", "typ": TYPE }), payload()),
            (json!({ "alg": "EdDSA", "typ": "JWT" }), payload()),
            (header(), few),
            (header(), twice),
            (header(), text),
        ] {
            let document = signed(&SEED, &header, &payload);
            assert_eq!(refused(&document, &good), PinRefused::Malformed);
        }
        assert_eq!(refused(b"[]", &good), PinRefused::Malformed);
    }
}
