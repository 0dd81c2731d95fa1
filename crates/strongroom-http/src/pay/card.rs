//! The fields of the payment form, and the card that they describe.

use strongroom_channel::message::{CardShape, NumberShape};
use strongroom_types::card::{Brand, Expiry};
use strongroom_types::time::Timestamp;
use strongroom_vault::{CardNumber, SecurityCode, code_length, holds};
use zeroize::Zeroizing;

use crate::pay::page::Faults;

/// The longest name on a card, in characters.
const LONGEST_NAME: usize = 100;

/// What the form brought.
pub(super) struct Sent {
    /// How many attempts the form knew of.
    pub attempt: u32,
    number: Zeroizing<String>,
    expiry: Zeroizing<String>,
    cvv: Zeroizing<String>,
    name: Zeroizing<String>,
}

/// A card that can be paid with, as far as its shape goes.
pub(super) struct Card {
    pub in_hand: InHand,
    pub expiry: Expiry,
    pub name: Option<String>,
}

/// Where number and code are.
pub(super) enum InHand {
    Clear(CardNumber, SecurityCode),
    Vaulted,
}

impl Sent {
    /// The form's own fields, all of them and no others.
    pub fn of(fields: Vec<(String, Zeroizing<String>)>) -> Option<Sent> {
        const NAMES: [&str; 5] = ["attempt", "number", "expiry", "cvv", "name"];
        let mut values: [Option<Zeroizing<String>>; 5] = Default::default();
        for (name, value) in fields {
            let place = NAMES.iter().position(|known| *known == name)?;
            *values.get_mut(place)? = Some(value);
        }
        let [attempt, number, expiry, cvv, name] = values;
        let attempt = attempt?;
        let plain = !attempt.is_empty() && attempt.bytes().all(|byte| byte.is_ascii_digit());
        Some(Sent {
            attempt: attempt.parse().ok().filter(|_| plain)?,
            number: number?,
            expiry: expiry?,
            cvv: cvv?,
            name: name.unwrap_or_default(),
        })
    }

    /// The card; `shape` is what the vault says of number and code, where it has them.
    pub fn card(&self, shape: Option<&CardShape>, now: Timestamp) -> Result<Card, Faults> {
        let mut faults = Faults::default();
        let number = self.number(shape, &mut faults);
        let brand = number.as_ref().map(|(brand, _)| *brand);
        let code = self.code(shape, brand, &mut faults);
        let expiry = self.expiry(now, &mut faults);
        let name = self.name(&mut faults);
        let good = number.zip(code).zip(expiry).zip(name);
        match good {
            Some((((number, code), expiry), name)) => Ok(Card {
                in_hand: match (number.1, code) {
                    (Some(number), Some(code)) => InHand::Clear(number, code),
                    _ => InHand::Vaulted,
                },
                expiry,
                name,
            }),
            None => {
                // Number and code are never shown again; what is shown may not hold a number.
                let shown = |text: &str| match holds(text.as_bytes()) || text.len() > 400 {
                    true => String::new(),
                    false => text.to_owned(),
                };
                faults.expiry_typed = shown(&self.expiry);
                faults.name_typed = shown(&self.name);
                Err(faults)
            }
        }
    }

    fn number(
        &self,
        shape: Option<&CardShape>,
        faults: &mut Faults,
    ) -> Option<(Brand, Option<CardNumber>)> {
        let found = match shape.map(|shape| &shape.number) {
            None if !self.number.trim().is_empty() => CardNumber::parse(self.number.trim())
                .ok()
                .map(|number| (number.brand(), Some(number))),
            Some(Some(NumberShape::Good { brand, .. })) => Some((*brand, None)),
            _ => None,
        };
        if found.is_none() {
            faults.number = Some("Enter the number on the front of your card.");
        }
        found
    }

    fn code(
        &self,
        shape: Option<&CardShape>,
        brand: Option<Brand>,
        faults: &mut Faults,
    ) -> Option<Option<SecurityCode>> {
        let code = match shape {
            None => SecurityCode::parse(self.cvv.trim())
                .filter(|code| brand.is_none_or(|brand| code.fits(brand)))
                .map(Some),
            Some(shape) => {
                let length = usize::from(shape.code.unwrap_or(0));
                let fits = match brand {
                    Some(brand) => length == code_length(brand),
                    None => (3..=4).contains(&length),
                };
                fits.then_some(None)
            }
        };
        if code.is_none() {
            faults.cvv = Some(match brand {
                Some(Brand::Amex) => "Enter the four digits on the front of your card.",
                Some(_) => "Enter the three digits on the back of your card.",
                None => "Enter the three or four digits of your card's security code.",
            });
        }
        code
    }

    fn expiry(&self, now: Timestamp, faults: &mut Faults) -> Option<Expiry> {
        let expiry = month(&self.expiry);
        faults.expiry = match &expiry {
            None => Some("Enter the month and the year, such as 04 / 30."),
            Some(expiry) if expiry.is_past(now) => Some("This card has expired."),
            Some(_) => None,
        };
        expiry.filter(|_| faults.expiry.is_none())
    }

    fn name(&self, faults: &mut Faults) -> Option<Option<String>> {
        let name = self.name.trim();
        faults.name = match name {
            name if holds(name.as_bytes()) => Some("A card number does not belong here."),
            name if name.chars().count() > LONGEST_NAME => Some("Use at most 100 characters."),
            _ => None,
        };
        match faults.name {
            Some(_) => None,
            None => Some((!name.is_empty()).then(|| name.to_owned())),
        }
    }
}

/// A month as people write it: `4/30`, `04 / 30`, `0430`, `04/2030`.
fn month(text: &str) -> Option<Expiry> {
    let text = text.trim();
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (month, year) = match text.split_once(['/', '-', ' ', '.']) {
        Some((month, year)) => (month, year.trim_matches(['/', '-', ' ', '.'])),
        None if text.len() >= 4 => text.split_at_checked(2)?,
        None => return None,
    };
    let fits =
        is_digits(month) && month.len() <= 2 && is_digits(year) && [2, 4].contains(&year.len());
    let (month, year): (i64, i64) = (month.parse().ok()?, year.parse().ok()?);
    let year = if year < 100 { 2_000 + year } else { year };
    Expiry::new(year, month).filter(|_| fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_read_as_people_write_them() {
        let april = Expiry::new(2030, 4);
        for text in [
            "04/30", "4/30", "04 / 30", " 04 /30", "0430", "04-2030", "042030", "04 30",
        ] {
            assert_eq!(month(text), april, "{text}");
        }
        for text in [
            "",
            "4",
            "13/30",
            "00/30",
            "04/3",
            "04/030",
            "4/20300",
            "+4/30",
            "04/-3",
            "ab/cd",
            "٠٤/٣٠",
        ] {
            assert_eq!(month(text), None, "{text}");
        }
    }

    #[test]
    fn a_form_has_its_own_fields_and_no_others() {
        let field = |name: &str| (name.to_owned(), Zeroizing::new("1".to_owned()));
        let all = || {
            vec![
                field("attempt"),
                field("number"),
                field("expiry"),
                field("cvv"),
            ]
        };
        assert!(Sent::of(all()).is_some());
        let mut more = all();
        more.push(field("amount"));
        assert!(Sent::of(more).is_none());
        assert!(Sent::of(all().split_off(1)).is_none());
        let mut odd = all();
        odd[0].1 = Zeroizing::new("+1".to_owned());
        assert!(Sent::of(odd).is_none());
    }
}
