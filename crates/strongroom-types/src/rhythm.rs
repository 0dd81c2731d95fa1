//! Rhythms: the days on which something comes again, and the moment on each by a clock on the wall somewhere.
//!
//! The times of a rhythm are numbered from one and follow from its beginning alone: a month that is too short has the
//! thing on its last day, and the next is counted from the beginning, not from there. Nothing here reads a clock.

use std::fmt;

use jiff::civil::Date;
use minicbor::{Decode, Decoder, Encode, Encoder};
use serde::{Serialize, Serializer};

use crate::time::Timestamp;
use crate::zone::DailyTime;

/// How often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Interval {
    #[n(0)]
    Daily,
    #[n(1)]
    Weekly,
    #[n(2)]
    Monthly,
    #[n(3)]
    Yearly,
}

impl Interval {
    pub const ALL: &'static [Interval] = &[
        Interval::Daily,
        Interval::Weekly,
        Interval::Monthly,
        Interval::Yearly,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Interval::Daily => "daily",
            Interval::Weekly => "weekly",
            Interval::Monthly => "monthly",
            Interval::Yearly => "yearly",
        }
    }

    pub fn parse(text: &str) -> Option<Interval> {
        let mut all = Interval::ALL.iter();
        all.find(|interval| interval.as_str() == text).copied()
    }

    /// The last day that it can be held to: of the week from Monday, or of the month; none of a day.
    pub const fn last_day(self) -> u8 {
        match self {
            Interval::Daily => 0,
            Interval::Weekly => 7,
            Interval::Monthly | Interval::Yearly => 31,
        }
    }
}

/// A day of the calendar, `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(Date);

impl Day {
    pub fn parse(text: &str) -> Option<Day> {
        let plain = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        text.parse::<Date>().ok().filter(|_| plain).map(Day)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<C> Encode<C> for Day {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(&self.to_string())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Day {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Day::parse(d.str()?).ok_or_else(|| minicbor::decode::Error::message("no day"))
    }
}

/// When something comes again.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Rhythm {
    #[n(0)]
    interval: Interval,
    /// The day of the week or month that it is held to.
    #[n(1)]
    day: u8,
    #[n(2)]
    start: Day,
    #[n(3)]
    at: DailyTime,
}

impl Rhythm {
    /// From the first fitting day at or after `start` on. Without a day it is held to that of the start; `None` where the
    /// interval has no such day.
    pub fn new(interval: Interval, day: Option<u8>, start: Day, at: DailyTime) -> Option<Rhythm> {
        let own = match interval {
            Interval::Daily => 0,
            Interval::Weekly => weekday(start.0)?,
            Interval::Monthly | Interval::Yearly => u8::try_from(start.0.day()).ok()?,
        };
        let fits = day.is_none_or(|day| (1..=interval.last_day()).contains(&day));
        fits.then(|| Rhythm {
            interval,
            day: day.unwrap_or(own),
            start,
            at,
        })
    }

    pub fn interval(&self) -> Interval {
        self.interval
    }

    /// The day that it is held to; none where it comes every day.
    pub fn day(&self) -> Option<u8> {
        (self.interval != Interval::Daily).then_some(self.day)
    }

    pub fn start(&self) -> Day {
        self.start
    }

    pub fn at(&self) -> &DailyTime {
        &self.at
    }

    /// The day of a number; `None` at the end of the calendar.
    pub fn date(&self, number: u32) -> Option<Day> {
        let passed = i64::from(number.checked_sub(1)?);
        let date = match self.interval {
            Interval::Daily => later(self.start.0, passed)?,
            Interval::Weekly => {
                let wait = i64::from((self.day + 7 - weekday(self.start.0)?) % 7);
                later(self.start.0, wait + passed * 7)?
            }
            Interval::Monthly => self.first_from_start(1)?.month(passed, self.day)?,
            Interval::Yearly => {
                let months = passed.checked_mul(12)?;
                self.first_from_start(12)?.month(months, self.day)?
            }
        };
        Some(Day(date))
    }

    /// The moment of a number; `None` at the end of the calendar, or where its zone is not known any more.
    pub fn time(&self, number: u32) -> Option<Timestamp> {
        self.at.on(self.date(number)?.0)
    }

    /// The first number from `number` on whose moment is not before `time`.
    pub fn first_from(&self, number: u32, time: Timestamp) -> u32 {
        self.first(number, |n| self.time(n).is_some_and(|at| at < time))
    }

    /// The first number from `number` on whose day is behind another.
    pub fn first_behind(&self, number: u32, day: Day) -> u32 {
        self.first(number, |n| self.date(n).is_some_and(|date| date <= day))
    }

    /// The first number from `number` on that is not before something, where all that come before it are.
    fn first(&self, number: u32, is_before: impl Fn(u32) -> bool) -> u32 {
        if !is_before(number) {
            return number;
        }
        let (mut low, mut step) = (number, 1_u32);
        let mut high = loop {
            let next = low.saturating_add(step);
            if next == low || !is_before(next) {
                break next;
            }
            low = next;
            step = step.saturating_mul(2);
        };
        while high.saturating_sub(low) > 1 {
            let middle = low + (high - low) / 2;
            match is_before(middle) {
                true => low = middle,
                false => high = middle,
            }
        }
        high
    }

