//! Shamir's secret sharing over GF(2^8): a 32-byte key in `total` shares, of which any `threshold` give it back and
//! fewer say nothing about it.
//!
//! Own code, for the crates that do this are unmaintained or bring an elliptic curve along, and it is a page.
//! Arithmetic is branch-free and reads no table by a secret index. The field is that of AES (x⁸+x⁴+x³+x+1); share
//! numbers are 1 to 255, so no share lies at 0, where the secret is.

use std::fmt;

use zeroize::Zeroizing;

use crate::base32::{Misread, grouped, ungrouped};
use crate::hash::{equal, sha256};
use crate::random::fill_random;

const FORMAT: u8 = 1;
const CHECK: usize = 6;
/// `0x01 ‖ set₈ ‖ threshold ‖ total ‖ number ‖ value₃₂ ‖ check₆`.
const BYTES: usize = 1 + 8 + 3 + 32 + CHECK;
/// Groups of four characters on a line.
const GROUPS: usize = 5;

/// One holder's share; no `Debug`, wiped on drop.
#[derive(Clone)]
pub struct Share {
    /// Which set it belongs to; drawn anew each time a key is shared.
    pub set: [u8; 8],
    /// How many are needed.
    pub threshold: u8,
    /// How many were made.
    pub total: u8,
    /// From 1 to `total`.
    pub number: u8,
    value: Zeroizing<[u8; 32]>,
}

/// Why shares give no key. Never quotes one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShareError {
    /// A character that occurs in no share, counted from 1 without spaces and hyphens.
    Character(usize),
    /// Not 80 characters; holds how many there are.
    Length(usize),
    /// All characters are possible, but at least one is mistyped.
    Checksum,
    /// A share of a later format, or with impossible numbers.
    UnsupportedFormat,
    /// A threshold below 2 or above the number of shares.
    Counts {
        /// Asked for.
        threshold: u8,
        /// Asked for.
        total: u8,
    },
    /// This share is of another set: an earlier ceremony, or another installation.
    OtherSet {
        /// The share's number.
        number: u8,
    },
    /// This share was given twice.
    Duplicate {
        /// The share's number.
        number: u8,
    },
    /// This share is well-formed but not the one that was made.
    Wrong {
        /// The share's number.
        number: u8,
    },
    /// Fewer than needed.
    TooFew {
        /// Given.
        given: usize,
        /// Needed.
        needed: u8,
    },
}

impl fmt::Display for ShareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Character(place) => {
                write!(f, "character {place} of the share cannot occur in one")
            }
            Self::Length(found) => write!(f, "the share has {found} characters instead of 80"),
            Self::Checksum => {
                f.write_str("the share has a mistyped character: its checksum does not match")
            }
            Self::UnsupportedFormat => {
                f.write_str("the share is of a format this version does not know")
            }
            Self::Counts { threshold, total } => write!(
                f,
                "{threshold} of {total} shares cannot be: at least 2 must be needed, and no more than there are"
            ),
            Self::OtherSet { number } => write!(
                f,
                "share {number} belongs to another set: an earlier ceremony, or another installation"
            ),
            Self::Duplicate { number } => write!(f, "share {number} was given twice"),
            Self::Wrong { number } => {
                write!(f, "share {number} is not the one that was handed out")
            }
            Self::TooFew { given, needed } => {
                write!(f, "{given} shares were given, and {needed} are needed")
            }
        }
    }
}

impl std::error::Error for ShareError {}

impl From<Misread> for ShareError {
    fn from(misread: Misread) -> Self {
        match misread {
            Misread::Character(place) => Self::Character(place),
            Misread::Length(found) => Self::Length(found),
        }
    }
}

impl Share {
    /// The share as four lines of text. Secret: for its holder alone.
    pub fn text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES));
        bytes.push(FORMAT);
        bytes.extend_from_slice(&self.set);
        bytes.extend_from_slice(&[self.threshold, self.total, self.number]);
        bytes.extend_from_slice(&self.value[..]);
        let check = checksum(&bytes);
        bytes.extend_from_slice(&check);
        grouped(&bytes, GROUPS)
    }

    /// Reads a share; lines that begin with `#` are notes.
    ///
    /// # Errors
    /// See [`ShareError`]; every single mistyped character is found.
    pub fn parse(text: &str) -> Result<Self, ShareError> {
        let lines = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'));
        let mut plain = Zeroizing::new(String::with_capacity(text.len()));
        lines.for_each(|line| plain.push_str(line));
        let bytes = ungrouped(&plain, BYTES)?;
        let (body, check) = bytes
            .split_last_chunk::<CHECK>()
            .ok_or(ShareError::Checksum)?;
        if !equal(&checksum(body), check) {
            return Err(ShareError::Checksum);
        }
        let (head, value) = body.split_last_chunk::<32>().ok_or(ShareError::Checksum)?;
        let [FORMAT, set @ .., threshold, total, number] = head else {
            return Err(ShareError::UnsupportedFormat);
        };
        let set = <[u8; 8]>::try_from(set).map_err(|_| ShareError::UnsupportedFormat)?;
        if check_counts(*threshold, *total).is_err() || *number == 0 || number > total {
            return Err(ShareError::UnsupportedFormat);
        }
        Ok(Self {
            set,
            threshold: *threshold,
            total: *total,
            number: *number,
            value: Zeroizing::new(*value),
        })
    }

    /// What a keyring keeps of a share to know it again. The value is uniformly random, so its hash tells nothing.
    pub fn mark(&self) -> [u8; 16] {
        let hash = sha256(&[
            b"strongroom/share/mark/1",
            &self.set,
            &[self.threshold, self.total, self.number],
            &self.value[..],
        ]);
        hash.first_chunk().copied().unwrap_or_default()
    }
}

