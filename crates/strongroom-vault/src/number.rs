//! A card number: thirteen to nineteen digits of a known network, with the right check digit (ISO/IEC 7812).

use strongroom_types::card::{Brand, Expiry, LONGEST, SHORTEST, brand_of};
use zeroize::Zeroizing;

use crate::codes::SecurityCode;

/// A card number. No `Debug`, no `Display`, no `Clone`, no `Serialize`; wiped when dropped.
pub struct CardNumber {
    digits: Zeroizing<[u8; LONGEST]>,
    length: usize,
    brand: Brand,
}

/// A card as an authorization needs it; wiped when dropped.
pub struct CardInHand {
    pub number: CardNumber,
    pub expiry: Expiry,
    /// There is one in the first minutes after the token was made, and for one authorization.
    pub code: Option<SecurityCode>,
}

/// Why text is no card number. Says nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberFault {
    /// Something else than digits, with spaces or dashes between them.
    Characters,
    Length,
    /// No network has numbers of this beginning and length.
    Network,
    CheckDigit,
}

impl NumberFault {
    /// For the client.
    pub const fn as_str(self) -> &'static str {
        match self {
            NumberFault::Characters => {
                "must hold digits only, with single spaces or dashes between groups"
            }
            NumberFault::Length => "must have 13 to 19 digits",
            NumberFault::Network => {
                "does not begin as the numbers of a known network do, or has another length"
            }
            NumberFault::CheckDigit => "has a wrong check digit: was it mistyped?",
        }
    }
}

impl CardNumber {
    /// Reads a number as people write it.
    ///
    /// # Errors
    /// The first [`NumberFault`] in their order.
    pub fn parse(text: &str) -> Result<CardNumber, NumberFault> {
        let mut digits = Zeroizing::new([0; LONGEST]);
        let mut length = 0;
        let mut between = false;
        for byte in text.bytes() {
            match byte {
                b'0'..=b'9' => {
                    *digits.get_mut(length).ok_or(NumberFault::Length)? = byte;
                    length += 1;
                    between = true;
                }
                b' ' | b'-' if between => between = false,
                _ => return Err(NumberFault::Characters),
            }
        }
        if length < SHORTEST {
            return Err(NumberFault::Length);
        }
        if !between {
            return Err(NumberFault::Characters);
        }
        let written = digits.get(..length).unwrap_or(&[]);
        let brand = brand_of(beginning(written), length).ok_or(NumberFault::Network)?;
        if !passes_luhn(written) {
            return Err(NumberFault::CheckDigit);
        }
        Ok(CardNumber {
            digits,
            length,
            brand,
        })
    }

    pub fn brand(&self) -> Brand {
        self.brand
    }

    /// The digits themselves; every caller is a place to review.
    pub fn expose(&self) -> &str {
        let written = self.digits.get(..self.length).unwrap_or(&[]);
        // Only digits are ever put there.
        std::str::from_utf8(written).unwrap_or("")
    }

    /// The issuer's first six digits, which may be shown.
    pub fn bin(&self) -> &str {
        self.expose().get(..6).unwrap_or("")
    }

    /// The last four digits, which may be shown.
    pub fn last4(&self) -> &str {
        self.expose().get(self.length - 4..).unwrap_or("")
    }
}

/// The first six digits as a number; digits are ASCII.
pub(crate) fn beginning(digits: &[u8]) -> u32 {
    let first = digits.iter().take(6);
    first.fold(0, |number, digit| {
        number * 10 + u32::from(digit.wrapping_sub(b'0'))
    })
}

/// The check of ISO/IEC 7812-1, annex B; digits are ASCII.
pub(crate) fn passes_luhn(digits: &[u8]) -> bool {
    let weighed = digits.iter().rev().enumerate().map(|(place, digit)| {
        let value = u32::from(digit.wrapping_sub(b'0'));
        match place % 2 {
            0 => value,
            _ if value > 4 => 2 * value - 9,
            _ => 2 * value,
        }
    });
    weighed.sum::<u32>() % 10 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Option<NumberFault> {
        CardNumber::parse(text).err()
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, brand) in [
            ("4242424242424242", Brand::Visa),
            ("4242 4242 4242 4242", Brand::Visa),
            ("4242-4242-4242-4242", Brand::Visa),
            ("4222222222222", Brand::Visa),
            ("5555555555554444", Brand::Mastercard),
            ("2223003122003222", Brand::Mastercard),
            ("3782 822463 10005", Brand::Amex),
            ("6011111111111117", Brand::Discover),
            ("3056 9300 0902 0004", Brand::Diners),
            ("3566002020360505", Brand::Jcb),
            ("6200000000000005", Brand::Unionpay),
            ("6759649826438453", Brand::Maestro),
        ] {
            let number =
                CardNumber::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
            let plain = text.replace([' ', '-'], "");
            assert_eq!((number.expose(), number.brand()), (&*plain, brand));
            assert_eq!(number.bin(), &plain[..6]);
            assert_eq!(number.last4(), &plain[plain.len() - 4..]);
        }
    }

    #[test]
    fn what_is_no_number_is_refused_by_its_first_fault() {
        for (text, expected) in [
            ("", NumberFault::Length),
            ("424242424242", NumberFault::Length),
            ("42424242424242424242", NumberFault::Length),
            ("4242  4242 4242 4242", NumberFault::Characters),
            (" 4242424242424242", NumberFault::Characters),
            ("4242424242424242 ", NumberFault::Characters),
            ("4242.4242.4242.4242", NumberFault::Characters),
            ("４２４２424242424242", NumberFault::Characters),
            ("424242424242424", NumberFault::Network),
            ("1234567890123452", NumberFault::Network),
            ("4242424242424241", NumberFault::CheckDigit),
        ] {
            assert_eq!(fault(text), Some(expected), "{text}");
        }
    }
}
