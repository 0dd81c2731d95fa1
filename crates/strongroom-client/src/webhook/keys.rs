//! The keys of an endpoint, and what each can say about a delivery. Comparisons take constant time.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use strongroom_crypto::{MacKey, verify_ed25519};

use super::BadKey;

const SECRET_PREFIX: &str = "whsec_";
const PUBLIC_PREFIX: &str = "whpk_";

/// What `webhook-signature` covers: id, time and body, with a point between.
pub(super) struct Signed<'a> {
    parts: [&'a [u8]; 5],
}

/// A secret in its two forms.
pub(super) struct HmacSecret {
    /// Keyed with the whole text: for the headers that sign the body alone.
    text: MacKey,
    /// Keyed with the bytes behind `whsec_` where that is base64, else with the whole text.
    standard: MacKey,
}

/// An Ed25519 public key.
pub(super) struct PublicKey([u8; 32]);

impl<'a> Signed<'a> {
    pub fn new(id: &'a str, timestamp: &'a str, body: &'a [u8]) -> Signed<'a> {
        Signed {
            parts: [id.as_bytes(), b".", timestamp.as_bytes(), b".", body],
        }
    }
}

impl HmacSecret {
    pub fn new(secret: &str) -> Result<HmacSecret, BadKey> {
        // SECURITY: a public key is no secret; a forger knows it.
        if secret.is_empty() || secret.starts_with(PUBLIC_PREFIX) {
            return Err(BadKey);
        }
        let decoded = secret
            .strip_prefix(SECRET_PREFIX)
            .and_then(|encoded| STANDARD.decode(encoded).ok())
            .filter(|bytes| !bytes.is_empty());
        Ok(HmacSecret {
            text: MacKey::new(secret.as_bytes()),
            standard: MacKey::new(decoded.as_deref().unwrap_or(secret.as_bytes())),
        })
    }

    /// Whether one of the signatures, in base64, is this secret's.
    pub fn fits(&self, signed: &Signed<'_>, signatures: &[&str]) -> bool {
        let tag = |text: &&str| STANDARD.decode(text).ok();
        signatures
            .iter()
            .filter_map(tag)
            .any(|tag| self.standard.verify(&signed.parts, &tag))
    }

    /// Whether `hex` is this secret's signature of the body alone.
    pub fn fits_body(&self, body: &[u8], hex: &str) -> bool {
        from_hex(hex).is_some_and(|tag| self.text.verify(&[body], &tag))
    }
}

impl PublicKey {
    pub fn parse(text: &str) -> Result<PublicKey, BadKey> {
        text.strip_prefix(PUBLIC_PREFIX)
            .and_then(|encoded| STANDARD.decode(encoded).ok())
            .and_then(|bytes| bytes.try_into().ok())
            .map(PublicKey)
            .ok_or(BadKey)
    }

    /// Whether one of the signatures, in base64, is this key's.
    pub fn fits(&self, signed: &Signed<'_>, signatures: &[&str]) -> bool {
        let message = signed.parts.concat();
        let signature = |text: &&str| STANDARD.decode(text).ok()?.try_into().ok();
        signatures
            .iter()
            .filter_map(signature)
            .any(|signature| verify_ed25519(&self.0, &message, &signature))
    }
}

/// 64 lower-case hexadecimal digits.
fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = value(*high)? << 4 | value(*low)?;
    }
    Some(bytes)
}
