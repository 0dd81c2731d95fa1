//! Fee schedules as the API shows them, and the fees of a payment.

use serde::Serialize;
use strongroom_types::currency::Currency;
use strongroom_types::id::FeeScheduleId;
use strongroom_types::money::Money;
use strongroom_types::time::Timestamp;

use crate::fees::{FeeAmounts, FeeSchedule, FeeSchedules};

/// A schedule.
#[derive(Serialize)]
pub struct FeeScheduleView {
    pub id: FeeScheduleId,
    pub object: &'static str,
    pub version: u32,
    pub applies_to: &'static str,
    pub status: &'static str,
    pub percent_bps: u32,
    pub amounts: Vec<AmountsView>,
    pub refunds: &'static str,
    pub effective_from: Timestamp,
    pub created_at: Timestamp,
}

#[derive(Serialize)]
pub struct AmountsView {
    pub currency: Currency,
    pub fixed: i64,
    pub fixed_decimal: String,
    pub minimum: i64,
    pub minimum_decimal: String,
    pub maximum: Option<i64>,
    pub maximum_decimal: Option<String>,
}

impl FeeScheduleView {
    pub const STATUSES: &'static [&'static str] = &["scheduled", "in_force", "superseded"];

    pub fn new(schedule: &FeeSchedule, all: &FeeSchedules, now: Timestamp) -> FeeScheduleView {
        let current = all.in_force(schedule.on, now).map(|known| known.id);
        let status = match (schedule.effective_from > now, current == Some(schedule.id)) {
            (true, _) => "scheduled",
            (false, true) => "in_force",
            (false, false) => "superseded",
        };
        FeeScheduleView {
            id: schedule.id,
            object: "fee_schedule",
            version: schedule.version,
            applies_to: schedule.on.as_str(),
            status,
            percent_bps: schedule.bps,
            amounts: schedule.amounts.iter().map(AmountsView::new).collect(),
            refunds: schedule.refunds.as_str(),
            effective_from: schedule.effective_from,
            created_at: schedule.created_at,
        }
    }
}

impl AmountsView {
    fn new(of: &FeeAmounts) -> AmountsView {
        let decimal = |minor| Money::new(minor, of.currency).decimal();
        AmountsView {
            currency: of.currency,
            fixed: of.fixed,
            fixed_decimal: decimal(of.fixed),
            minimum: of.minimum,
            minimum_decimal: decimal(of.minimum),
            maximum: of.maximum,
            maximum_decimal: of.maximum.map(decimal),
        }
    }
}
