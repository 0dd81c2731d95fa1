//! Amounts as bodies write them (CONTRACT 3).
//!
//! An integer is minor units; a string is major units with exactly the currency's decimals; a number with a fraction
//! or an exponent is refused, so that nothing is ever silently multiplied by a hundred. Keys of the `nopos` dialect
//! write major units as numbers, read here from the raw text and never through a float.

use strongroom_auth::Dialect;
use strongroom_types::currency::Currency;
use strongroom_types::money::{AmountFault, LIMIT, Money};

use super::fault::FaultKind;
use super::parse::Value;

/// Reads an amount of a known currency.
///
/// # Errors
/// The kind of fault, with words for a person.
pub fn read(
    value: &Value<'_>,
    currency: Currency,
    dialect: Dialect,
) -> Result<Money, (FaultKind, String)> {
    let parsed = match (value, dialect) {
        (Value::Text(text), _) => Money::parse_decimal(text, currency),
        (Value::Number(text), Dialect::Nextapi) => return minor_units(text, currency),
        (Value::Number(text), Dialect::Nopos) => {
            Money::parse_decimal(&padded(text, currency), currency)
        }
        _ => Err(AmountFault::NotANumber),
    };
    parsed.map_err(|fault| explain(fault, currency, dialect))
}

/// An amount that is the same in every currency: whole minor units.
pub fn in_any_currency(value: &Value<'_>, dialect: Dialect) -> Option<i64> {
    match (value, dialect) {
        (Value::Number(text), Dialect::Nextapi) => text
            .parse::<i64>()
            .ok()
            .filter(|minor| (1..=LIMIT).contains(minor)),
        _ => None,
    }
}

fn minor_units(text: &str, currency: Currency) -> Result<Money, (FaultKind, String)> {
    if text.contains(['.', 'e', 'E']) {
        return Err((FaultKind::AmountNotInteger, both_forms(currency)));
    }
    // Only the range can be wrong with an integer of JSON's grammar.
    let value = text.parse::<i64>().unwrap_or(match text.starts_with('-') {
        true => i64::MIN,
        false => i64::MAX,
    });
    Money::positive(value, currency).map_err(|fault| explain(fault, currency, Dialect::Nextapi))
}

/// A number's raw text with the zeros that JavaScript leaves off: `100` and `100.5` become `100.00` and `100.50`.
fn padded(text: &str, currency: Currency) -> String {
    let exponent = usize::try_from(currency.exponent()).unwrap_or(0);
    let decimals = text.split_once('.').map(|(_, decimals)| decimals.len());
    let zeros = "0".repeat(exponent.saturating_sub(decimals.unwrap_or(0)));
    match decimals {
        None if exponent > 0 => format!("{text}.{zeros}"),
        _ => format!("{text}{zeros}"),
    }
}

fn both_forms(currency: Currency) -> String {
    let example = Money::new(10_000, currency);
    format!(
        "a number is minor units and has no fraction or exponent: write 10000 or \"{}\" for {} {currency}",
        example.decimal(),
        example.decimal()
    )
}

