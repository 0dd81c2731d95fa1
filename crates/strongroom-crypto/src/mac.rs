//! HMAC-SHA-256: keyed hashes for credentials, blind indexes, spent signatures and webhooks.

use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key, Tag};
use zeroize::Zeroizing;

use crate::fatal::fatal;
use crate::hash::equal;

/// An HMAC-SHA-256 key of any length; no `Debug`, no `Clone`.
pub struct MacKey(Key, Zeroizing<Vec<u8>>);

impl MacKey {
    /// Takes the key bytes as they are (RFC 2104 hashes those longer than 64).
    pub fn new(key: &[u8]) -> Self {
        Self(Key::new(HMAC_SHA256, key), Zeroizing::new(key.to_vec()))
    }

    /// The key's bytes, for the process that checks what this one may not see; every caller is a place to review.
    pub fn expose(&self) -> &[u8] {
        &self.1
    }

    /// The tag over the parts laid end to end; for unambiguous fields use [`MacKey::tag_fields`].
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        output(&context.sign())
    }

    /// The first 16 bytes of [`MacKey::tag`].
    pub fn short(&self, parts: &[&[u8]]) -> [u8; 16] {
        first_half(&self.tag(parts))
    }

    /// Whether `tag` is the full 32-byte tag over `parts`, in constant time.
    pub fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        equal(&self.tag(parts), tag)
    }

    /// The tag over the fields, each behind its length as u32 BE: no two lists of fields collide.
    pub fn tag_fields(&self, fields: &[&[u8]]) -> [u8; 32] {
        let mut context = Context::with_key(&self.0);
        for field in fields {
            context.update(&length(field));
            context.update(field);
        }
        output(&context.sign())
    }

    /// The first 16 bytes of [`MacKey::tag_fields`].
    pub fn short_fields(&self, fields: &[&[u8]]) -> [u8; 16] {
        first_half(&self.tag_fields(fields))
    }
}

fn length(field: &[u8]) -> [u8; 4] {
    match u32::try_from(field.len()) {
        Ok(length) => length.to_be_bytes(),
        Err(_) => fatal("a field to authenticate is larger than 4 GiB"),
    }
}

fn output(tag: &Tag) -> [u8; 32] {
    match <[u8; 32]>::try_from(tag.as_ref()) {
        Ok(bytes) => bytes,
        Err(_) => fatal("an HMAC-SHA-256 tag was not 32 bytes"),
    }
}

fn first_half(tag: &[u8; 32]) -> [u8; 16] {
    let mut short = [0; 16];
    for (to, from) in short.iter_mut().zip(tag) {
        *to = *from;
    }
    short
}
