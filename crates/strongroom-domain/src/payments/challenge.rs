//! 3-D Secure: the cardholder's bank wants to hear from him before it says anything.
//!
//! What it wants is an answer: nothing was approved, so nothing has to be undone. Its outcome comes by the challenge's page, whose address
//! holds a random key; identified, the authorization is asked for anew with that on record. Who does not identify himself in
//! time has abandoned it.

use minicbor::{Decode, Encode};
use strongroom_auth::permission::Operate;
use strongroom_types::id::{PaymentId, RawId};
use strongroom_types::mode::Scope;
use strongroom_types::time::{SECOND, Timestamp};

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::payments::answer::{told, without_number};
use crate::payments::follow::{follow, follow_keys};
use crate::payments::{
    Exchange, PAUSE, PaymentBody, PaymentFailure, PaymentStatus, existing, wrong_state,
};
use crate::rejection::Rejection;

/// How long a cardholder has to identify himself, in milliseconds.
pub const CHALLENGED_FOR: i64 = 900 * SECOND;

/// What a cardholder was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Challenge {
    /// Random throughout: whoever knows it may answer.
    #[n(0)]
    pub key: RawId,
    #[n(1)]
    pub until: Timestamp,
    #[n(2)]
    pub outcome: Option<Outcome>,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Outcome {
    #[n(0)]
    Identified,
    #[n(1)]
    Refused,
    #[n(2)]
    Abandoned,
}

impl PaymentBody {
    /// Whether the cardholder has identified himself.
    pub fn is_identified(&self) -> bool {
        let outcome = self.challenge.and_then(|challenge| challenge.outcome);
        outcome == Some(Outcome::Identified)
    }

    /// Until when he is waited for.
    pub(super) fn challenged_until(&self) -> Option<Timestamp> {
        let waits = self.status == PaymentStatus::RequiresAction;
        let challenge = self.challenge.filter(|_| waits)?;
        Some(challenge.until)
    }

    /// The path of the page on which he is asked.
    pub fn challenge_path(&self) -> Option<String> {
        self.challenged_until()?;
        let key = self.challenge?.key;
        Some(format!("/challenges/chal_{}{key}", self.id.0))
    }

    fn with_outcome(&self, outcome: Outcome) -> PaymentBody {
        let mut next = self.clone();
        if let Some(challenge) = &mut next.challenge {
            challenge.outcome = Some(outcome);
        }
        next
    }
}

/// The cardholder's answer, as the page brings it.
pub struct AnswerChallenge {
    pub id: PaymentId,
    pub key: RawId,
    pub identified: bool,
}

impl Command for AnswerChallenge {
    type Permission = Operate;

    fn action(&self) -> Action {
        match self.identified {
            true => Action::PaymentAuthenticated,
            false => Action::PaymentFailed,
        }
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        ending_keys(facts, self.id)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let payment = existing(facts, self.id)?;
        let waits = payment
            .challenged_until()
            .is_some_and(|end| moment.now < end);
        // A second answer, or a late one, changes nothing.
        if !waits || payment.challenge.map(|challenge| challenge.key) != Some(self.key) {
            return Err(wrong_state(payment, "identified for"));
        }

        // From here it must succeed.
        if !self.identified {
            let next = payment.with_outcome(Outcome::Refused);
            let failure = PaymentFailure::AuthenticationFailed;
            let decision = failed(facts, moment, next, (failure, 0));
            return follow(decision, facts, moment);
        }
        let mut next = payment.with_outcome(Outcome::Identified);
        next.status = PaymentStatus::Processing;
        next.exchange = Exchange::Unsent;
        next.unanswered = 0;
        let events = vec![told(EventType::PaymentAuthenticated, self.id)];
        let (id, none) = (self.id.any(), Movement::none());
        Ok(Decision::new(facts, self.action(), id, none, events)
            .reply(Reply::Empty)
            .about_payment(next, moment.now, 0))
    }
}

/// The payment, its token, and what follows from its end.
pub(super) fn ending_keys(facts: &Facts, id: PaymentId) -> Keys {
    let keys = Keys::default().record(id.any());
    match facts.payment(id) {
        Some(payment) => {
            let keys = keys.record(payment.token.any());
            follow_keys(facts, keys, payment)
        }
        None => keys,
    }
}

/// What the payment becomes when its cardholder's bank wants to hear from him.
pub(super) fn challenged(
    payment: &PaymentBody,
    key: RawId,
    now: Timestamp,
) -> (PaymentBody, Vec<EventFact>) {
    let mut next = payment.clone();
    next.status = PaymentStatus::RequiresAction;
    next.exchange = Exchange::Done;
    next.challenge = Some(Challenge {
        key,
        until: now.plus(CHALLENGED_FOR),
        outcome: None,
    });
    (
        next,
        vec![told(EventType::PaymentRequiresAction, payment.id)],
    )
}

/// Nobody has identified himself in time.
pub(super) fn abandoned(
    facts: &Facts,
    moment: &Moment,
    payment: &PaymentBody,
    pause: i64,
) -> Decision {
    let next = payment.with_outcome(Outcome::Abandoned);
    let failure = PaymentFailure::AuthenticationAbandoned;
    failed(facts, moment, next, (failure, pause))
}

fn failed(
    facts: &Facts,
    moment: &Moment,
    mut next: PaymentBody,
    (failure, pause): (PaymentFailure, i64),
) -> Decision {
    next.status = PaymentStatus::Failed;
    next.exchange = Exchange::Done;
    next.failure = Some(failure);
    let (id, none) = (next.id, Movement::none());
    let events = vec![told(EventType::PaymentFailed, id)];
    let decision =
        Decision::new(facts, Action::PaymentFailed, id.any(), none, events).reply(Reply::Empty);
    let decision = without_number(decision, facts, &next);
    decision.about_payment(next, moment.now, pause.max(PAUSE))
}
