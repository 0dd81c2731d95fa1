//! From bytes to a message. SECURITY: what an acquirer sends is bytes of others: every length is held against what is there.

use zeroize::Zeroizing;

use crate::dictionary::{Content, LAST_FIELD, Length, definition};
use crate::fault::{Fault, What};
use crate::framing::LONGEST;
use crate::message::Message;
use crate::mti::Mti;
use crate::profile::{Bitmap, Digits, Profile};

pub(crate) fn message(bytes: &[u8], profile: Profile) -> Result<Message, Fault> {
    if bytes.len() > LONGEST {
        return Err(Fault::TooLong);
    }
    let mut rest = bytes;
    let mti = number(&mut rest, 4, profile.numbers, false).map_err(|_| Fault::Mti)?;
    let mut message = Message::new(Mti::parse(&mti)?);
    let bits = bitmaps(&mut rest, profile.bitmap)?;
    for field in 2..=LAST_FIELD {
        let is_there = bits & 1u128.checked_shl(128 - u32::from(field)).unwrap_or(0) != 0;
        if is_there {
            read_field(&mut rest, &mut message, field, profile)?;
        }
    }
    match rest.len() {
        0 => Ok(message),
        more => Err(Fault::Trailing(more)),
    }
}

fn read_field(
    rest: &mut &[u8],
    message: &mut Message,
    field: u8,
    profile: Profile,
) -> Result<(), Fault> {
    let fault = |what| Fault::field(field, what);
    let definition = definition(field).ok_or_else(|| fault(What::Unknown))?;
    let length = match definition.length {
        Length::Fixed(length) => length,
        Length::Ll(_) => counted(rest, 2, profile.lengths).map_err(fault)?,
        Length::Lll(_) => counted(rest, 3, profile.lengths).map_err(fault)?,
    };
    if length > definition.length.most() {
        return Err(fault(What::Long));
    }
    let numbers = profile.numbers;
    let value = match definition.content {
        Content::Digits => number(rest, length, numbers, false).map_err(fault)?,
        Content::Track => number(rest, length, numbers, true).map_err(fault)?,
        Content::Signed => {
            let mut value = Zeroizing::new(Vec::with_capacity(length));
            value.extend_from_slice(take(rest, 1).map_err(fault)?);
            let digits = number(rest, length.saturating_sub(1), numbers, false).map_err(fault)?;
            value.extend_from_slice(&digits);
            value
        }
        Content::Text | Content::Bits | Content::Private => {
            Zeroizing::new(take(rest, length).map_err(fault)?.to_vec())
        }
    };
    message.put(field, definition, value)
}

fn take<'b>(rest: &mut &'b [u8], length: usize) -> Result<&'b [u8], What> {
    let (taken, left) = rest.split_at_checked(length).ok_or(What::Short)?;
    *rest = left;
    Ok(taken)
}

/// The length before a field.
fn counted(rest: &mut &[u8], digits: usize, way: Digits) -> Result<usize, What> {
    let digits = number(rest, digits, way, false)?;
    let mut length = 0usize;
    for digit in digits.iter() {
        length = length * 10 + usize::from(digit.wrapping_sub(b'0'));
    }
    Ok(length)
}

/// So many digits, as text; of a track the separator too.
fn number(
    rest: &mut &[u8],
    length: usize,
    way: Digits,
    is_track: bool,
) -> Result<Zeroizing<Vec<u8>>, What> {
    let mut digits = Zeroizing::new(Vec::with_capacity(length + 1));
    match way {
        Digits::Ascii => digits.extend_from_slice(take(rest, length)?),
        Digits::Bcd => {
            let packed = take(rest, length.div_ceil(2))?;
            let mut halves = packed.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]);
            if length % 2 == 1 && halves.next() != Some(0) {
                return Err(What::Padding);
            }
            for half in halves {
                digits.push(match half {
                    0..=9 => b'0' + half,
                    0xD if is_track => b'=',
                    _ => return Err(What::Characters),
                });
            }
        }
    }
    let is_good = |byte: &u8| byte.is_ascii_digit() || (is_track && *byte == b'=');
    match digits.iter().all(is_good) {
        true => Ok(digits),
        false => Err(What::Characters),
    }
}

fn bitmaps(rest: &mut &[u8], way: Bitmap) -> Result<u128, Fault> {
    let first = bitmap(rest, way)?;
    let second = match first & (1 << 63) != 0 {
        true => bitmap(rest, way)?,
        false => 0,
    };
    Ok(u128::from(first) << 64 | u128::from(second))
}

fn bitmap(rest: &mut &[u8], way: Bitmap) -> Result<u64, Fault> {
    let cut = |_| Fault::Bitmap;
    match way {
        Bitmap::Binary => {
            let bytes = take(rest, 8).map_err(cut)?;
            let bytes = bytes.try_into().map_err(|_| Fault::Bitmap)?;
            Ok(u64::from_be_bytes(bytes))
        }
        Bitmap::Hex => {
            let text = take(rest, 16).map_err(cut)?;
            if !text.iter().all(u8::is_ascii_hexdigit) {
                return Err(Fault::Bitmap);
            }
            let text = std::str::from_utf8(text).map_err(|_| Fault::Bitmap)?;
            u64::from_str_radix(text, 16).map_err(|_| Fault::Bitmap)
        }
    }
}
