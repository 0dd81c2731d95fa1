//! Moving money between accounts, and the events that tell of it.

use serde_json::{Value, json};

use super::shapes::{transaction_id, wallet_id};
use super::{Account, Event, Line, MOST, Movement, Reference};

/// A change of one account: available, pending, reserved.
pub(super) type Leg = (Account, [i128; 3]);

/// A movement about to be made.
pub(super) struct Move {
    pub kind: &'static str,
    pub amount: i64,
    pub currency: &'static str,
    pub payout: Option<usize>,
    pub payment: Option<usize>,
    pub refund: Option<usize>,
    pub reference: Option<String>,
    pub at: Option<i64>,
}

impl Reference {
    /// Moves money, or says why not; returns the wallets that fell below their threshold.
    pub(super) fn post(&mut self, what: Move, legs: &[Leg]) -> Result<Vec<usize>, &'static str> {
        let mut lines = Vec::new();
        for (account, change) in legs {
            let before = self.held_by(*account);
            let [a, p, r] = [0, 1, 2].map(|n: usize| {
                before.get(n).copied().unwrap_or_default()
                    + change.get(n).copied().unwrap_or_default()
            });
            let after = [a, p, r];
            let short = change
                .iter()
                .zip(after)
                .any(|(change, after)| *change < 0 && after < 0);
            if short && !matches!(account, Account::Outside(_)) {
                return Err("insufficient_funds");
            }
            if after.iter().sum::<i128>().abs() > MOST {
                return Err("balance_limit");
            }
            lines.push(Line {
                account: *account,
                change: *change,
                after,
            });
        }
        let low = lines
            .iter()
            .filter_map(|line| self.falls_low(line))
            .collect();
        for line in &lines {
            match line.account {
                Account::Wallet(n) => {
                    if let Some(wallet) = self.wallets.get_mut(n) {
                        wallet.balances = line.after;
                    }
                }
                Account::Outside(currency) => {
                    self.outside.insert(currency, line.after.iter().sum());
                }
                Account::Fees(currency) => {
                    self.fees.insert(currency, line.after.iter().sum());
                }
            }
        }
        let Move {
            kind,
            amount,
            currency,
            payout,
            payment,
            refund,
            reference,
            at,
        } = what;
        self.movements.push(Movement {
            kind,
            amount,
            currency,
            payout,
            payment,
            refund,
            reference,
            at,
            lines,
        });
        Ok(low)
    }

    pub(super) fn held_by(&self, account: Account) -> [i128; 3] {
        match account {
            Account::Wallet(n) => self.wallets.get(n).map_or([0; 3], |wallet| wallet.balances),
            Account::Outside(currency) => [self.outside.get(currency).copied().unwrap_or(0), 0, 0],
            Account::Fees(currency) => [self.fees.get(currency).copied().unwrap_or(0), 0, 0],
        }
    }

    pub(super) fn falls_low(&self, line: &Line) -> Option<usize> {
        let Account::Wallet(n) = line.account else {
            return None;
        };
        let wallet = self.wallets.get(n)?;
        let limit = i128::from(wallet.threshold?);
        let ([before, ..], [after, ..]) = (wallet.balances, line.after);
        (before >= limit && after < limit).then_some(n)
    }

    pub(super) fn tell(&mut self, kind: &'static str, data: Value, at: Option<i64>) {
        self.events.push(Event { kind, data, at });
    }

    /// An event about a wallet whose balance the last movement changed.
    pub(super) fn tell_balance(&mut self, kind: &'static str, wallet: usize, at: Option<i64>) {
        let Some(movement) = self.movements.last() else {
            return;
        };
        let data = json!({
            "wallet_id": wallet_id(wallet),
            "amount": movement.amount,
            "currency": movement.currency,
            "transaction_id": transaction_id(self.movements.len() - 1),
        });
        self.tell(kind, data, at);
    }

    pub(super) fn tell_low(&mut self, wallets: &[usize], at: Option<i64>) {
        for wallet in wallets {
            let [available, ..] = self.held_by(Account::Wallet(*wallet));
            self.tell_balance("wallet.low_balance", *wallet, at);
            let amount = i64::try_from(available).map_or(Value::Null, Value::from);
            if let Some(slot) = self
                .events
                .last_mut()
                .and_then(|event| event.data.get_mut("amount"))
            {
                *slot = amount;
            }
        }
    }
}

pub(super) fn between(source: usize, target: usize, amount: i64) -> [Leg; 2] {
    let amount = i128::from(amount);
    [
        (Account::Wallet(source), [-amount, 0, 0]),
        (Account::Wallet(target), [amount, 0, 0]),
    ]
}

/// From available to reserved, or back when negative.
pub(super) fn held(source: usize, amount: i128) -> Vec<Leg> {
    vec![(Account::Wallet(source), [-amount, 0, amount])]
}
