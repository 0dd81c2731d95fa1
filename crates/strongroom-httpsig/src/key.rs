//! The keys that signatures are made and checked with.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use strongroom_crypto::{
    MacKey, P256SigningKey, SigningKey, is_p256_point, verify_ed25519, verify_p256,
};

/// The algorithms that signatures here may have, by their names in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    HmacSha256,
    Ed25519,
    EcdsaP256Sha256,
}

impl Algorithm {
    pub const fn as_str(self) -> &'static str {
        match self {
            Algorithm::HmacSha256 => "hmac-sha256",
            Algorithm::Ed25519 => "ed25519",
            Algorithm::EcdsaP256Sha256 => "ecdsa-p256-sha256",
        }
    }
}

/// A public key that signatures are checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    Ed25519([u8; 32]),
    /// The uncompressed point.
    P256([u8; 65]),
}

/// What stands before the key in `SubjectPublicKeyInfo` (RFC 8410, RFC 5480): both have one form each.
const ED25519_SPKI: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
const P256_SPKI: &[u8] =
    b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";

/// The same for a private key of Ed25519 in PKCS #8 (RFC 8410).
const ED25519_PKCS8: &[u8] = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";

impl PublicKey {
    /// Reads `-----BEGIN PUBLIC KEY-----` in PEM; nothing where it is no key of Ed25519 or on P-256.
    pub fn from_pem(text: &str) -> Option<PublicKey> {
        let der = pem(text, "PUBLIC KEY")?;
        if let Some(key) = der.strip_prefix(ED25519_SPKI) {
            return Some(PublicKey::Ed25519(key.try_into().ok()?));
        }
        let point: [u8; 65] = der.strip_prefix(P256_SPKI)?.try_into().ok()?;
        is_p256_point(&point).then_some(PublicKey::P256(point))
    }

    /// The key of an algorithm, from its bytes.
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Option<PublicKey> {
        match algorithm {
            Algorithm::Ed25519 => Some(PublicKey::Ed25519(bytes.try_into().ok()?)),
            Algorithm::EcdsaP256Sha256 => Some(PublicKey::P256(bytes.try_into().ok()?)),
            Algorithm::HmacSha256 => None,
        }
    }

    pub fn bytes(&self) -> &[u8] {
        match self {
            PublicKey::Ed25519(key) => key,
            PublicKey::P256(point) => point,
        }
    }

    pub fn algorithm(&self) -> Algorithm {
        match self {
            PublicKey::Ed25519(_) => Algorithm::Ed25519,
            PublicKey::P256(_) => Algorithm::EcdsaP256Sha256,
        }
    }

    /// In PEM, as [`PublicKey::from_pem`] reads it.
    pub fn to_pem(&self) -> String {
        let head = match self {
            PublicKey::Ed25519(_) => ED25519_SPKI,
            PublicKey::P256(_) => P256_SPKI,
        };
        let text = STANDARD.encode([head, self.bytes()].concat());
        let lines: Vec<String> = text
            .as_bytes()
            .chunks(64)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect();
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            lines.join("\n")
        )
    }
}

/// What checks a signature.
#[derive(Clone, Copy)]
pub enum Verifier<'a> {
    Shared(&'a MacKey),
    Public(&'a PublicKey),
}

impl Verifier<'_> {
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Verifier::Shared(_) => Algorithm::HmacSha256,
            Verifier::Public(key) => key.algorithm(),
        }
    }

    /// Whether the signature is this key's over a base.
    pub fn accepts(&self, base: &str, signature: &[u8]) -> bool {
        match self {
            Verifier::Shared(key) => key.verify(&[base.as_bytes()], signature),
            Verifier::Public(PublicKey::Ed25519(key)) => signature
                .try_into()
                .is_ok_and(|signature| verify_ed25519(key, base.as_bytes(), &signature)),
            Verifier::Public(PublicKey::P256(point)) => signature
                .try_into()
                .is_ok_and(|signature| verify_p256(point, base.as_bytes(), &signature)),
        }
    }
}

/// What makes a signature.
pub enum Signer {
    Shared(Box<MacKey>),
    Ed25519(SigningKey),
    P256(P256SigningKey),
}

impl Signer {
    /// Keyed with the UTF-8 of a text, as signing secrets are.
    pub fn shared(secret: &str) -> Signer {
        Signer::Shared(Box::new(MacKey::new(secret.as_bytes())))
    }

    /// Reads `-----BEGIN PRIVATE KEY-----` in PEM; nothing where it is no key of Ed25519 or on P-256.
    pub fn from_pem(text: &str) -> Option<Signer> {
        let der = pem(text, "PRIVATE KEY")?;
        match der.strip_prefix(ED25519_PKCS8) {
            Some(seed) => Some(Signer::Ed25519(SigningKey::from_seed(
                seed.try_into().ok()?,
            ))),
            None => P256SigningKey::from_pkcs8(&der).map(Signer::P256),
        }
    }

    pub fn algorithm(&self) -> Algorithm {
        match self {
            Signer::Shared(_) => Algorithm::HmacSha256,
            Signer::Ed25519(_) => Algorithm::Ed25519,
            Signer::P256(_) => Algorithm::EcdsaP256Sha256,
        }
    }

    pub(crate) fn sign(&self, base: &str) -> Vec<u8> {
        match self {
            Signer::Shared(key) => key.tag(&[base.as_bytes()]).to_vec(),
            Signer::Ed25519(key) => key.sign(base.as_bytes()).to_vec(),
            Signer::P256(key) => key.sign(base.as_bytes()).to_vec(),
        }
    }
}

fn pem(text: &str, label: &str) -> Option<Vec<u8>> {
    let (begin, end) = (
        format!("-----BEGIN {label}-----"),
        format!("-----END {label}-----"),
    );
    let inner = text.trim().strip_prefix(&begin)?.strip_suffix(&end)?;
    let letters: String = inner.split_ascii_whitespace().collect();
    STANDARD.decode(letters).ok()
}
