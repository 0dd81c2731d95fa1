//! Root custody: the two keys above everything, which never stand in the database or in a data backup.
//!
//! The installation root wraps the installation key; the shred root wraps the shred keys above every data subject's
//! key. Losing them loses the data; destroying an old shred root is what makes erasure reach backups.

use zeroize::Zeroizing;

use crate::hash::sha256;
use crate::random::fill_random;

/// Bytes of both keys with their versions.
pub(crate) const ENCODED: usize = 2 * (4 + 32);

/// The root keys, each with its version; no `Debug`, no `Clone`, wiped on drop.
///
/// While the roots are being replaced it holds the next ones too: what is wrapped under either opens, so a crash at any
/// moment of the replacement loses nothing.
pub struct RootKeys {
    root: VersionedKey,
    shred_root: VersionedKey,
    next: Option<Box<RootKeys>>,
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
            next: None,
        }
    }

    /// The same keys again, for another holder.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self {
            root: self.root.copy(),
            shred_root: self.shred_root.copy(),
            next: self.next.as_ref().map(|next| Box::new(next.copy())),
        }
    }

    /// The same keys with fresh next ones beside them; next ones that are there already stay.
    #[must_use]
    pub fn with_next(&self) -> Self {
        let mut both = self.copy();
        both.next.get_or_insert_with(|| {
            Box::new(Self {
                root: self.root.successor(),
                shred_root: self.shred_root.successor(),
                next: None,
            })
        });
        both
    }

    /// The next keys, if a replacement was begun and not ended.
    pub fn next(&self) -> Option<&Self> {
        self.next.as_deref()
    }

    /// The next keys alone, or these where none were begun.
    #[must_use]
    pub fn newest(&self) -> Self {
        self.next
            .as_ref()
            .map_or_else(|| self.copy(), |next| next.copy())
    }

    /// What only the owner of these keys can say, in eight bytes: shown at ceremonies, to compare.
    pub fn check_value(&self) -> [u8; 8] {
        let (version, shred) = (
            self.root.version.to_be_bytes(),
            self.shred_root.version.to_be_bytes(),
        );
        let parts: [&[u8]; 5] = [
            b"strongroom/root/check/1",
            &version,
            &self.root.key[..],
            &shred,
            &self.shred_root.key[..],
        ];
        sha256(&parts).first_chunk().copied().unwrap_or_default()
    }

    /// Version and bytes of the installation root key.
    pub fn root(&self) -> (u32, &[u8; 32]) {
        (self.root.version, &self.root.key)
    }

    /// Version and bytes of the shred root key.
    pub fn shred_root(&self) -> (u32, &[u8; 32]) {
        (self.shred_root.version, &self.shred_root.key)
    }

    /// `root version u32 BE ‖ root key ‖ shred version u32 BE ‖ shred key`, and the next ones behind them.
    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(2 * ENCODED));
        for held in std::iter::once(self).chain(self.next()) {
            for key in [&held.root, &held.shred_root] {
                out.extend_from_slice(&key.version.to_be_bytes());
                out.extend_from_slice(&key.key[..]);
            }
        }
        out
    }

    /// The keys of exactly once or twice [`ENCODED`] bytes, else none.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (root, rest) = VersionedKey::split_from(bytes)?;
        let (shred_root, rest) = VersionedKey::split_from(rest)?;
        let next = match rest.len() {
            0 => None,
            ENCODED => Some(Box::new(Self::decode(rest)?)),
            _ => return None,
        };
        Some(Self {
            root,
            shred_root,
            next,
        })
    }
}

impl VersionedKey {
    fn generate() -> Self {
        let mut key = Zeroizing::new([0; 32]);
        fill_random(&mut key[..]);
        Self { version: 1, key }
    }

    fn copy(&self) -> Self {
        Self {
            version: self.version,
            key: self.key.clone(),
        }
    }

    fn successor(&self) -> Self {
        Self {
            version: self.version.saturating_add(1),
            ..Self::generate()
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
