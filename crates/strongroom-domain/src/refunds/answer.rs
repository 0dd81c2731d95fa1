//! What passes between the server and the acquirer about a refund, as it goes on record.

use strongroom_auth::permission::Operate;
use strongroom_ledger::{Bucket, Leg};
use strongroom_types::id::{PaymentId, RefundId, SaleId};
use strongroom_types::mode::Scope;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::{EventFact, TransactionKind};
use crate::event::EventType;
use crate::facts::{Facts, Keys, books_key, external_key};
use crate::fees::{PaymentFees, fees_key};
use crate::payments::{AcquirerAnswer, Exchange, PaymentBody};
use crate::refunds::create::transaction;
use crate::refunds::{RefundBody, RefundFailure, RefundStatus, existing};
use crate::rejection::{Code, Rejection};
use crate::sales::refund_followed;

/// Puts on record that the refund is sent, before it is.
pub struct SendRefund {
    pub id: RefundId,
    pub pause: i64,
}

impl Command for SendRefund {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::RefundSent
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let refund = existing(facts, self.id)?;
        if !refund.is_pending() || refund.exchange != Exchange::Unsent {
            return Err(wrong_state(refund));
        }

        // From here it must succeed.
        Ok(waiting(
            facts,
            moment,
            refund,
            Exchange::Sent,
            Action::RefundSent,
            self.pause,
        ))
    }
}

/// Takes in what the acquirer said of a refund; that a capture was refused which it gives back, before it is sent.
pub struct AnswerRefund {
    pub id: RefundId,
    pub answer: AcquirerAnswer<RefundFailure>,
    pub pause: i64,
}

impl Command for AnswerRefund {
    type Permission = Operate;

