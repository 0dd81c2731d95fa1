//! Crockford's base 32 for what people read aloud and type: groups of four characters, no letter that looks like a digit.
//!
//! Reading ignores case, spaces and hyphens and takes `O` for `0`, `I` and `L` for `1`. Whole multiples of five bytes
//! only, so that every character carries five bits and none is padding.

use zeroize::Zeroizing;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Why a text is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Misread {
    /// A character that is none of the alphabet, counted from 1 without spaces and hyphens.
    Character(usize),
    /// Another number of characters; holds how many there are.
    Length(usize),
}

/// Groups of four characters, `groups` of them on a line.
pub(crate) fn grouped(bytes: &[u8], groups: usize) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(2 * bytes.len() + 8));
    let mut written = 0;
    for five in bytes.chunks_exact(5) {
        let bits = five
            .iter()
            .fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
        for shift in (0..8).rev().map(|fifth| fifth * 5) {
            if written > 0 && written % 4 == 0 {
                text.push(if written % (4 * groups) == 0 {
                    '\n'
                } else {
                    ' '
                });
            }
            text.push(character(bits >> shift));
            written += 1;
        }
    }
    text.push('\n');
    text
}

fn character(bits: u64) -> char {
    let place = usize::try_from(bits & 31).unwrap_or_default();
    ALPHABET.get(place).map_or('0', |byte| char::from(*byte))
}

/// The `length` bytes of a text; `length` is a multiple of five.
pub(crate) fn ungrouped(text: &str, length: usize) -> Result<Zeroizing<Vec<u8>>, Misread> {
    let expected = length / 5 * 8;
    let mut values = Zeroizing::new(Vec::with_capacity(expected));
    let symbols = text.chars().filter(|c| !c.is_whitespace() && *c != '-');
    for (index, symbol) in symbols.enumerate() {
        values.push(value(symbol).ok_or(Misread::Character(index + 1))?);
    }
    if values.len() != expected {
        return Err(Misread::Length(values.len()));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(length));
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
