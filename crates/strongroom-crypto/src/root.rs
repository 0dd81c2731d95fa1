//! Root custody: the two keys above everything, which never stand in the database or in a data backup.
//!
//! The installation root wraps the installation key; the shred root wraps the shred keys above every data subject's
//! key. Losing them loses the data; destroying an old shred root is what makes erasure reach backups.

use zeroize::Zeroizing;

use crate::random::fill_random;

/// Bytes of both keys with their versions.
pub(crate) const ENCODED: usize = 2 * (4 + 32);

/// The root keys, each with its version; no `Debug`, no `Clone`, wiped on drop.
pub struct RootKeys {
    root: VersionedKey,
    shred_root: VersionedKey,
}

struct VersionedKey {
    version: u32,
    key: Zeroizing<[u8; 32]>,
}

impl RootKeys {
    /// Fresh random keys at version 1.
    pub fn generate() -> Self {
        Self {
            root: VersionedKey::generate(),
            shred_root: VersionedKey::generate(),
        }
    }

    /// The same keys once more, for a server that takes its books up again.
    pub fn duplicate(&self) -> Self {
        Self {
            root: self.root.duplicate(),
            shred_root: self.shred_root.duplicate(),
        }
    }

    /// Version and bytes of the installation root key.
    pub fn root(&self) -> (u32, &[u8; 32]) {
        (self.root.version, &self.root.key)
    }

    /// Version and bytes of the shred root key.
    pub fn shred_root(&self) -> (u32, &[u8; 32]) {
        (self.shred_root.version, &self.shred_root.key)
    }

    /// `root version u32 BE ‖ root key ‖ shred version u32 BE ‖ shred key`.
    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(ENCODED));
        for held in [&self.root, &self.shred_root] {
            out.extend_from_slice(&held.version.to_be_bytes());
            out.extend_from_slice(&held.key[..]);
        }
        out
    }

    /// The keys of exactly [`ENCODED`] bytes, else none.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (root, rest) = VersionedKey::split_from(bytes)?;
        let (shred_root, rest) = VersionedKey::split_from(rest)?;
        rest.is_empty().then_some(Self { root, shred_root })
    }
}

impl VersionedKey {
    fn generate() -> Self {
        let mut key = Zeroizing::new([0; 32]);
        fill_random(&mut key[..]);
        Self { version: 1, key }
    }

    fn duplicate(&self) -> Self {
        Self {
            version: self.version,
            key: Zeroizing::new(*self.key),
        }
    }

    fn split_from(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (version, rest) = bytes.split_first_chunk::<4>()?;
        let (key, rest) = rest.split_first_chunk::<32>()?;
        Some((
            Self {
                version: u32::from_be_bytes(*version),
                key: Zeroizing::new(*key),
            },
            rest,
        ))
    }
}
