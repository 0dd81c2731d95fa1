//! HKDF-SHA-256 (RFC 5869): one secret, many independent keys.

use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};

use crate::fatal::fatal;

/// 32 bytes derived from `secret`; different `info` gives independent keys. `secret` must be high-entropy, no password.
pub fn hkdf_sha256(secret: &[u8], salt: &[u8], info: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    let filled = Salt::new(HKDF_SHA256, salt)
        .extract(secret)
        .expand(&[info], HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut out));
    if filled.is_err() {
        fatal("HKDF-SHA-256 failed");
    }
    out
}
