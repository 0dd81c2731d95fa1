//! Payment links: a request for money that one payer answers on the hosted page.
//!
//! `active` ends as `paid`, `expired` or `cancelled`. The amount is the organization's; nothing that a payer sends can
//! change it. INVARIANT(one-payment): a link has one payment under way at most, and none after one that was captured. One that was
//! approved and not captured is under way. Whoever pays says how many attempts he knows of, so a form that is sent twice is one
//! attempt.

mod create;
mod pay;
mod steps;
mod view;

use minicbor::{Decode, Encode};
use serde::Serialize;
use strongroom_types::Classified;
use strongroom_types::id::{PaymentId, PaymentLinkId, RawId, SubjectId, WalletId};
use strongroom_types::metadata::Metadata;
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::{DAY, Timestamp};

use crate::decision::{Decision, Job};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::Facts;
use crate::payments::{PaymentBody, PaymentFailure, PaymentStatus};
use crate::record::Record;
use crate::rejection::{Code, Rejection};

pub use create::CreatePaymentLink;
pub use pay::PayPaymentLink;
pub use steps::{CancelPaymentLink, ExpirePaymentLink};
pub use view::PaymentLinkView;

/// How long a link can be paid unless its maker says otherwise, and at most, in milliseconds.
pub const USUAL_LIFE: i64 = 30 * DAY;
pub const LONGEST_LIFE: i64 = 366 * DAY;

/// Attempts at paying one link; whoever tries that many cards has none of his own.
pub const MOST_ATTEMPTS: u32 = 50;

