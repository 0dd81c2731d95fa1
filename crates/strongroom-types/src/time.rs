//! Time as a value: milliseconds since the Unix epoch, UTC. Nothing here reads a clock.

use std::fmt;

use jiff::tz::TimeZone;
use minicbor::{Decode, Decoder, Encode, Encoder};
use serde::{Serialize, Serializer};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Timestamp(#[n(0)] pub i64);

/// One second, in milliseconds.
pub const SECOND: i64 = 1_000;
/// One hour, in milliseconds.
pub const HOUR: i64 = 3_600 * SECOND;
/// One day, in milliseconds.
pub const DAY: i64 = 86_400 * SECOND;

impl Timestamp {
    /// Whole seconds since the epoch.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(SECOND)
    }

    /// `YYYYMM`, the name of a monthly key.
    pub fn month(self) -> u32 {
        self.period().0
    }

    /// `YYYYMMDD`, the name of a daily key.
    pub fn day(self) -> u32 {
        self.period().1
    }

    fn period(self) -> (u32, u32) {
        let Ok(time) = jiff::Timestamp::from_millisecond(self.0) else {
            return (0, 0);
        };
        let date = time.to_zoned(jiff::tz::TimeZone::UTC).date();
        let part = |n: i16| u32::try_from(n).unwrap_or(0);
        let month = part(date.year()) * 100 + part(i16::from(date.month()));
        (month, month * 100 + part(i16::from(date.day())))
    }

    /// The first moment of a month; `None` when there is no such month.
    pub fn month_start(year: i16, month: i8) -> Option<Timestamp> {
        let date = jiff::civil::Date::new(year, month, 1).ok()?;
        let start = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(Timestamp(start.timestamp().as_millisecond()))
    }

    /// Parses RFC 3339 text with an offset.
    pub fn parse(text: &str) -> Option<Timestamp> {
        if text.len() > 40 {
            return None;
        }
        text.parse::<jiff::Timestamp>()
            .ok()
            .map(|time| Timestamp(time.as_millisecond()))
    }

    /// Parses the date of an HTTP header.
    pub fn parse_http_date(text: &str) -> Option<Timestamp> {
        let date = jiff::fmt::rfc2822::parse(text).ok()?;
        Some(Timestamp(date.timestamp().as_millisecond()))
    }

    /// The day of the week, 1 for Monday to 7, and the minute of the day, as a clock in a zone shows them; `None` where the zone
    /// is none that is known.
    pub fn local(self, zone: &Zone) -> Option<(u8, u16)> {
        let time = jiff::Timestamp::from_millisecond(self.0).ok()?;
        let local = time.to_zoned(zone.zone.clone()?).datetime();
        let part = |n: i8| u16::try_from(n).ok();
        let minute = part(local.hour())? * 60 + part(local.minute())?;
        let day = u8::try_from(local.weekday().to_monday_one_offset()).ok()?;
        Some((day, minute))
    }

    pub fn plus(self, milliseconds: i64) -> Timestamp {
        Timestamp(self.0.saturating_add(milliseconds))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = jiff::Timestamp::from_millisecond(self.0).map_err(|_| fmt::Error)?;
        write!(f, "{time:.3}")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// A time zone, by its name in the IANA database. The database is a part of the program: no file is read.
#[derive(Clone, Debug)]
pub struct Zone {
    name: String,
    zone: Option<TimeZone>,
}

impl Zone {
    /// Finds a zone by its name, in whatever case.
    pub fn parse(name: &str) -> Option<Zone> {
        if name.len() > 40 {
            return None;
        }
        let zone = TimeZone::get(name).ok()?;
        let name = zone.iana_name()?.to_owned();
        let zone = Some(zone);
        Some(Zone { name, zone })
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Zone) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.name)
    }
}

impl<C> Encode<C> for Zone {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(&self.name)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Zone {
    /// One that a later database no longer names is kept as a name: what asks for its time is told that it has none.
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let name = d.str()?;
        Ok(Zone::parse(name).unwrap_or_else(|| Zone {
            name: name.to_owned(),
            zone: None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_and_reads_rfc_3339() {
        let time = Timestamp(1_705_314_600_007);
        assert_eq!(time.to_string(), "2024-01-15T10:30:00.007Z");
        assert_eq!(
            Timestamp::parse("2024-01-15T11:30:00.007+01:00"),
            Some(time)
        );
        assert_eq!(Timestamp::parse("yesterday"), None);
        let date = Timestamp::parse_http_date("Mon, 15 Jan 2024 10:30:00 GMT");
        assert_eq!(date, Some(Timestamp(1_705_314_600_000)));
        assert_eq!(Timestamp::parse_http_date("soon"), None);
        assert_eq!((time.month(), time.day()), (202_401, 20_240_115));
    }

    #[test]
    fn a_zone_s_clock_is_read_in_summer_and_in_winter() {
        let at = |text: &str, zone: &str| {
            let time = Timestamp::parse(text).unwrap();
            time.local(&Zone::parse(zone).unwrap()).unwrap()
        };
        assert_eq!(at("2024-01-15T10:30:00Z", "asia/manila"), (1, 18 * 60 + 30));
        assert_eq!(
            at("2024-01-15T22:30:00Z", "Europe/Berlin"),
            (1, 23 * 60 + 30)
        );
        assert_eq!(at("2024-07-14T22:30:00Z", "Europe/Berlin"), (1, 30));
        assert_eq!(Zone::parse("asia/manila").unwrap().name(), "Asia/Manila");
        for none in ["", "Mars/Olympus", "+08:00", "../etc/passwd"] {
            assert!(Zone::parse(none).is_none(), "{none}");
        }
        let stored = minicbor::to_vec(Zone::parse("Asia/Manila").unwrap()).unwrap();
        let read: Zone = minicbor::decode(&stored).unwrap();
        assert_eq!(read.name(), "Asia/Manila");
        let gone = minicbor::to_vec("Atlantis/Old_Town").unwrap();
        let gone: Zone = minicbor::decode(&gone).unwrap();
        assert_eq!(
            (gone.name(), Timestamp(0).local(&gone)),
            ("Atlantis/Old_Town", None)
        );
    }
}
