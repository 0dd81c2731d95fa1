//! What talks to the cards' networks: the interface of an acquirer, and the sandbox that stands in for one in test mode.
//!
//! An acquirer answers, or it does not: then nothing is assumed, and it is asked again or told to undo. Each request
//! carries the payment's or refund's id, under which the acquirer knows it again.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use strongroom_domain::payments::{AcquirerAnswer, PaymentFailure};
use strongroom_domain::refunds::RefundFailure;
use strongroom_engine::CardInHand;
use strongroom_types::id::{PaymentId, RefundId};
use strongroom_types::money::Money;

/// What is said about a payment.
pub type PaymentAnswer = AcquirerAnswer<PaymentFailure>;
/// What is said about a refund.
pub type RefundAnswer = AcquirerAnswer<RefundFailure>;

/// An answer on its way.
pub type Answering<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// An acquirer of card payments.
pub trait Acquirer: Send + Sync {
    /// Asks the cardholder's bank to approve an amount.
    fn authorize(&self, id: PaymentId, amount: Money, card: CardInHand)
    -> Answering<PaymentAnswer>;

    /// Asks what became of an authorization.
    fn inquire(&self, id: PaymentId) -> Answering<PaymentAnswer>;

    /// Undoes an authorization, whether or not it arrived. May be sent any number of times.
    fn reverse(&self, id: PaymentId) -> Answering<PaymentAnswer>;

    /// Gives money of a payment back to its card.
    fn refund(&self, id: RefundId, of: PaymentId, amount: Money) -> Answering<RefundAnswer>;

    /// Asks what became of a refund.
    fn inquire_refund(&self, id: RefundId) -> Answering<RefundAnswer>;
}

/// Test cards and how the sandbox answers for them; all others are approved.
const DECLINED: [(&str, PaymentFailure); 7] = [
    ("4000000000000002", PaymentFailure::CardDeclined),
    ("4000000000009995", PaymentFailure::InsufficientFunds),
    ("4000000000009987", PaymentFailure::LostCard),
    ("4000000000009979", PaymentFailure::StolenCard),
    ("4000000000000069", PaymentFailure::ExpiredCard),
    ("4000000000000127", PaymentFailure::IncorrectCvv),
    ("4000000000000119", PaymentFailure::ProcessingError),
];

/// Its answer is lost; the second question finds it approved.
const ANSWERS_LATE: &str = "4000000000001000";
/// Nothing about it is ever answered but its reversal.
const NEVER_ANSWERS: &str = "4000000000001018";
/// The first request is lost on its way.
const NEVER_ARRIVES: &str = "4000000000001026";

/// Refunds whose minor amount ends on these two digits are declined, or answered only when asked about.
const REFUND_DECLINED: i64 = 4;
const REFUND_ANSWERS_LATE: i64 = 5;

/// The sandbox. What it remembers of unanswered requests is gone with the process, as if they had never arrived.
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
    fn first(&self, id: PaymentId, card: &CardInHand) -> PaymentAnswer {
        let number = card.number.expose();
        if let Some((_, failure)) = DECLINED.iter().find(|(declined, _)| *declined == number) {
            return AcquirerAnswer::Declined(*failure);
        }
        let mut unanswered = lock(&self.unanswered);
        let lost = match number {
            ANSWERS_LATE => Lost::Approved(1),
            NEVER_ANSWERS => Lost::Silent,
            // The second time it gets through.
            NEVER_ARRIVES if unanswered.remove(&id).is_none() => Lost::OnItsWay,
            _ => return AcquirerAnswer::Approved(approval(id)),
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
    fn authorize(&self, id: PaymentId, _: Money, card: CardInHand) -> Answering<PaymentAnswer> {
        now(self.first(id, &card))
    }

    fn inquire(&self, id: PaymentId) -> Answering<PaymentAnswer> {
        now(self.later(id))
    }

    fn reverse(&self, id: PaymentId) -> Answering<PaymentAnswer> {
        lock(&self.unanswered).remove(&id);
        now(AcquirerAnswer::Reversed)
    }

    fn refund(&self, id: RefundId, of: PaymentId, amount: Money) -> Answering<RefundAnswer> {
        now(match amount.minor % 100 {
            REFUND_DECLINED => AcquirerAnswer::Declined(RefundFailure::RefundDeclined),
            REFUND_ANSWERS_LATE => {
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
            _ => AcquirerAnswer::Approved(approval(of)),
        })
    }

    fn inquire_refund(&self, id: RefundId) -> Answering<RefundAnswer> {
        now(match lock(&self.late_refunds).remove(&id) {
            Some(code) => AcquirerAnswer::Approved(code),
            None => AcquirerAnswer::NeverArrived,
        })
    }
}
