//! The recovery kit: both root keys as text to print and lock away, read back by hand.
//!
//! 80 bytes (`0x01 ‖ 72 bytes of keys and versions ‖ 7 bytes of SHA-256`) in Crockford's base 32: 8 lines of 4 groups
//! of 4 characters. Reading ignores case, spaces and hyphens and takes `O` for `0`, `I` and `L` for `1`.
//! Whoever holds this text holds the installation.

use std::fmt;

use zeroize::Zeroizing;

use crate::base32::{Misread, grouped, ungrouped};
use crate::hash::{equal, sha256};
use crate::root::{ENCODED, RootKeys};

const FORMAT: u8 = 1;
const BYTES: usize = 1 + ENCODED + CHECK;
const CHECK: usize = 7;

/// Why a recovery text was refused. Never quotes the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecoveryError {
    /// A character that is none of the alphabet, counted from 1 without spaces and hyphens.
    Character(usize),
    /// Not 128 characters; holds how many there are.
    Length(usize),
    /// All characters are possible, but at least one is mistyped.
    Checksum,
    /// A kit of a later format.
    UnsupportedFormat,
}

impl fmt::Display for RecoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Character(place) => write!(
                f,
                "character {place} of the recovery text cannot occur in one"
            ),
            Self::Length(found) => {
                write!(f, "the recovery text has {found} characters instead of 128")
            }
            Self::Checksum => f.write_str(
                "the recovery text has a mistyped character: its checksum does not match",
            ),
            Self::UnsupportedFormat => {
                f.write_str("the recovery text is of a format this version does not know")
            }
        }
    }
}

impl std::error::Error for RecoveryError {}

impl From<Misread> for RecoveryError {
    fn from(misread: Misread) -> Self {
        match misread {
            Misread::Character(place) => Self::Character(place),
            Misread::Length(found) => Self::Length(found),
        }
    }
}

impl RootKeys {
    /// Both keys as 8 printable lines. Secret: print it, never log or store it beside the data.
    pub fn recovery_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES));
        bytes.push(FORMAT);
        // Of the newest keys alone: what is being replaced opens nothing tomorrow.
        let newest = self.next().unwrap_or(self);
        bytes.extend_from_slice(&newest.encode());
        let check = checksum(&bytes);
        bytes.extend_from_slice(&check);
        grouped(&bytes, 4)
    }

    /// The keys of a recovery text.
    ///
    /// # Errors
    /// See [`RecoveryError`]; every single mistyped character is found.
    pub fn from_recovery_text(text: &str) -> Result<Self, RecoveryError> {
        let bytes = ungrouped(text, BYTES)?;
        let (body, check) = bytes
            .split_last_chunk::<CHECK>()
            .ok_or(RecoveryError::Checksum)?;
        if !equal(&checksum(body), check) {
            return Err(RecoveryError::Checksum);
        }
        match body.split_first() {
            Some((&FORMAT, keys)) => Self::decode(keys).ok_or(RecoveryError::Checksum),
            _ => Err(RecoveryError::UnsupportedFormat),
        }
    }
}

fn checksum(body: &[u8]) -> [u8; CHECK] {
    let hash = sha256(&[b"strongroom/recovery/1", body]);
    hash.first_chunk().copied().unwrap_or_default()
}
