//! Taking a sale back before its payment is settled, as if it had not been.

use minicbor::{Decode, Encode};
use strongroom_auth::permission::VoidSales;
use strongroom_ledger::{Bucket, Leg};
use strongroom_types::id::SaleId;
use strongroom_types::mode::Scope;
use strongroom_types::money::Money;

use crate::action::Action;
use crate::approvals::{Act, Parked};
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::{EventFact, TransactionKind};
use crate::event::EventType;
use crate::facts::{Facts, Keys, books_key, external_key};
use crate::payments::{Exchange, PAUSE, PaymentBody, PaymentStatus};
use crate::payouts::check_wallet;
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::sales::follow::{follow_keys, without_one};
use crate::sales::hours::found_later;
use crate::sales::settle::{cash, counted, for_customer, restocked};
use crate::sales::{SaleBody, SaleStatus, SaleView, existing};
use crate::shifts::{ShiftBody, at_work, movement};
use crate::tills::{Hand, not_its, till_of};
use crate::view::json;

/// `POST /v1/transactions/{id}/void`.
#[derive(Clone, Encode, Decode)]
pub struct VoidSale {
    #[n(0)]
    pub id: SaleId,
    #[n(1)]
    pub reason: String,
    #[n(2)]
    pub hand: Hand,
}

impl Command for VoidSale {
    type Permission = VoidSales;

    fn action(&self) -> Action {
        Action::TransactionVoided
    }

    /// SECURITY: whoever may not give money back without being asked may not have the sale undone either.
    fn act(&self) -> Option<Act> {
        Some(Act::Refund)
    }

    fn parked(&self, facts: &Facts, _: Scope) -> Option<Parked> {
        let sale = facts.sale(self.id)?;
        Some(Parked::Void(self.clone(), sale.amount))
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        let keys = self.hand.keys(Keys::default());
        let keys = follow_keys(facts, keys, Some(self.id));
        let Some(id) = facts.sale(self.id).and_then(|sale| sale.payment) else {
            return keys;
        };
        let keys = keys.record(id.any());
        match facts.payment(id) {
            Some(payment) => keys.books(payment.wallet),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let sale = existing(facts, self.id)?;
        let shift = self.shift(facts, sale)?;
        let payment = voidable(facts, sale)?;
        let events = vec![EventFact::new(EventType::TransactionVoided, sale.id.any())];
        let (action, none) = (Action::TransactionVoided, Movement::none());
        let mut decision = Decision::new(facts, action, sale.id.any(), none, events);
        if let Some(payment) = payment {
            decision = reversed(decision, facts, moment, payment)?;
        }
        let completed = sale.status == SaleStatus::Completed;
        if let Some(shift) = shift.filter(|_| completed && sale.cash > 0) {
            let kind = (TransactionKind::SaleVoid, shift.id);
            decision = cash(decision, facts, moment, kind, sale, -sale.cash)?;
        }

        // From here it must succeed.
        if let Some(shift) = shift {
            let next = match completed {
                true => counted(shift, sale, -1)?,
                false => without_one(shift),
            };
            decision = decision.change(shift.id.any(), Record::Shift(voided(next)));
        }
        if completed {
            decision = for_customer(decision, facts, sale, false);
        }
        let next = SaleBody {
            status: SaleStatus::Voided,
            completed_at: sale.counted_at(),
            voided_at: Some(moment.now),
            void_reason: Some(self.reason.clone()),
            ..sale.clone()
        };
        Ok(found_later(restocked(decision, facts, sale), &next)
            .about_sale(&next)
            .detail("reason", self.reason.clone())
            .reply(Reply::Stored(json(&SaleView::new(&next))))
            .change(sale.id.any(), Record::Sale(next)))
    }
}

fn voided(mut shift: ShiftBody) -> ShiftBody {
    shift.totals.voided = shift.totals.voided.saturating_add(1);
    shift
}

impl VoidSale {
    /// The sale's own shift, which must be open still: what is counted once stays counted.
    fn shift<'f>(
        &self,
        facts: &'f Facts,
        sale: &SaleBody,
    ) -> Result<Option<&'f ShiftBody>, Rejection> {
        let Some(shift) = sale.shift.and_then(|id| facts.shift(id)) else {
            // SECURITY: what was sold at no till is no till's to take back.
            return match till_of(facts, self.hand.key) {
                Some(own) => Err(not_its(own)),
                None => Ok(None),
            };
        };
        at_work(facts, &self.hand, shift).map(Some)
    }
}

/// The payment that is to be taken back, if there is one.
fn voidable<'f>(facts: &'f Facts, sale: &SaleBody) -> Result<Option<&'f PaymentBody>, Rejection> {
    let state = |text: String| Err(Rejection::new(Code::InvalidState, text));
    if !matches!(sale.status, SaleStatus::Pending | SaleStatus::Completed) {
        return state(format!("`{}` is {}", sale.id, sale.status.as_str()));
    }
    if sale.refunded() > 0 {
        return state(format!("some of `{}` was given back already", sale.id));
    }
    let Some(payment) = sale.payment.and_then(|id| facts.payment(id)) else {
        return Ok(None);
    };
    // The acquirer refused its capture, and nothing of it is left to be taken back.
    if payment.status == PaymentStatus::Failed && payment.refused.is_some() {
        return Ok(None);
    }
    if payment.settled > 0 {
        let text = format!("`{}` is settled: refund it", payment.id);
        return Err(Rejection::new(Code::AlreadySettled, text));
    }
    if payment.refunded > 0 || payment.refunding > 0 {
        return state(format!("some of `{}` was given back already", payment.id));
    }
    let answered = matches!(
        payment.status,
        PaymentStatus::Authorized | PaymentStatus::Captured | PaymentStatus::PartiallyCaptured
    );
    match answered && payment.exchange == Exchange::Done {
        true => Ok(Some(payment)),
        false => state(format!("`{}` is not answered yet", payment.id)),
    }
}

/// What was captured leaves again; the cardholder's bank is told afterwards, until it has heard.
fn reversed(
    mut decision: Decision,
    facts: &Facts,
    moment: &mut Moment,
    payment: &PaymentBody,
) -> Result<Decision, Rejection> {
    let currency = payment.amount.currency;
    if payment.captured > 0 {
        check_wallet(facts, payment.wallet, currency, "/wallet_id")?;
        let amount = Money::new(payment.captured, currency);
        let (kind, id) = (TransactionKind::PaymentReversal, payment.id.any());
        let moved = movement(kind, id, moment.fresh(), amount, None);
        let legs = [
            Leg::new(books_key(payment.wallet), Bucket::Pending, -amount.minor),
            Leg::new(external_key(currency), Bucket::Available, amount.minor),
        ];
        decision = decision.also(facts, moved, &legs, moment.sequence)?;
    }
    let next = PaymentBody {
        status: PaymentStatus::Voided,
        exchange: Exchange::Reversing,
        captured: 0,
        ..payment.clone()
    };
    let event = EventFact::new(EventType::PaymentVoided, payment.id.any());
    let decision = decision.event(event).about_payment(next, moment.now, PAUSE);
    Ok(decision.counting_payment(facts))
}
