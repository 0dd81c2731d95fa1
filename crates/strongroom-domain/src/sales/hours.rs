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
