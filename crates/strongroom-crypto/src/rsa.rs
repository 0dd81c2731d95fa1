//! RSASSA-PSS with SHA-256 (RFC 8017), verified only: other people's tokens are signed with it. No private key of this kind is
//! ever held here.

use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents};

/// Bytes of the shortest and the longest modulus that is taken: 2048 and 4096 bits.
const SHORTEST: usize = 256;
const LONGEST: usize = 512;

/// Whether modulus and exponent, big-endian, are of a size that is worth anything. SECURITY: an exponent of 1 makes every message
/// its own signature, an even one is none, and a long one costs the verifier whatever its owner likes.
pub fn is_rsa_key(modulus: &[u8], exponent: &[u8]) -> bool {
    let is_wide = modulus.first().is_some_and(|first| *first >= 0x80);
    let is_odd = |bytes: &[u8]| bytes.last().is_some_and(|last| last & 1 == 1);
    let is_large = exponent.len() > 1 || exponent.first().is_some_and(|first| *first >= 3);
    (SHORTEST..=LONGEST).contains(&modulus.len())
        && is_wide
        && is_odd(modulus)
        && (1..=4).contains(&exponent.len())
        && exponent.first() != Some(&0)
        && is_large
        && is_odd(exponent)
}

/// Whether `signature`, with a salt of 32 bytes, is of the key over `message`. A key that is none verifies nothing.
pub fn verify_ps256(modulus: &[u8], exponent: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let key = RsaPublicKeyComponents {
        n: modulus,
        e: exponent,
    };
    is_rsa_key(modulus, exponent)
        && key
            .verify(&RSA_PSS_2048_8192_SHA256, message, signature)
            .is_ok()
}