fn checksum(body: &[u8]) -> [u8; CHECK] {
    let hash = sha256(&[b"strongroom/share/1", body]);
    hash.first_chunk().copied().unwrap_or_default()
}

/// # Errors
/// [`ShareError::Counts`] unless 2 ≤ threshold ≤ total.
pub fn check_counts(threshold: u8, total: u8) -> Result<(), ShareError> {
    match threshold >= 2 && threshold <= total {
        true => Ok(()),
        false => Err(ShareError::Counts { threshold, total }),
    }
}

/// Shares `secret`: any `threshold` of the `total` shares give it back.
///
/// # Errors
/// [`ShareError::Counts`].
pub fn split(secret: &[u8; 32], threshold: u8, total: u8) -> Result<Vec<Share>, ShareError> {
    check_counts(threshold, total)?;
    let mut set = [0; 8];
    fill_random(&mut set);
    // Row 0 is the secret, the others the random coefficients of one polynomial per byte.
    let mut rows: Vec<Zeroizing<[u8; 32]>> = vec![Zeroizing::new(*secret)];
    for _ in 1..threshold {
        let mut row = Zeroizing::new([0; 32]);
        fill_random(&mut row[..]);
        rows.push(row);
    }
    let shares = (1..=total).map(|number| Share {
        set,
        threshold,
        total,
        number,
        value: at(&rows, number),
    });
    Ok(shares.collect())
}

/// The polynomials' values at `x`, by Horner's rule.
fn at(rows: &[Zeroizing<[u8; 32]>], x: u8) -> Zeroizing<[u8; 32]> {
    let mut value = Zeroizing::new([0; 32]);
    for row in rows.iter().rev() {
        for (to, coefficient) in value.iter_mut().zip(row.iter()) {
            *to = multiply(*to, x) ^ coefficient;
        }
    }
    value
}

/// The secret of `shares`, which belong together: one set, no number twice, as many as needed or more.
///
/// # Errors
/// [`ShareError::OtherSet`], [`ShareError::Duplicate`] or [`ShareError::TooFew`]. Whether each is genuine is the
/// caller's to check, by [`Share::mark`].
pub fn combine(shares: &[Share]) -> Result<Zeroizing<[u8; 32]>, ShareError> {
    let Some(first) = shares.first() else {
        return Err(ShareError::TooFew {
            given: 0,
            needed: 2,
        });
    };
    let mut seen = [false; 256];
    for share in shares {
        let number = share.number;
        if (share.set, share.threshold, share.total) != (first.set, first.threshold, first.total) {
            return Err(ShareError::OtherSet { number });
        }
        match seen.get_mut(usize::from(number)) {
            Some(seen) if !*seen => *seen = true,
            _ => return Err(ShareError::Duplicate { number }),
        }
    }
    let needed = usize::from(first.threshold);
    let Some(used) = shares.get(..needed) else {
        return Err(ShareError::TooFew {
            given: shares.len(),
            needed: first.threshold,
        });
    };
    let mut secret = Zeroizing::new([0; 32]);
    for share in used {
        let weight = at_zero(used, share.number);
        for (to, byte) in secret.iter_mut().zip(share.value.iter()) {
            *to ^= multiply(weight, *byte);
        }
    }
    Ok(secret)
}

/// Lagrange's weight of share `number` at 0: the product of x ÷ (x − number) over the others. Numbers are not secret.
fn at_zero(shares: &[Share], number: u8) -> u8 {
    let others = shares
        .iter()
        .map(|share| share.number)
        .filter(|x| *x != number);
    others.fold(1, |weight, x| {
        multiply(weight, multiply(x, inverse(x ^ number)))
    })
}

/// Multiplication in GF(2^8), the same steps for all operands.
fn multiply(a: u8, b: u8) -> u8 {
    let (mut a, mut product) = (a, 0);
    for bit in 0..8 {
        product ^= a & 0_u8.wrapping_sub((b >> bit) & 1);
        a = (a << 1) ^ (0x1b & 0_u8.wrapping_sub(a >> 7));
    }
    product
}

/// a²⁵⁴, which is 1 ÷ a.
fn inverse(a: u8) -> u8 {
    let (mut power, mut product) = (a, 1);
    for _ in 0..7 {
        power = multiply(power, power);
        product = multiply(product, power);
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_that_of_aes() {
        // FIPS 197, section 4.2: {57} · {83} = {c1}, {57} · {13} = {fe}.
        assert_eq!((multiply(0x57, 0x83), multiply(0x57, 0x13)), (0xc1, 0xfe));
        for a in 1..=255 {
            assert_eq!(multiply(a, inverse(a)), 1);
            for b in 0..=255 {
                assert_eq!(multiply(a, b), multiply(b, a));
            }
        }
    }

    #[test]
    fn a_polynomial_worked_by_hand() {
        // f(x) = 0x42 + 0x0b·x: f(1) = 0x49, f(2) = 0x42 ^ 0x16 = 0x54, f(3) = 0x42 ^ 0x1d = 0x5f.
        let rows = [Zeroizing::new([0x42; 32]), Zeroizing::new([0x0b; 32])];
        let values: Vec<u8> = (1..=3).map(|x| at(&rows, x)[0]).collect();
        assert_eq!(values, [0x49, 0x54, 0x5f]);
    }
}
