//! Account and bank identifiers: IBAN (ISO 13616) and BIC (ISO 9362).

use std::fmt;

use iban::{Iban as Known, IbanLike, ParseIbanError};

/// Countries that joined the registry after the structures of `iban_validate` were taken from it: letters, length, and
/// the digits that a national number begins with.
const NEWER: [(&str, usize); 6] = [
    ("FK", 18),
    ("HN", 28),
    ("MN", 20),
    ("NI", 28),
    ("OM", 23),
    ("YE", 30),
];

/// An IBAN of a country of the registry, with its structure and a true checksum; in capitals, without spaces.
#[derive(Clone, PartialEq, Eq)]
pub struct Iban(String);

impl Iban {
    /// Parses an IBAN; spaces and small letters pass.
    pub fn parse(text: &str) -> Option<Iban> {
        if text.len() > 64 {
            return None;
        }
        let bare: String = text.chars().filter(|c| *c != ' ').collect();
        let bare = bare.to_ascii_uppercase();
        match bare.parse::<Known>() {
            Ok(known) => Some(Iban(known.electronic_str().to_owned())),
            Err(ParseIbanError::UnknownCountry(base)) => {
                let text = base.electronic_str();
                let is_newer = |(country, length): &(&str, usize)| {
                    text.starts_with(country) && text.len() == *length
                };
                NEWER.iter().any(is_newer).then(|| Iban(text.to_owned()))
            }
            Err(_) => None,
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// SECURITY: an account's number is personal: its end alone.
impl fmt::Debug for Iban {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.get(self.0.len().saturating_sub(4)..).unwrap_or("");
        write!(f, "Iban(*{end})")
    }
}

/// A BIC of 8 or 11 letters and digits: party, country, place, branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bic(String);

impl Bic {
    /// Parses a BIC; small letters pass.
    pub fn parse(text: &str) -> Option<Bic> {
        let text = text.to_ascii_uppercase();
        let sized = matches!(text.len(), 8 | 11);
        let usual = text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        let country = text.bytes().skip(4).take(2).all(|b| b.is_ascii_uppercase());
        (sized && usual && country).then_some(Bic(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_checked() {
        for (text, bare) in [
            ("gb82 west 1234 5698 7654 32", "GB82WEST12345698765432"),
            ("DE89370400440532013000", "DE89370400440532013000"),
            ("NO9386011117947", "NO9386011117947"),
        ] {
            assert_eq!(Iban::parse(text).unwrap().as_str(), bare);
        }
        for text in [
            "",
            "GB82WEST12345698765433",
            "DE8937040044053201300",
            "DE89 3704 0044 0532 0130 00 1",
            "ZZ68539007547034",
            "GB82-WEST-1234",
            "ＧB82WEST12345698765432",
        ] {
            assert!(Iban::parse(text).is_none(), "{text}");
        }
        for text in ["DEUTDEFF", "deutdeff500", "BNORPHMM", "1234PH2A"] {
            assert!(Bic::parse(text).is_some(), "{text}");
        }
        for text in [
            "",
            "DEUTDEF",
            "DEUTDEFF5",
            "DEUT1EFF",
            "DEUTDEFF50É",
            "DEUT DEF",
        ] {
            assert!(Bic::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn debug_shows_the_end_alone() {
        let iban = Iban::parse("DE89370400440532013000").unwrap();
        assert_eq!(format!("{iban:?}"), "Iban(*3000)");
    }

    /// Every country of the registry file: a number of its structure with a true checksum passes, one a letter longer or
    /// with letters for digits does not.
    #[test]
    fn agrees_with_the_registry() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../shared/data/ref/iban_registry.json"
        );
        let Ok(text) = std::fs::read_to_string(path) else {
            println!("skipped: the IBAN registry is not at hand");
            return;
        };
        let registry: serde_json::Value = serde_json::from_str(&text).unwrap();
        let mut missing = Vec::new();
        let mut compared = 0;
        for (country, row) in registry.as_object().unwrap() {
            let spec = row["bban_spec"].as_str().unwrap();
            let length = usize::try_from(row["iban_length"].as_u64().unwrap()).unwrap();
            let bban = filled(spec);
            assert_eq!(bban.len() + 4, length, "{country} {spec}");
            let iban = with_checksum(country, &bban);
            match Iban::parse(&iban) {
                Some(parsed) => assert_eq!(parsed.as_str(), iban),
                None => missing.push(country.clone()),
            }
            let longer = with_checksum(country, &format!("{bban}0"));
            assert!(Iban::parse(&longer).is_none(), "{country} is longer");
            let wrong = iban.replacen(&iban[2..4], "00", 1);
            assert!(Iban::parse(&wrong).is_none(), "{country} has no checksum");
            compared += 1;
        }
        println!("of {compared} countries, not known here: {missing:?}");
        assert!(compared > 80 && missing.len() < 30, "{missing:?}");
        for country in [
            "DE", "FR", "GB", "NL", "ES", "IT", "CH", "NO", "SA", "OM", "MN",
        ] {
            assert!(!missing.iter().any(|m| m == country), "{country}");
        }
    }

    /// A national number of a structure such as `4!a6!n8!c`.
    fn filled(spec: &str) -> String {
        let mut text = String::new();
        let mut number = String::new();
        for letter in spec.chars() {
            match letter {
                '0'..='9' => number.push(letter),
                '!' => {}
                kind => {
                    let fill = if kind == 'a' { 'A' } else { '1' };
                    let count = number.parse::<usize>().unwrap();
                    text.extend(std::iter::repeat_n(fill, count));
                    number.clear();
                }
            }
        }
        text
    }

    fn with_checksum(country: &str, bban: &str) -> String {
        let rest = format!("{bban}{country}00");
        let remainder = rest.bytes().fold(0u32, |value, byte| {
            let digit = char::from(byte).to_digit(36).unwrap();
            (value * if digit > 9 { 100 } else { 10 } + digit) % 97
        });
        format!("{country}{:02}{bban}", 98 - remainder)
    }
}
