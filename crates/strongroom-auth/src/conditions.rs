//! What binds whoever holds a role beside its permissions: how much, of what, where, when and from where.
//!
//! What a request shows by itself – the hour, the address – is asked at the edge; what follows from the books – the amount, its
//! currency, the store, the shift – in the decision. Either way the refusal names the condition.

use ipnet::IpNet;
use minicbor::{Decode, Encode};
use serde::{Serialize, Serializer};
use strongroom_types::currency::Currency;
use strongroom_types::id::StoreId;
use strongroom_types::money::Money;
use strongroom_types::time::{Timestamp, Zone};

use crate::restrictions::{Range, within};

/// The conditions of a role; what is empty or absent binds nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Conditions {
    /// Minor units of one act, in each currency by itself.
    #[n(0)]
    pub max_amount: Option<i64>,
    #[n(1)]
    pub currencies: Vec<Currency>,
    /// Where whoever holds it sells, gives back and counts.
    #[n(2)]
    pub stores: Vec<StoreId>,
    /// Works on shifts of his own alone, even where he may manage shifts.
    #[n(3)]
    pub own_shift: bool,
    #[n(4)]
    pub hours: Option<Hours>,
    #[n(5)]
    pub networks: Vec<Range>,
}

/// A condition by its name on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    MaxAmount,
    Currencies,
    Stores,
    OwnShift,
    Hours,
    Networks,
}

impl Condition {
    pub const fn as_str(self) -> &'static str {
        match self {
            Condition::MaxAmount => "max_amount",
            Condition::Currencies => "currencies",
            Condition::Stores => "stores",
            Condition::OwnShift => "own_shift",
            Condition::Hours => "hours",
            Condition::Networks => "networks",
        }
    }
}

/// What an act is about, as far as conditions ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Doing {
    pub amount: Option<Money>,
    /// Every store that something of it happens in.
    pub stores: Vec<StoreId>,
    /// Whether it is about a shift that somebody else opened.
    pub other_s_shift: bool,
}

impl Conditions {
    /// Whether it binds nobody.
    pub fn is_empty(&self) -> bool {
        *self == Conditions::default()
    }

    /// Whether something of it follows from the books.
    pub fn asks_books(&self) -> bool {
        let Conditions {
            max_amount,
            currencies,
            stores,
            own_shift,
            hours: _,
            networks: _,
        } = self;
        max_amount.is_some() || !currencies.is_empty() || !stores.is_empty() || *own_shift
    }

    /// Whether a request may be made now, from there.
    ///
    /// # Errors
    /// The condition that forbids it.
    pub fn admit(&self, now: Timestamp, address: impl Into<IpNet>) -> Result<(), Condition> {
        if self.hours.as_ref().is_some_and(|hours| !hours.hold(now)) {
            return Err(Condition::Hours);
        }
        match self.networks.is_empty() || within(&self.networks, address) {
            true => Ok(()),
            false => Err(Condition::Networks),
        }
    }

    /// Whether an act may be done.
    ///
    /// # Errors
    /// The condition that forbids it.
    pub fn bind(&self, doing: &Doing) -> Result<(), Condition> {
        if let Some(amount) = doing.amount {
            if !self.currencies.is_empty() && !self.currencies.contains(&amount.currency) {
                return Err(Condition::Currencies);
            }
            if self.max_amount.is_some_and(|most| amount.minor > most) {
                return Err(Condition::MaxAmount);
            }
        }
        // SECURITY: a sale of one store given back out of another's drawer is about both.
        let elsewhere = doing
            .stores
            .iter()
            .any(|store| !self.stores.contains(store));
        // SECURITY: money that moves in no store moves in none of these.
        let nowhere = doing.stores.is_empty() && doing.amount.is_some();
        if !self.stores.is_empty() && (elsewhere || nowhere) {
            return Err(Condition::Stores);
        }
        match self.own_shift && doing.other_s_shift {
            true => Err(Condition::OwnShift),
            false => Ok(()),
        }
    }
}

/// Hours of the week, by the clock of a zone.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Hours {
    /// 1 for Monday to 7; empty for every day. Where the hours pass midnight, the day that they begin on.
    #[n(0)]
    #[serde(serialize_with = "days")]
    pub days: Vec<u8>,
    /// Minutes from midnight.
    #[n(1)]
    #[serde(serialize_with = "clock")]
    pub from: u16,
    /// The first minute that is outside; before `from` where the hours pass midnight.
    #[n(2)]
    #[serde(serialize_with = "clock")]
    pub until: u16,
    #[n(3)]
    pub time_zone: Zone,
}

/// The days of the week, Monday first.
pub const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Minutes of a day.
const WHOLE_DAY: u16 = 24 * 60;

impl Hours {
    /// Whether it is such an hour. In a zone that nobody knows any more, it never is.
    pub fn hold(&self, now: Timestamp) -> bool {
        let Some((day, minute)) = now.local(&self.time_zone) else {
            return false;
        };
        let is_day = |day: u8| self.days.is_empty() || self.days.contains(&day);
        let before = match day {
            1 => 7,
            day => day - 1,
        };
        match self.from < self.until {
            true => is_day(day) && (self.from..self.until).contains(&minute),
            false => {
                (is_day(day) && minute >= self.from) || (is_day(before) && minute < self.until)
            }
        }
    }

