//! ECDSA on P-256 with SHA-256, its signatures as `r ‖ s` (RFC 9421, 3.3.4).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    ParsedPublicKey, UnparsedPublicKey,
};

use crate::fatal::fatal;

/// A key pair; no `Debug`, no `Clone`.
pub struct P256SigningKey(EcdsaKeyPair);

impl P256SigningKey {
    /// Reads a private key in PKCS #8.
    pub fn from_pkcs8(der: &[u8]) -> Option<P256SigningKey> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der);
        pair.ok().map(P256SigningKey)
    }

    /// A signature over `message`; another one each time.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let signature = self.0.sign(&SystemRandom::new(), message);
        match signature.map(|signature| <[u8; 64]>::try_from(signature.as_ref())) {
            Ok(Ok(signature)) => signature,
            _ => fatal("ECDSA on P-256 made no signature of 64 bytes"),
        }
    }

    /// The public key, as an uncompressed point.
    pub fn public(&self) -> [u8; 65] {
        match <[u8; 65]>::try_from(self.0.public_key().as_ref()) {
            Ok(point) => point,
            Err(_) => fatal("a point of P-256 was not 65 bytes"),
        }
    }
}

/// Whether 65 bytes are an uncompressed point of the curve.
pub fn is_p256_point(point: &[u8; 65]) -> bool {
    point.first() == Some(&4) && ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).is_ok()
}

/// Whether `signature` is of `public` over `message`. SECURITY: whoever sees one signature can make a second one of it, so
/// what must be used once only is known by what was signed, never by the signature.
pub fn verify_p256(public: &[u8; 65], message: &[u8], signature: &[u8; 64]) -> bool {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public)
        .verify(message, signature)
        .is_ok()
}
