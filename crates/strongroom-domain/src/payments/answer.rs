//! What passes between the server and the acquirer, as it goes on record.

use strongroom_auth::permission::Operate;
use strongroom_types::id::{PaymentId, RawId};
use strongroom_types::mode::Scope;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Keys, external_key};
use crate::payments::follow::{follow, follow_keys};
use crate::payments::{
    AUTHORIZED_FOR, Exchange, MOST_UNANSWERED, PaymentBody, PaymentFailure, PaymentStatus,
    challenge, existing, steps, wrong_state,
};
use crate::record::Record;
use crate::rejection::Rejection;
use crate::tokens::TokenStatus;

/// What an acquirer said, or that it did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AcquirerAnswer<F> {
    /// Approved, under this code.
    Approved(String),
    Declined(F),
    /// No answer came: it may have arrived or not.
    Unknown,
    /// It never heard of it.
    NeverArrived,
    /// It is undone, if it ever was done.
    Reversed,
    /// Nothing is approved before the cardholder has identified himself, by a challenge of this key.
    Challenged(RawId),
}

/// Puts on record that the authorization is sent, before it is.
pub struct SendAuthorization {
    pub id: PaymentId,
    /// When to ask about it, in milliseconds, should no answer come.
    pub pause: i64,
}

impl Command for SendAuthorization {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::PaymentSent
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let payment = existing(facts, self.id)?;
        if payment.status != PaymentStatus::Processing || payment.exchange != Exchange::Unsent {
            return Err(wrong_state(payment, "sent"));
        }

        // From here it must succeed.
        let mut next = payment.clone();
        next.exchange = Exchange::Sent;
        let (id, none) = (self.id.any(), Movement::none());
        Ok(
            Decision::new(facts, Action::PaymentSent, id, none, Vec::new())
                .reply(Reply::Empty)
                .about_payment(next, moment.now, self.pause),
        )
    }
}

/// Takes in what the acquirer said of a payment.
pub struct AnswerPayment {
    pub id: PaymentId,
    pub answer: AcquirerAnswer<PaymentFailure>,
    pub pause: i64,
}

impl Command for AnswerPayment {
    type Permission = Operate;

    fn action(&self) -> Action {
        match self.answer {
            AcquirerAnswer::Approved(_) => Action::PaymentAuthorized,
            AcquirerAnswer::Declined(_) => Action::PaymentFailed,
            AcquirerAnswer::Reversed => Action::PaymentReversed,
            AcquirerAnswer::Challenged(_) => Action::PaymentChallenged,
            AcquirerAnswer::Unknown | AcquirerAnswer::NeverArrived => Action::PaymentUnanswered,
        }
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        let keys = Keys::default().record(self.id.any());
        match facts.payment(self.id) {
            Some(payment) => {
                let keys = keys
                    .record(payment.token.any())
                    .record(external_key(payment.amount.currency));
                let keys = steps::fee_keys(keys, payment);
                follow_keys(facts, keys, payment)
            }
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let payment = existing(facts, self.id)?;
        let asked = matches!(payment.exchange, Exchange::Sent | Exchange::Reversing);
        let reverses = payment.exchange == Exchange::Reversing;
        // A late answer changes nothing: what it would say is on record already, or was reversed.
        if !asked || (payment.status != PaymentStatus::Processing && !reverses) {
            return Err(wrong_state(payment, "answered"));
        }
        let decision = self.outcome(facts, moment, (payment, reverses), payment.capture)?;
        follow(decision, facts, moment).or_else(|_| {
            // What it pays cannot be completed: it stays authorized, as where its wallet takes no money.
            let decision = self.outcome(facts, moment, (payment, reverses), false)?;
            follow(decision, facts, moment)
        })
    }
}

impl AnswerPayment {
    fn outcome(
        &self,
        facts: &Facts,
        moment: &mut Moment,
        (payment, reverses): (&PaymentBody, bool),
        captures: bool,
    ) -> Result<Decision, Rejection> {
        match &self.answer {
            AcquirerAnswer::Approved(code) if !reverses => {
                Ok(self.approved(facts, moment, (payment, captures), code))
            }
            AcquirerAnswer::Declined(failure) if !reverses => {
                Ok(self.failed(facts, moment, payment, *failure))
            }
            // Asked for again of one who has identified himself, it would go round for ever.
            AcquirerAnswer::Challenged(_) if !reverses && payment.challenge.is_some() => {
                let failure = PaymentFailure::AuthenticationFailed;
                Ok(self.failed(facts, moment, payment, failure))
            }
            AcquirerAnswer::Challenged(key) if !reverses => {
                let (next, events) = challenge::challenged(payment, *key, moment.now);
                Ok(self.decision(facts, moment, next, events))
            }
            AcquirerAnswer::Reversed if reverses => Ok(self.reversed(facts, moment, payment)),
            AcquirerAnswer::NeverArrived if !reverses => {
                let exchange = Exchange::Unsent;
                Ok(self.waiting(facts, moment, payment, exchange))
            }
            AcquirerAnswer::Unknown => {
                let given_up = reverses || payment.unanswered.saturating_add(1) >= MOST_UNANSWERED;
                let exchange = match given_up {
                    true => Exchange::Reversing,
                    false => Exchange::Sent,
                };
                Ok(self.waiting(facts, moment, payment, exchange))
            }
            _ => Err(wrong_state(payment, "answered like that")),
        }
    }

