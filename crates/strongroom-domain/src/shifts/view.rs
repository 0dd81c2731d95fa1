//! How shifts, and their X and Z reports, look on the wire.

use serde::Serialize;
use strongroom_types::currency::Currency;
use strongroom_types::id::{ApiKeyId, ShiftId, StoreId, TillId};
use strongroom_types::time::Timestamp;

use crate::shifts::{ShiftBody, ShiftStatus, TaxSum};

/// A shift.
#[derive(Serialize)]
pub struct ShiftView<'a> {
    pub id: ShiftId,
    pub object: &'static str,
    pub status: ShiftStatus,
    pub till_id: TillId,
    pub store_id: StoreId,
    pub currency: Currency,
    pub opened_by: ApiKeyId,
    pub opening_float: i64,
    /// What the drawer must hold now, or had to hold when it was counted.
    pub expected_cash: i64,
    pub counted_cash: Option<i64>,
    /// Counted less expected.
    pub difference: Option<i64>,
    pub pending_transactions: u32,
    pub z_number: Option<u32>,
    pub note: Option<&'a str>,
    pub closed_by: Option<ApiKeyId>,
    pub closed_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

impl<'a> ShiftView<'a> {
    /// `held` is what its cash account holds.
    pub fn new(body: &'a ShiftBody, held: i64) -> ShiftView<'a> {
        let expected = body.expected.unwrap_or(held);
        ShiftView {
            id: body.id,
            object: "shift",
            status: body.status,
            till_id: body.till,
            store_id: body.store,
            currency: body.currency,
            opened_by: body.opened_by,
            opening_float: body.float,
            expected_cash: expected,
            counted_cash: body.counted,
            difference: body.counted.map(|counted| counted.saturating_sub(expected)),
            pending_transactions: body.pending,
            z_number: body.number,
            note: body.note.as_deref(),
            closed_by: body.closed_by,
            closed_at: body.closed_at,
            created_at: body.created_at,
        }
    }
}

/// `GET /v1/shifts/{id}/report`: X while it is open, Z once it is closed.
#[derive(Serialize)]
pub struct ShiftReport<'a> {
    pub object: &'static str,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub shift: ShiftView<'a>,
    pub transactions: u32,
    pub voided: u32,
    /// Taxes included, discounts taken off.
    pub sold: i64,
    pub discounts: i64,
    pub taxes: Vec<TaxView>,
    pub tenders: TendersView,
    pub cash: CashView,
}

#[derive(Serialize)]
pub struct TaxView {
    pub tax_rate_ppm: u32,
    pub net: i64,
    pub tax: i64,
}

impl TaxView {
    pub fn all(taxes: &[TaxSum]) -> Vec<TaxView> {
        let one = |sum: &TaxSum| TaxView {
            tax_rate_ppm: sum.ppm,
            net: sum.net,
            tax: sum.tax,
        };
        taxes.iter().map(one).collect()
    }
}

#[derive(Serialize)]
pub struct TendersView {
    pub cash: i64,
    pub card: i64,
}

#[derive(Serialize)]
pub struct CashView {
    pub opening_float: i64,
    pub sales: i64,
    pub refunds: i64,
    pub refund_count: u32,
    pub paid_in: i64,
    pub paid_out: i64,
    pub expected: i64,
}

impl<'a> ShiftReport<'a> {
    pub fn new(body: &'a ShiftBody, held: i64) -> ShiftReport<'a> {
        let (shift, totals) = (ShiftView::new(body, held), &body.totals);
        ShiftReport {
            object: "shift_report",
            kind: if body.is_open() { "x" } else { "z" },
            transactions: totals.sales,
            voided: totals.voided,
            sold: totals.sold,
            discounts: totals.discounts,
            taxes: TaxView::all(&totals.taxes),
            tenders: TendersView {
                cash: totals.cash,
                card: totals.card,
            },
            cash: CashView {
                opening_float: body.float,
                sales: totals.cash,
                refunds: totals.cash_refunds,
                refund_count: totals.refunds,
                paid_in: totals.cash_in,
                paid_out: totals.cash_out,
                expected: shift.expected_cash,
            },
            shift,
        }
    }
}
