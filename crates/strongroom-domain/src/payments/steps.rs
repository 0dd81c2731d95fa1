//! What happens to an authorization: captured, voided, settled, lapsed.

use strongroom_auth::permission::{CapturePayments, Operate, VoidPayments};
use strongroom_ledger::{Bucket, Leg};
use strongroom_types::currency::Currency;
use strongroom_types::id::{PaymentId, RawId, TransactionId};
use strongroom_types::mode::Scope;
use strongroom_types::money::Money;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::{EventFact, Transaction, TransactionKind};
use crate::event::EventType;
use crate::facts::{Facts, Keys, books_key, external_key};
use crate::fees::{FeeOn, PaymentFees, fee_schedules_key, fees_key};
use crate::payments::answer::told;
use crate::payments::follow::{follow, follow_keys};
use crate::payments::{
    Exchange, PAUSE, PaymentBody, PaymentStatus, challenge, existing, wrong_state,
};
use crate::payouts::check_wallet;
use crate::rejection::{Code, Rejection};

pub(super) fn transaction(
    kind: TransactionKind,
    payment: PaymentId,
    id: RawId,
    amount: Money,
) -> Transaction {
    Transaction {
        id: TransactionId(id),
        kind,
        amount,
        cause: Some(payment.any()),
        reference: None,
        description: None,
        postings: Vec::new(),
    }
}

pub(super) fn step_keys(facts: &Facts, id: PaymentId) -> Keys {
    let keys = Keys::default().record(id.any());
    match facts.payment(id) {
        Some(payment) => {
            let keys = keys.record(external_key(payment.amount.currency));
            let keys = fee_keys(keys, payment);
            follow_keys(facts, keys, payment)
        }
        None => keys,
    }
}

/// What fixing a payment's fees asks for, and what charging them.
pub(super) fn fee_keys(keys: Keys, payment: &PaymentBody) -> Keys {
    match payment.fees {
        Some(_) => keys.record(fees_key(payment.amount.currency)),
        None if payment.captured == 0 => keys.record(fee_schedules_key()),
        None => keys,
    }
}

/// The capture of `minor` units of an open authorization: what moves, what becomes of the payment, what is told.
pub(super) fn capture(
    facts: &Facts,
    moment: &mut Moment,
    payment: &PaymentBody,
    minor: i64,
) -> Result<(Movement, PaymentBody, Vec<EventFact>), Rejection> {
    let currency = payment.amount.currency;
    check_wallet(facts, payment.wallet, currency, "/wallet_id")?;
    let legs = [
        Leg::new(external_key(currency), Bucket::Available, -minor),
        Leg::new(books_key(payment.wallet), Bucket::Pending, minor),
    ];
    let amount = Money::new(minor, currency);
    let kind = TransactionKind::PaymentCapture;
    let transaction = transaction(kind, payment.id, moment.fresh(), amount);
    let movement = Movement::post(facts, transaction, &legs, moment.sequence)?;
    let mut next = payment.clone();
    if next.captured == 0 && next.fees.is_none() {
        let terms = facts.fee_terms(FeeOn::Payments, currency, moment.now);
        next.fees = terms.map(|terms| PaymentFees { terms, charged: 0 });
    }
    next.captured = next.captured.saturating_add(minor);
    let mut events = vec![told(EventType::PaymentCaptured, payment.id)];
    if next.captured == next.amount.minor {
        next.status = PaymentStatus::Captured;
        events.push(told(EventType::PaymentSucceeded, payment.id));
    } else {
        next.status = PaymentStatus::PartiallyCaptured;
    }
    Ok((movement, next, events))
}

/// `POST /v1/payments/{id}/capture`.
pub struct CapturePayment {
    pub id: PaymentId,
    /// What can be captured when absent.
    pub amount: Option<Money>,
    /// What the caller takes the payment's currency to be, with an amount or without.
    pub currency: Option<Currency>,
}

impl Command for CapturePayment {
    type Permission = CapturePayments;

    fn action(&self) -> Action {
        Action::PaymentCaptured
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        step_keys(facts, self.id)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let payment = existing(facts, self.id)?;
        let lapsed = payment.expires_at.is_some_and(|end| end <= moment.now);
        if !payment.is_open() || lapsed {
            return Err(wrong_state(payment, "captured"));
        }
        let left = payment.capturable();
        let amount = self
            .amount
            .unwrap_or(Money::new(left, payment.amount.currency));
        let named = self.currency.unwrap_or(amount.currency);
        if [amount.currency, named] != [payment.amount.currency; 2] {
            let text = format!("`{}` is in {}", self.id, payment.amount.currency);
            return Err(Rejection::at(Code::CurrencyMismatch, "/currency", text));
        }
        if amount.minor > left {
            let text = format!("{left} minor units are left to capture");
            return Err(Rejection::at(Code::CaptureExceeds, "/amount", text));
        }
        if (payment.sale.is_some() || payment.link.is_some()) && amount.minor < left {
            let text = "it pays a transaction of a till or a payment link, which is paid whole or not at all";
            return Err(Rejection::at(Code::InvalidState, "/amount", text));
        }
        let (movement, next, events) = capture(facts, moment, payment, amount.minor)?;

        // From here it must succeed.
        let created = movement.transactions.iter().map(|t| t.id.any()).collect();
        let (action, id) = (Action::PaymentCaptured, self.id.any());
        let mut decision = Decision::new(facts, action, id, movement, events)
            .about_payment(next, moment.now, PAUSE);
        decision.created = created;
        follow(decision, facts, moment)
    }
}

