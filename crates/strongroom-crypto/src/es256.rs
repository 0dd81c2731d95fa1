//! ECDSA on P-256 with SHA-256, verified only: passkeys and other people's tokens are signed with it.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};

/// Whether a DER-encoded signature is that of an uncompressed point (`0x04 ‖ x ‖ y`) over `message`. A point that is not
/// on the curve verifies nothing.
pub fn verify_es256(public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, public)
        .verify(message, signature)
        .is_ok()
}
