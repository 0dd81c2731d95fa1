//! Texts of the page: amounts, times and brands as people read them, and what keeps them from being markup.

use strongroom_types::card::Brand;
use strongroom_types::money::Money;
use strongroom_types::time::Timestamp;

pub(super) fn brand(brand: Brand) -> &'static str {
    match brand {
        Brand::Visa => "Visa",
        Brand::Mastercard => "Mastercard",
        Brand::Amex => "American Express",
        Brand::Discover => "Discover",
        Brand::Diners => "Diners Club",
        Brand::Jcb => "JCB",
        Brand::Unionpay => "UnionPay",
        Brand::Maestro => "Maestro",
    }
}

/// `1,250.00`.
pub(super) fn grouped(amount: Money) -> String {
    let text = amount.decimal();
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    let mut out = String::with_capacity(text.len() + 4);
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if !decimals.is_empty() {
        out.push('.');
        out.push_str(decimals);
    }
    out
}

/// `2026-01-31 09:30 UTC`.
pub(crate) fn moment(time: Timestamp) -> String {
    let text = time.to_string();
    let minutes = text.get(..16).unwrap_or(&text).replace('T', " ");
    format!("{minutes} UTC")
}

/// Text as HTML, in an element or in a quoted attribute.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // What turns the direction of the text around it could make an amount read otherwise.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use strongroom_types::currency::Currency;

    use super::*;

    #[test]
    fn amounts_are_grouped() {
        for (code, minor, text) in [
            ("PHP", 5, "0.05"),
            ("PHP", 99_999, "999.99"),
            ("PHP", 125_000, "1,250.00"),
            ("JPY", 1_234_567, "1,234,567"),
            ("KWD", 1_234_567, "1,234.567"),
        ] {
            let money = Money::new(minor, Currency::parse(code).unwrap());
            assert_eq!(grouped(money), text);
        }
    }

    #[test]
    fn nothing_that_somebody_wrote_is_markup() {
        assert_eq!(
            escaped("<b a=\"1\" c='2'>&\u{202e}x"),
            "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;x"
        );
    }
}
