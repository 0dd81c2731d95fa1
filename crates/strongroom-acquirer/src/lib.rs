//! What talks to the cards' networks: the interface of an acquirer, the sandbox that stands in for one in test mode, and
//! the [`Connector`] that speaks ISO 8583 to one. The [`Switch`] chooses between them.
//!
//! An acquirer answers, or it does not: then nothing is assumed, and it is asked again or told to undo. Each request
//! carries the payment's or refund's id, under which the acquirer knows it again.

mod connector;
mod shelf;
mod switch;

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use strongroom_domain::payments::{
    AcquirerAnswer, Identified, PaymentFailure, RefusedCaptures, SandboxAnswer, SandboxRefund,
    sandbox_answer,
};
use strongroom_domain::refunds::RefundFailure;
use strongroom_types::currency::Currency;
use strongroom_types::id::{PaymentId, RawId, RefundId};
use strongroom_types::money::Money;
use strongroom_vault::CardInHand;

pub use connector::{Connector, Dial, Dialing, Tls, response_codes, settings};
pub use shelf::{Seat, Sheet, Shelf, ShelfFault, Stored};
pub use switch::Switch;

/// What is said about a payment.
pub type PaymentAnswer = AcquirerAnswer<PaymentFailure>;
/// What is said about a refund.
pub type RefundAnswer = AcquirerAnswer<RefundFailure>;

/// What of a payment is captured, as the books have it, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Captured {
    /// In all, less what was refused.
    pub total: i64,
    /// What the books know by now that the acquirer refused.
    pub refused: i64,
}

impl Captured {
    /// So much, of which nothing was ever refused.
    pub fn of(total: i64) -> Captured {
        Captured { total, refused: 0 }
    }
}

/// What became of telling an acquirer what is captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaptureAnswer {
    /// It has heard of all of it.
    Heard,
    /// It does not take some of it, and never did: so much in all, for this reason the last time.
    Refused(RefusedCaptures),
    /// It is not known to have heard of all of it: it is told again.
    Unknown,
}

/// An answer on its way.
pub type Answering<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A payment, as an acquirer is asked about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The number of its books.
    pub scope: u32,
    /// Whether it is of live mode.
    pub live: bool,
    pub id: PaymentId,
    pub currency: Currency,
}

/// An acquirer of card payments.
pub trait Acquirer: Send + Sync {
    /// Asks the cardholder's bank to approve an amount; `identified` says that he has answered its challenge. That he is to
    /// be challenged is an answer by which nothing was approved; whoever takes it gives the challenge its key.
    fn authorize(
        &self,
        order: Order,
        amount: Money,
        card: CardInHand,
        identified: bool,
    ) -> Answering<PaymentAnswer>;

    /// Asks what became of an authorization.
    fn inquire(&self, order: Order) -> Answering<PaymentAnswer>;

    /// Undoes an authorization, whether or not it arrived. May be sent any number of times.
    fn reverse(&self, order: Order) -> Answering<PaymentAnswer>;

    /// Tells what of an authorization is captured. May be told any number of times, and is settled once it is heard. What was
    /// refused is said until the books know it; nothing further is told before.
    fn capture(&self, order: Order, captured: Captured) -> Answering<CaptureAnswer>;

    /// Gives money of a payment back to its card.
    fn refund(&self, id: RefundId, of: Order, amount: Money) -> Answering<RefundAnswer>;

    /// Asks what became of a refund.
    fn inquire_refund(&self, id: RefundId, of: Order) -> Answering<RefundAnswer>;

    /// Whether it can be asked about this payment now. Asked before anything is put on record as sent.
    fn is_reached(&self, _: Order) -> Answering<bool> {
        Box::pin(std::future::ready(true))
    }

    /// Whether it gives back only what it has heard is captured.
    fn must_hear_first(&self) -> bool {
        false
    }

    /// Keeps its lines up, for as long as that is waited for.
    fn keep_up(&self) -> Answering<()> {
        Box::pin(std::future::ready(()))
    }
}

/// The sandbox. What it remembers of unanswered requests is gone with the process, as if they had never arrived.
///
/// SECURITY: of a live payment it knows nothing and says so, whoever asks: no money that is real is booked on its word.
#[derive(Default)]
pub struct SandboxAcquirer {
    unanswered: Mutex<HashMap<PaymentId, Lost>>,
    late_refunds: Mutex<HashMap<RefundId, String>>,
}

/// A request whose answer was lost.
#[derive(Clone, Copy)]
enum Lost {
    /// Approved; questions until that is said.
    Approved(u8),
    Silent,
    OnItsWay,
}

