//! Payments: money coming in from a card.
//!
//! `processing → authorized → partially_captured → captured`; `failed` (declined, or never answered and reversed),
//! `voided` and `expired` end it. `requires_action` stands in between where the cardholder has to identify himself. What is captured stands as pending in the wallet until the acquirer has settled it.
//! Where the acquirer does not take a capture, that is taken back (`refused.rs`), and the payment fails if nothing else is captured.
//! INVARIANT(never-guessed): a payment leaves `processing` only by an answer of the acquirer: approved, declined, or
//! reversed. That a request was sent is on record before it is sent, so it is asked about and not sent twice.

mod answer;
mod challenge;
mod create;
mod follow;
mod live;
mod refused;
mod sandbox;
mod steps;
mod view;

use minicbor::{Decode, Encode};
use serde::Serialize;
use strongroom_types::Classified;
use strongroom_types::card::Brand;
use strongroom_types::id::{ApiKeyId, PaymentId, PaymentLinkId, SaleId, TokenId, WalletId};
use strongroom_types::metadata::Metadata;
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::{DAY, SECOND, Timestamp};

use crate::decision::{Decision, Job};
use crate::facts::Facts;
use crate::fees::PaymentFees;
use crate::rejection::{Code, Rejection};

pub use answer::{AcquirerAnswer, AnswerPayment, SendAuthorization};
pub use challenge::{AnswerChallenge, CHALLENGED_FOR, Challenge, Outcome};
pub use create::CreatePayment;
pub(crate) use create::with_token;
pub use live::LiveCards;
pub use refused::{RefuseCapture, RefusedCaptures};
pub use sandbox::{Identified, SANDBOX_CARDS, SandboxAnswer, SandboxRefund, sandbox_answer};
pub use steps::{AdvancePayment, CapturePayment, VoidPayment};
pub use view::PaymentView;

/// How long an authorization can be captured, in milliseconds.
pub const AUTHORIZED_FOR: i64 = 7 * DAY;

/// How long an acquirer may be away, in milliseconds, before a payment fails of which nothing was sent.
pub const UNREACHED_FOR: i64 = 900 * SECOND;

/// Until the acquirer is turned to again, in milliseconds, where nobody says otherwise.
pub const PAUSE: i64 = 1_000;

/// Questions that stay unanswered before the request is reversed.
pub const MOST_UNANSWERED: u8 = 3;

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// Where a payment stands.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
        #[cbor(index_only)]
        #[serde(rename_all = "snake_case")]
        pub enum PaymentStatus { $($(#[$doc])* #[n($code)] $name,)* }

        impl PaymentStatus {
            pub const ALL: &'static [PaymentStatus] = &[$(PaymentStatus::$name,)*];

            pub const fn code(self) -> u8 {
                match self { $(PaymentStatus::$name => $code,)* }
            }

            pub const fn as_str(self) -> &'static str {
                match self { $(PaymentStatus::$name => $text,)* }
            }

            pub fn parse(text: &str) -> Option<PaymentStatus> {
                match text { $($text => Some(PaymentStatus::$name),)* _ => None }
            }
        }
    };
}

statuses! {
    Processing = 0, "processing";
    Authorized = 1, "authorized";
    PartiallyCaptured = 2, "partially_captured";
    Captured = 3, "captured";
    Failed = 4, "failed";
    Voided = 5, "voided";
    Expired = 6, "expired";
    /// The cardholder's bank wants to hear from him.
    RequiresAction = 7, "requires_action";
}

macro_rules! failures {
    ($($name:ident = $code:literal, $text:literal;)*) => {
        /// Why a payment failed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
        #[cbor(index_only)]
        #[serde(rename_all = "snake_case")]
        pub enum PaymentFailure { $(#[n($code)] $name,)* }

        impl PaymentFailure {
            pub const ALL: &'static [PaymentFailure] = &[$(PaymentFailure::$name,)*];

            pub const fn as_str(self) -> &'static str {
                match self { $(PaymentFailure::$name => $text,)* }
            }
        }
    };
}

failures! {
    CardDeclined = 0, "card_declined";
    InsufficientFunds = 1, "insufficient_funds";
    LostCard = 2, "lost_card";
    StolenCard = 3, "stolen_card";
    ExpiredCard = 4, "expired_card";
    IncorrectCvv = 5, "incorrect_cvv";
    ProcessingError = 6, "processing_error";
    AcquirerUnreachable = 7, "acquirer_unreachable";
    TokenUnusable = 8, "token_unusable";
    AuthenticationFailed = 9, "authentication_failed";
    AuthenticationAbandoned = 10, "authentication_abandoned";
}

/// What stands between us and the acquirer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Exchange {
    /// The request is to be sent.
    #[n(0)]
    Unsent,
    /// It was sent, and its outcome is not known.
    #[n(1)]
    Sent,
    /// It is to be undone, whether or not it arrived.
    #[n(2)]
    Reversing,
    #[n(3)]
    Done,
}

