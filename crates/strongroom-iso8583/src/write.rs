//! From a message to bytes.

use zeroize::Zeroizing;

use crate::dictionary::{Content, Length, definition};
use crate::fault::Fault;
use crate::framing::LONGEST;
use crate::message::Message;
use crate::profile::{Bitmap, Digits, Profile};

const HEX: &[u8; 16] = b"0123456789ABCDEF";

pub(crate) fn message(message: &Message, profile: Profile) -> Result<Zeroizing<Vec<u8>>, Fault> {
    // SECURITY: it never grows, so that no copy of a number is left behind.
    let mut out = Zeroizing::new(Vec::with_capacity(LONGEST + 8));
    number(&mut out, &message.mti().digits(), profile.numbers);
    bitmaps(&mut out, message, profile.bitmap);
    for field in message.numbers() {
        let (Some(definition), Some(value)) = (definition(field), message.expose(field)) else {
            continue;
        };
        let lengths = profile.lengths;
        match definition.length {
            Length::Fixed(_) => {}
            Length::Ll(_) => length(&mut out, value.len(), 2, lengths),
            Length::Lll(_) => length(&mut out, value.len(), 3, lengths),
        }
        // Its header, the value in the longest way, and room to spare.
        if out.len().saturating_add(value.len()) > LONGEST {
            return Err(Fault::TooLong);
        }
        match (definition.content, value) {
            (Content::Digits | Content::Track, digits) => number(&mut out, digits, profile.numbers),
            (Content::Signed, [sign, digits @ ..]) => {
                out.push(*sign);
                number(&mut out, digits, profile.numbers);
            }
            (_, bytes) => out.extend_from_slice(bytes),
        }
    }
    match out.len() > LONGEST {
        true => Err(Fault::TooLong),
        false => Ok(out),
    }
}

fn bitmaps(out: &mut Vec<u8>, message: &Message, way: Bitmap) {
    let mut bits = 0u128;
    for field in message.numbers() {
        bits |= bit(field);
    }
    let second = u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(0);
    if second != 0 {
        bits |= bit(1);
    }
    let all = bits.to_be_bytes();
    let (first, rest) = all.split_at(8);
    let rest = if second == 0 { &[][..] } else { rest };
    for byte in first.iter().chain(rest) {
        match way {
            Bitmap::Binary => out.push(*byte),
            Bitmap::Hex => out.extend([byte >> 4, byte & 0x0F].map(hex)),
        }
    }
}

/// Field 1 is the highest bit.
fn bit(field: u8) -> u128 {
    1u128.checked_shl(128 - u32::from(field)).unwrap_or(0)
}

fn hex(half: u8) -> u8 {
    HEX.get(usize::from(half)).copied().unwrap_or(b'0')
}

fn length(out: &mut Vec<u8>, length: usize, digits: usize, way: Digits) {
    let text = format!("{length:0digits$}");
    number(out, text.as_bytes(), way);
}

/// Digits, and the separator of a track.
fn number(out: &mut Vec<u8>, digits: &[u8], way: Digits) {
    if way == Digits::Ascii {
        return out.extend_from_slice(digits);
    }
    let half = |digit: &u8| match digit {
        b'=' => 0xD,
        digit => digit & 0x0F,
    };
    let (first, rest) = digits.split_at(digits.len() % 2);
    out.extend(first.iter().map(half));
    for pair in rest.chunks_exact(2) {
        if let [high, low] = pair {
            out.push(half(high) << 4 | half(low));
        }
    }
}
