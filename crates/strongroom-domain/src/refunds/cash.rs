//! Cash of a transaction going back, out of the drawer of an open shift.

use strongroom_ledger::{Bucket, Leg};
use strongroom_types::id::{RefundId, TillId};
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;

use crate::action::Action;
use crate::command::Moment;
use crate::decision::{Decision, Movement};
use crate::entry::{EventFact, TransactionKind};
use crate::event::EventType;
use crate::facts::{Facts, Field, Keys, external_key};
use crate::payments::Exchange;
use crate::record::Record;
use crate::refunds::create::transaction;
use crate::refunds::{CreateRefund, RefundBody, RefundOf, RefundStatus};
use crate::rejection::{Code, Rejection};
use crate::sales::{SaleBody, SaleStatus, open_shift, till_keys};
use crate::shifts::{ShiftBody, at_work, cash_key};
use crate::tills::{in_use, not_its, of_this_till, till_of};

impl CreateRefund {
    /// What a refund of a transaction asks for besides.
    pub(super) fn sale_keys(&self, facts: &Facts, keys: Keys, of: &RefundOf) -> Keys {
        let keys = of.hand.keys(keys.record(of.sale.any()));
        let keys = match till_of(facts, of.hand.key) {
            Some(own) => keys.record(own.any()),
            None => keys,
        };
        let sale = facts.sale(of.sale);
        let till = of.till.or_else(|| till_in(facts, of, sale?));
        match till {
            Some(till) => till_keys(facts, keys, till),
            None => keys,
        }
    }

