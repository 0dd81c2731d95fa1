//! Fees: what the organization's merchants are charged for payments and payouts, by schedules that are versioned by date.
//!
//! A schedule is never changed: a new one takes over from its `effective_from` on. A payment fixes its terms at its first
//! capture, a payout when it is made; what is charged moves from the wallet to the account of fees of that currency, in
//! the posting of the settlement, so a fee without its cause, or the other way around, cannot be. `verify` derives each
//! again from the schedules and the movements.

mod change;
mod terms;
mod view;

use minicbor::{Decode, Encode};
use strongroom_types::Classified;
use strongroom_types::currency::Currency;
use strongroom_types::id::{AnyId, FeeScheduleId, Kind, RawId};
use strongroom_types::time::Timestamp;

use crate::facts::{Facts, external_key};
use crate::record::Record;

pub use change::{CreateFeeSchedule, DeleteFeeSchedule, MOST_SCHEDULES, NewSchedule};
pub use terms::{FeeTerms, PaymentFees, PayoutFee, WHOLE_BPS};
pub use view::FeeScheduleView;

macro_rules! named {
    ($(#[$doc:meta])* $set:ident: $($(#[$about:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
        #[cbor(index_only)]
        pub enum $set { $($(#[$about])* #[n($code)] $name,)* }

        impl $set {
            pub const ALL: &'static [$set] = &[$($set::$name,)*];

            pub const fn as_str(self) -> &'static str {
                match self { $($set::$name => $text,)* }
            }

            pub fn parse(text: &str) -> Option<$set> {
                match text { $($text => Some($set::$name),)* _ => None }
            }
        }
    };
}

named! {
    /// What a schedule is for.
    FeeOn:
    Payments = 0, "payments";
    Payouts = 1, "payouts";
}

named! {
    /// What becomes of a payment's fee when money of it goes back.
    OnRefund:
    Kept = 0, "kept";
    /// It goes back in proportion.
    Returned = 1, "returned";
}

/// All schedules of an organization in one mode, the oldest first.
#[derive(Clone, Default, Encode, Decode, Classified)]
#[part(business)]
pub struct FeeSchedules {
    #[n(0)]
    #[class(sensitive)]
    pub all: Vec<FeeSchedule>,
}

/// One schedule.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct FeeSchedule {
    #[n(0)]
    pub id: FeeScheduleId,
    /// Counts the schedules for the same, from 1.
    #[n(1)]
    pub version: u32,
    #[n(2)]
    pub on: FeeOn,
    /// Of the amount, in hundredths of a percent.
    #[n(3)]
    pub bps: u32,
    /// What is fixed in one currency each; of others the percentage alone is charged.
    #[n(4)]
    pub amounts: Vec<FeeAmounts>,
    #[n(5)]
    pub refunds: OnRefund,
    #[n(6)]
    pub effective_from: Timestamp,
    #[n(7)]
    pub created_at: Timestamp,
}

/// What a schedule says of one currency, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct FeeAmounts {
    #[n(0)]
    pub currency: Currency,
    #[n(1)]
    pub fixed: i64,
    #[n(2)]
    pub minimum: i64,
    #[n(3)]
    pub maximum: Option<i64>,
}

impl FeeSchedule {
    /// What it charges in a currency.
    pub fn terms(&self, currency: Currency) -> FeeTerms {
        let of = self.amounts.iter().find(|known| known.currency == currency);
        FeeTerms {
            schedule: self.id,
            bps: self.bps,
            fixed: of.map_or(0, |of| of.fixed),
            minimum: of.map_or(0, |of| of.minimum),
            maximum: of.and_then(|of| of.maximum),
            returned: self.refunds == OnRefund::Returned,
        }
    }
}

impl FeeSchedules {
    pub fn find(&self, id: FeeScheduleId) -> Option<&FeeSchedule> {
        self.all.iter().find(|schedule| schedule.id == id)
    }

    /// The schedule in force: of those that have begun the one that began last; of two that began at once the later made.
    pub fn in_force(&self, on: FeeOn, now: Timestamp) -> Option<&FeeSchedule> {
        self.in_force_before(on, now, RawId([u8::MAX; 12]))
    }

    /// The same among the schedules made before an id of the log.
    pub fn in_force_before(
        &self,
        on: FeeOn,
        now: Timestamp,
        before: RawId,
    ) -> Option<&FeeSchedule> {
        let begun = |known: &&FeeSchedule| {
            known.on == on && known.effective_from <= now && known.id.0 < before
        };
        let all = self.all.iter().filter(begun);
        all.max_by_key(|known| (known.effective_from, known.id))
    }
}

/// The key of the list of schedules: there is one per scope.
pub fn fee_schedules_key() -> AnyId {
    AnyId {
        kind: Kind::FeeSchedule,
        raw: RawId::ZERO,
    }
}

/// The key of the account of fees in one currency.
pub fn fees_key(currency: Currency) -> AnyId {
    AnyId {
        kind: Kind::Fees,
        raw: external_key(currency).raw,
    }
}

impl Facts {
    /// The schedules, once there was one.
    pub fn fee_schedules(&self) -> Option<&FeeSchedules> {
        match self.record(fee_schedules_key()).map(AsRef::as_ref) {
            Some(Record::FeeSchedules(schedules)) => Some(schedules),
            _ => None,
        }
    }

    /// What is charged now, where a schedule is in force.
    pub(crate) fn fee_terms(
        &self,
        on: FeeOn,
        currency: Currency,
        now: Timestamp,
    ) -> Option<FeeTerms> {
        let schedule = self.fee_schedules()?.in_force(on, now)?;
        Some(schedule.terms(currency))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(n: u8, from: i64) -> FeeSchedule {
        FeeSchedule {
            id: FeeScheduleId(RawId([n; 12])),
            version: u32::from(n),
            on: FeeOn::Payments,
            bps: 100,
            amounts: Vec::new(),
            refunds: OnRefund::Kept,
            effective_from: Timestamp(from),
            created_at: Timestamp(0),
        }
    }

    #[test]
    fn the_schedule_that_began_last_is_in_force() {
        let all = FeeSchedules {
            all: vec![
                schedule(1, 10),
                schedule(2, 30),
                schedule(3, 20),
                schedule(4, 20),
            ],
        };
        let at = |time| {
            all.in_force(FeeOn::Payments, Timestamp(time))
                .map(|s| s.version)
        };
        assert_eq!(
            [at(9), at(10), at(19), at(20), at(30)],
            [None, Some(1), Some(1), Some(4), Some(2)]
        );
        let early = RawId([4; 12]);
        let before = all.in_force_before(FeeOn::Payments, Timestamp(20), early);
        assert_eq!(before.map(|s| s.version), Some(3));
        assert!(all.in_force(FeeOn::Payouts, Timestamp(99)).is_none());
    }
}
