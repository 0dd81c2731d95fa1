//! Events: what subscribers are told. Ids and amounts, never personal data.
//!
//! An event's body is a pure rendering of its entry, the same bytes for ever, and JavaScript-stable:
//! `body === JSON.stringify(JSON.parse(body))` (CONTRACT 5).

use minicbor::{Decode, Decoder, Encode, Encoder};
use serde::Serialize;
use strongroom_auth::permission::{
    Permission, ReadAlerts, ReadApprovals, ReadCustomers, ReadKeys, ReadPaymentLinks, ReadPayments,
    ReadPayouts, ReadPolicies, ReadProducts, ReadRefunds, ReadShifts, ReadStores, ReadTills,
    ReadTokens, ReadTransactions, ReadUsers, ReadWallets, ReadWebhooks,
};
use strongroom_types::id::{AnyId, EventId, Kind, PaymentId, TokenId};
use strongroom_types::mode::Mode;
use strongroom_types::time::Timestamp;

use crate::entry::{EntryFacts, Place};
use crate::facts::books_key;
use crate::payments::{PaymentBody, PaymentFailure, PaymentStatus};
use crate::payouts::{PayoutBody, PayoutStatus, Recipient};
use crate::refunds::{RefundBody, RefundFailure, RefundStatus};

macro_rules! events {
    ($($name:ident = $code:literal, $text:literal;)*) => {
        /// A type of event. The number is the one stored, never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum EventType { $($name,)* }

        impl EventType {
            pub const ALL: &'static [EventType] = &[$(EventType::$name,)*];

            pub const fn as_str(self) -> &'static str {
                match self { $(EventType::$name => $text,)* }
            }

            pub fn parse(text: &str) -> Option<EventType> {
                match text { $($text => Some(EventType::$name),)* _ => None }
            }

            const fn code(self) -> u8 {
                match self { $(EventType::$name => $code,)* }
            }

            fn from_code(code: u8) -> Option<EventType> {
                match code { $($code => Some(EventType::$name),)* _ => None }
            }
        }
    };
}

