//! ISO 4217 currencies that money can be kept in.
//!
//! Codes without an exponent (gold, "no currency") are refused. The table is `iso_currency`'s, checked in the tests
//! against the maintenance agency's own list where that file is at hand.

use std::fmt;
use std::sync::LazyLock;

use minicbor::{Decode, Decoder, Encode, Encoder};
use serde::{Serialize, Serializer};

/// A currency with a known number of decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// Parses a three-letter code in either case.
    pub fn parse(text: &str) -> Option<Currency> {
        let place = place(text)?;
        BY_PLACE.get(place).copied().flatten()
    }

    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Its three digits in ISO 4217.
    pub fn numeric(self) -> String {
        format!("{:03}", self.0.numeric())
    }

    /// Decimals of the major unit: 2 for PHP, 0 for JPY, 3 for KWD.
    pub fn exponent(self) -> u32 {
        self.0.exponent().map_or(0, u32::from)
    }
}

/// Currencies by the places of their codes: a code is read for each amount in the log, and the crate's own look-up compares it with
/// one after another.
static BY_PLACE: LazyLock<Vec<Option<Currency>>> = LazyLock::new(|| {
    let letters = || (b'A'..=b'Z').map(char::from);
    let pairs = letters().flat_map(|first| letters().map(move |second| [first, second]));
    let codes =
        pairs.flat_map(|[first, second]| letters().map(move |third| [first, second, third]));
    codes
        .map(|code| iso_currency::Currency::from_code(&String::from_iter(code)))
        .map(|known| known.filter(|currency| currency.exponent().is_some()))
        .map(|known| known.map(Currency))
        .collect()
});

const LETTERS: usize = 26;

/// Where three letters stand among all, whatever their case.
fn place(code: &str) -> Option<usize> {
    let letters: &[u8; 3] = code.as_bytes().try_into().ok()?;
    letters.iter().try_fold(0, |place, letter| {
        let letter = letter.to_ascii_uppercase();
        let number = letter.is_ascii_uppercase().then(|| letter - b'A')?;
        Some(place * LETTERS + usize::from(number))
    })
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.code())
    }
}

impl<C> Encode<C> for Currency {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(self.code())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Currency {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Currency::parse(d.str()?)
            .ok_or_else(|| minicbor::decode::Error::message("unknown currency"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_and_refused_codes() {
        for (code, exponent) in [("PHP", 2), ("jpy", 0), ("KWD", 3), ("CLF", 4)] {
            assert_eq!(
                Currency::parse(code).unwrap().exponent(),
                exponent,
                "{code}"
            );
        }
        for code in ["XAU", "XXX", "ABC", "", "PH", "PHPP", "₱₱"] {
            assert_eq!(Currency::parse(code), None, "{code}");
        }
    }

    #[test]
    fn agrees_with_the_official_list() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../shared/data/ref/iso4217_list_one.xml"
        );
        let Ok(list) = std::fs::read_to_string(path) else {
            println!("skipped: the official ISO 4217 list is not at hand");
            return;
        };
        let mut compared = 0;
        for entry in list.split("<CcyNtry>").skip(1) {
            let (Some(code), Some(units)) = (
                between(entry, "<Ccy>", "</Ccy>"),
                between(entry, "<CcyMnrUnts>", "</"),
            ) else {
                continue;
            };
            match (Currency::parse(code), units.parse::<u32>()) {
                (Some(currency), Ok(exponent)) => {
                    assert_eq!(currency.exponent(), exponent, "{code}");
                    compared += 1;
                }
                (None, Err(_)) => {}
                (Some(_), Err(_)) => panic!("{code} has no minor unit but is accepted"),
                // Newer codes than the table's are merely not offered.
                (None, Ok(_)) => println!("{code} is not in the table"),
            }
        }
        assert!(compared > 150, "{compared}");
    }

    fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<&'a str> {
        text.split_once(from)?
            .1
            .split_once(to)
            .map(|(value, _)| value)
    }
}