/// `POST /v1/payments/{id}/void`: before anything is captured.
pub struct VoidPayment {
    pub id: PaymentId,
}

impl Command for VoidPayment {
    type Permission = VoidPayments;

    fn action(&self) -> Action {
        Action::PaymentVoided
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        let keys = Keys::default().record(self.id.any());
        match facts.payment(self.id) {
            Some(payment) => follow_keys(facts, keys, payment),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let payment = existing(facts, self.id)?;
        if payment.status != PaymentStatus::Authorized {
            return Err(wrong_state(payment, "voided"));
        }

        // From here it must succeed.
        let mut next = payment.clone();
        next.status = PaymentStatus::Voided;
        // The cardholder's bank is told afterwards, until it has heard.
        next.exchange = Exchange::Reversing;
        let events = vec![told(EventType::PaymentVoided, self.id)];
        let (id, none) = (self.id.any(), Movement::none());
        let decision = Decision::new(facts, Action::PaymentVoided, id, none, events)
            .about_payment(next, moment.now, PAUSE);
        follow(decision, facts, moment)
    }
}

/// The server's own: what was captured is settled, what was not captured in time lapses.
pub struct AdvancePayment {
    pub id: PaymentId,
    pub pause: i64,
    /// How much of what was captured the acquirer has heard of: no more is settled.
    pub heard: i64,
}

impl Command for AdvancePayment {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::PaymentSettled
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        let mut keys = step_keys(facts, self.id);
        let ending = challenge::ending_keys(facts, self.id);
        keys.records.extend(ending.records);
        keys
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let payment = existing(facts, self.id)?;
        let lapses = payment.is_open() && payment.expires_at.is_some_and(|end| end <= moment.now);
        let heard = payment.captured.min(self.heard);
        let due = heard.saturating_sub(payment.settled);
        let challenged = payment.challenged_until();
        let is_abandoned = challenged.is_some_and(|end| end <= moment.now);
        match payment.exchange {
            Exchange::Done if due > 0 => self.settle(facts, moment, payment, due),
            Exchange::Done if lapses => {
                let decision = self.lapse(facts, moment, payment);
                follow(decision, facts, moment)
            }
            Exchange::Done if is_abandoned => {
                let decision = challenge::abandoned(facts, moment, payment, self.pause);
                follow(decision, facts, moment)
            }
            _ => Err(wrong_state(payment, "advanced")),
        }
    }
}

impl AdvancePayment {
    /// Pending becomes available, less the fee.
    fn settle(
        &self,
        facts: &Facts,
        moment: &mut Moment,
        payment: &PaymentBody,
        due: i64,
    ) -> Result<Decision, Rejection> {
        let account = books_key(payment.wallet);
        let settled = payment.settled.saturating_add(due);
        let fee = payment
            .fees
            .map_or(0, |fees| fees.charge(settled, payment.refunded, due));
        let mut legs = vec![
            Leg::new(account, Bucket::Pending, -due),
            Leg::new(account, Bucket::Available, due.saturating_sub(fee)),
        ];
        if fee > 0 {
            let fees = fees_key(payment.amount.currency);
            legs.push(Leg::new(fees, Bucket::Available, fee));
        }
        let amount = Money::new(due, payment.amount.currency);
        let kind = TransactionKind::PaymentSettlement;
        let transaction = transaction(kind, self.id, moment.fresh(), amount);
        let movement = Movement::post(facts, transaction, &legs, moment.sequence)?;

        // From here it must succeed.
        let mut next = payment.clone();
        next.settled = settled;
        next.fees = next.fees.map(|fees| PaymentFees {
            charged: fees.charged.saturating_add(fee),
            ..fees
        });
        let created = movement.transactions.iter().map(|t| t.id.any()).collect();
        let events = vec![
            EventFact {
                event: EventType::WalletCredited,
                about: Some(payment.wallet.any()),
            },
            told(EventType::PaymentSettled, self.id),
        ];
        let (action, id) = (Action::PaymentSettled, self.id.any());
        let mut decision = Decision::new(facts, action, id, movement, events)
            .reply(Reply::Empty)
            .about_payment(next, moment.now, self.pause);
        decision.created = created;
        Ok(decision)
    }

    /// What was not captured lapses; what was stays.
    fn lapse(&self, facts: &Facts, moment: &Moment, payment: &PaymentBody) -> Decision {
        let mut next = payment.clone();
        let (status, event) = match payment.status {
            PaymentStatus::Authorized => (PaymentStatus::Expired, EventType::PaymentExpired),
            _ => (PaymentStatus::Captured, EventType::PaymentSucceeded),
        };
        next.status = status;
        // The cardholder's bank is told that nothing will come. Of one that was captured in part the rest lapses there by
        // itself: a reversal would undo what was captured, too.
        if status == PaymentStatus::Expired {
            next.exchange = Exchange::Reversing;
        }
        let events = vec![told(event, self.id)];
        let (id, none) = (self.id.any(), Movement::none());
        Decision::new(facts, Action::PaymentExpired, id, none, events)
            .reply(Reply::Empty)
            .about_payment(next, moment.now, self.pause)
    }
}
