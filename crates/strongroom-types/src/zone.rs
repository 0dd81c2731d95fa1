//! Time zones by name, from the table that the program carries: a cut-off is a time of day somewhere.

use std::fmt;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use minicbor::{Decode, Encode};

use crate::time::Timestamp;

/// A time of day in a zone of the IANA database.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct DailyTime {
    /// Since midnight, by the clock on the wall there.
    #[n(0)]
    minute: u16,
    #[n(1)]
    zone: String,
}

impl DailyTime {
    /// `16:30` in `Europe/Berlin`; nothing when either is none.
    pub fn parse(time: &str, zone: &str) -> Option<DailyTime> {
        let (hour, minute) = time.split_once(':')?;
        let two = |text: &str| {
            (text.len() == 2)
                .then(|| text.parse::<u16>().ok())
                .flatten()
        };
        let (hour, minute) = (two(hour)?, two(minute)?);
        let digits = time.bytes().all(|b| b.is_ascii_digit() || b == b':');
        let named = zone.len() <= 64 && is_zone(zone);
        (digits && hour < 24 && minute < 60 && named).then(|| DailyTime {
            minute: hour.saturating_mul(60).saturating_add(minute),
            zone: zone.to_owned(),
        })
    }

    pub fn zone(&self) -> &str {
        &self.zone
    }

    /// The first moment after `now` that the clock there shows it. On a day without that time, as when clocks go
    /// forward, the moment that is as far from midnight.
    pub fn next(&self, now: Timestamp) -> Timestamp {
        self.upcoming(now)
            .unwrap_or_else(|| now.plus(crate::time::DAY))
    }

    /// The date there, `YYYY-MM-DD`.
    pub fn date(&self, now: Timestamp) -> String {
        let date = |zone: TimeZone| {
            let time = jiff::Timestamp::from_millisecond(now.0).ok()?;
            Some(time.to_zoned(zone).date().to_string())
        };
        self.found()
            .and_then(date)
            .or_else(|| date(TimeZone::UTC))
            .unwrap_or_default()
    }

    fn upcoming(&self, now: Timestamp) -> Option<Timestamp> {
        let zone = self.found()?;
        let moment = jiff::Timestamp::from_millisecond(now.0).ok()?;
        let today = moment.to_zoned(zone.clone()).date();
        let (hour, minute) = self.clock();
        let time = Time::new(hour, minute, 0, 0).ok()?;
        let mut day = today;
        // Two days are enough but where a day was skipped.
        for _ in 0..4 {
            let at = day.to_datetime(time).to_zoned(zone.clone()).ok()?;
            let at = Timestamp(at.timestamp().as_millisecond());
            if at > now {
                return Some(at);
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    /// The moment of a day there that the clock shows it; as far from midnight where the day has no such time.
    pub(crate) fn on(&self, day: Date) -> Option<Timestamp> {
        let (hour, minute) = self.clock();
        let time = Time::new(hour, minute, 0, 0).ok()?;
        let at = day.to_datetime(time).to_zoned(self.found()?).ok()?;
        Some(Timestamp(at.timestamp().as_millisecond()))
    }

    fn clock(&self) -> (i8, i8) {
        let part = |n: u16| i8::try_from(n).unwrap_or(0);
        (part(self.minute / 60), part(self.minute % 60))
    }

    fn found(&self) -> Option<TimeZone> {
        TimeZone::get(&self.zone).ok()
    }
}

/// As it is written: `16:30`.
impl fmt::Display for DailyTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.minute / 60, self.minute % 60)
    }
}

fn is_zone(name: &str) -> bool {
    TimeZone::get(name).is_ok_and(|zone| !zone.is_unknown())
}

/// The second of a moment in UTC, as messages write it: `2026-11-27T10:00:00Z`.
pub fn second_text(time: Timestamp) -> String {
    let second = Timestamp(time.seconds().saturating_mul(crate::time::SECOND));
    let text = second.to_string();
    text.split_once('.')
        .map_or(text.clone(), |(head, _)| format!("{head}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn the_next_moment_is_found_in_its_zone() {
        let berlin = DailyTime::parse("16:30", "Europe/Berlin").unwrap();
        let manila = DailyTime::parse("16:30", "Asia/Manila").unwrap();
        for (daily, now, next) in [
            (&berlin, "2026-11-27T10:00:00Z", "2026-11-27T15:30:00Z"),
            (&berlin, "2026-11-27T15:30:00Z", "2026-11-28T15:30:00Z"),
            (&berlin, "2026-07-01T10:00:00Z", "2026-07-01T14:30:00Z"),
            (&manila, "2026-11-27T10:00:00Z", "2026-11-28T08:30:00Z"),
        ] {
            assert_eq!(daily.next(at(now)), at(next), "{now}");
        }
        assert_eq!(berlin.to_string(), "16:30");
        assert_eq!(manila.date(at("2026-11-27T17:00:00Z")), "2026-11-28");
        assert_eq!(berlin.date(at("2026-11-27T17:00:00Z")), "2026-11-27");
    }

    #[test]
    fn a_time_that_a_day_does_not_have_is_found_nevertheless() {
        let gap = DailyTime::parse("02:30", "Europe/Berlin").unwrap();
        let next = gap.next(at("2026-03-29T00:00:00Z"));
        assert_eq!(next, at("2026-03-29T01:30:00Z"));
        assert!(gap.next(next) > next);
    }

    #[test]
    fn other_texts_are_none() {
        for (time, zone) in [
            ("24:00", "UTC"),
            ("16:60", "UTC"),
            ("1:00", "UTC"),
            ("+1:00", "UTC"),
            ("16:30:00", "UTC"),
            ("", "UTC"),
            ("16:30", ""),
            ("16:30", "Europe/Atlantis"),
            ("16:30", "../etc/passwd"),
            ("16:30", "Etc/Unknown"),
        ] {
            assert!(DailyTime::parse(time, zone).is_none(), "{time} {zone}");
        }
        assert!(DailyTime::parse("00:00", "UTC").is_some());
    }

    #[test]
    fn seconds_are_written_whole() {
        assert_eq!(
            second_text(at("2026-11-27T10:00:00.999Z")),
            "2026-11-27T10:00:00Z"
        );
    }
}
