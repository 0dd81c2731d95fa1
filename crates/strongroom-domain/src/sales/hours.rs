//! When a sale counts, and how one is found that counts later than it was made.
//!
//! It counts from its completion on, and no longer from its void on. Both may be long after it was made: a cardholder is asked by
//! his bank, a shift stays open over midnight. Lists of sales go by when they were made, so an index has for each hour the
//! sales of earlier ones that were completed or voided in it.

use strongroom_types::time::{HOUR, Timestamp};

use crate::decision::Decision;
use crate::facts::Field;
use crate::sales::{SaleBody, SaleStatus};

/// An hour of UTC, counted from 1970.
pub fn hour_of(time: Timestamp) -> i64 {
    time.0.div_euclid(HOUR)
}

/// The first moment of an hour.
pub fn hour_start(hour: i64) -> Timestamp {
    Timestamp(hour.saturating_mul(HOUR))
}

/// An hour as the index has it.
pub fn hour_text(hour: i64) -> String {
    hour.to_string()
}

impl SaleBody {
    /// When it was completed, if it ever was. Of one that was completed before that was kept it is when it was made; of one
    /// that was also voided before, nothing is known.
    pub fn counted_at(&self) -> Option<Timestamp> {
        match self.status {
            SaleStatus::Completed => Some(self.completed_at.unwrap_or(self.created_at)),
            SaleStatus::Voided => self.completed_at,
            SaleStatus::Pending | SaleStatus::Failed => None,
        }
    }

    /// When it ceased to count, if it ever did count.
    pub fn uncounted_at(&self) -> Option<Timestamp> {
        self.counted_at().and(self.voided_at)
    }

    /// The hours behind the one it was made in in which it was completed or voided.
    pub fn later_hours(&self) -> Vec<String> {
        let made = hour_of(self.created_at);
        let times = [self.counted_at(), self.uncounted_at()];
        let mut hours: Vec<i64> = times.into_iter().flatten().map(hour_of).collect();
        hours.retain(|hour| *hour != made);
        hours.dedup();
        hours.into_iter().map(hour_text).collect()
    }
}

/// The sale is found by the hours that it was completed and voided in.
pub(super) fn found_later(decision: Decision, sale: &SaleBody) -> Decision {
    let hours = sale.later_hours().into_iter();
    hours.fold(decision, |decision, hour| {
        decision.claim(Field::SaleHour, Some(&hour), sale.id.any())
    })
}

#[cfg(test)]
mod tests {
    use strongroom_types::currency::Currency;
    use strongroom_types::id::{AuditId, RawId, SaleId};
    use strongroom_types::metadata::Metadata;
    use strongroom_types::money::Money;

    use super::*;

    /// A sale of the first hour.
    fn sale(status: SaleStatus, completed: Option<i64>, voided: Option<i64>) -> SaleBody {
        SaleBody {
            id: SaleId(RawId([1; 12])),
            status,
            amount: Money::new(1, Currency::parse("PHP").unwrap()),
            till: None,
            store: None,
            shift: None,
            customer: None,
            lines: Vec::new(),
            subtotal: 1,
            discount: 0,
            taxes: Vec::new(),
            taxes_added: false,
            cash: 1,
            tendered: 1,
            card: 0,
            payment: None,
            cash_refunded: 0,
            card_refunded: 0,
            reference_id: None,
            description: None,
            metadata: Metadata::default(),
            created_at: Timestamp(5),
            audit: AuditId(RawId([2; 12])),
            offline: None,
            voided_at: voided.map(Timestamp),
            void_reason: None,
            completed_at: completed.map(Timestamp),
        }
    }

    #[test]
    fn it_counts_from_its_completion_to_its_void() {
        use SaleStatus::{Completed, Failed, Pending, Voided};
        let (second, third) = (HOUR, 2 * HOUR);
        let told = |sale: SaleBody| {
            let number = |time: Option<Timestamp>| time.map(|time| time.0);
            let (from, to) = (number(sale.counted_at()), number(sale.uncounted_at()));
            (from, to, sale.later_hours())
        };
        let hours = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        for (body, from, to, later) in [
            (sale(Pending, None, None), None, None, hours(&[])),
            (sale(Failed, None, None), None, None, hours(&[])),
            (sale(Completed, Some(9), None), Some(9), None, hours(&[])),
            (
                sale(Completed, Some(second), None),
                Some(second),
                None,
                hours(&["1"]),
            ),
            (
                sale(Voided, Some(9), Some(third)),
                Some(9),
                Some(third),
                hours(&["2"]),
            ),
            (
                sale(Voided, Some(second), Some(third)),
                Some(second),
                Some(third),
                hours(&["1", "2"]),
            ),
            (
                sale(Voided, Some(third), Some(third)),
                Some(third),
                Some(third),
                hours(&["2"]),
            ),
            // Voided before it was paid.
            (sale(Voided, None, Some(third)), None, None, hours(&[])),
            // From before completions were kept.
            (sale(Completed, None, None), Some(5), None, hours(&[])),
        ] {
            assert_eq!(told(body), (from, to, later));
        }
    }
}
