//! Transactions at a till: what was sold at once, and how it was paid. On the wire they are transactions, like the
//! movements of money they cause; here they are called sales.
//!
//! `pending` (a card's payment is not answered) → `completed`, or `failed`; `voided` takes one back before its payment is
//! settled. Cash moves with the sale's own entry; a card's money with its payment's, and the sale follows in that same
//! entry (`follow.rs`). Stock is taken in the sale's entry, and comes back in the one that fails or voids it.

mod cart;
mod charged;
mod create;
mod follow;
mod hours;
mod offline;
mod receipt;
mod settle;
pub mod sums;
mod view;
mod void;

use minicbor::{Decode, Encode};
use serde::Serialize;
use strongroom_types::Classified;
use strongroom_types::id::{
    AuditId, CustomerId, PaymentId, ProductId, SaleId, ShiftId, StoreId, TillId,
};
use strongroom_types::metadata::Metadata;
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::Timestamp;

use crate::decision::Decision;
use crate::facts::Facts;
use crate::rejection::{Code, Rejection};
use crate::shifts::TaxSum;
use crate::tills::Digest;

pub use cart::{ItemProduct, NewItem};
pub use create::{CreateSale, NewSale, Tender};
pub(crate) use create::{open_shift, till_keys};
pub(crate) use follow::{follow, follow_keys, refund_followed};
pub use hours::{hour_of, hour_start, hour_text};
pub use offline::{UploadSale, chain_text};
pub use receipt::{Printed, ReceiptView, html as receipt_html, text as receipt_text};
pub use view::{SHOWN, SaleView};
pub use void::VoidSale;

/// Where a sale stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum SaleStatus {
    #[n(0)]
    Pending,
    #[n(1)]
    Completed,
    #[n(2)]
    Failed,
    #[n(3)]
    Voided,
}

impl SaleStatus {
    pub const ALL: &'static [SaleStatus] = &[
        SaleStatus::Pending,
        SaleStatus::Completed,
        SaleStatus::Failed,
        SaleStatus::Voided,
    ];

    pub const fn code(self) -> u8 {
        match self {
            SaleStatus::Pending => 0,
            SaleStatus::Completed => 1,
            SaleStatus::Failed => 2,
            SaleStatus::Voided => 3,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            SaleStatus::Pending => "pending",
            SaleStatus::Completed => "completed",
            SaleStatus::Failed => "failed",
            SaleStatus::Voided => "voided",
        }
    }

    pub fn parse(text: &str) -> Option<SaleStatus> {
        let all = SaleStatus::ALL.iter().copied();
        all.into_iter().find(|status| status.as_str() == text)
    }
}

/// One line of a sale. Amounts are minor units.
#[derive(Clone, PartialEq, Encode, Decode)]
pub struct SaleLine {
    #[n(0)]
    pub product: Option<ProductId>,
    #[n(1)]
    pub name: String,
    #[n(2)]
    pub quantity: i64,
    #[n(3)]
    pub unit: i64,
    /// Off this line.
    #[n(4)]
    pub discount: i64,
    /// Its part of the discount on everything.
    #[n(5)]
    pub share: i64,
    #[n(6)]
    pub ppm: u32,
    #[n(7)]
    pub tax: i64,
    #[n(8)]
    pub total: i64,
    /// Whether the product's stock was taken from.
    #[n(9)]
    pub counted: bool,
}

/// A sale.
#[derive(Clone, PartialEq, Encode, Decode, Classified)]
#[part(business)]
pub struct SaleBody {
    #[n(0)]
    #[class(operational)]
    pub id: SaleId,
    #[n(1)]
    #[class(operational)]
    pub status: SaleStatus,
    /// What was to be paid.
    #[n(2)]
    #[class(sensitive)]
    pub amount: Money,
    /// Nothing of what is sold without a till: then no cash is taken.
    #[n(3)]
    #[class(operational)]
    pub till: Option<TillId>,
    #[n(4)]
    #[class(operational)]
    pub store: Option<StoreId>,
    #[n(5)]
    #[class(operational)]
    pub shift: Option<ShiftId>,
    #[n(6)]
    #[class(operational)]
    pub customer: Option<CustomerId>,
    #[n(7)]
    #[class(sensitive)]
    pub lines: Vec<SaleLine>,
    /// Lines less their own discounts.
    #[n(8)]
    #[class(sensitive)]
    pub subtotal: i64,
    /// Off everything.
    #[n(9)]
    #[class(sensitive)]
    pub discount: i64,
    #[n(10)]
    #[class(sensitive)]
    pub taxes: Vec<TaxSum>,
    /// Whether taxes came on top of the prices.
    #[n(11)]
    #[class(operational)]
    pub taxes_added: bool,
    /// Of the amount, what was paid in cash.
    #[n(12)]
    #[class(sensitive)]
    pub cash: i64,
    /// What was handed over for it.
    #[n(13)]
    #[class(sensitive)]
    pub tendered: i64,
    /// Of the amount, what a card pays.
    #[n(14)]
    #[class(sensitive)]
    pub card: i64,
    #[n(15)]
    #[class(operational)]
    pub payment: Option<PaymentId>,
    /// Of the cash, what was given back.
    #[n(16)]
    #[class(sensitive)]
    pub cash_refunded: i64,
    /// Of the card's, what was given back or is on its way.
    #[n(17)]
    #[class(sensitive)]
    pub card_refunded: i64,
    #[n(18)]
    #[class(sensitive)]
    pub reference_id: Option<ReferenceId>,
    #[n(19)]
    #[class(sensitive)]
    pub description: Option<String>,
    #[n(20)]
    #[class(sensitive)]
    pub metadata: Metadata,
    #[n(21)]
    #[class(operational)]
    pub created_at: Timestamp,
    /// The entry that made it: what its receipt is proven by.
    #[n(22)]
    #[class(operational)]
    pub audit: AuditId,
    #[n(23)]
    #[class(operational)]
    pub offline: Option<OfflinePlace>,
    #[n(24)]
    #[class(operational)]
    pub voided_at: Option<Timestamp>,
    #[n(25)]
    #[class(sensitive)]
    pub void_reason: Option<String>,
    /// When it was completed; nothing of what was before that was kept, for which [`SaleBody::counted_at`] speaks.
    #[n(26)]
    #[class(operational)]
    pub completed_at: Option<Timestamp>,
}

/// Where a sale stands in its till's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct OfflinePlace {
    #[n(0)]
    pub sequence: u64,
    #[n(1)]
    pub hash: Digest,
    /// By the till's clock.
    #[n(2)]
    pub sold_at: Timestamp,
    /// Set where its amount is none that its products ever cost: what the till did not state follows from it.
    #[n(3)]
    pub price_differs: Option<bool>,
}

impl SaleBody {
    pub fn refunded(&self) -> i64 {
        self.cash_refunded.saturating_add(self.card_refunded)
    }

    pub fn change(&self) -> i64 {
        self.tendered.saturating_sub(self.cash)
    }
}

impl Decision {
    /// Says what the sale is, for its events.
    pub(crate) fn about_sale(self, sale: &SaleBody) -> Decision {
        self.detail("transaction_amount", sale.amount.minor.to_string())
            .detail("transaction_currency", sale.amount.currency.code())
            .detail("transaction_status", sale.status.as_str())
    }
}

fn existing(facts: &Facts, id: SaleId) -> Result<&SaleBody, Rejection> {
    facts
        .sale(id)
        .ok_or_else(|| Rejection::new(Code::NotFound, "there is no such transaction"))
}
