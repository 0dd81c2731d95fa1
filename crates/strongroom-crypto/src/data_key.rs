//! One unwrapped key in memory, ready for the use its purpose names.
//!
//! Cipher and hash forms are made when first asked for: a subject's key that is only opened once should cost no more.

use std::sync::OnceLock;

use zeroize::Zeroizing;

use crate::aead::SealKey;
use crate::derive::hkdf_sha256;
use crate::mac::MacKey;

/// An unwrapped key; no `Debug`, no `Clone`, wiped on drop.
pub struct DataKey {
    /// Its number in the key table.
    pub number: u32,
    bytes: Zeroizing<[u8; 32]>,
    seal_key: OnceLock<SealKey>,
    mac: OnceLock<MacKey>,
}

impl DataKey {
    pub(crate) fn from_bytes(number: u32, bytes: Zeroizing<[u8; 32]>) -> Self {
        Self {
            number,
            bytes,
            seal_key: OnceLock::new(),
            mac: OnceLock::new(),
        }
    }

    /// The key as a cipher key.
    pub fn seal_key(&self) -> &SealKey {
        self.seal_key.get_or_init(|| SealKey::new(*self.bytes))
    }

    /// How many messages were sealed with it, as far as it is counted.
    pub fn uses(&self) -> u64 {
        self.seal_key.get().map_or(0, SealKey::uses)
    }

    pub(crate) fn bytes(&self) -> &Zeroizing<[u8; 32]> {
        &self.bytes
    }

    /// The key for keyed hashes; derived, so that it is independent of the cipher key.
    pub fn mac(&self) -> &MacKey {
        self.mac
            .get_or_init(|| MacKey::new(&hkdf_sha256(&self.bytes[..], &[], b"strongroom/mac/1")))
    }

    /// The key as a seed, for [`Purpose::Checkpoint`] and for keys that are derived from it.
    pub fn seed(&self) -> &[u8; 32] {
        &self.bytes
    }
}
