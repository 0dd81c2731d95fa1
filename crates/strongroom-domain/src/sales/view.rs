//! How sales look on the wire: as transactions of type `sale`.

use serde::Serialize;
use strongroom_types::currency::Currency;
use strongroom_types::id::{
    AuditId, CustomerId, PaymentId, ProductId, SaleId, ShiftId, StoreId, TillId,
};
use strongroom_types::metadata::Metadata;
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::Timestamp;

use crate::customers::proof_of;
use crate::sales::{OfflinePlace, SaleBody, SaleLine, SaleStatus};
use crate::shifts::TaxView;
use crate::tills::Digest;

/// A transaction of a till.
#[derive(Serialize)]
pub struct SaleView<'a> {
    pub id: SaleId,
    pub object: &'static str,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub status: &'static str,
    pub amount: i64,
    pub amount_decimal: String,
    pub currency: Currency,
    pub till_id: Option<TillId>,
    pub store_id: Option<StoreId>,
    pub shift_id: Option<ShiftId>,
    pub customer_id: Option<CustomerId>,
    pub items: Vec<ItemView<'a>>,
    pub subtotal: i64,
    pub discount_amount: i64,
    pub taxes_included: bool,
    pub taxes: Vec<TaxView>,
    pub tenders: Vec<TenderView>,
    pub amount_refunded: i64,
    pub reference_id: Option<&'a ReferenceId>,
    pub description: Option<&'a str>,
    pub metadata: &'a Metadata,
    pub offline: Option<OfflineView>,
    /// When it was completed, though it be voided since.
    pub completed_at: Option<Timestamp>,
    pub voided_at: Option<Timestamp>,
    pub void_reason: Option<&'a str>,
    pub receipt: ReceiptPlace,
    pub created_at: Timestamp,
}

#[derive(Serialize)]
pub struct ItemView<'a> {
    pub product_id: Option<ProductId>,
    pub name: &'a str,
    pub quantity: i64,
    pub unit_amount: i64,
    pub discount_amount: i64,
    /// Its part of the discount on everything.
    pub discount_share: i64,
    pub tax_rate_ppm: u32,
    pub tax: i64,
    pub total: i64,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TenderView {
    Cash {
        amount: i64,
        tendered: i64,
        change: i64,
        amount_refunded: i64,
    },
    Card {
        amount: i64,
        payment_id: PaymentId,
        amount_refunded: i64,
    },
}

#[derive(Serialize)]
pub struct OfflineView {
    pub sequence: u64,
    pub hash: Digest,
    pub sold_at: Timestamp,
    pub price_differs: bool,
}

/// The entry that proves a receipt.
#[derive(Serialize)]
pub struct ReceiptPlace {
    pub audit_log_id: AuditId,
    pub proof: String,
}

impl<'a> SaleView<'a> {
    pub fn new(body: &'a SaleBody) -> SaleView<'a> {
        SaleView {
            id: body.id,
            object: "transaction",
            kind: "sale",
            status: status(body),
            amount: body.amount.minor,
            amount_decimal: body.amount.decimal(),
            currency: body.amount.currency,
            till_id: body.till,
            store_id: body.store,
            shift_id: body.shift,
            customer_id: body.customer,
            items: body.lines.iter().map(item).collect(),
            subtotal: body.subtotal,
            discount_amount: body.discount,
            taxes_included: !body.taxes_added,
            taxes: TaxView::all(&body.taxes),
            tenders: tenders(body),
            amount_refunded: body.refunded(),
            reference_id: body.reference_id.as_ref(),
            description: body.description.as_deref(),
            metadata: &body.metadata,
            offline: body.offline.map(offline),
            completed_at: body.counted_at(),
            voided_at: body.voided_at,
            void_reason: body.void_reason.as_deref(),
            receipt: ReceiptPlace {
                audit_log_id: body.audit,
                proof: proof_of(body.audit),
            },
            created_at: body.created_at,
        }
    }
}

/// The texts of all states that a transaction shows.
pub const SHOWN: &[&str] = &[
    "pending",
    "completed",
    "failed",
    "voided",
    "partially_refunded",
    "refunded",
];

fn status(body: &SaleBody) -> &'static str {
    match (body.status, body.refunded()) {
        (SaleStatus::Completed, 0) => "completed",
        (SaleStatus::Completed, all) if all >= body.amount.minor => "refunded",
        (SaleStatus::Completed, _) => "partially_refunded",
        (status, _) => status.as_str(),
    }
}

fn item(line: &SaleLine) -> ItemView<'_> {
    ItemView {
        product_id: line.product,
        name: &line.name,
        quantity: line.quantity,
        unit_amount: line.unit,
        discount_amount: line.discount,
        discount_share: line.share,
        tax_rate_ppm: line.ppm,
        tax: line.tax,
        total: line.total,
    }
}

fn tenders(body: &SaleBody) -> Vec<TenderView> {
    let mut all = Vec::with_capacity(2);
    if body.cash > 0 {
        all.push(TenderView::Cash {
            amount: body.cash,
            tendered: body.tendered,
            change: body.change(),
            amount_refunded: body.cash_refunded,
        });
    }
    if let Some(payment_id) = body.payment {
        all.push(TenderView::Card {
            amount: body.card,
            payment_id,
            amount_refunded: body.card_refunded,
        });
    }
    all
}

fn offline(place: OfflinePlace) -> OfflineView {
    OfflineView {
        sequence: place.sequence,
        hash: place.hash,
        sold_at: place.sold_at,
        price_differs: place.price_differs.unwrap_or(false),
    }
}
