//! The root keys ready for use: those in use and, while they are being replaced, the others.

use std::sync::{Arc, PoisonError, RwLock};

use crate::aead::SealKey;
use crate::root::RootKeys;

/// One root key.
pub(crate) struct RootSeal {
    pub version: u32,
    pub key: SealKey,
}

/// Both roots in one version.
#[derive(Clone)]
pub(crate) struct Roots {
    pub root: Arc<RootSeal>,
    pub shred_root: Arc<RootSeal>,
}

struct Versions {
    current: Roots,
    other: Option<Roots>,
}

/// What custody gave, shared between threads.
pub(crate) struct HeldRoots(RwLock<Versions>);

impl Roots {
    pub fn new(keys: &RootKeys) -> Self {
        let seal = |(version, key): (u32, &[u8; 32])| {
            Arc::new(RootSeal {
                version,
                key: SealKey::new(*key),
            })
        };
        Self {
            root: seal(keys.root()),
            shred_root: seal(keys.shred_root()),
        }
    }
}

impl HeldRoots {
    pub fn new(keys: &RootKeys) -> Self {
        Self(RwLock::new(Versions {
            current: Roots::new(keys),
            other: keys.next().map(Roots::new),
        }))
    }

    /// The roots in use.
    pub fn current(&self) -> Roots {
        self.held(|_| false)
    }

    /// The other roots if their installation root has this version, else those in use.
    pub fn with_root(&self, version: u32) -> Roots {
        self.held(|other| other.root.version == version)
    }

    /// The same by the shred root.
    pub fn with_shred_root(&self, version: u32) -> Roots {
        self.held(|other| other.shred_root.version == version)
    }

    fn held(&self, wanted: impl Fn(&Roots) -> bool) -> Roots {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match &held.other {
            Some(other) if wanted(other) => other.clone(),
            _ => held.current.clone(),
        }
    }

    /// Puts the other roots in use if the installation key is wrapped under them. The ones before stay, for rows that
    /// may have been written under them.
    pub fn prefer(&self, version: Option<u32>) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = held.other.clone()
            && Some(other.root.version) == version
        {
            held.other = Some(std::mem::replace(&mut held.current, other));
        }
    }

    /// Puts other roots in use, from now on the only ones.
    pub fn install(&self, roots: Roots) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *held = Versions {
            current: roots,
            other: None,
        };
    }
}