impl SandboxAcquirer {
    fn first(&self, id: PaymentId, card: &CardInHand, identified: bool) -> PaymentAnswer {
        let mut unanswered = lock(&self.unanswered);
        let lost = match sandbox_answer(card.number.expose()) {
            Some(SandboxAnswer::Declined(failure)) => return AcquirerAnswer::Declined(failure),
            Some(SandboxAnswer::AnswersLate) => Lost::Approved(1),
            Some(SandboxAnswer::NeverAnswers) => Lost::Silent,
            // The second time it gets through.
            Some(SandboxAnswer::NeverArrives) if unanswered.remove(&id).is_none() => Lost::OnItsWay,
            Some(SandboxAnswer::Challenges(_)) if !identified => {
                return AcquirerAnswer::Challenged(RawId::ZERO);
            }
            Some(SandboxAnswer::Challenges(Identified::Declined)) => {
                return AcquirerAnswer::Declined(PaymentFailure::CardDeclined);
            }
            Some(SandboxAnswer::Challenges(Identified::AnswersLate)) => Lost::Approved(1),
            Some(SandboxAnswer::Challenges(Identified::Approved) | SandboxAnswer::NeverArrives)
            | None => {
                return AcquirerAnswer::Approved(approval(id));
            }
        };
        unanswered.insert(id, lost);
        AcquirerAnswer::Unknown
    }

    fn later(&self, id: PaymentId) -> PaymentAnswer {
        let mut unanswered = lock(&self.unanswered);
        match unanswered.get(&id).copied() {
            Some(Lost::Approved(0)) => {
                unanswered.remove(&id);
                AcquirerAnswer::Approved(approval(id))
            }
            Some(Lost::Approved(more)) => {
                unanswered.insert(id, Lost::Approved(more - 1));
                AcquirerAnswer::Unknown
            }
            Some(Lost::Silent) => AcquirerAnswer::Unknown,
            Some(Lost::OnItsWay) | None => AcquirerAnswer::NeverArrived,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Six digits that follow from the id.
fn approval(id: PaymentId) -> String {
    let [.., a, b, c] = id.0.0;
    let number = u32::from_be_bytes([0, a, b, c]) % 1_000_000;
    format!("{number:06}")
}

fn now<T: Send + 'static>(answer: T) -> Answering<T> {
    Box::pin(std::future::ready(answer))
}

impl Acquirer for SandboxAcquirer {
    fn authorize(
        &self,
        order: Order,
        _: Money,
        card: CardInHand,
        identified: bool,
    ) -> Answering<PaymentAnswer> {
        now(match order.live {
            true => AcquirerAnswer::Unknown,
            false => self.first(order.id, &card, identified),
        })
    }

    fn inquire(&self, order: Order) -> Answering<PaymentAnswer> {
        now(match order.live {
            true => AcquirerAnswer::Unknown,
            false => self.later(order.id),
        })
    }

    fn reverse(&self, order: Order) -> Answering<PaymentAnswer> {
        if order.live {
            return now(AcquirerAnswer::Unknown);
        }
        lock(&self.unanswered).remove(&order.id);
        now(AcquirerAnswer::Reversed)
    }

    fn capture(&self, order: Order, _: Captured) -> Answering<CaptureAnswer> {
        now(match order.live {
            true => CaptureAnswer::Unknown,
            false => CaptureAnswer::Heard,
        })
    }

    fn refund(&self, id: RefundId, of: Order, amount: Money) -> Answering<RefundAnswer> {
        if of.live {
            return now(AcquirerAnswer::Unknown);
        }
        let of = of.id;
        now(match SandboxRefund::of(amount) {
            Some(SandboxRefund::Declined) => {
                AcquirerAnswer::Declined(RefundFailure::RefundDeclined)
            }
            Some(SandboxRefund::AnswersLate) => {
                let mut late = lock(&self.late_refunds);
                match late.remove(&id) {
                    // It is known already: the same request again is the same refund.
                    Some(code) => AcquirerAnswer::Approved(code),
                    None => {
                        late.insert(id, approval(of));
                        AcquirerAnswer::Unknown
                    }
                }
            }
            None => AcquirerAnswer::Approved(approval(of)),
        })
    }

    fn inquire_refund(&self, id: RefundId, of: Order) -> Answering<RefundAnswer> {
        if of.live {
            return now(AcquirerAnswer::Unknown);
        }
        now(match lock(&self.late_refunds).remove(&id) {
            Some(code) => AcquirerAnswer::Approved(code),
            None => AcquirerAnswer::NeverArrived,
        })
    }

    fn is_reached(&self, order: Order) -> Answering<bool> {
        now(!order.live)
    }
}
