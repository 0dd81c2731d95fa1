//! Refunds: money of a captured payment going back to the card it came from, and nowhere else; cash of a transaction at
//! a till going back out of a drawer (`cash.rs`).
//!
//! `pending → completed` or `failed`. Until the acquirer has answered, the money is held (available → reserved) and
//! counts as given back, so that no two refunds can share it. Cash is given back in the entry of its refund.

mod answer;
mod cash;
mod create;
mod view;

use minicbor::{Decode, Encode};
use serde::Serialize;
use strongroom_types::Classified;
use strongroom_types::id::{ApiKeyId, PaymentId, RefundId, SaleId, ShiftId, TokenId, WalletId};
use strongroom_types::metadata::Metadata;
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::Timestamp;

use crate::decision::{Decision, Job};
use crate::facts::Facts;
use crate::payments::Exchange;
use crate::record::Record;
use crate::rejection::{Code, Rejection};

pub use answer::{AnswerRefund, SendRefund};
pub use create::{CreateRefund, RefundOf};
pub use view::RefundView;

/// Where a refund stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    #[n(0)]
    Pending,
    #[n(1)]
    Completed,
    #[n(2)]
    Failed,
}

impl RefundStatus {
    pub const ALL: &'static [RefundStatus] = &[
        RefundStatus::Pending,
        RefundStatus::Completed,
        RefundStatus::Failed,
    ];

    pub const fn code(self) -> u8 {
        match self {
            RefundStatus::Pending => 0,
            RefundStatus::Completed => 1,
            RefundStatus::Failed => 2,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            RefundStatus::Pending => "pending",
            RefundStatus::Completed => "completed",
            RefundStatus::Failed => "failed",
        }
    }

    pub fn parse(text: &str) -> Option<RefundStatus> {
        let all = RefundStatus::ALL.iter().copied();
        all.into_iter().find(|status| status.as_str() == text)
    }
}

/// Why a refund failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum RefundFailure {
    #[n(0)]
    RefundDeclined,
    /// What it was to give back was never taken: the acquirer refused the capture.
    #[n(80)]
    CaptureRefused,
}

impl RefundFailure {
    pub const ALL: &'static [RefundFailure] =
        &[RefundFailure::RefundDeclined, RefundFailure::CaptureRefused];

    pub const fn as_str(self) -> &'static str {
        match self {
            RefundFailure::RefundDeclined => "refund_declined",
            RefundFailure::CaptureRefused => "capture_refused",
        }
    }
}

/// A refund.
#[derive(Clone, PartialEq, Encode, Decode, Classified)]
#[part(business)]
pub struct RefundBody {
    #[n(0)]
    #[class(operational)]
    pub id: RefundId,
    #[n(1)]
    #[class(operational)]
    pub status: RefundStatus,
    #[n(2)]
    #[class(sensitive)]
    pub amount: Money,
    /// Nothing of what goes back in cash; the same of token and wallet.
    #[n(3)]
    #[class(operational)]
    pub payment: Option<PaymentId>,
    #[n(4)]
    #[class(operational)]
    pub token: Option<TokenId>,
    #[n(5)]
    #[class(operational)]
    pub wallet: Option<WalletId>,
    #[n(6)]
    #[class(sensitive)]
    pub reason: String,
    #[n(7)]
    #[class(operational)]
    pub exchange: Exchange,
    #[n(8)]
    #[class(operational)]
    pub failure: Option<RefundFailure>,
    #[n(9)]
    #[class(sensitive)]
    pub reference_id: Option<ReferenceId>,
    #[n(10)]
    #[class(sensitive)]
    pub metadata: Metadata,
    #[n(11)]
    #[class(operational)]
    pub created_at: Timestamp,
    #[n(12)]
    #[class(operational)]
    pub processed_at: Option<Timestamp>,
    /// The transaction of a till that it is of.
    #[n(13)]
    #[class(operational)]
    pub sale: Option<SaleId>,
    /// The shift whose cash went back.
    #[n(14)]
    #[class(operational)]
    pub shift: Option<ShiftId>,
    /// What of the payment's fee came back with it.
    #[n(24)]
    #[class(sensitive)]
    pub fee: Option<i64>,
    /// The key of a till that made it, where it named a payment.
    #[n(25)]
    #[class(operational)]
    pub maker: Option<ApiKeyId>,
}

impl RefundBody {
    /// What of the payment's fee came back with it.
    pub fn fee_back(&self) -> i64 {
        self.fee.unwrap_or(0)
    }

    /// Whether the acquirer has not ended it.
    pub fn is_pending(&self) -> bool {
        self.status == RefundStatus::Pending
    }
}

impl Decision {
    /// Says which refund it is about, and keeps what became of it and of its job.
    #[must_use]
    fn about_refund(self, body: RefundBody, due: Timestamp) -> Decision {
        let job = match body.is_pending() {
            true => Job::Refund(body.id, due),
            false => Job::RefundDone(body.id),
        };
        let mut decision = self.job(job);
        decision.refund = Some(body.clone());
        decision.change(body.id.any(), Record::Refund(body))
    }
}

fn existing(facts: &Facts, id: RefundId) -> Result<&RefundBody, Rejection> {
    facts
        .refund(id)
        .ok_or_else(|| Rejection::new(Code::NotFound, "there is no such refund"))
}