    /// The month that the first one is in: that of the start, or the next of its kind where the day there is over.
    fn first_from_start(&self, months: i64) -> Option<Month> {
        let own = Month::of(self.start.0);
        let is_over = own.month(0, self.day)? < self.start.0;
        Some(Month(own.0.checked_add(if is_over {
            months
        } else {
            0
        })?))
    }
}

/// Months since the year zero.
struct Month(i64);

impl Month {
    fn of(date: Date) -> Month {
        Month(i64::from(date.year()) * 12 + i64::from(date.month()) - 1)
    }

    /// A day so many months later; the last where that month has none such.
    fn month(&self, later: i64, day: u8) -> Option<Date> {
        let month = self.0.checked_add(later)?;
        let year = i16::try_from(month.div_euclid(12)).ok()?;
        let first = Date::new(year, i8::try_from(month.rem_euclid(12) + 1).ok()?, 1).ok()?;
        let day = i8::try_from(day).ok()?.min(first.days_in_month());
        Date::new(year, first.month(), day).ok()
    }
}

fn weekday(date: Date) -> Option<u8> {
    u8::try_from(date.weekday().to_monday_one_offset()).ok()
}

fn later(date: Date, days: i64) -> Option<Date> {
    let span = jiff::Span::new().try_days(days).ok()?;
    date.checked_add(span).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rhythm(interval: Interval, day: Option<u8>, start: &str) -> Rhythm {
        let at = DailyTime::parse("09:00", "Europe/Berlin").unwrap();
        Rhythm::new(interval, day, Day::parse(start).unwrap(), at).unwrap()
    }

    fn dates(rhythm: &Rhythm, numbers: std::ops::RangeInclusive<u32>) -> Vec<String> {
        numbers
            .map(|n| rhythm.date(n).unwrap().to_string())
            .collect()
    }

    #[test]
    fn a_month_without_the_day_has_its_last() {
        let ends = rhythm(Interval::Monthly, None, "2026-01-31");
        assert_eq!(
            dates(&ends, 1..=5),
            [
                "2026-01-31",
                "2026-02-28",
                "2026-03-31",
                "2026-04-30",
                "2026-05-31"
            ]
        );
        let leap = rhythm(Interval::Monthly, Some(30), "2028-01-31");
        assert_eq!(dates(&leap, 1..=2), ["2028-02-29", "2028-03-30"]);
        let yearly = rhythm(Interval::Yearly, None, "2028-02-29");
        assert_eq!(
            dates(&yearly, 1..=5),
            [
                "2028-02-29",
                "2029-02-28",
                "2030-02-28",
                "2031-02-28",
                "2032-02-29"
            ]
        );
        let over = rhythm(Interval::Yearly, Some(1), "2026-03-05");
        assert_eq!(dates(&over, 1..=2), ["2027-03-01", "2028-03-01"]);
    }

    #[test]
    fn days_and_weeks_are_counted_from_the_start() {
        let daily = rhythm(Interval::Daily, None, "2026-02-27");
        assert_eq!(
            dates(&daily, 1..=3),
            ["2026-02-27", "2026-02-28", "2026-03-01"]
        );
        // A Friday; and the Mondays after it.
        let weekly = rhythm(Interval::Weekly, None, "2026-11-27");
        assert_eq!(dates(&weekly, 1..=2), ["2026-11-27", "2026-12-04"]);
        let mondays = rhythm(Interval::Weekly, Some(1), "2026-11-27");
        assert_eq!(dates(&mondays, 1..=2), ["2026-11-30", "2026-12-07"]);
    }

    #[test]
    fn the_clock_on_the_wall_counts() {
        let daily = rhythm(Interval::Daily, None, "2026-03-28");
        let times: Vec<String> = (1..=2)
            .map(|n| daily.time(n).unwrap().to_string())
            .collect();
        assert_eq!(
            times,
            ["2026-03-28T08:00:00.000Z", "2026-03-29T07:00:00.000Z"]
        );
    }

    #[test]
    fn the_next_is_found_however_far() {
        let daily = rhythm(Interval::Daily, None, "2026-01-01");
        for wanted in [1, 2, 3, 100, 36_525] {
            let at = daily.time(wanted).unwrap();
            assert_eq!(daily.first_from(1, at), wanted);
            assert_eq!(daily.first_from(1, at.plus(1)), wanted + 1);
            assert_eq!(daily.first_from(wanted + 5, at), wanted + 5);
        }
        assert_eq!(daily.first_behind(1, Day::parse("2026-01-31").unwrap()), 32);
        let yearly = rhythm(Interval::Yearly, None, "9998-01-01");
        assert!(yearly.time(1).is_some() && yearly.time(9).is_none());
        assert!(
            yearly
                .time(yearly.first_from(1, Timestamp(i64::MAX)))
                .is_none()
        );
    }

    #[test]
    fn other_days_are_none() {
        let at = || DailyTime::parse("09:00", "UTC").unwrap();
        let day = Day::parse("2026-01-15").unwrap();
        for (interval, odd) in [
            (Interval::Daily, 1),
            (Interval::Weekly, 0),
            (Interval::Weekly, 8),
            (Interval::Monthly, 0),
            (Interval::Monthly, 32),
            (Interval::Yearly, 32),
        ] {
            assert_eq!(Rhythm::new(interval, Some(odd), day, at()), None, "{odd}");
        }
        for odd in ["2026-02-30", "2026-1-5", "20260115", "2026-01-15T00", ""] {
            assert_eq!(Day::parse(odd), None, "{odd}");
        }
        let stored = minicbor::to_vec(rhythm(Interval::Monthly, Some(31), "2026-01-31")).unwrap();
        let read: Rhythm = minicbor::decode(&stored).unwrap();
        assert_eq!(read.date(2).unwrap().to_string(), "2026-02-28");
    }
}