    /// The transaction, if it goes back in cash as far as is known.
    pub(super) fn cash_of<'f>(&self, facts: &'f Facts) -> Option<&'f SaleBody> {
        let sale = facts.sale(self.sale.as_ref()?.sale)?;
        self.is_cash(sale).ok()?.then_some(sale)
    }

    pub(super) fn refundable_sale<'f>(
        &self,
        facts: &'f Facts,
        of: &RefundOf,
    ) -> Result<&'f SaleBody, Rejection> {
        let missing = || {
            let text = "there is no such transaction";
            Rejection::at(Code::TransactionNotFound, "/transaction_id", text)
        };
        let sale = facts.sale(of.sale).ok_or_else(missing)?;
        // SECURITY: a till's key gives back what its own store sold.
        if let Some(own) = till_of(facts, of.hand.key) {
            let store = facts.till(own).map(|till| till.store);
            if store.is_none() || store != sale.store {
                return Err(not_its(own));
            }
        }
        match sale.status {
            SaleStatus::Completed => Ok(sale),
            other => {
                let text = format!("`{}` is {}", sale.id, other.as_str());
                Err(Rejection::new(Code::InvalidState, text))
            }
        }
    }

    /// Whether it goes back in cash.
    pub(super) fn is_cash(&self, sale: &SaleBody) -> Result<bool, Rejection> {
        let asked = self.sale.as_ref().and_then(|of| of.cash);
        let refused = |text: &str| Err(Rejection::at(Code::TenderRequired, "/tender", text));
        match (asked, sale.cash > 0, sale.payment.is_some()) {
            (Some(true), true, _) | (None, true, false) => Ok(true),
            (Some(false), _, true) | (None, false, true) => Ok(false),
            (None, true, true) => refused("it was paid in cash and by card: say which goes back"),
            _ => refused("it was not paid like that"),
        }
    }

    /// INVARIANT(refund-bound): no more cash than was paid and not given back.
    pub(super) fn cash_amount(&self, sale: &SaleBody) -> Result<Money, Rejection> {
        let left = sale.cash.saturating_sub(sale.cash_refunded);
        self.amount_within(left, sale.amount.currency, sale.id.any())
    }

    pub(super) fn give_cash(
        &self,
        facts: &Facts,
        moment: &mut Moment,
        sale: &SaleBody,
        of: &RefundOf,
    ) -> Result<Decision, Rejection> {
        let reference = self.reference_id.as_ref().map(ReferenceId::as_str);
        facts.free(Field::RefundReference, reference)?;
        let shift = drawer(facts, of, sale)?;
        if shift.currency != sale.amount.currency {
            let text = format!("`{}` is in {}", shift.id, shift.currency);
            return Err(Rejection::at(Code::CurrencyMismatch, "/till_id", text));
        }
        let amount = self.cash_amount(sale)?;
        let id = RefundId(moment.fresh());
        let kind = TransactionKind::CashRefund;
        let moved = transaction(kind, id, moment.fresh(), amount);
        let legs = [
            Leg::new(cash_key(shift.id), Bucket::Available, -amount.minor),
            Leg::new(
                external_key(amount.currency),
                Bucket::Available,
                amount.minor,
            ),
        ];
        let movement = Movement::post(facts, moved, &legs, moment.sequence)?;

        // From here it must succeed.
        let created = movement.transactions.iter().map(|t| t.id.any()).collect();
        let body = self.cash_body(id, sale, shift, amount, moment);
        let events = vec![
            EventFact::new(EventType::RefundCreated, id.any()),
            EventFact::new(EventType::RefundCompleted, id.any()),
            EventFact::new(EventType::TransactionRefunded, sale.id.any()),
        ];
        let next = SaleBody {
            cash_refunded: sale.cash_refunded.saturating_add(amount.minor),
            ..sale.clone()
        };
        let mut decision = Decision::new(facts, Action::RefundCreated, id.any(), movement, events)
            .claim(Field::RefundReference, reference, id.any())
            .about_sale(&next)
            .change(sale.id.any(), Record::Sale(next))
            .change(shift.id.any(), Record::Shift(given(shift, amount)))
            .change(id.any(), Record::Refund(body.clone()));
        decision.refund = Some(body);
        decision.created = created;
        Ok(decision)
    }

    fn cash_body(
        &self,
        id: RefundId,
        sale: &SaleBody,
        shift: &ShiftBody,
        amount: Money,
        moment: &Moment,
    ) -> RefundBody {
        RefundBody {
            id,
            status: RefundStatus::Completed,
            amount,
            payment: None,
            token: None,
            wallet: None,
            reason: self.reason.clone(),
            exchange: Exchange::Done,
            failure: None,
            reference_id: self.reference_id.clone(),
            metadata: self.metadata.clone(),
            created_at: moment.now,
            processed_at: Some(moment.now),
            sale: Some(sale.id),
            shift: Some(shift.id),
            fee: None,
            maker: None,
        }
    }
}

/// The till whose drawer it comes out of: the one named, the key's own, or the one it was sold at.
fn till_in(facts: &Facts, of: &RefundOf, sale: &SaleBody) -> Option<TillId> {
    of.till
        .or_else(|| till_of(facts, of.hand.key))
        .or(sale.till)
}

/// The same refund in cash, with the till named whose drawer it comes out of.
pub(super) fn of_drawer(facts: &Facts, of: RefundOf, sale: &SaleBody) -> RefundOf {
    RefundOf {
        cash: Some(true),
        till: till_in(facts, &of, sale),
        ..of
    }
}

fn drawer<'f>(
    facts: &'f Facts,
    of: &RefundOf,
    sale: &SaleBody,
) -> Result<&'f ShiftBody, Rejection> {
    let nowhere = || {
        let text = "name the till whose drawer it comes out of";
        Rejection::at(Code::TillNotFound, "/till_id", text)
    };
    let id = till_in(facts, of, sale).ok_or_else(nowhere)?;
    let till = in_use(facts, id)?;
    of_this_till(facts, &of.hand, id)?;
    at_work(facts, &of.hand, open_shift(facts, till)?)
}

fn given(shift: &ShiftBody, amount: Money) -> ShiftBody {
    let mut next = shift.clone();
    let totals = &mut next.totals;
    totals.refunds = totals.refunds.saturating_add(1);
    totals.cash_refunds = totals.cash_refunds.saturating_add(amount.minor);
    next
}