macro_rules! statuses {
    ($($name:ident = $code:literal, $text:literal;)*) => {
        /// Where a link stands.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
        #[cbor(index_only)]
        #[serde(rename_all = "snake_case")]
        pub enum PaymentLinkStatus { $(#[n($code)] $name,)* }

        impl PaymentLinkStatus {
            pub const ALL: &'static [PaymentLinkStatus] = &[$(PaymentLinkStatus::$name,)*];

            pub const fn code(self) -> u8 {
                match self { $(PaymentLinkStatus::$name => $code,)* }
            }

            pub const fn as_str(self) -> &'static str {
                match self { $(PaymentLinkStatus::$name => $text,)* }
            }

            pub fn parse(text: &str) -> Option<PaymentLinkStatus> {
                match text { $($text => Some(PaymentLinkStatus::$name),)* _ => None }
            }
        }
    };
}

statuses! {
    Active = 0, "active";
    Paid = 1, "paid";
    Expired = 2, "expired";
    Cancelled = 3, "cancelled";
}

/// A link without what is personal.
#[derive(Clone, Encode, Decode, Classified)]
#[part(business)]
pub struct PaymentLinkBody {
    #[n(0)]
    #[class(operational)]
    pub id: PaymentLinkId,
    #[n(1)]
    #[class(operational)]
    pub status: PaymentLinkStatus,
    #[n(2)]
    #[class(sensitive)]
    pub amount: Money,
    #[n(3)]
    #[class(operational)]
    pub wallet: WalletId,
    #[n(4)]
    #[class(sensitive)]
    pub description: Option<String>,
    #[n(5)]
    #[class(sensitive)]
    pub reference_id: Option<ReferenceId>,
    #[n(6)]
    #[class(sensitive)]
    pub metadata: Metadata,
    /// Where the payer may go on afterwards.
    #[n(7)]
    #[class(sensitive)]
    pub success_url: Option<String>,
    /// Where he may go back to.
    #[n(8)]
    #[class(sensitive)]
    pub cancel_url: Option<String>,
    /// Where it stands among the others: its own id says nothing of that.
    #[n(9)]
    #[class(operational)]
    pub order: RawId,
    /// Whose data stands in the personal part.
    #[n(10)]
    #[class(operational)]
    pub subject: Option<SubjectId>,
    #[n(11)]
    #[class(operational)]
    pub created_at: Timestamp,
    #[n(12)]
    #[class(operational)]
    pub expires_at: Timestamp,
    /// The payment under way, or the one that it was paid by.
    #[n(13)]
    #[class(operational)]
    pub payment: Option<PaymentId>,
    #[n(14)]
    #[class(operational)]
    pub attempts: u32,
    /// Why the last attempt failed.
    #[n(15)]
    #[class(operational)]
    pub failure: Option<PaymentFailure>,
    /// When it was paid, expired or was cancelled.
    #[n(16)]
    #[class(operational)]
    pub ended_at: Option<Timestamp>,
}

/// Who is asked to pay, as the organization knows him.
#[derive(Clone, Encode, Decode, Classified)]
#[part(personal)]
pub struct LinkCustomer {
    #[n(0)]
    #[class(personal)]
    pub email: Option<String>,
    #[n(1)]
    #[class(personal)]
    pub name: Option<String>,
}

/// A link as stored.
#[derive(Clone)]
pub struct PaymentLink {
    pub body: PaymentLinkBody,
    pub customer: Option<LinkCustomer>,
}

impl PaymentLinkBody {
    /// How it stands at a time: one whose time is over is expired, also before the server has written that down. While
    /// a payment is under way its answer decides.
    pub fn status_at(&self, now: Timestamp) -> PaymentLinkStatus {
        match self.status {
            PaymentLinkStatus::Active if self.payment.is_none() && self.expires_at <= now => {
                PaymentLinkStatus::Expired
            }
            status => status,
        }
    }

    /// When the server has to write down that it has expired; nothing while something else comes first.
    pub fn lapses(&self) -> Option<Timestamp> {
        let waits = self.status == PaymentLinkStatus::Active && self.payment.is_none();
        waits.then_some(self.expires_at)
    }

    fn job(&self) -> Job {
        match self.lapses() {
            Some(end) => Job::PaymentLink(self.id, end),
            None => Job::PaymentLinkDone(self.id),
        }
    }
}

impl PaymentLink {
    fn with(&self, change: impl FnOnce(&mut PaymentLinkBody)) -> PaymentLink {
        let mut next = self.clone();
        change(&mut next.body);
        next
    }

    fn ended(&self, status: PaymentLinkStatus, now: Timestamp) -> PaymentLink {
        self.with(|body| {
            body.status = status;
            body.ended_at = Some(now);
        })
    }

    /// The link after its payment: paid by it, or open again without it, or over. `None` where nothing changes.
    fn followed(&self, payment: &PaymentBody, now: Timestamp) -> Option<PaymentLink> {
        if self.body.status != PaymentLinkStatus::Active {
            return None;
        }
        match payment.status {
            PaymentStatus::Captured => {
                let paid = self.ended(PaymentLinkStatus::Paid, now);
                Some(paid.with(|body| body.failure = None))
            }
            PaymentStatus::Failed | PaymentStatus::Voided | PaymentStatus::Expired => {
                let left = match self.body.expires_at <= now {
                    true => self.ended(PaymentLinkStatus::Expired, now),
                    false => self.clone(),
                };
                Some(left.with(|body| {
                    body.failure = payment.failure;
                    body.payment = None;
                }))
            }
            PaymentStatus::Processing
            | PaymentStatus::RequiresAction
            | PaymentStatus::Authorized
            | PaymentStatus::PartiallyCaptured => None,
        }
    }
}

impl Decision {
    /// Keeps what became of a link and of its job, and what its events tell; its wallet counts it while it is active.
    #[must_use]
    pub(crate) fn about_payment_link(self, facts: &Facts, link: PaymentLink) -> Decision {
        let body = &link.body;
        let (id, job) = (body.id.any(), body.job());
        let payment = body.payment.map(|payment| payment.to_string());
        let details = [
            ("payment_link_id", body.id.to_string()),
            ("payment_link_status", body.status.as_str().to_owned()),
            ("payment_link_amount", body.amount.minor.to_string()),
            (
                "payment_link_currency",
                body.amount.currency.code().to_owned(),
            ),
            ("payment_link_payment", payment.unwrap_or_default()),
        ];
        let told = details
            .into_iter()
            .fold(self, |decision, (name, value)| decision.detail(name, value));
        told.job(job)
            .counting_link(facts, &link.body)
            .change(id, Record::PaymentLink(link))
    }

    /// What became of the payment that this is about means for the link that it was made by. Only what was captured has paid
    /// it; until then its payment is under way.
    #[must_use]
    pub(crate) fn settling_link(self, facts: &Facts, now: Timestamp) -> Decision {
        let Some(payment) = &self.payment else {
            return self;
        };
        let link = payment.link.and_then(|id| facts.payment_link(id));
        let Some(link) = link.filter(|link| link.body.payment == Some(payment.id)) else {
            return self;
        };
        // From `paid` nothing leads anywhere: what becomes of the payment afterwards is its own business.
        let Some(next) = link.followed(payment, now) else {
            return self;
        };
        let event = match next.body.status {
            PaymentLinkStatus::Paid => Some(EventType::PaymentLinkPaid),
            PaymentLinkStatus::Expired => Some(EventType::PaymentLinkExpired),
            PaymentLinkStatus::Active | PaymentLinkStatus::Cancelled => None,
        };
        let told = event.map(|event| told(event, next.body.id));
        let decision = told.into_iter().fold(self, Decision::event);
        decision.about_payment_link(facts, next)
    }
}

fn told(event: EventType, id: PaymentLinkId) -> EventFact {
    EventFact {
        event,
        about: Some(id.any()),
    }
}

fn existing(facts: &Facts, id: PaymentLinkId) -> Result<&PaymentLink, Rejection> {
    facts
        .payment_link(id)
        .ok_or_else(|| Rejection::new(Code::NotFound, "there is no such payment link"))
}
