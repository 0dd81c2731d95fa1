//! What stands under `data` in an event, by what it is about.

use serde::Serialize;
use strongroom_types::id::{AnyId, EventId, Kind, PaymentId, TokenId};
use strongroom_types::time::Timestamp;

use crate::entry::{EntryFacts, Place};
use crate::event::EventType;
use crate::facts::books_key;
use crate::payments::{PaymentBody, PaymentFailure, PaymentStatus};
use crate::payouts::{PayoutBody, PayoutStatus, Recipient};
use crate::refunds::{RefundBody, RefundFailure, RefundStatus};

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Data<'a> {
    Payout(PayoutData<'a>),
    Payment(PaymentData),
    Refund(RefundData),
    Balance(BalanceData),
    Challenge(ChallengeData),
    Alert(AlertData<'a>),
    Approval(ApprovalData<'a>),
    Changed(ChangedData<'a>),
    Sale(SaleData<'a>),
    PaymentLink(PaymentLinkData<'a>),
    Report(ReportData<'a>),
    Resource(ResourceData),
}

#[derive(Serialize)]
pub(super) struct PayoutData<'a> {
    payout_id: AnyId,
    amount: i64,
    currency: &'static str,
    status: PayoutStatus,
    recipient: RecipientData,
    processed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_code: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct PaymentData {
    payment_id: AnyId,
    amount: i64,
    currency: &'static str,
    status: PaymentStatus,
    amount_captured: i64,
    amount_refunded: i64,
    payment_token: TokenId,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_code: Option<PaymentFailure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount_refused: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_code: Option<PaymentFailure>,
}

#[derive(Serialize)]
pub(super) struct RefundData {
    refund_id: AnyId,
    payment_id: Option<PaymentId>,
    amount: i64,
    currency: &'static str,
    status: RefundStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_code: Option<RefundFailure>,
}

#[derive(Serialize)]
pub(super) struct RecipientData {
    #[serde(rename = "type")]
    kind: &'static str,
    id: AnyId,
}

#[derive(Serialize)]
pub(super) struct BalanceData {
    wallet_id: AnyId,
    amount: i64,
    currency: &'static str,
    transaction_id: AnyId,
}

/// What the endpoint is to answer with: the event's own id.
#[derive(Serialize)]
pub(super) struct ChallengeData {
    id: AnyId,
    challenge: EventId,
}

/// From the entry's details, so that a reader need not ask for what has happened.
#[derive(Serialize)]
pub(super) struct AlertData<'a> {
    alert_id: AnyId,
    #[serde(rename = "type")]
    rule: &'a str,
    severity: &'a str,
    status: &'a str,
    subject_id: &'a str,
}

/// The same, of an approval: of the act, its kind alone.
#[derive(Serialize)]
pub(super) struct ApprovalData<'a> {
    approval_id: AnyId,
    act: &'a str,
    status: &'a str,
    hash: &'a str,
}

/// The same, of a customer: the names of the fields that changed, never what stands in them.
#[derive(Serialize)]
pub(super) struct ChangedData<'a> {
    id: AnyId,
    changed: Vec<&'a str>,
}

/// The same, of a transaction at a till.
#[derive(Serialize)]
pub(super) struct SaleData<'a> {
    transaction_id: AnyId,
    amount: i64,
    currency: &'a str,
    status: &'a str,
}

/// The same, of a payment link.
#[derive(Serialize)]
pub(super) struct PaymentLinkData<'a> {
    payment_link_id: AnyId,
    amount: i64,
    currency: &'a str,
    status: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    payment_id: &'a str,
}

/// The same, of a report: what it is, never what it says.
#[derive(Serialize)]
pub(super) struct ReportData<'a> {
    report_id: AnyId,
    #[serde(rename = "type")]
    kind: &'a str,
    format: &'a str,
    status: &'a str,
    from: &'a str,
    to: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    failure_code: &'a str,
}

#[derive(Serialize)]
pub(super) struct ResourceData {
    id: AnyId,
}

