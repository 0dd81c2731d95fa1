//! What may be said of a card without its number: the network it belongs to, and until when it is good.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::time::Timestamp;

macro_rules! brands {
    ($($name:ident = $code:literal, $text:literal;)*) => {
        /// A card network. The number is the one stored, never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode, Serialize)]
        #[cbor(index_only)]
        #[serde(rename_all = "snake_case")]
        pub enum Brand { $(#[n($code)] $name,)* }

        impl Brand {
            pub const ALL: &'static [Brand] = &[$(Brand::$name,)*];

            pub const fn as_str(self) -> &'static str {
                match self { $(Brand::$name => $text,)* }
            }
        }
    };
}

brands! {
    Visa = 0, "visa";
    Mastercard = 1, "mastercard";
    Amex = 2, "amex";
    Discover = 3, "discover";
    Diners = 4, "diners";
    Jcb = 5, "jcb";
    Unionpay = 6, "unionpay";
    Maestro = 7, "maestro";
}

/// Numbers that begin like this, with the lengths they may have.
struct Range {
    /// First and last beginning, as six digits.
    first: u32,
    last: u32,
    shortest: usize,
    longest: usize,
    brand: Brand,
}

const fn range(first: u32, last: u32, shortest: usize, longest: usize, brand: Brand) -> Range {
    Range {
        first,
        last,
        shortest,
        longest,
        brand,
    }
}

/// The networks' ranges (ISO/IEC 7812 issuer numbers), narrower ones before those that enclose them.
const RANGES: &[Range] = &[
    range(222_100, 272_099, 16, 16, Brand::Mastercard),
    range(300_000, 305_999, 14, 19, Brand::Diners),
    range(309_500, 309_599, 14, 19, Brand::Diners),
    range(340_000, 349_999, 15, 15, Brand::Amex),
    range(352_800, 358_999, 16, 19, Brand::Jcb),
    range(360_000, 369_999, 14, 19, Brand::Diners),
    range(370_000, 379_999, 15, 15, Brand::Amex),
    range(380_000, 399_999, 14, 19, Brand::Diners),
    range(400_000, 499_999, 13, 13, Brand::Visa),
    range(400_000, 499_999, 16, 16, Brand::Visa),
    range(400_000, 499_999, 19, 19, Brand::Visa),
    range(501_800, 501_899, 13, 19, Brand::Maestro),
    range(502_000, 502_099, 13, 19, Brand::Maestro),
    range(503_800, 503_899, 13, 19, Brand::Maestro),
    range(510_000, 559_999, 16, 16, Brand::Mastercard),
    range(589_300, 589_399, 13, 19, Brand::Maestro),
    range(601_100, 601_199, 16, 19, Brand::Discover),
    range(620_000, 629_999, 16, 19, Brand::Unionpay),
    range(630_400, 630_499, 13, 19, Brand::Maestro),
    range(644_000, 659_999, 16, 19, Brand::Discover),
    range(675_900, 675_999, 13, 19, Brand::Maestro),
    range(676_100, 676_399, 13, 19, Brand::Maestro),
    range(810_000, 817_199, 16, 19, Brand::Unionpay),
];

/// Fewest and most digits a card number has.
pub const SHORTEST: usize = 13;
pub const LONGEST: usize = 19;

/// The network that numbers of this beginning (six digits) and length belong to.
pub fn brand_of(beginning: u32, length: usize) -> Option<Brand> {
    let holds = |range: &&Range| {
        (range.first..=range.last).contains(&beginning)
            && (range.shortest..=range.longest).contains(&length)
    };
    RANGES.iter().find(holds).map(|range| range.brand)
}

/// The lengths that numbers of this beginning (six digits) may have, a bit for each.
pub fn lengths_of(beginning: u32) -> u32 {
    let here = RANGES
        .iter()
        .filter(|range| (range.first..=range.last).contains(&beginning));
    here.flat_map(|range| range.shortest..=range.longest)
        .fold(0, |lengths, length| lengths | 1 << length)
}

/// The last month in which a card is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Expiry {
    #[n(0)]
    year: i16,
    #[n(1)]
    month: i8,
}

impl Expiry {
    /// `None` unless it is a month of this century.
    pub fn new(year: i64, month: i64) -> Option<Expiry> {
        let year = i16::try_from(year).ok()?;
        let month = i8::try_from(month).ok()?;
        ((2000..=2099).contains(&year) && (1..=12).contains(&month))
            .then_some(Expiry { year, month })
    }

    pub fn year(self) -> i16 {
        self.year
    }

    pub fn month(self) -> i8 {
        self.month
    }

    /// Whether the month is over, in UTC.
    pub fn is_past(self, now: Timestamp) -> bool {
        let (year, month) = match self.month {
            12 => (self.year.saturating_add(1), 1),
            month => (self.year, month.saturating_add(1)),
        };
        Timestamp::month_start(year, month).is_none_or(|end| now >= end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_good_until_the_last_moment_of_its_month() {
        for (year, month, end) in [
            (2026, 1, "2026-02-01T00:00:00Z"),
            (2026, 12, "2027-01-01T00:00:00Z"),
            (2028, 2, "2028-03-01T00:00:00Z"),
            (2099, 12, "2100-01-01T00:00:00Z"),
        ] {
            let expiry = Expiry::new(year, month).unwrap();
            let end = Timestamp::parse(end).unwrap();
            assert!(!expiry.is_past(end.plus(-1)), "{year}-{month}");
            assert!(expiry.is_past(end), "{year}-{month}");
        }
        for (year, month) in [(2026, 0), (2026, 13), (26, 1), (1999, 12), (2100, 1)] {
            assert_eq!(Expiry::new(year, month), None, "{year}-{month}");
        }
    }

    #[test]
    fn numbers_are_known_by_their_beginning_and_length() {
        for (beginning, length, brand) in [
            (424_242, 16, Some(Brand::Visa)),
            (424_242, 13, Some(Brand::Visa)),
            (424_242, 15, None),
            (555_555, 16, Some(Brand::Mastercard)),
            (222_100, 16, Some(Brand::Mastercard)),
            (222_099, 16, None),
            (272_099, 16, Some(Brand::Mastercard)),
            (272_100, 16, None),
            (378_282, 15, Some(Brand::Amex)),
            (378_282, 16, None),
            (601_111, 16, Some(Brand::Discover)),
            (305_693, 14, Some(Brand::Diners)),
            (353_011, 16, Some(Brand::Jcb)),
            (620_000, 16, Some(Brand::Unionpay)),
            (675_964, 17, Some(Brand::Maestro)),
            (123_456, 16, None),
        ] {
            assert_eq!(brand_of(beginning, length), brand, "{beginning}, {length}");
            let possible = lengths_of(beginning) & 1 << length != 0;
            assert_eq!(possible, brand.is_some(), "{beginning}, {length}");
        }
    }
}
