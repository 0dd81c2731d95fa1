//! Texts about people, firms and bank accounts, checked for form only: whether an address exists is nobody's business
//! here.

use crate::json::Fields;

/// An e-mail address: something, one `@`, something; no spaces.
pub fn email(fields: &mut Fields<'_, '_>) -> Option<String> {
    fields.parsed(
        "email",
        "an e-mail address of at most 254 characters",
        |text| {
            let (local, domain) = text.rsplit_once('@')?;
            let odd = |c: char| c.is_whitespace() || c.is_control();
            let fits = !local.is_empty() && !domain.is_empty() && text.len() <= 254;
            (fits && !text.contains(odd)).then(|| text.to_owned())
        },
    )
}

/// A phone number: 3 to 15 digits with an optional `+` and the usual separators.
pub fn phone(fields: &mut Fields<'_, '_>) -> Option<String> {
    fields.parsed("phone", "a phone number of 3 to 15 digits", |text| {
        let rest = text.strip_prefix('+').unwrap_or(text);
        let digits = rest.bytes().filter(u8::is_ascii_digit).count();
        let usual = |c: char| c.is_ascii_digit() || matches!(c, ' ' | '-' | '.' | '(' | ')');
        let fits = (3..=15).contains(&digits) && text.len() <= 32 && rest.chars().all(usual);
        fits.then(|| text.to_owned())
    })
}

/// An IBAN (ISO 13616) with a true checksum, in capitals without spaces.
pub fn iban(fields: &mut Fields<'_, '_>) -> Option<String> {
    fields.parsed("iban", "an IBAN with a valid checksum", |text| {
        let bare: String = text.chars().filter(|c| *c != ' ').collect();
        let bare = bare.to_ascii_uppercase();
        is_iban(&bare).then_some(bare)
    })
}

fn is_iban(text: &str) -> bool {
    let bytes = text.as_bytes();
    let [a, b, c, d, rest @ ..] = bytes else {
        return false;
    };
    let country = a.is_ascii_uppercase() && b.is_ascii_uppercase();
    let check = c.is_ascii_digit() && d.is_ascii_digit();
    let allowed = rest
        .iter()
        .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
    let sized = (15..=34).contains(&bytes.len());
    sized && country && check && allowed && remainder(rest.iter().chain([a, b, c, d])) == 1
}

/// The number that the letters stand for (A = 10 … Z = 35), modulo 97.
fn remainder<'a>(letters: impl Iterator<Item = &'a u8>) -> u32 {
    letters.fold(0, |value, byte| {
        let digit = char::from(*byte).to_digit(36).unwrap_or(0);
        (value * if digit > 9 { 100 } else { 10 } + digit) % 97
    })
}

/// A bank account's number: 1 to 34 letters, digits, spaces or hyphens.
pub fn account_number(fields: &mut Fields<'_, '_>) -> Option<String> {
    let expected = "1 to 34 letters, digits, spaces or `-`";
    fields.parsed("account_number", expected, |text| {
        let usual = |b: u8| b.is_ascii_alphanumeric() || b == b' ' || b == b'-';
        let fits = (1..=34).contains(&text.len()) && text.bytes().all(usual);
        (fits && text.bytes().any(|b| b.is_ascii_alphanumeric())).then(|| text.to_owned())
    })
}

/// A bank's code: 1 to 35 letters, digits, `_` or `-`.
pub fn bank_code(fields: &mut Fields<'_, '_>) -> Option<String> {
    fields.parsed("bank_code", "1 to 35 letters, digits, `_` or `-`", |text| {
        let usual = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        let fits = (1..=35).contains(&text.len()) && text.bytes().all(usual);
        fits.then(|| text.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{parse_object, read_object};

    fn reads(name: &'static str, text: &str, read: Reader) -> Option<String> {
        let body = serde_json::json!({ name: text }).to_string();
        let object = parse_object(body.as_bytes()).unwrap();
        read_object(&object, read).ok()
    }

    type Reader = fn(&mut Fields<'_, '_>) -> Option<String>;

    #[test]
    fn forms_are_checked() {
        let cases: [(&'static str, Reader, [&str; 2], [&str; 2]); 5] = [
            ("email", email, ["a@b", "ñ.x+y@ex.org"], ["a", "@b"]),
            (
                "phone",
                phone,
                ["+63 (917) 123-4567", "112"],
                ["12", "+63x917"],
            ),
            (
                "account_number",
                account_number,
                ["0012-345 6", "X1"],
                ["", "- -"],
            ),
            ("bank_code", bank_code, ["BDO", "PNB_01"], ["", "a b"]),
            (
                "iban",
                iban,
                ["GB82 WEST 1234 5698 7654 32", "DE89370400440532013000"],
                ["GB82WEST12345698765433", "DE8937040044053201300"],
            ),
        ];
        for (name, read, good, bad) in cases {
            for text in good {
                assert!(reads(name, text, read).is_some(), "{name} {text}");
            }
            for text in bad {
                assert!(reads(name, text, read).is_none(), "{name} {text}");
            }
        }
        assert_eq!(
            reads("iban", "gb82 west 12345698765432", iban).unwrap(),
            "GB82WEST12345698765432"
        );
    }
}
