//! SHA-256, SHA-512 for digests of others, and constant-time comparison.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Context, Digest, SHA256, SHA512, digest};

use crate::fatal::fatal;

/// SHA-256 of the parts laid end to end. Lengths are not hashed: the caller keeps the layout unambiguous.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    if let [whole] = parts {
        return output(&digest(&SHA256, whole));
    }
    let mut stream = Sha256Stream::new();
    for part in parts {
        stream.update(part);
    }
    stream.finish()
}

/// SHA-512 of the parts laid end to end.
pub fn sha512(parts: &[&[u8]]) -> [u8; 64] {
    let mut context = Context::new(&SHA512);
    for part in parts {
        context.update(part);
    }
    match <[u8; 64]>::try_from(context.finish().as_ref()) {
        Ok(bytes) => bytes,
        Err(_) => fatal("a SHA-512 output was not 64 bytes"),
    }
}

/// Whether two byte strings are equal, in time that depends on their lengths only.
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    verify_slices_are_equal(a, b).is_ok()
}

/// SHA-256 over input that arrives in pieces.
pub struct Sha256Stream(Context);

impl Sha256Stream {
    /// A stream that has hashed nothing.
    pub fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    /// Hashes `bytes` after everything before it.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of everything given.
    pub fn finish(self) -> [u8; 32] {
        output(&self.0.finish())
    }
}

impl Default for Sha256Stream {
    fn default() -> Self {
        Self::new()
    }
}

fn output(digest: &Digest) -> [u8; 32] {
    match <[u8; 32]>::try_from(digest.as_ref()) {
        Ok(bytes) => bytes,
        Err(_) => fatal("a SHA-256 output was not 32 bytes"),
    }
}
