//! Whole lists by filter, in the order the server shows them, and pages cut from them.

use serde_json::{Value, json};
use strongroom_types::time::Timestamp;

use super::shapes::line_of;
use super::{Movement, Reference, Target};

/// What can be listed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum List {
    Wallets,
    Payouts,
    Transactions,
    Transfers,
    /// Of one wallet.
    Statement(usize),
    Events,
    Tokens,
    Payments,
    Refunds,
}

/// A filter as it stands in the query.
pub type Pairs = [(&'static str, String)];

impl Reference {
    /// Everything a filter lets through, as shown. Events are oldest first, all else newest first.
    pub fn list(&self, list: List, pairs: &Pairs) -> Vec<Value> {
        match list {
            List::Wallets => self.newest(
                self.wallets.len(),
                |n| self.wallet_matches(n, pairs),
                |n| self.wallet(n),
            ),
            List::Payouts => self.newest(
                self.payouts.len(),
                |n| self.payout_matches(n, pairs),
                |n| self.payout(n),
            ),
            List::Tokens => self.newest(self.tokens.len(), |_| true, |n| self.token(n)),
            List::Payments => self.newest(
                self.payments.len(),
                |n| self.payment_matches(n, pairs),
                |n| self.payment(n),
            ),
            List::Refunds => self.newest(
                self.refunds.len(),
                |n| self.refund_matches(n, pairs),
                |n| self.refund(n),
            ),
            List::Transactions => self.movements_by(|m| self.movement_matches(m, pairs)),
            List::Transfers => {
                self.movements_by(|m| m.kind == "transfer" && self.movement_matches(m, pairs))
            }
            List::Statement(wallet) => {
                let all = (0..self.movements.len()).rev();
                all.filter(|n| {
                    self.movements
                        .get(*n)
                        .is_some_and(|m| self.movement_matches(m, pairs))
                })
                .filter_map(|n| self.line(n, wallet))
                .collect()
            }
            List::Events => {
                let all = self.events.iter().enumerate();
                let of = |kind: &str| {
                    pairs
                        .iter()
                        .all(|(_, types)| types.split(',').any(|one| one == kind))
                };
                all.filter(|(_, event)| of(event.kind))
                    .map(|(n, _)| self.event(n))
                    .collect()
            }
        }
    }

    fn newest(
        &self,
        count: usize,
        keep: impl Fn(usize) -> bool,
        show: impl Fn(usize) -> Value,
    ) -> Vec<Value> {
        (0..count).rev().filter(|n| keep(*n)).map(show).collect()
    }

    fn movements_by(&self, keep: impl Fn(&Movement) -> bool) -> Vec<Value> {
        let kept = |n: usize| self.movements.get(n).is_some_and(&keep);
        self.newest(self.movements.len(), kept, |n| self.movement(n))
    }

    fn wallet_matches(&self, n: usize, pairs: &Pairs) -> bool {
        let Some(wallet) = self.wallets.get(n) else {
            return false;
        };
        pairs.iter().all(|(name, value)| match *name {
            "type" => wallet.kind == value,
            "status" => wallet.status == value,
            "currency" => wallet.currency == value,
            "parent_id" => wallet.parent.is_some() && wallet.parent == self.wallet_of(value),
            "reference_id" => wallet.reference.as_ref() == Some(value),
            "email" => same_text(wallet.email.as_ref(), value),
            _ => within(wallet.created, name, value),
        })
    }

    fn payout_matches(&self, n: usize, pairs: &Pairs) -> bool {
        let Some(payout) = self.payouts.get(n) else {
            return false;
        };
        pairs.iter().all(|(name, value)| match *name {
            "status" => payout.status == value,
            "wallet_id" => self.wallet_of(value).is_some_and(|wallet| {
                payout.source == wallet
                    || matches!(payout.to, Target::Wallet(target) if target == wallet)
            }),
            "reference_id" => payout.reference.as_ref() == Some(value),
            _ => within(payout.created, name, value),
        })
    }

    fn payment_matches(&self, n: usize, pairs: &Pairs) -> bool {
        let Some(payment) = self.payments.get(n) else {
            return false;
        };
        pairs.iter().all(|(name, value)| match *name {
            "status" => payment.status == value,
            "wallet_id" => self.wallet_of(value) == Some(payment.wallet),
            "reference_id" => payment.reference.as_ref() == Some(value),
            _ => within(payment.created, name, value),
        })
    }

    fn refund_matches(&self, n: usize, pairs: &Pairs) -> bool {
        let Some(refund) = self.refunds.get(n) else {
            return false;
        };
        pairs.iter().all(|(name, value)| match *name {
            "status" => refund.status == value,
            "payment_id" => self.number("pay", value, self.payments.len()) == Some(refund.payment),
            "reference_id" => refund.reference.as_ref() == Some(value),
            _ => within(refund.created, name, value),
        })
    }

    fn movement_matches(&self, movement: &Movement, pairs: &Pairs) -> bool {
        let number = |value: &str| value.parse::<i64>().unwrap_or_default();
        pairs.iter().all(|(name, value)| match *name {
            "type" => movement.kind == value,
            "wallet_id" => self
                .wallet_of(value)
                .is_some_and(|wallet| line_of(movement, wallet).is_some()),
            "payout_id" => movement.payout.is_some() && movement.payout == self.payout_of(value),
            // Only transfers have a reference id; the reference of a credit is free text.
            "reference_id" => {
                movement.kind == "transfer" && movement.reference.as_ref() == Some(value)
            }
            "min_amount" => movement.amount >= number(value),
            "max_amount" => movement.amount <= number(value),
            _ => within(movement.at, name, value),
        })
    }
}

fn same_text(held: Option<&String>, wanted: &str) -> bool {
    held.is_some_and(|held| held.to_lowercase() == wanted.to_lowercase())
}

/// `created_after` is inclusive, `created_before` is not. A time nobody knows is in no range.
fn within(at: Option<i64>, name: &str, value: &str) -> bool {
    let (Some(at), Some(bound)) = (at, Timestamp::parse(value)) else {
        return false;
    };
    match name {
        "created_after" => at >= bound.0,
        "created_before" => at < bound.0,
        _ => false,
    }
}

/// A page of a list: `limit` items from `start` on, or, backward, up to `start`.
pub fn page(items: &[Value], start: usize, limit: usize, backward: bool) -> Value {
    let (from, to) = match backward {
        false => (start.min(items.len()), items.len().min(start + limit)),
        true => (start.saturating_sub(limit), start.min(items.len())),
    };
    let data = items.get(from..to).unwrap_or_default();
    let more = if backward { from > 0 } else { to < items.len() };
    let end = if backward { data.first() } else { data.last() };
    let cursor = end.filter(|_| more).and_then(|item| item.get("id"));
    json!({ "data": data, "has_more": more, "next_cursor": cursor })
}
