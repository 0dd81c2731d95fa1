//! Ed25519 (RFC 8032) signatures for checkpoints.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::fatal::fatal;

/// An Ed25519 key pair; no `Debug`, no `Clone`, wiped on drop.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// The key pair of a 32-byte seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        match Ed25519KeyPair::from_seed_unchecked(seed) {
            Ok(pair) => Self(pair),
            Err(_) => fatal("Ed25519 refused a 32-byte seed"),
        }
    }

    /// The signature over `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        match <[u8; 64]>::try_from(self.0.sign(message).as_ref()) {
            Ok(signature) => signature,
            Err(_) => fatal("an Ed25519 signature was not 64 bytes"),
        }
    }

    /// The public key.
    pub fn public(&self) -> [u8; 32] {
        match <[u8; 32]>::try_from(self.0.public_key().as_ref()) {
            Ok(public) => public,
            Err(_) => fatal("an Ed25519 public key was not 32 bytes"),
        }
    }
}

/// What an installation signs to show a vault that it is the one whose cards the vault keeps. Two lines of text come before
/// the challenge, so that it is no checkpoint and no ceremony.
pub fn installation_bond(challenge: &[u8; 32]) -> Vec<u8> {
    [b"strongroom/vault/bond/1\n\n".as_slice(), challenge].concat()
}

/// Whether `signature` is `public`'s over `message`. A malformed public key verifies nothing.
pub fn verify_ed25519(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    UnparsedPublicKey::new(&ED25519, public)
        .verify(message, signature)
        .is_ok()
}