events! {
    PayoutInitiated = 1, "payout.initiated";
    PayoutPending = 2, "payout.pending";
    PayoutProcessing = 3, "payout.processing";
    PayoutCompleted = 4, "payout.completed";
    PayoutFailed = 5, "payout.failed";
    PayoutCancelled = 6, "payout.cancelled";
    PayoutReversed = 7, "payout.reversed";
    WalletCredited = 10, "wallet.credited";
    WalletDebited = 11, "wallet.debited";
    WalletReserved = 12, "wallet.reserved";
    WalletReleased = 13, "wallet.released";
    WalletLowBalance = 14, "wallet.low_balance";
    WalletCreated = 15, "wallet.created";
    WalletUpdated = 16, "wallet.updated";
    WalletFrozen = 17, "wallet.frozen";
    WalletUnfrozen = 18, "wallet.unfrozen";
    WalletClosed = 19, "wallet.closed";
    TransferCompleted = 20, "transfer.completed";
    ApiKeyCreated = 30, "api_key.created";
    ApiKeyRolled = 31, "api_key.rolled";
    ApiKeyRevoked = 32, "api_key.revoked";
    ApiKeyUpdated = 33, "api_key.updated";
    ApiKeyLeaked = 34, "api_key.leaked";
    WebhookCreated = 40, "webhook.created";
    WebhookUpdated = 41, "webhook.updated";
    WebhookDeleted = 42, "webhook.deleted";
    WebhookRolled = 43, "webhook.rolled";
    WebhookTest = 44, "webhook.test";
    WebhookReplayed = 45, "webhook.replayed";
    WebhookDisabled = 46, "webhook.disabled";
    WebhookChallenge = 47, "webhook.challenge";
    WebhookVerified = 48, "webhook.verified";
    TokenCreated = 50, "token.created";
    TokenRevealed = 51, "token.revealed";
    TokenDeleted = 52, "token.deleted";
    TokenExpired = 53, "token.expired";
    PaymentCreated = 60, "payment.created";
    PaymentAuthorized = 61, "payment.authorized";
    PaymentCaptured = 62, "payment.captured";
    PaymentSucceeded = 63, "payment.succeeded";
    PaymentSettled = 64, "payment.settled";
    PaymentFailed = 65, "payment.failed";
    PaymentVoided = 66, "payment.voided";
    PaymentExpired = 67, "payment.expired";
    RefundCreated = 70, "refund.created";
    RefundCompleted = 71, "refund.completed";
    RefundFailed = 72, "refund.failed";
    SecurityCardNumberRefused = 81, "security.card_number_refused";
    ApprovalRequested = 93, "approval.requested";
    ApprovalApproved = 94, "approval.approved";
    ApprovalRejected = 95, "approval.rejected";
    ApprovalExpired = 96, "approval.expired";
    ApprovalExecuted = 97, "approval.executed";
    ApprovalFailed = 98, "approval.failed";
    ApprovalWithdrawn = 99, "approval.withdrawn";
    AlertRaised = 100, "alert.raised";
    AlertAcknowledged = 101, "alert.acknowledged";
    AlertResolved = 102, "alert.resolved";
    ApprovalPolicyCreated = 103, "approval_policy.created";
    ApprovalPolicyUpdated = 104, "approval_policy.updated";
    ApprovalPolicyDeleted = 105, "approval_policy.deleted";
    UserInvited = 115, "user.invited";
    UserJoined = 116, "user.joined";
    UserUpdated = 117, "user.updated";
    UserDeactivated = 118, "user.deactivated";
    UserPasswordChanged = 119, "user.password_changed";
    UserFactorAdded = 120, "user.factor_added";
    UserFactorRemoved = 121, "user.factor_removed";
    UserSessionsEnded = 122, "user.sessions_ended";
    SessionCreated = 123, "session.created";
    SessionSteppedUp = 124, "session.stepped_up";
    SessionEnded = 125, "session.ended";
    CustomerCreated = 155, "customer.created";
    CustomerUpdated = 156, "customer.updated";
    CustomerErased = 157, "customer.erased";
    ProductCreated = 160, "product.created";
    ProductUpdated = 161, "product.updated";
    ProductStockAdjusted = 162, "product.stock_adjusted";
    StoreCreated = 165, "store.created";
    StoreUpdated = 166, "store.updated";
    TillCreated = 168, "till.created";
    TillUpdated = 169, "till.updated";
    TillLeased = 170, "till.leased";
    ShiftOpened = 172, "shift.opened";
    ShiftCashMoved = 173, "shift.cash_moved";
    ShiftClosed = 174, "shift.closed";
    TransactionCreated = 180, "transaction.created";
    TransactionCompleted = 181, "transaction.completed";
    TransactionFailed = 182, "transaction.failed";
    TransactionVoided = 183, "transaction.voided";
    TransactionRefunded = 184, "transaction.refunded";
    PaymentLinkCreated = 190, "payment_link.created";
    PaymentLinkPaid = 191, "payment_link.paid";
    PaymentLinkExpired = 192, "payment_link.expired";
    PaymentLinkCancelled = 193, "payment_link.cancelled";
    PaymentRequiresAction = 194, "payment.requires_action";
    PaymentAuthenticated = 195, "payment.authenticated";
}

impl EventType {
    /// What one must hold to be told of it by a webhook: the right to read what it is about.
    pub fn permission(self) -> &'static str {
        match self.as_str().split_once('.').map(|(resource, _)| resource) {
            Some("payout") => ReadPayouts::NAME,
            Some("wallet") => ReadWallets::NAME,
            Some("transfer") => ReadTransactions::NAME,
            Some("webhook") => ReadWebhooks::NAME,
            Some("token") => ReadTokens::NAME,
            Some("payment") => ReadPayments::NAME,
            Some("payment_link") => ReadPaymentLinks::NAME,
            Some("refund") => ReadRefunds::NAME,
            Some("alert") => ReadAlerts::NAME,
            Some("approval") => ReadApprovals::NAME,
            Some("approval_policy") => ReadPolicies::NAME,
            Some("customer") => ReadCustomers::NAME,
            Some("product") => ReadProducts::NAME,
            Some("store") => ReadStores::NAME,
            Some("till") => ReadTills::NAME,
            Some("shift") => ReadShifts::NAME,
            Some("transaction") => ReadTransactions::NAME,
            Some("user" | "session") => ReadUsers::NAME,
            _ => ReadKeys::NAME,
        }
    }

    /// Whether it is sent to the endpoint that it is about, and to no other.
    pub fn is_private(self) -> bool {
        matches!(self, EventType::WebhookTest | EventType::WebhookChallenge)
    }
}

