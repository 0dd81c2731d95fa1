//! What lists can be narrowed by.

use strongroom_domain::action::Action;
use strongroom_domain::alerts::{AlertStatus, Rule, Severity};
use strongroom_domain::approvals::{Act, ApprovalStatus};
use strongroom_domain::entry::TransactionKind;
use strongroom_domain::payment_links::PaymentLinkStatus;
use strongroom_domain::payments::PaymentStatus;
use strongroom_domain::payouts::PayoutStatus;
use strongroom_domain::refunds::RefundStatus;
use strongroom_domain::wallets::{WalletStatus, WalletType};
use strongroom_types::currency::Currency;
use strongroom_types::id::{
    AnyId, ApiKeyId, BeneficiaryId, PaymentId, PayoutId, PayoutScheduleId, SaleId, WalletId,
};
use strongroom_types::time::Timestamp;

#[derive(Clone, Debug, Default)]
pub struct WalletFilter {
    pub wallet_type: Option<WalletType>,
    pub status: Option<WalletStatus>,
    pub parent: Option<WalletId>,
    pub currency: Option<Currency>,
    pub reference_id: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub created_after: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
}

#[derive(Clone, Debug, Default)]
pub struct PayoutFilter {
    pub status: Option<PayoutStatus>,
    /// As source or as recipient.
    pub wallet: Option<WalletId>,
    pub beneficiary: Option<BeneficiaryId>,
    pub schedule: Option<PayoutScheduleId>,
    pub reference_id: Option<String>,
    pub created_after: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
}

#[derive(Clone, Debug, Default)]
pub struct PaymentLinkFilter {
    /// As it stands now.
    pub status: Option<PaymentLinkStatus>,
    pub reference_id: Option<String>,
    pub created_after: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
}

#[derive(Clone, Debug, Default)]
pub struct PaymentFilter {
    pub status: Option<PaymentStatus>,
    pub wallet: Option<WalletId>,
    pub reference_id: Option<String>,
    pub created_after: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
}

#[derive(Clone, Debug, Default)]
pub struct RefundFilter {
    pub status: Option<RefundStatus>,
    pub payment: Option<PaymentId>,
    pub sale: Option<SaleId>,
    pub reference_id: Option<String>,
    pub created_after: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
}

#[derive(Clone, Debug, Default)]
pub struct ApprovalFilter {
    pub status: Option<ApprovalStatus>,
    pub act: Option<Act>,
    pub created_after: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
}

#[derive(Clone, Debug, Default)]
pub struct AlertFilter {
    pub status: Option<AlertStatus>,
    pub severity: Option<Severity>,
    pub rule: Option<Rule>,
    pub created_after: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
}

#[derive(Clone, Debug, Default)]
pub struct TransactionFilter {
    pub kind: Option<TransactionKind>,
    pub wallet: Option<WalletId>,
    pub payout: Option<PayoutId>,
    /// Of transfers.
    pub reference_id: Option<String>,
    pub created_after: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
    /// Minor units, inclusive.
    pub min_amount: Option<i64>,
    /// Minor units, inclusive.
    pub max_amount: Option<i64>,
}

#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    pub action: Option<Action>,
    pub resource: Option<AnyId>,
    pub credential: Option<ApiKeyId>,
    /// `true` for successes, `false` for refusals.
    pub outcome: Option<bool>,
    pub created_after: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
}

/// Whether a time lies within bounds: from `after`, inclusive, to `before`, exclusive.
pub(crate) fn within(time: Timestamp, after: Option<Timestamp>, before: Option<Timestamp>) -> bool {
    after.is_none_or(|after| time >= after) && before.is_none_or(|before| time < before)
}
