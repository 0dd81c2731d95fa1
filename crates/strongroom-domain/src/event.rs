//! Events: what subscribers are told. Ids and amounts, never personal data.
//!
//! An event's body is a pure rendering of its entry, the same bytes for ever, and JavaScript-stable:
//! `body === JSON.stringify(JSON.parse(body))` (CONTRACT 5).

mod data;

use minicbor::{Decode, Decoder, Encode, Encoder};
use serde::Serialize;
use strongroom_auth::permission::{
    Permission, ReadAlerts, ReadApprovals, ReadBankFiles, ReadBeneficiaries, ReadCustomers,
    ReadFeeSchedules, ReadKeys, ReadOauthClients, ReadPaymentLinks, ReadPayments, ReadPayoutFiles,
    ReadPayoutRails, ReadPayouts, ReadPolicies, ReadProducts, ReadRateLimits, ReadRefunds,
    ReadReports, ReadRoles, ReadShifts, ReadStores, ReadTills, ReadTokens, ReadTransactions,
    ReadUsers, ReadWallets, ReadWebhooks,
};
use strongroom_types::id::EventId;
use strongroom_types::mode::Mode;

use self::data::{Data, data};
use crate::entry::{EntryFacts, Place};

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

            const fn code(self) -> u16 {
                match self { $(EventType::$name => $code,)* }
            }

            fn from_code(code: u16) -> Option<EventType> {
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
    PaymentCaptureRefused = 260, "payment.capture_refused";
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
    PayoutRailCreated = 221, "payout_rail.created";
    PayoutRailUpdated = 222, "payout_rail.updated";
    PayoutFileCreated = 223, "payout_file.created";
    PayoutFileClosed = 224, "payout_file.closed";
    PayoutFileReady = 225, "payout_file.ready";
    PayoutFileSent = 226, "payout_file.sent";
    BankFileReceived = 227, "bank_file.received";
    BankFileCompleted = 228, "bank_file.completed";
    BeneficiaryCreated = 145, "beneficiary.created";
    BeneficiaryUpdated = 146, "beneficiary.updated";
    BeneficiaryAccountChanged = 147, "beneficiary.account_changed";
    BeneficiaryDeleted = 148, "beneficiary.deleted";
    PayoutScheduled = 149, "payout.scheduled";
    PayoutSettingsUpdated = 150, "payout_settings.updated";
    PayoutScheduleCreated = 151, "payout_schedule.created";
    PayoutScheduleUpdated = 152, "payout_schedule.updated";
    PayoutScheduleEnded = 153, "payout_schedule.ended";
    FeeScheduleCreated = 233, "fee_schedule.created";
    FeeScheduleDeleted = 234, "fee_schedule.deleted";
    ReportRequested = 235, "report.requested";
    ReportCompleted = 236, "report.completed";
    ReportFailed = 237, "report.failed";
    ReportDeleted = 238, "report.deleted";
    ReportExpired = 239, "report.expired";
    OauthClientCreated = 200, "oauth_client.created";
    OauthClientUpdated = 201, "oauth_client.updated";
    OauthClientRotated = 202, "oauth_client.secret_rotated";
    OauthClientDeleted = 203, "oauth_client.deleted";
    OauthGrantCreated = 204, "oauth_grant.created";
    OauthGrantRevoked = 205, "oauth_grant.revoked";
    RoleCreated = 210, "role.created";
    RoleUpdated = 211, "role.updated";
    RoleDeleted = 212, "role.deleted";
    UserPasswordResetStarted = 213, "user.password_reset_started";
    UserPasswordReset = 214, "user.password_reset";
    RateLimitsUpdated = 215, "rate_limits.updated";
}

impl EventType {
    /// What one must hold to be told of it by a webhook: the right to read what it is about.
    pub fn permission(self) -> &'static str {
        match self.as_str().split_once('.').map(|(resource, _)| resource) {
            Some("payout" | "payout_schedule") => ReadPayouts::NAME,
            Some("beneficiary" | "payout_settings") => ReadBeneficiaries::NAME,
            Some("wallet") => ReadWallets::NAME,
            Some("transfer") => ReadTransactions::NAME,
            Some("webhook") => ReadWebhooks::NAME,
            Some("token") => ReadTokens::NAME,
            Some("payment") => ReadPayments::NAME,
            Some("payment_link") => ReadPaymentLinks::NAME,
            Some("refund") => ReadRefunds::NAME,
            Some("payout_rail") => ReadPayoutRails::NAME,
            Some("payout_file") => ReadPayoutFiles::NAME,
            Some("bank_file") => ReadBankFiles::NAME,
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
            Some("fee_schedule") => ReadFeeSchedules::NAME,
            Some("report") => ReadReports::NAME,
            Some("oauth_client" | "oauth_grant") => ReadOauthClients::NAME,
            Some("role") => ReadRoles::NAME,
            Some("rate_limits") => ReadRateLimits::NAME,
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
        e.u16(self.code())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for EventType {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        EventType::from_code(d.u16()?)
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
