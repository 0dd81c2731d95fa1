//! Amounts as they stand in messages: decimal text beside a currency.

use strongroom_types::currency::Currency;
use strongroom_types::money::{LIMIT, Money};

/// An amount that its currency can show exactly: `100`, `100.0` and `100.00` are one in euros, `100.005` is none.
/// Zero is an amount: statements have such lines.
pub fn exact_amount(text: &str, code: &str) -> Option<Money> {
    if code.len() != 3 || !code.bytes().all(|b| b.is_ascii_uppercase()) || text.len() > 24 {
        return None;
    }
    let currency = Currency::parse(code)?;
    let (major, minor) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let has_point = text.contains('.');
    if major.is_empty() || !digits(major) || !digits(minor) || (has_point && minor.is_empty()) {
        return None;
    }
    let exponent = usize::try_from(currency.exponent()).ok()?;
    let kept = minor.trim_end_matches('0');
    if kept.len() > exponent || minor.len() > 5 {
        return None;
    }
    let joined = format!("{major}{kept:0<exponent$}");
    let value = joined.parse::<i64>().ok()?;
    (value <= LIMIT).then_some(Money::new(value, currency))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_what_the_currency_shows() {
        let minor = |text, code| exact_amount(text, code).map(|money| money.minor);
        for (text, code, expected) in [
            ("100", "EUR", Some(10_000)),
            ("100.0", "EUR", Some(10_000)),
            ("100.00000", "EUR", Some(10_000)),
            ("0.05", "EUR", Some(5)),
            ("0", "EUR", Some(0)),
            ("100.00", "JPY", Some(100)),
            ("1.001", "KWD", Some(1_001)),
            ("100.005", "EUR", None),
            ("0.5", "JPY", None),
            ("1.", "EUR", None),
            (".5", "EUR", None),
            ("-1", "EUR", None),
            ("+1", "EUR", None),
            ("1e2", "EUR", None),
            ("1,00", "EUR", None),
            ("", "EUR", None),
            ("1", "eur", None),
            ("1", "XXX", None),
            ("90071992547409.91", "EUR", Some(LIMIT)),
            ("90071992547409.92", "EUR", None),
            ("999999999999999999999", "EUR", None),
        ] {
            assert_eq!(minor(text, code), expected, "{text} {code}");
        }
    }
}
