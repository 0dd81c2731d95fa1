//! A capture that the acquirer does not take: what was captured with it leaves the wallet again, which it never reached but as
//! pending.
//!
//! INVARIANT(never-guessed): only a refused repetition comes here, never a capture that may have been taken. What was settled was
//! heard, and is never taken back.

use minicbor::{Decode, Encode};
use strongroom_auth::permission::Operate;
use strongroom_ledger::{Bucket, Leg};
use strongroom_types::id::PaymentId;
use strongroom_types::mode::Scope;
use strongroom_types::money::Money;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::{EventFact, TransactionKind};
use crate::event::EventType;
use crate::facts::{Facts, Keys, books_key, external_key};
use crate::payments::answer::told;
use crate::payments::follow::follow;
use crate::payments::steps::{step_keys, transaction};
use crate::payments::{
    Exchange, PaymentBody, PaymentFailure, PaymentStatus, existing, wrong_state,
};
use crate::rejection::Rejection;

/// What an acquirer did not take of a payment's captures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RefusedCaptures {
    /// Minor units, of all that it refused.
    #[n(0)]
    pub minor: i64,
    /// Why it refused the last of them.
    #[n(1)]
    pub failure: PaymentFailure,
}

/// The server's own: takes back what the acquirer refuses to take.
pub struct RefuseCapture {
    pub id: PaymentId,
    /// All that it ever refused of this payment, so that to say it twice changes nothing.
    pub refused: RefusedCaptures,
    pub pause: i64,
}

impl Command for RefuseCapture {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::PaymentCaptureRefused
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        step_keys(facts, self.id)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let payment = existing(facts, self.id)?;
        let due = self.refused.minor.saturating_sub(payment.refused());
        // What was given back was settled before it was sent.
        let heard = payment.settled.max(payment.refunded);
        let open = payment.captured.saturating_sub(heard);
        if payment.exchange != Exchange::Done || due <= 0 || due > open {
            return Err(wrong_state(payment, "refused its capture"));
        }
        let currency = payment.amount.currency;
        let legs = [
            Leg::new(books_key(payment.wallet), Bucket::Pending, -due),
            Leg::new(external_key(currency), Bucket::Available, due),
        ];
        let (kind, amount) = (TransactionKind::PaymentReversal, Money::new(due, currency));
        let transaction = transaction(kind, self.id, moment.fresh(), amount);
        let movement = Movement::post(facts, transaction, &legs, moment.sequence)?;

        // From here it must succeed.
        let (next, events) = self.outcome(payment, due, moment.now);
        let created = movement.transactions.iter().map(|t| t.id.any()).collect();
        let (action, id) = (self.action(), self.id.any());
        let mut decision = Decision::new(facts, action, id, movement, events)
            .reply(Reply::Empty)
            .about_payment(next, moment.now, self.pause);
        decision.created = created;
        follow(decision, facts, moment)
    }
}

impl RefuseCapture {
    /// One of which nothing is captured any more has failed, and its authorization is undone. Any other goes on with what is
    /// left: it can be captured again until it lapses.
    fn outcome(
        &self,
        payment: &PaymentBody,
        due: i64,
        now: Timestamp,
    ) -> (PaymentBody, Vec<EventFact>) {
        let mut next = payment.clone();
        next.captured = next.captured.saturating_sub(due);
        next.refused = Some(self.refused);
        let mut events = vec![told(EventType::PaymentCaptureRefused, self.id)];
        let lapsed = next.expires_at.is_some_and(|end| end <= now);
        if next.captured == 0 {
            next.status = PaymentStatus::Failed;
            next.failure = Some(self.refused.failure);
            next.exchange = Exchange::Reversing;
            events.push(told(EventType::PaymentFailed, self.id));
        } else if !lapsed {
            next.status = PaymentStatus::PartiallyCaptured;
        }
        (next, events)
    }
}
