//! What a sale changes besides itself: its shift, its customer, the stock.

use strongroom_ledger::{Bucket, Leg};
use strongroom_types::id::ShiftId;
use strongroom_types::money::{LIMIT, Money};

use crate::command::Moment;
use crate::decision::Decision;
use crate::entry::TransactionKind;
use crate::facts::{Facts, external_key};
use crate::products::{ProductBody, StockChange, stock_detail};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::sales::SaleBody;
use crate::shifts::{ShiftBody, add_taxes, cash_key, movement};

/// The shift once a sale counts (`sign` 1), or does not count any more (−1).
///
/// # Errors
/// [`Code::BalanceLimit`] where a sum of the shift would be no amount any more.
pub(super) fn counted(
    shift: &ShiftBody,
    sale: &SaleBody,
    sign: i64,
) -> Result<ShiftBody, Rejection> {
    let mut next = shift.clone();
    let totals = &mut next.totals;
    totals.sales = match sign {
        1 => totals.sales.saturating_add(1),
        _ => totals.sales.saturating_sub(1),
    };
    let add = |sum: &mut i64, minor: i64| *sum = sum.saturating_add(sign.saturating_mul(minor));
    add(&mut totals.sold, sale.amount.minor);
    add(&mut totals.discounts, sale.discount);
    for line in &sale.lines {
        add(&mut totals.discounts, line.discount);
    }
    add(&mut totals.cash, sale.cash);
    add(&mut totals.card, sale.card);
    add_taxes(&mut totals.taxes, &sale.taxes, sign);
    let sums = [totals.sold, totals.discounts, totals.cash, totals.card];
    if sign > 0 && sums.iter().any(|sum| *sum > LIMIT) {
        let text = format!(
            "the sums of `{}` have a limit: open another shift",
            shift.id
        );
        return Err(Rejection::new(Code::BalanceLimit, text));
    }
    Ok(next)
}

/// Cash into the drawer (or out of it, where `minor` is below zero), in the entry of the decision.
///
/// # Errors
/// Where the drawer does not hold enough.
pub(super) fn cash(
    decision: Decision,
    facts: &Facts,
    moment: &mut Moment,
    (kind, shift): (TransactionKind, ShiftId),
    sale: &SaleBody,
    minor: i64,
) -> Result<Decision, Rejection> {
    let currency = sale.amount.currency;
    let amount = Money::new(minor.saturating_abs(), currency);
    let moved = movement(kind, sale.id.any(), moment.fresh(), amount, None);
    let legs = [
        Leg::new(external_key(currency), Bucket::Available, -minor),
        Leg::new(cash_key(shift), Bucket::Available, minor),
    ];
    decision.also(facts, moved, &legs, moment.sequence)
}

/// What a sale took from stock goes back.
pub(super) fn restocked(mut decision: Decision, facts: &Facts, sale: &SaleBody) -> Decision {
    let mut products: Vec<ProductBody> = Vec::new();
    let mut changes: Vec<StockChange> = Vec::new();
    for line in sale.lines.iter().filter(|line| line.counted) {
        let Some(product) = line.product.and_then(|id| facts.product(id)) else {
            continue;
        };
        let known = products.iter().position(|p| p.id == product.id);
        let place = known.unwrap_or_else(|| {
            products.push(product.clone());
            changes.push(StockChange {
                product: product.id,
                change: 0,
            });
            products.len().saturating_sub(1)
        });
        if let Some((next, change)) = products.get_mut(place).zip(changes.get_mut(place)) {
            next.stock = Some(next.stock.unwrap_or(0).saturating_add(line.quantity));
            change.change = change.change.saturating_add(line.quantity);
        }
    }
    decision = stock_detail(decision, &changes);
    for product in products {
        decision = decision.change(product.id.any(), Record::Product(product));
    }
    decision
}

/// A sale counts for its customer, or does not any more.
pub(super) fn for_customer(
    decision: Decision,
    facts: &Facts,
    sale: &SaleBody,
    counts: bool,
) -> Decision {
    match sale.customer.and_then(|id| facts.customer(id)) {
        Some(customer) => {
            let next = customer.sold(sale.amount, counts);
            decision.change(next.body.id.any(), Record::Customer(next))
        }
        None => decision,
    }
}