impl<C> Encode<C> for EventType {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.u8(self.code())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for EventType {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        EventType::from_code(d.u8()?)
            .ok_or_else(|| minicbor::decode::Error::message("unknown event"))
    }
}

/// A rendered event.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: EventId,
    /// Its place in the events' own dense sequence.
    pub number: u64,
    pub event: EventType,
    /// The envelope, ready to send.
    pub body: String,
}

#[derive(Serialize)]
struct Envelope<'a> {
    id: EventId,
    created: i64,
    #[serde(rename = "type")]
    event: &'static str,
    data: Data<'a>,
    livemode: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
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
    Resource(ResourceData),
}

#[derive(Serialize)]
struct PayoutData<'a> {
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
struct PaymentData {
    payment_id: AnyId,
    amount: i64,
    currency: &'static str,
    status: PaymentStatus,
    amount_captured: i64,
    amount_refunded: i64,
    payment_token: TokenId,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_code: Option<PaymentFailure>,
}

#[derive(Serialize)]
struct RefundData {
    refund_id: AnyId,
    payment_id: Option<PaymentId>,
    amount: i64,
    currency: &'static str,
    status: RefundStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_code: Option<RefundFailure>,
}

#[derive(Serialize)]
struct RecipientData {
    #[serde(rename = "type")]
    kind: &'static str,
    id: AnyId,
}

#[derive(Serialize)]
struct BalanceData {
    wallet_id: AnyId,
    amount: i64,
    currency: &'static str,
    transaction_id: AnyId,
}

/// What the endpoint is to answer with: the event's own id.
#[derive(Serialize)]
struct ChallengeData {
    id: AnyId,
    challenge: EventId,
}

/// From the entry's details, so that a reader need not ask for what has happened.
#[derive(Serialize)]
struct AlertData<'a> {
    alert_id: AnyId,
    #[serde(rename = "type")]
    rule: &'a str,
    severity: &'a str,
    status: &'a str,
    subject_id: &'a str,
}

/// The same, of an approval: of the act, its kind alone.
#[derive(Serialize)]
struct ApprovalData<'a> {
    approval_id: AnyId,
    act: &'a str,
    status: &'a str,
    hash: &'a str,
}

/// The same, of a customer: the names of the fields that changed, never what stands in them.
#[derive(Serialize)]
struct ChangedData<'a> {
    id: AnyId,
    changed: Vec<&'a str>,
}

/// The same, of a transaction at a till.
#[derive(Serialize)]
struct SaleData<'a> {
    transaction_id: AnyId,
    amount: i64,
    currency: &'a str,
    status: &'a str,
}

/// The same, of a payment link.
#[derive(Serialize)]
struct PaymentLinkData<'a> {
    payment_link_id: AnyId,
    amount: i64,
    currency: &'a str,
    status: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    payment_id: &'a str,
}

#[derive(Serialize)]
struct ResourceData {
    id: AnyId,
}

/// Renders all events of an entry, in order.
pub fn render(facts: &EntryFacts, place: &Place, mode: Mode) -> Vec<Event> {
    facts
        .events
        .iter()
        .enumerate()
        .map(|(n, fact)| {
            let id = facts.event_id(n);
            let envelope = Envelope {
                id,
                created: place.time.seconds(),
                event: fact.event.as_str(),
                data: data(
                    facts,
                    place,
                    (id, fact.event),
                    fact.about.or(facts.resource),
                ),
                livemode: mode.is_live(),
            };
            let number = place
                .first_event
                .saturating_add(u64::try_from(n).unwrap_or(u64::MAX));
            // Plain structs of numbers and text have no JSON error to give.
            let body = serde_json::to_string(&envelope).unwrap_or_default();
            Event {
                id,
                number,
                event: fact.event,
                body,
            }
        })
        .collect()
}

fn data<'a>(
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
    if event == EventType::CustomerUpdated {
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
    if about.kind == Kind::PaymentLink {
        return Data::PaymentLink(PaymentLinkData {
            payment_link_id: about,
            amount: facts.detail("payment_link_amount").parse().unwrap_or(0),
            currency: facts.detail("payment_link_currency"),
            status: facts.detail("payment_link_status"),
            payment_id: facts.detail("payment_link_payment"),
        });
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
        PayoutStatus::Initiated | PayoutStatus::Pending | PayoutStatus::Processing
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