    fn action(&self) -> Action {
        match self.answer {
            AcquirerAnswer::Approved(_) => Action::RefundCompleted,
            AcquirerAnswer::Declined(_) | AcquirerAnswer::Reversed => Action::RefundFailed,
            // Nobody is asked to identify himself for what he gets back: that is no answer.
            AcquirerAnswer::Unknown
            | AcquirerAnswer::NeverArrived
            | AcquirerAnswer::Challenged(_) => Action::RefundUnanswered,
        }
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        let keys = Keys::default().record(self.id.any());
        match facts.refund(self.id) {
            Some(refund) => {
                let keys = keys.record(external_key(refund.amount.currency));
                let keys = match refund.payment.and_then(|id| facts.payment(id)) {
                    Some(PaymentBody { fees: Some(_), .. }) => {
                        keys.record(fees_key(refund.amount.currency))
                    }
                    _ => keys,
                };
                let of = refund.payment.map(PaymentId::any).into_iter();
                let all = of.chain(refund.wallet.map(books_key));
                let all = all.chain(refund.sale.map(SaleId::any));
                all.fold(keys, Keys::record)
            }
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let refund = existing(facts, self.id)?;
        let never_taken = AcquirerAnswer::Declined(RefundFailure::CaptureRefused);
        let is_asked = match refund.exchange {
            Exchange::Sent => self.answer != never_taken,
            Exchange::Unsent => self.answer == never_taken && is_overdrawn(facts, refund),
            Exchange::Reversing | Exchange::Done => false,
        };
        if !refund.is_pending() || !is_asked {
            return Err(wrong_state(refund));
        }
        let exchange = match &self.answer {
            AcquirerAnswer::Approved(_) => return self.end(facts, moment, refund, None),
            AcquirerAnswer::Declined(failure) => {
                return self.end(facts, moment, refund, Some(*failure));
            }
            // A refund is never undone: it is asked about until it is known.
            AcquirerAnswer::Reversed => return Err(wrong_state(refund)),
            AcquirerAnswer::Unknown | AcquirerAnswer::Challenged(_) => Exchange::Sent,
            AcquirerAnswer::NeverArrived => Exchange::Unsent,
        };
        let action = self.action();
        Ok(waiting(facts, moment, refund, exchange, action, self.pause))
    }
}

impl AnswerRefund {
    /// The held money leaves, with what of the fee comes back for it; or it comes back where the refund failed.
    fn end(
        &self,
        facts: &Facts,
        moment: &mut Moment,
        refund: &RefundBody,
        failure: Option<RefundFailure>,
    ) -> Result<Decision, Rejection> {
        let payment = refund.payment.and_then(|id| facts.payment(id));
        let payment = payment.ok_or_else(|| {
            let text = "there is no such payment";
            Rejection::new(Code::PaymentNotFound, text)
        })?;
        let minor = refund.amount.minor;
        let account = books_key(payment.wallet);
        let outside = external_key(refund.amount.currency);
        let to = match failure {
            None => Leg::new(outside, Bucket::Available, minor),
            Some(_) => Leg::new(account, Bucket::Available, minor),
        };
        let kind = match failure {
            None => TransactionKind::RefundSettlement,
            Some(_) => TransactionKind::RefundRelease,
        };
        let moved = transaction(kind, self.id, moment.fresh(), refund.amount);
        let paid = settled(payment, minor, failure.is_none());
        let back = payment.fee().saturating_sub(paid.fee());
        let mut legs = vec![Leg::new(account, Bucket::Reserved, -minor), to];
        if back > 0 {
            let fees = fees_key(refund.amount.currency);
            legs.push(Leg::new(fees, Bucket::Available, -back));
            legs.push(Leg::new(account, Bucket::Available, back));
        }
        let movement = Movement::post(facts, moved, &legs, moment.sequence)?;

        // From here it must succeed.
        let created = movement.transactions.iter().map(|t| t.id.any()).collect();
        let mut next = refund.clone();
        next.exchange = Exchange::Done;
        next.failure = failure;
        next.fee = (back > 0).then_some(back);
        next.processed_at = Some(moment.now);
        next.status = match failure {
            None => RefundStatus::Completed,
            Some(_) => RefundStatus::Failed,
        };
        let events = events(refund, payment, failure.is_none());
        let (action, id) = (self.action(), self.id.any());
        let mut decision = Decision::new(facts, action, id, movement, events)
            .reply(Reply::Empty)
            .beside_payment(paid)
            .about_refund(next, moment.now);
        decision.created = created;
        let given_back = failure.is_none();
        Ok(refund_followed(decision, facts, refund, given_back))
    }
}

/// Whether its payment has less to give back than is on its way.
fn is_overdrawn(facts: &Facts, refund: &RefundBody) -> bool {
    let payment = refund.payment.and_then(|id| facts.payment(id));
    payment.is_some_and(PaymentBody::is_overdrawn)
}

/// The payment once a refund of it has ended, with what of its fee is left.
fn settled(payment: &PaymentBody, minor: i64, given_back: bool) -> PaymentBody {
    let mut paid = payment.clone();
    paid.refunding = paid.refunding.saturating_sub(minor);
    if given_back {
        paid.refunded = paid.refunded.saturating_add(minor);
        paid.fees = paid.fees.map(|fees| PaymentFees {
            charged: fees
                .charged
                .saturating_sub(fees.back(paid.settled, paid.refunded)),
            ..fees
        });
    }
    paid
}

fn events(refund: &RefundBody, payment: &PaymentBody, given_back: bool) -> Vec<EventFact> {
    let (of_wallet, of_refund) = match given_back {
        true => (EventType::WalletDebited, EventType::RefundCompleted),
        false => (EventType::WalletReleased, EventType::RefundFailed),
    };
    vec![
        EventFact {
            event: of_wallet,
            about: Some(payment.wallet.any()),
        },
        EventFact {
            event: of_refund,
            about: Some(refund.id.any()),
        },
    ]
}

fn waiting(
    facts: &Facts,
    moment: &Moment,
    refund: &RefundBody,
    exchange: Exchange,
    action: Action,
    pause: i64,
) -> Decision {
    let mut next = refund.clone();
    next.exchange = exchange;
    let (id, none) = (refund.id.any(), Movement::none());
    Decision::new(facts, action, id, none, Vec::new())
        .reply(Reply::Empty)
        .about_refund(next, moment.now.plus(pause))
}

fn wrong_state(refund: &RefundBody) -> Rejection {
    let text = format!("`{}` is {}", refund.id, refund.status.as_str());
    Rejection::new(Code::InvalidState, text)
}
