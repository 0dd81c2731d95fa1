//! What is configured of an acquirer, held against what its messages can hold.

use std::net::SocketAddr;
use std::time::Duration;

use strongroom_iso8583::{Framing, Message, Mti, Profile};
use strongroom_types::currency::Currency;

use super::tls::Tls;

/// The longest name of an acquirer.
const LONGEST_NAME: usize = 32;
/// Bounds of what may be configured: seconds of an answer, seconds of silence, requests in flight, days of a number.
const ANSWER: std::ops::RangeInclusive<u64> = 1..=15;
const ECHO: std::ops::RangeInclusive<u64> = 1..=3_600;
const IN_FLIGHT: std::ops::RangeInclusive<u32> = 1..=1_000;
/// An authorization can be captured or reversed for seven days: its number is there for as long.
const NUMBER_DAYS: std::ops::RangeInclusive<u16> = 8..=400;
/// Minutes by which a place's time may differ from UTC.
const OFFSET: std::ops::RangeInclusive<i16> = -720..=840;

/// How a reversal is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reversal {
    /// As 0420, repeated as 0421.
    Advice,
    /// As 0400, repeated as 0401.
    Request,
}

impl Reversal {
    pub(crate) const fn mti(self) -> Mti {
        match self {
            Reversal::Advice => Mti::REVERSAL_ADVICE,
            Reversal::Request => Mti::REVERSAL,
        }
    }
}

/// An acquirer, as it is configured.
#[derive(Clone)]
pub struct Settings {
    /// Under which payments remember where they went.
    pub name: String,
    pub address: SocketAddr,
    pub tls: Option<Tls>,
    pub live: bool,
    pub test: bool,
    pub currencies: Vec<Currency>,
    pub profile: Profile,
    pub framing: Framing,
    /// Field 42.
    pub merchant: String,
    /// Field 41.
    pub terminal: String,
    /// Field 32.
    pub institution: String,
    /// Field 43.
    pub merchant_name: Option<String>,
    /// Field 18.
    pub merchant_category: Option<String>,
    /// Field 19.
    pub country: Option<String>,
    /// Field 22.
    pub entry_mode: String,
    /// Field 25.
    pub condition: String,
    pub reversal: Reversal,
    /// How long it has for an answer.
    pub answer: Duration,
    /// After how much silence it is asked whether it is there.
    pub echo: Duration,
    /// Requests that wait for an answer at a time.
    pub in_flight: u32,
    /// By how many minutes the place's time differs from UTC.
    pub utc_offset_minutes: i16,
    /// How long a payment's number is kept for what follows its authorization.
    pub number_days: u16,
}

impl Settings {
    /// Holds every value against what messages can hold; `has_tls` says that files for TLS are named.
    ///
    /// # Errors
    /// What is wrong, by the setting's name.
    pub fn check(&self, has_tls: bool) -> Result<(), String> {
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=LONGEST_NAME).contains(&self.name.len()) || !self.name.bytes().all(is_name) {
            let name = &self.name;
            return Err(format!(
                "the name `{name}` is not of 1 to {LONGEST_NAME} small letters, digits and dashes"
            ));
        }
        if !self.live && !self.test {
            return Err("`modes` is empty: name `test`, `live` or both".to_owned());
        }
        if self.currencies.is_empty() {
            return Err("`currencies` is empty".to_owned());
        }
        if !has_tls && !self.address.ip().is_loopback() {
            // SECURITY: card numbers never travel in clear beyond this machine; there is no switch for it.
            return Err("`address` is beyond this machine and needs `tls`".to_owned());
        }
        if self.address.port() == 0 {
            return Err("`address` has no port".to_owned());
        }
        self.check_fields()?;
        within("answer_seconds", self.answer.as_secs(), &ANSWER)?;
        within("echo_seconds", self.echo.as_secs(), &ECHO)?;
        within("in_flight", self.in_flight, &IN_FLIGHT)?;
        within("utc_offset_minutes", self.utc_offset_minutes, &OFFSET)?;
        within("number_days", self.number_days, &NUMBER_DAYS)
    }

    fn check_fields(&self) -> Result<(), String> {
        let fields = [
            ("merchant", 42, Some(&self.merchant)),
            ("terminal", 41, Some(&self.terminal)),
            ("institution", 32, Some(&self.institution)),
            ("merchant_name", 43, self.merchant_name.as_ref()),
            ("merchant_category", 18, self.merchant_category.as_ref()),
            ("country", 19, self.country.as_ref()),
            ("entry_mode", 22, Some(&self.entry_mode)),
            ("condition", 25, Some(&self.condition)),
        ];
        let mut probe = Message::new(Mti::AUTHORIZATION);
        for (name, number, value) in fields {
            let Some(value) = value else { continue };
            if value.trim().is_empty() || value.trim() != value {
                return Err(format!("`{name}` is empty, or has spaces around it"));
            }
            probe
                .set(number, value)
                .map_err(|fault| format!("`{name}`: {fault}"))?;
        }
        Ok(())
    }

    /// Whether payments of a mode and currency go there.
    pub fn takes(&self, live: bool, currency: Currency) -> bool {
        let is_mode = if live { self.live } else { self.test };
        is_mode && self.currencies.contains(&currency)
    }
}

fn within<T: PartialOrd + std::fmt::Display>(
    name: &str,
    value: T,
    range: &std::ops::RangeInclusive<T>,
) -> Result<(), String> {
    match range.contains(&value) {
        true => Ok(()),
        false => {
            let (least, most) = (range.start(), range.end());
            Err(format!(
                "`{name}`: {value} is not between {least} and {most}"
            ))
        }
    }
}
