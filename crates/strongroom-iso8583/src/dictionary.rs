//! The fields of ISO 8583:1987: what each may hold, how long it is, and whether it is secret.
//!
//! Fields for private use (46 to 48, 55 to 63, 105 to 127) may hold any bytes: acquirers put binary data there, and an answer
//! must not be lost for what stands in a field that nobody here reads.

/// The number of the last field.
pub const LAST_FIELD: u8 = 128;

/// What a field may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// `n`: digits.
    Digits,
    /// `x+n`: `C` or `D`, then digits.
    Signed,
    /// `an` and `ans`: printable characters.
    Text,
    /// `z`: digits and `=`.
    Track,
    /// `b`: bits; the length counts bytes.
    Bits,
    /// Whatever the acquirer defines.
    Private,
}

/// How long a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    Fixed(usize),
    /// Up to so many, told by two digits before it.
    Ll(usize),
    /// Up to so many, told by three.
    Lll(usize),
}

impl Length {
    /// The most it can be.
    pub const fn most(self) -> usize {
        match self {
            Length::Fixed(most) | Length::Ll(most) | Length::Lll(most) => most,
        }
    }
}

/// A field of the dictionary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    pub content: Content,
    pub length: Length,
    /// Whether it may hold what nobody but the acquirer may see: number, expiry, tracks, PIN, code.
    pub is_secret: bool,
}

/// The field of a number, if there is one. The first is the second bitmap, and no field.
pub const fn definition(number: u8) -> Option<Definition> {
    let found = match number {
        2..=64 => primary(number),
        66..=LAST_FIELD => secondary(number),
        _ => return None,
    };
    let (content, length) = found;
    Some(Definition {
        content,
        length,
        is_secret: matches!(
            number,
            2 | 14 | 20 | 34 | 35 | 36 | 45 | 46 | 47 | 48 | 52 | 55 | 96 | 102 | 103
        ),
    })
}

const fn primary(number: u8) -> (Content, Length) {
    use Content::{Bits, Digits, Private, Signed, Text, Track};
    use Length::{Fixed, Ll, Lll};
    match number {
        2 => (Digits, Ll(19)),
        3 | 11 | 12 => (Digits, Fixed(6)),
        4..=6 => (Digits, Fixed(12)),
        7 => (Digits, Fixed(10)),
        8..=10 => (Digits, Fixed(8)),
        13..=18 => (Digits, Fixed(4)),
        19..=24 | 49..=51 => (Digits, Fixed(3)),
        25 | 26 => (Digits, Fixed(2)),
        27 => (Digits, Fixed(1)),
        28..=31 => (Signed, Fixed(9)),
        32 | 33 => (Digits, Ll(11)),
        34 => (Text, Ll(28)),
        35 => (Track, Ll(37)),
        36 => (Track, Lll(104)),
        37 => (Text, Fixed(12)),
        38 => (Text, Fixed(6)),
        39 => (Text, Fixed(2)),
        40 => (Text, Fixed(3)),
        41 => (Text, Fixed(8)),
        42 => (Text, Fixed(15)),
        43 => (Text, Fixed(40)),
        44 => (Text, Ll(25)),
        45 => (Text, Ll(76)),
        52 | 64 => (Bits, Fixed(8)),
        53 => (Digits, Fixed(16)),
        54 => (Text, Lll(120)),
        _ => (Private, Lll(999)),
    }
}

const fn secondary(number: u8) -> (Content, Length) {
    use Content::{Bits, Digits, Private, Signed, Text};
    use Length::{Fixed, Ll, Lll};
    match number {
        66 => (Digits, Fixed(1)),
        67 => (Digits, Fixed(2)),
        68..=70 => (Digits, Fixed(3)),
        71 | 72 => (Digits, Fixed(4)),
        73 => (Digits, Fixed(6)),
        74..=81 => (Digits, Fixed(10)),
        82..=85 => (Digits, Fixed(12)),
        86..=89 => (Digits, Fixed(16)),
        90 => (Digits, Fixed(42)),
        91 => (Text, Fixed(1)),
        92 => (Text, Fixed(2)),
        93 => (Text, Fixed(5)),
        94 => (Text, Fixed(7)),
        95 => (Text, Fixed(42)),
        96 | 128 => (Bits, Fixed(8)),
        97 => (Signed, Fixed(17)),
        98 => (Text, Fixed(25)),
        99 | 100 => (Digits, Ll(11)),
        101 => (Text, Ll(17)),
        102 | 103 => (Text, Ll(28)),
        104 => (Text, Lll(100)),
        _ => (Private, Lll(999)),
    }
}
