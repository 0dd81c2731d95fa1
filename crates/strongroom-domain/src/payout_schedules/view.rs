//! A schedule on the wire.

use serde::Serialize;
use strongroom_types::currency::Currency;
use strongroom_types::id::{BeneficiaryId, PayoutId, PayoutScheduleId, WalletId};
use strongroom_types::metadata::Metadata;
use strongroom_types::reference::ReferenceId;
use strongroom_types::rhythm::Day;
use strongroom_types::time::Timestamp;

use crate::payout_schedules::{End, PayoutSchedule, PayoutScheduleStatus};
use crate::payouts::view::{RecipientView, recipient};

#[derive(Serialize)]
pub struct PayoutScheduleView<'a> {
    pub id: PayoutScheduleId,
    pub object: &'static str,
    pub status: &'static str,
    pub amount: i64,
    pub amount_decimal: String,
    pub currency: Currency,
    pub source_wallet_id: WalletId,
    pub recipient: RecipientView<'a>,
    pub beneficiary_id: Option<BeneficiaryId>,
    pub reference_id: Option<&'a ReferenceId>,
    pub description: Option<&'a str>,
    pub metadata: &'a Metadata,
    pub interval: &'static str,
    /// Of the week from Monday, or of the month.
    pub day: Option<u8>,
    pub time: String,
    pub zone: &'a str,
    pub start_on: Day,
    pub end_on: Option<Day>,
    pub count: Option<u32>,
    pub missed: &'static str,
    /// Nothing while it is paused, or once it is over.
    pub next_execution_at: Option<Timestamp>,
    pub next_occurrence: Option<u32>,
    pub payouts: u32,
    pub skipped: u32,
    pub last_payout_id: Option<PayoutId>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl<'a> PayoutScheduleView<'a> {
    pub fn new(schedule: &'a PayoutSchedule) -> PayoutScheduleView<'a> {
        let body = &schedule.body;
        let is_active = body.status == PayoutScheduleStatus::Active;
        let next = body.next.filter(|_| is_active);
        let (end_on, count) = match body.end {
            End::Never => (None, None),
            End::On(day) => (Some(day), None),
            End::After(number) => (None, Some(number)),
        };
        PayoutScheduleView {
            id: body.id,
            object: "payout_schedule",
            status: body.status.as_str(),
            amount: body.amount.minor,
            amount_decimal: body.amount.decimal(),
            currency: body.amount.currency,
            source_wallet_id: body.source,
            recipient: recipient(&body.recipient, schedule.bank.as_ref()),
            beneficiary_id: body.payee.map(|payee| payee.id),
            reference_id: body.reference_id.as_ref(),
            description: body.description.as_deref(),
            metadata: &body.metadata,
            interval: body.rhythm.interval().as_str(),
            day: body.rhythm.day(),
            time: body.rhythm.at().to_string(),
            zone: body.rhythm.at().zone(),
            start_on: body.rhythm.start(),
            end_on,
            count,
            missed: body.missed.as_str(),
            next_execution_at: next.map(|next| next.at),
            next_occurrence: next.map(|next| next.number),
            payouts: body.made,
            skipped: body.skipped,
            last_payout_id: body.last,
            created_at: body.created_at,
            updated_at: body.updated_at,
        }
    }
}