    /// Reads `HH:MM`, up to `24:00`.
    pub fn parse_clock(text: &str) -> Option<u16> {
        let (hours, minutes) = text.split_once(':')?;
        let part = |digits: &str| {
            let plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| digits.parse::<u16>().ok()).flatten()
        };
        let minutes = part(minutes).filter(|minutes| *minutes < 60)?;
        let all = part(hours)? * 60 + minutes;
        (all <= WHOLE_DAY).then_some(all)
    }
}

fn clock<S: Serializer>(minutes: &u16, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(&format_args!("{:02}:{:02}", minutes / 60, minutes % 60))
}

fn days<S: Serializer>(days: &[u8], s: S) -> Result<S::Ok, S::Error> {
    let name = |day: &u8| DAYS.get(usize::from(*day).saturating_sub(1));
    s.collect_seq(days.iter().filter_map(name))
}

#[cfg(test)]
mod tests {
    use strongroom_types::id::RawId;

    use super::*;

    fn hours(days: &[u8], from: &str, until: &str) -> Hours {
        Hours {
            days: days.to_vec(),
            from: Hours::parse_clock(from).unwrap(),
            until: Hours::parse_clock(until).unwrap(),
            time_zone: Zone::parse("Asia/Manila").unwrap(),
        }
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn hours_go_by_the_clock_of_their_zone() {
        let office = hours(&[1, 2, 3, 4, 5], "08:00", "18:00");
        // A Monday.
        assert!(office.hold(at("2024-01-15T08:00:00+08:00")));
        assert!(office.hold(at("2024-01-15T00:00:00Z")));
        assert!(!office.hold(at("2024-01-15T07:59:59+08:00")));
        assert!(!office.hold(at("2024-01-15T18:00:00+08:00")));
        assert!(!office.hold(at("2024-01-14T12:00:00+08:00")));
        let night = hours(&[5], "22:00", "06:00");
        assert!(night.hold(at("2024-01-19T23:00:00+08:00")));
        assert!(night.hold(at("2024-01-20T05:59:00+08:00")));
        assert!(!night.hold(at("2024-01-20T22:30:00+08:00")));
        assert!(!night.hold(at("2024-01-19T05:00:00+08:00")));
        assert!(hours(&[], "00:00", "24:00").hold(at("2024-01-14T23:59:59+08:00")));
        let sunday_night = hours(&[7], "23:00", "01:00");
        assert!(sunday_night.hold(at("2024-01-15T00:30:00+08:00")));
    }

    #[test]
    fn a_clock_is_four_digits() {
        assert_eq!(Hours::parse_clock("24:00"), Some(1_440));
        for odd in ["8:00", "24:01", "08:60", "0800", "", "ab:cd", "+8:00"] {
            assert_eq!(Hours::parse_clock(odd), None, "{odd}");
        }
        let shown = serde_json::to_value(hours(&[1, 7], "08:05", "24:00")).unwrap();
        assert_eq!(
            shown,
            serde_json::json!({
                "days": ["mon", "sun"], "from": "08:05", "until": "24:00", "time_zone": "Asia/Manila",
            })
        );
    }

    #[test]
    fn each_condition_binds_by_itself() {
        let php = Currency::parse("PHP").unwrap();
        let store = |n: u8| StoreId(RawId([n; 12]));
        let doing = |minor: i64, stores: &[StoreId]| Doing {
            amount: Some(Money::new(minor, php)),
            stores: stores.to_vec(),
            other_s_shift: false,
        };
        let most = Conditions {
            max_amount: Some(100),
            ..Conditions::default()
        };
        assert_eq!(most.bind(&doing(100, &[])), Ok(()));
        assert_eq!(most.bind(&doing(101, &[])), Err(Condition::MaxAmount));
        let dollars = Conditions {
            currencies: vec![Currency::parse("USD").unwrap()],
            ..Conditions::default()
        };
        assert_eq!(dollars.bind(&doing(1, &[])), Err(Condition::Currencies));
        let placed = Conditions {
            stores: vec![store(1), store(3)],
            ..Conditions::default()
        };
        for there in [&[store(1)][..], &[store(3), store(1)]] {
            assert_eq!(placed.bind(&doing(1, there)), Ok(()));
        }
        for elsewhere in [
            &[][..],
            &[store(2)],
            &[store(1), store(2)],
            &[store(2), store(1)],
        ] {
            assert_eq!(placed.bind(&doing(1, elsewhere)), Err(Condition::Stores));
            let moves_nothing = Doing {
                amount: None,
                ..doing(1, elsewhere)
            };
            let refused = placed.bind(&moves_nothing).is_err();
            assert_eq!(refused, !elsewhere.is_empty());
        }
        assert_eq!(placed.bind(&Doing::default()), Ok(()));
        let own = Conditions {
            own_shift: true,
            ..Conditions::default()
        };
        let other = Doing {
            other_s_shift: true,
            ..Doing::default()
        };
        assert_eq!(own.bind(&other), Err(Condition::OwnShift));
        assert_eq!(Conditions::default().bind(&other), Ok(()));
        assert!(Conditions::default().is_empty() && !own.is_empty());
    }

    #[test]
    fn addresses_are_held_to_the_networks() {
        let inside = Conditions {
            networks: vec![Range::parse("10.0.0.0/8").unwrap()],
            ..Conditions::default()
        };
        let admit = |address: &str| {
            inside.admit(Timestamp(0), address.parse::<std::net::IpAddr>().unwrap())
        };
        assert_eq!(admit("10.1.2.3"), Ok(()));
        assert_eq!(admit("192.0.2.1"), Err(Condition::Networks));
    }
}
