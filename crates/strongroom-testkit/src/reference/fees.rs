//! Fees, once more: what is charged for payments and payouts, from what docs/fees.md says of them.

use super::Reference;

/// What is charged, from the beginning on. What is fixed, and the bounds, are in the home currency.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Hundredths of a percent.
    pub bps: i64,
    pub fixed: i64,
    pub least: i64,
    pub most: i64,
    /// Whether refunds bring back their part.
    pub returned: bool,
}

impl Reference {
    /// Charges for payments, and for payouts.
    pub fn charge(&mut self, payments: Rule, payouts: Rule) {
        self.payment_rule = Some(payments);
        self.payout_rule = Some(payouts);
    }

    pub(super) fn payout_fee(&self, amount: i64, currency: &str) -> Option<i64> {
        Some(self.fee_of(self.payout_rule?, amount, currency))
    }

    /// What a payment was to be charged by now.
    pub(super) fn payment_fee(&self, settled: i64, refunded: i64, currency: &str) -> i64 {
        let Some(rule) = self.payment_rule else {
            return 0;
        };
        let fee = self.fee_of(rule, settled, currency);
        let back = refunded.min(settled);
        match rule.returned && settled > 0 {
            true => fee - rounded(i128::from(fee) * i128::from(back), i128::from(settled)),
            false => fee,
        }
    }

    fn fee_of(&self, rule: Rule, amount: i64, currency: &str) -> i64 {
        let share = rounded(i128::from(amount) * i128::from(rule.bps), 10_000);
        let fee = match currency == self.home {
            true => (share + rule.fixed).max(rule.least).min(rule.most),
            false => share,
        };
        fee.min(amount)
    }
}

/// To the nearest; of two as near, the even one.
fn rounded(top: i128, bottom: i128) -> i64 {
    let below = top.div_euclid(bottom);
    let distance = 2 * (top - below * bottom) - bottom;
    let odd = below.rem_euclid(2);
    let up = i128::from(distance > 0 || (distance == 0 && odd == 1));
    i64::try_from(below + up).unwrap_or(i64::MAX)
}
