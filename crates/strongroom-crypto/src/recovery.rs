//! The recovery kit: both root keys as text to print and lock away, read back by hand.
//!
//! 80 bytes (`0x01 ‖ 72 bytes of keys and versions ‖ 7 bytes of SHA-256`) in Crockford's base 32: 8 lines of 4 groups
//! of 4 characters. Reading ignores case, spaces and hyphens and takes `O` for `0`, `I` and `L` for `1`.
//! Whoever holds this text holds the installation.

use std::fmt;

use zeroize::Zeroizing;

use crate::hash::{equal, sha256};
use crate::root::{ENCODED, RootKeys};

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
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

impl RootKeys {
    /// Both keys as 8 printable lines. Secret: print it, never log or store it beside the data.
    pub fn recovery_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES));
        bytes.push(FORMAT);
        bytes.extend_from_slice(&self.encode());
        let check = checksum(&bytes);
        bytes.extend_from_slice(&check);
        grouped(&bytes)
    }

    /// The keys of a recovery text.
    ///
    /// # Errors
    /// See [`RecoveryError`]; every single mistyped character is found.
    pub fn from_recovery_text(text: &str) -> Result<Self, RecoveryError> {
        let bytes = ungrouped(text)?;
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

/// Five bytes are eight characters: two groups of four.
fn grouped(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(2 * BYTES));
    for (index, five) in bytes.chunks_exact(5).enumerate() {
        if index > 0 {
            text.push(if index % 2 == 0 { '\n' } else { ' ' });
        }
        let bits = five
            .iter()
            .fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
        for (place, shift) in (0..8).rev().map(|fifth| fifth * 5).enumerate() {
            if place == 4 {
                text.push(' ');
            }
            text.push(character(bits >> shift));
        }
    }
    text.push('\n');
    text
}

fn character(bits: u64) -> char {
    let place = usize::try_from(bits & 31).unwrap_or_default();
    ALPHABET.get(place).map_or('0', |byte| char::from(*byte))
}

fn ungrouped(text: &str) -> Result<Zeroizing<Vec<u8>>, RecoveryError> {
    let mut values = Zeroizing::new(Vec::with_capacity(BYTES * 8 / 5));
    let symbols = text.chars().filter(|c| !c.is_whitespace() && *c != '-');
    for (index, symbol) in symbols.enumerate() {
        values.push(value(symbol).ok_or(RecoveryError::Character(index + 1))?);
    }
    if values.len() != BYTES * 8 / 5 {
        return Err(RecoveryError::Length(values.len()));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES));
    for eight in values.chunks_exact(8) {
        let bits = eight
            .iter()
            .fold(0_u64, |bits, value| (bits << 5) | u64::from(*value));
        bytes.extend(bits.to_be_bytes().iter().skip(3));
    }
    Ok(bytes)
}

fn value(symbol: char) -> Option<u8> {
    let symbol = match symbol.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let place = ALPHABET
        .iter()
        .position(|byte| char::from(*byte) == symbol)?;
    u8::try_from(place).ok()
}