/// A payment.
#[derive(Clone, PartialEq, Encode, Decode, Classified)]
#[part(business)]
pub struct PaymentBody {
    #[n(0)]
    #[class(operational)]
    pub id: PaymentId,
    #[n(1)]
    #[class(operational)]
    pub status: PaymentStatus,
    #[n(2)]
    #[class(sensitive)]
    pub amount: Money,
    #[n(3)]
    #[class(operational)]
    pub wallet: WalletId,
    #[n(4)]
    #[class(operational)]
    pub token: TokenId,
    #[n(5)]
    #[class(sensitive)]
    pub brand: Brand,
    #[n(6)]
    #[class(sensitive)]
    pub last4: String,
    /// Whether all of it is captured as soon as it is authorized.
    #[n(7)]
    #[class(operational)]
    pub capture: bool,
    /// Minor units; never more than the amount.
    #[n(8)]
    #[class(sensitive)]
    pub captured: i64,
    /// Of those, what the acquirer has settled.
    #[n(9)]
    #[class(sensitive)]
    pub settled: i64,
    /// Of the captured, what was given back.
    #[n(10)]
    #[class(sensitive)]
    pub refunded: i64,
    /// Of the captured, what is on its way back.
    #[n(11)]
    #[class(sensitive)]
    pub refunding: i64,
    #[n(12)]
    #[class(operational)]
    pub exchange: Exchange,
    /// Questions about it that got no answer.
    #[n(13)]
    #[class(operational)]
    pub unanswered: u8,
    #[n(14)]
    #[class(operational)]
    pub failure: Option<PaymentFailure>,
    /// What the issuer calls its approval.
    #[n(15)]
    #[class(sensitive)]
    pub approval: Option<String>,
    #[n(16)]
    #[class(sensitive)]
    pub reference_id: Option<ReferenceId>,
    /// The client's own name for who pays.
    #[n(17)]
    #[class(sensitive)]
    pub customer_id: Option<String>,
    #[n(18)]
    #[class(sensitive)]
    pub description: Option<String>,
    #[n(19)]
    #[class(sensitive)]
    pub metadata: Metadata,
    #[n(20)]
    #[class(operational)]
    pub created_at: Timestamp,
    #[n(21)]
    #[class(operational)]
    pub authorized_at: Option<Timestamp>,
    /// When what is not captured lapses.
    #[n(22)]
    #[class(operational)]
    pub expires_at: Option<Timestamp>,
    /// The link that it pays.
    #[n(23)]
    #[class(operational)]
    pub link: Option<PaymentLinkId>,
    /// What the cardholder was asked by his bank.
    #[n(24)]
    #[class(operational)]
    pub challenge: Option<Challenge>,
    /// Where he goes on to when he has answered.
    #[n(25)]
    #[class(sensitive)]
    pub return_url: Option<String>,
    /// The transaction of a till that it pays.
    #[n(26)]
    #[class(operational)]
    pub sale: Option<SaleId>,
    /// What is charged for it, fixed at its first capture where a schedule was in force.
    #[n(36)]
    #[class(sensitive)]
    pub fees: Option<PaymentFees>,
    /// What the acquirer did not take of its captures; it is in `captured` no more.
    #[n(37)]
    #[class(sensitive)]
    pub refused: Option<RefusedCaptures>,
    /// The key of a till that made it, where it pays no transaction.
    #[n(38)]
    #[class(operational)]
    pub maker: Option<ApiKeyId>,
}

/// What is to be done next for a payment, by the server itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentStep {
    /// Send the authorization.
    Authorize,
    /// Ask what became of it.
    Inquire,
    /// Undo it.
    Reverse,
    /// Nothing with the acquirer: settle, or let it lapse.
    Advance,
}

/// When the server looks at something again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    Soon,
    Until(Timestamp),
    Never,
}