fn explain(fault: AmountFault, currency: Currency, dialect: Dialect) -> (FaultKind, String) {
    let example = Money::new(10_000, currency).decimal();
    let decimals = currency.exponent();
    match fault {
        AmountFault::NotANumber => {
            let number = match dialect {
                Dialect::Nextapi => "10000 (minor units)",
                Dialect::Nopos => "100 (major units)",
            };
            let text =
                format!("must be a number such as {number} or a string such as \"{example}\"");
            (FaultKind::AmountInvalid, text)
        }
        AmountFault::Decimals => (
            FaultKind::AmountDecimals,
            format!(
                "an amount of {currency} in major units shows exactly {decimals} decimals, as in \"{example}\""
            ),
        ),
        AmountFault::NotPositive => (
            FaultKind::AmountNotPositive,
            "must be greater than zero".into(),
        ),
        AmountFault::TooLarge => (
            FaultKind::AmountTooLarge,
            "must not exceed 9007199254740991 minor units".into(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(value: Value<'_>, code: &str, dialect: Dialect) -> Result<i64, &'static str> {
        let currency = Currency::parse(code).unwrap();
        read(&value, currency, dialect)
            .map(|money| money.minor)
            .map_err(|(kind, _)| kind.code())
    }

    #[test]
    fn some_are_the_same_in_every_currency() {
        for (text, expected) in [
            ("10000", Some(10_000)),
            ("9007199254740991", Some(9_007_199_254_740_991)),
            ("9007199254740992", None),
            ("0", None),
            ("-5", None),
            ("1.5", None),
            ("1e3", None),
        ] {
            let value = Value::Number(text);
            assert_eq!(
                in_any_currency(&value, Dialect::Nextapi),
                expected,
                "{text}"
            );
            assert_eq!(in_any_currency(&value, Dialect::Nopos), None, "{text}");
        }
        let text = Value::Text("100".into());
        assert_eq!(in_any_currency(&text, Dialect::Nextapi), None);
    }

    #[test]
    fn numbers_are_minor_units() {
        for (text, code, expected) in [
            ("10000", "PHP", Ok(10_000)),
            ("1", "JPY", Ok(1)),
            ("9007199254740991", "PHP", Ok(9_007_199_254_740_991)),
            ("9007199254740992", "PHP", Err("amount_too_large")),
            ("99999999999999999999999", "PHP", Err("amount_too_large")),
            (
                "-99999999999999999999999",
                "PHP",
                Err("amount_not_positive"),
            ),
            ("0", "PHP", Err("amount_not_positive")),
            ("-0", "PHP", Err("amount_not_positive")),
            ("-5", "PHP", Err("amount_not_positive")),
            ("100.00", "PHP", Err("amount_not_integer")),
            ("1e2", "PHP", Err("amount_not_integer")),
            ("100.0", "JPY", Err("amount_not_integer")),
        ] {
            assert_eq!(
                outcome(Value::Number(text), code, Dialect::Nextapi),
                expected,
                "{text} {code}"
            );
        }
    }

    #[test]
    fn numbers_of_the_other_dialect_are_major_units() {
        for (text, code, expected) in [
            ("100", "PHP", Ok(10_000)),
            ("100.00", "PHP", Ok(10_000)),
            ("100.5", "PHP", Ok(10_050)),
            ("0.01", "PHP", Ok(1)),
            ("1.5", "KWD", Ok(1_500)),
            ("100", "JPY", Ok(100)),
            ("100.5", "JPY", Err("amount_decimals")),
            ("100.000", "PHP", Err("amount_decimals")),
            ("0.1e3", "PHP", Err("amount_invalid")),
            ("1e2", "PHP", Err("amount_invalid")),
            ("0", "PHP", Err("amount_not_positive")),
            ("-1", "PHP", Err("amount_not_positive")),
            ("90071992547409.92", "PHP", Err("amount_too_large")),
        ] {
            assert_eq!(
                outcome(Value::Number(text), code, Dialect::Nopos),
                expected,
                "{text} {code}"
            );
        }
    }

    #[test]
    fn strings_show_the_currency_s_decimals_in_either_dialect() {
        for dialect in [Dialect::Nextapi, Dialect::Nopos] {
            let text = |text: &'static str| Value::Text(text.into());
            assert_eq!(outcome(text("100.00"), "PHP", dialect), Ok(10_000));
            assert_eq!(outcome(text("100"), "JPY", dialect), Ok(100));
            assert_eq!(outcome(text("100"), "PHP", dialect), Err("amount_decimals"));
            assert_eq!(outcome(text("ten"), "PHP", dialect), Err("amount_invalid"));
            assert_eq!(
                outcome(Value::Bool(true), "PHP", dialect),
                Err("amount_invalid")
            );
            assert_eq!(
                outcome(Value::List(vec![]), "PHP", dialect),
                Err("amount_invalid")
            );
        }
    }

    #[test]
    fn a_fraction_is_answered_with_both_valid_forms() {
        let php = Currency::parse("PHP").unwrap();
        let (_, detail) = read(&Value::Number("1.5"), php, Dialect::Nextapi).unwrap_err();
        assert!(
            detail.contains("10000") && detail.contains("\"100.00\""),
            "{detail}"
        );
    }
}
