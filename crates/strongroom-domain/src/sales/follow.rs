//! A sale follows its payment, in the entry of what became of that.

use strongroom_types::id::SaleId;

use crate::command::Moment;
use crate::decision::Decision;
use crate::entry::{EventFact, TransactionKind};
use crate::event::EventType;
use crate::facts::{Facts, Keys, external_key};
use crate::payments::{PaymentBody, PaymentStatus};
use crate::record::Record;
use crate::refunds::RefundBody;
use crate::rejection::Rejection;
use crate::sales::hours::found_later;
use crate::sales::settle::{cash, counted, for_customer, restocked};
use crate::sales::{SaleBody, SaleStatus};
use crate::shifts::{ShiftBody, cash_key};

/// What following asks for, as far as it is known by now.
pub(crate) fn follow_keys(facts: &Facts, keys: Keys, sale: Option<SaleId>) -> Keys {
    let Some(id) = sale else { return keys };
    let mut keys = keys.record(id.any());
    let Some(sale) = facts.sale(id) else {
        return keys;
    };
    keys = keys.record(external_key(sale.amount.currency));
    if let Some(shift) = sale.shift {
        keys = keys.record(shift.any()).record(cash_key(shift));
    }
    if let Some(customer) = sale.customer {
        keys = keys.record(customer.any());
    }
    for product in sale.lines.iter().filter_map(|line| line.product) {
        keys = keys.record(product.any());
    }
    keys
}

/// The decision about a payment, with what becomes of the sale that it pays.
///
/// # Errors
/// [`Code::BalanceLimit`](crate::rejection::Code::BalanceLimit) where the sale is completed by it and its cash fits nowhere any
/// more. What does not complete a sale never fails.
pub(crate) fn follow(
    decision: Decision,
    facts: &Facts,
    moment: &mut Moment,
) -> Result<Decision, Rejection> {
    let Some(payment) = &decision.payment else {
        return Ok(decision);
    };
    let sale = payment.sale.and_then(|id| facts.sale(id));
    let Some(sale) = sale.filter(|sale| sale.status == SaleStatus::Pending) else {
        return Ok(decision);
    };
    match outcome(payment) {
        Some(SaleStatus::Completed) => completed(decision, facts, moment, sale),
        Some(status) => Ok(failed(decision, facts, sale, status)),
        None => Ok(decision),
    }
}

fn outcome(payment: &PaymentBody) -> Option<SaleStatus> {
    match payment.status {
        PaymentStatus::Captured => Some(SaleStatus::Completed),
        PaymentStatus::Failed | PaymentStatus::Voided | PaymentStatus::Expired => {
            Some(SaleStatus::Failed)
        }
        PaymentStatus::Processing
        | PaymentStatus::RequiresAction
        | PaymentStatus::Authorized
        | PaymentStatus::PartiallyCaptured => None,
    }
}

/// The cash of a sale that was paid with both moves with the card's money.
fn completed(
    decision: Decision,
    facts: &Facts,
    moment: &mut Moment,
    sale: &SaleBody,
) -> Result<Decision, Rejection> {
    let next = SaleBody {
        status: SaleStatus::Completed,
        completed_at: Some(moment.now),
        ..sale.clone()
    };
    let mut decision = decision;
    if let Some(shift) = sale.shift.and_then(|id| facts.shift(id)) {
        if sale.cash > 0 {
            let kind = (TransactionKind::SaleCash, shift.id);
            decision = cash(decision, facts, moment, kind, sale, sale.cash)?;
        }
        let settled = without_one(shift);
        let next = counted(&settled, sale, 1)?;
        decision = decision.change(shift.id.any(), Record::Shift(next));
    }
    let completed = EventFact::new(EventType::TransactionCompleted, sale.id.any());
    let decision = found_later(decision, &next);
    Ok(for_customer(decision, facts, sale, true)
        .event(completed)
        .about_sale(&next)
        .change(sale.id.any(), Record::Sale(next)))
}

fn failed(decision: Decision, facts: &Facts, sale: &SaleBody, status: SaleStatus) -> Decision {
    let next = SaleBody {
        status,
        ..sale.clone()
    };
    let mut decision = restocked(decision, facts, sale);
    if let Some(shift) = sale.shift.and_then(|id| facts.shift(id)) {
        let next = without_one(shift);
        decision = decision.change(shift.id.any(), Record::Shift(next));
    }
    decision
        .event(EventFact::new(EventType::TransactionFailed, sale.id.any()))
        .about_sale(&next)
        .change(sale.id.any(), Record::Sale(next))
}

/// The shift with one transaction less to wait for.
pub(super) fn without_one(shift: &ShiftBody) -> ShiftBody {
    ShiftBody {
        pending: shift.pending.saturating_sub(1),
        ..shift.clone()
    }
}

/// The decision that ended a card's refund, with what becomes of the sale.
pub(crate) fn refund_followed(
    decision: Decision,
    facts: &Facts,
    refund: &RefundBody,
    given_back: bool,
) -> Decision {
    let Some(sale) = refund.sale.and_then(|id| facts.sale(id)) else {
        return decision;
    };
    if given_back {
        let event = EventFact::new(EventType::TransactionRefunded, sale.id.any());
        return decision.event(event).about_sale(sale);
    }
    let next = SaleBody {
        card_refunded: sale.card_refunded.saturating_sub(refund.amount.minor),
        ..sale.clone()
    };
    decision.change(sale.id.any(), Record::Sale(next))
}