pub(super) fn data<'a>(
    facts: &'a EntryFacts,
    place: &Place,
    (id, event): (EventId, EventType),
    about: Option<AnyId>,
) -> Data<'a> {
    let about = about.unwrap_or(AnyId {
        kind: Kind::Audit,
        raw: facts.base,
    });
    if event == EventType::WebhookChallenge {
        return Data::Challenge(ChallengeData {
            id: about,
            challenge: id,
        });
    }
    if about.kind == Kind::Alert {
        return Data::Alert(alert_data(facts, about));
    }
    if about.kind == Kind::Approval {
        return Data::Approval(ApprovalData {
            approval_id: about,
            act: facts.detail("approval_act"),
            status: facts.detail("approval_status"),
            hash: facts.detail("approval_hash"),
        });
    }
    if lists_changes(event) {
        let changed = facts.detail("changed");
        let changed = changed.split(',').filter(|name| !name.is_empty()).collect();
        return Data::Changed(ChangedData { id: about, changed });
    }
    if about.kind == Kind::Sale && !facts.detail("transaction_status").is_empty() {
        return Data::Sale(SaleData {
            transaction_id: about,
            amount: facts.detail("transaction_amount").parse().unwrap_or(0),
            currency: facts.detail("transaction_currency"),
            status: facts.detail("transaction_status"),
        });
    }
    if about.kind == Kind::Report {
        return Data::Report(report_data(facts, about));
    }
    if about.kind == Kind::PaymentLink {
        return Data::PaymentLink(link_data(facts, about));
    }
    if let (Kind::Payout, Some(payout)) = (about.kind, &facts.payout) {
        return Data::Payout(payout_data(payout, place, event));
    }
    if let (Kind::Payment, Some(payment)) = (about.kind, &facts.payment) {
        return Data::Payment(payment_data(payment));
    }
    if let (Kind::Refund, Some(refund)) = (about.kind, &facts.refund) {
        return Data::Refund(refund_data(refund));
    }
    let account = books_key(strongroom_types::id::WalletId(about.raw));
    match (about.kind, facts.posting_of(account)) {
        (Kind::Wallet, Some((transaction, posting))) => Data::Balance(BalanceData {
            wallet_id: about,
            amount: match event {
                EventType::WalletLowBalance => posting.after.available,
                _ => transaction.amount.minor,
            },
            currency: posting.currency.code(),
            transaction_id: transaction.id.any(),
        }),
        _ => Data::Resource(ResourceData { id: about }),
    }
}

/// Whether it names the fields that changed.
fn lists_changes(event: EventType) -> bool {
    matches!(
        event,
        EventType::CustomerUpdated
            | EventType::BeneficiaryUpdated
            | EventType::BeneficiaryAccountChanged
            | EventType::PayoutScheduleUpdated
    )
}

fn link_data(facts: &EntryFacts, about: AnyId) -> PaymentLinkData<'_> {
    PaymentLinkData {
        payment_link_id: about,
        amount: facts.detail("payment_link_amount").parse().unwrap_or(0),
        currency: facts.detail("payment_link_currency"),
        status: facts.detail("payment_link_status"),
        payment_id: facts.detail("payment_link_payment"),
    }
}

fn report_data(facts: &EntryFacts, about: AnyId) -> ReportData<'_> {
    ReportData {
        report_id: about,
        kind: facts.detail("report_type"),
        format: facts.detail("report_format"),
        status: facts.detail("report_status"),
        from: facts.detail("report_from"),
        to: facts.detail("report_to"),
        failure_code: facts.detail("report_failure"),
    }
}

fn alert_data(facts: &EntryFacts, about: AnyId) -> AlertData<'_> {
    AlertData {
        alert_id: about,
        rule: facts.detail("type"),
        severity: facts.detail("severity"),
        status: facts.detail("status"),
        subject_id: facts.detail("subject"),
    }
}

fn payment_data(payment: &PaymentBody) -> PaymentData {
    PaymentData {
        payment_id: payment.id.any(),
        amount: payment.amount.minor,
        currency: payment.amount.currency.code(),
        status: payment.status,
        amount_captured: payment.captured,
        amount_refunded: payment.refunded,
        payment_token: payment.token,
        failure_code: payment.failure,
        amount_refused: payment.refused.map(|refused| refused.minor),
        refused_code: payment.refused.map(|refused| refused.failure),
    }
}

fn refund_data(refund: &RefundBody) -> RefundData {
    RefundData {
        refund_id: refund.id.any(),
        payment_id: refund.payment,
        amount: refund.amount.minor,
        currency: refund.amount.currency.code(),
        status: refund.status,
        failure_code: refund.failure,
    }
}

fn payout_data<'a>(payout: &'a PayoutBody, place: &Place, event: EventType) -> PayoutData<'a> {
    let status = match event {
        EventType::PayoutInitiated => PayoutStatus::Initiated,
        EventType::PayoutPending => PayoutStatus::Pending,
        EventType::PayoutProcessing => PayoutStatus::Processing,
        _ => payout.status,
    };
    let ended = !matches!(
        status,
        PayoutStatus::Scheduled
            | PayoutStatus::Initiated
            | PayoutStatus::Pending
            | PayoutStatus::Processing
    );
    PayoutData {
        payout_id: payout.id.any(),
        amount: payout.amount.minor,
        currency: payout.amount.currency.code(),
        status,
        recipient: match &payout.recipient {
            Recipient::Wallet(id) => RecipientData {
                kind: "wallet",
                id: id.any(),
            },
            Recipient::BankAccount { subject, .. } => RecipientData {
                kind: "bank_account",
                id: subject.any(),
            },
        },
        processed_at: ended.then_some(place.time),
        failure_code: payout.failure.map(|f| f.as_str()),
    }
}