    fn decision(
        &self,
        facts: &Facts,
        moment: &Moment,
        next: PaymentBody,
        events: Vec<EventFact>,
    ) -> Decision {
        let (action, none) = (self.action(), Movement::none());
        let decision = Decision::new(facts, action, self.id.any(), none, events);
        decision
            .reply(Reply::Empty)
            .about_payment(next, moment.now, self.pause)
    }

    /// Authorized, and captured with it where that is wanted and the wallet takes money.
    fn approved(
        &self,
        facts: &Facts,
        moment: &mut Moment,
        (payment, captures): (&PaymentBody, bool),
        code: &str,
    ) -> Decision {
        let mut next = payment.clone();
        next.status = PaymentStatus::Authorized;
        next.exchange = Exchange::Done;
        next.approval = Some(code.to_owned());
        next.authorized_at = Some(moment.now);
        next.expires_at = Some(moment.now.plus(AUTHORIZED_FOR));
        let mut events = vec![told(EventType::PaymentAuthorized, self.id)];
        let captured = match captures {
            true => steps::capture(facts, moment, &next, next.amount.minor).ok(),
            false => None,
        };
        let decision = match captured {
            Some((movement, captured, more)) => {
                events.extend(more);
                let created = movement.transactions.iter().map(|t| t.id.any()).collect();
                let (action, id) = (self.action(), self.id.any());
                let mut decision = Decision::new(facts, action, id, movement, events)
                    .reply(Reply::Empty)
                    .about_payment(captured, moment.now, self.pause);
                decision.created = created;
                decision
            }
            None => self.decision(facts, moment, next, events),
        };
        without_number(decision, facts, payment)
    }

    fn failed(
        &self,
        facts: &Facts,
        moment: &Moment,
        payment: &PaymentBody,
        failure: PaymentFailure,
    ) -> Decision {
        let mut next = payment.clone();
        next.status = PaymentStatus::Failed;
        next.exchange = Exchange::Done;
        next.failure = Some(failure);
        let events = vec![told(EventType::PaymentFailed, self.id)];
        let decision = self.decision(facts, moment, next, events);
        without_number(decision, facts, payment)
    }

    /// Undone at the acquirer: one that was never answered has failed by it, one that was voided is done with.
    fn reversed(&self, facts: &Facts, moment: &Moment, payment: &PaymentBody) -> Decision {
        if payment.status == PaymentStatus::Processing {
            let failure = PaymentFailure::AcquirerUnreachable;
            return self.failed(facts, moment, payment, failure);
        }
        let mut next = payment.clone();
        next.exchange = Exchange::Done;
        self.decision(facts, moment, next, Vec::new())
    }

    fn waiting(
        &self,
        facts: &Facts,
        moment: &Moment,
        payment: &PaymentBody,
        exchange: Exchange,
    ) -> Decision {
        let mut next = payment.clone();
        next.exchange = exchange;
        next.unanswered = next.unanswered.saturating_add(1);
        self.decision(facts, moment, next, Vec::new())
    }
}

/// The number of a token for one payment goes once the acquirer needs it no more.
pub(super) fn without_number(decision: Decision, facts: &Facts, payment: &PaymentBody) -> Decision {
    let token = facts.token(payment.token);
    match token.filter(|token| token.body.status == TokenStatus::Used) {
        Some(token) => {
            let empty = token.emptied(TokenStatus::Used);
            decision.change(payment.token.any(), Record::Token(empty))
        }
        None => decision,
    }
}

pub(super) fn told(event: EventType, id: PaymentId) -> EventFact {
    EventFact {
        event,
        about: Some(id.any()),
    }
}
