//! Money: whole minor units of one currency, checked arithmetic only.
//!
//! There is no float and no `Add`: sums name their overflow, and two currencies never mix. Amounts on the wire stay
//! within ±(2^53 − 1), so that JavaScript reads them exactly.

use minicbor::{Decode, Encode};

use crate::currency::Currency;

/// The largest amount and balance, 2^53 − 1 minor units.
pub const LIMIT: i64 = (1 << 53) - 1;

/// An amount of one currency in minor units (10000 PHP = 100.00).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Money {
    #[n(0)]
    pub minor: i64,
    #[n(1)]
    pub currency: Currency,
}

/// Why text is no amount of a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmountFault {
    /// No decimal number such as `100.00`.
    NotANumber,
    /// Another number of decimals than the currency has.
    Decimals,
    /// Zero or negative.
    NotPositive,
    /// Over [`LIMIT`].
    TooLarge,
}

impl Money {
    pub fn new(minor: i64, currency: Currency) -> Money {
        Money { minor, currency }
    }

    /// The major-unit text with exactly the currency's decimals: `-1.05`, `100` for JPY.
    pub fn decimal(self) -> String {
        let exponent = usize::try_from(self.currency.exponent()).unwrap_or(0);
        let sign = if self.minor < 0 { "-" } else { "" };
        let digits = format!(
            "{:0>width$}",
            self.minor.unsigned_abs(),
            width = exponent + 1
        );
        let (major, minor) = digits.split_at(digits.len() - exponent);
        if exponent == 0 {
            format!("{sign}{major}")
        } else {
            format!("{sign}{major}.{minor}")
        }
    }

    /// Parses major units that show exactly the currency's decimals.
    ///
    /// # Errors
    /// The first [`AmountFault`] in the enum's order.
    pub fn parse_decimal(text: &str, currency: Currency) -> Result<Money, AmountFault> {
        let (major, minor) = text
            .split_once('.')
            .map_or((text, None), |(major, minor)| (major, Some(minor)));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let unsigned = major.strip_prefix('-');
        if text.len() > 64
            || !digits(unsigned.unwrap_or(major))
            || minor.is_some_and(|m| !digits(m))
        {
            return Err(AmountFault::NotANumber);
        }
        let decimals = minor.map_or(0, str::len);
        if u32::try_from(decimals) != Ok(currency.exponent()) {
            return Err(AmountFault::Decimals);
        }
        if unsigned.is_some() {
            return Err(AmountFault::NotPositive);
        }
        let joined = format!("{major}{}", minor.unwrap_or(""));
        let value = joined.parse::<i64>().map_err(|_| AmountFault::TooLarge)?;
        Money::positive(value, currency)
    }

    /// Checks the wire's range for an amount.
    ///
    /// # Errors
    /// [`AmountFault::NotPositive`] or [`AmountFault::TooLarge`].
    pub fn positive(minor: i64, currency: Currency) -> Result<Money, AmountFault> {
        match minor {
            ..=0 => Err(AmountFault::NotPositive),
            1..=LIMIT => Ok(Money { minor, currency }),
            _ => Err(AmountFault::TooLarge),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        Currency::parse(code).unwrap()
    }

    #[test]
    fn decimals_are_shown_exactly() {
        for (minor, code, text) in [
            (10_000, "PHP", "100.00"),
            (5, "PHP", "0.05"),
            (-105, "PHP", "-1.05"),
            (100, "JPY", "100"),
            (1, "KWD", "0.001"),
        ] {
            assert_eq!(Money::new(minor, currency(code)).decimal(), text);
        }
    }

    #[test]
    fn text_must_show_the_currency_s_decimals() {
        let cases = [
            ("100.00", "PHP", Ok(10_000)),
            ("100", "JPY", Ok(100)),
            ("100", "PHP", Err(AmountFault::Decimals)),
            ("100.0", "PHP", Err(AmountFault::Decimals)),
            ("100.00", "JPY", Err(AmountFault::Decimals)),
            ("0.00", "PHP", Err(AmountFault::NotPositive)),
            ("-1.00", "PHP", Err(AmountFault::NotPositive)),
            ("1e5", "PHP", Err(AmountFault::NotANumber)),
            ("1.", "PHP", Err(AmountFault::NotANumber)),
            (".50", "PHP", Err(AmountFault::NotANumber)),
            ("١.٠٠", "PHP", Err(AmountFault::NotANumber)),
            ("90071992547409.91", "PHP", Ok(LIMIT)),
            ("90071992547409.92", "PHP", Err(AmountFault::TooLarge)),
            ("99999999999999999999.00", "PHP", Err(AmountFault::TooLarge)),
        ];
        for (text, code, expected) in cases {
            let parsed = Money::parse_decimal(text, currency(code)).map(|m| m.minor);
            assert_eq!(parsed, expected, "{text} {code}");
        }
    }
}