impl PaymentBody {
    /// What can still be captured, while time allows.
    pub fn capturable(&self) -> i64 {
        match self.is_open() {
            true => self.amount.minor.saturating_sub(self.captured),
            false => 0,
        }
    }

    /// INVARIANT(refund-bound): captured minus refunded minus what is on its way back; never below zero.
    pub fn refundable(&self) -> i64 {
        self.captured.saturating_sub(self.spoken_for()).max(0)
    }

    /// What was given back or is on its way.
    pub fn spoken_for(&self) -> i64 {
        self.refunded.saturating_add(self.refunding)
    }

    /// Whether more is on its way back than is captured, since the acquirer refused a capture. None of it was sent: it waits
    /// for a capture that is heard, and fails.
    pub fn is_overdrawn(&self) -> bool {
        self.spoken_for() > self.captured
    }

    /// What the acquirer did not take of its captures, in all.
    pub fn refused(&self) -> i64 {
        self.refused.map_or(0, |refused| refused.minor)
    }

    /// Whether money may still come of it that stands in no balance yet.
    pub fn is_awaited(&self) -> bool {
        match self.status {
            PaymentStatus::Processing
            | PaymentStatus::RequiresAction
            | PaymentStatus::Authorized
            | PaymentStatus::PartiallyCaptured => true,
            PaymentStatus::Captured
            | PaymentStatus::Failed
            | PaymentStatus::Voided
            | PaymentStatus::Expired => false,
        }
    }

    /// Whether more can be captured.
    fn is_open(&self) -> bool {
        matches!(
            self.status,
            PaymentStatus::Authorized | PaymentStatus::PartiallyCaptured
        )
    }

    /// What was charged for it by now, less what its refunds brought back.
    pub fn fee(&self) -> i64 {
        self.fees.map_or(0, |fees| fees.charged)
    }

    /// What was settled of it less the fee.
    pub fn net(&self) -> i64 {
        self.settled.saturating_sub(self.fee())
    }

    fn decimal(&self, minor: i64) -> String {
        Money::new(minor, self.amount.currency).decimal()
    }

    pub fn step(&self) -> PaymentStep {
        match (self.status, self.exchange) {
            (_, Exchange::Reversing) => PaymentStep::Reverse,
            (PaymentStatus::Processing, Exchange::Unsent) => PaymentStep::Authorize,
            (PaymentStatus::Processing, _) => PaymentStep::Inquire,
            _ => PaymentStep::Advance,
        }
    }

    /// When the server looks at it again.
    pub fn waits(&self) -> Waits {
        let unsettled = self.captured > self.settled;
        let asked = self.status == PaymentStatus::Processing;
        let lapses = self.expires_at.filter(|_| self.is_open());
        match lapses.or_else(|| self.challenged_until()) {
            _ if asked || unsettled || self.exchange == Exchange::Reversing => Waits::Soon,
            Some(end) => Waits::Until(end),
            None => Waits::Never,
        }
    }

    /// The job that follows from how it stands.
    pub(crate) fn job(&self, now: Timestamp, pause: i64) -> Job {
        match self.waits() {
            Waits::Soon => Job::Payment(self.id, now.plus(pause)),
            Waits::Until(end) => Job::Payment(self.id, end),
            Waits::Never => Job::PaymentDone(self.id),
        }
    }
}

impl Decision {
    /// Says which payment it is about, and keeps what became of it and of its job.
    #[must_use]
    pub(crate) fn about_payment(self, body: PaymentBody, now: Timestamp, pause: i64) -> Decision {
        let job = body.job(now, pause);
        self.job(job).beside_payment(body)
    }

    /// The same of one that waits for nothing else than before: its job stays as it is.
    #[must_use]
    pub(crate) fn beside_payment(mut self, body: PaymentBody) -> Decision {
        self.payment = Some(body.clone());
        self.change(body.id.any(), crate::record::Record::Payment(body))
    }
}

fn existing(facts: &Facts, id: PaymentId) -> Result<&PaymentBody, Rejection> {
    facts
        .payment(id)
        .ok_or_else(|| Rejection::new(Code::NotFound, "there is no such payment"))
}

fn wrong_state(payment: &PaymentBody, wish: &str) -> Rejection {
    let text = format!(
        "`{}` is {} and cannot be {wish}",
        payment.id,
        payment.status.as_str()
    );
    Rejection::new(Code::InvalidState, text)
}
