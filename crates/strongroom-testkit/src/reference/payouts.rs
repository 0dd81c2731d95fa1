//! Payouts and their states.

use super::effects::{Outcome, open};
use super::posting::{Move, held};
use super::shapes::payout_id;
use super::{Account, Names, NewPayout, Payout, Reference, Target, To};

impl Reference {
    pub(super) fn create_payout(&mut self, new: &NewPayout, at: Option<i64>) -> Outcome {
        let currency = self.currency_of(new.currency, new.from.as_deref());
        let source = match &new.from {
            Some(id) => self.usable(id, currency)?,
            None => {
                let default = *self.operating.get(currency).ok_or("no_default_wallet")?;
                self.wallets
                    .get(default)
                    .map_or(Err("wallet_not_found"), open)?;
                default
            }
        };
        let target = match &new.to {
            To::Wallet(id) => Some(self.usable(id, currency)?),
            To::Bank { .. } => None,
        };
        if target == Some(source) {
            return Err("same_wallet");
        }
        self.free("payout", new.reference.as_deref())?;
        let n = self.payouts.len();
        let kind = if target.is_some() {
            "payout"
        } else {
            "payout_hold"
        };
        let fee = self.payout_fee(new.amount, currency);
        let charged = i128::from(fee.unwrap_or(0));
        let legs = match target {
            Some(target) => {
                let amount = i128::from(new.amount);
                let mut legs = vec![
                    (Account::Wallet(source), [-amount - charged, 0, 0]),
                    (Account::Wallet(target), [amount, 0, 0]),
                ];
                if charged > 0 {
                    legs.push((Account::Fees(currency), [charged, 0, 0]));
                }
                legs
            }
            None => held(source, i128::from(new.amount) + charged),
        };
        let what = Move {
            kind,
            amount: new.amount,
            currency,
            payout: Some(n),
            payment: None,
            refund: None,
            reference: None,
            at,
        };
        let low = self.post(what, &legs)?;
        self.claim("payout", new.reference.as_deref(), &payout_id(n))?;
        let mut payout = self.new_payout(new, source, target, currency, at);
        payout.fee = fee;
        self.payouts.push(payout);
        self.tell_created(n, source, target, at);
        self.tell_low(&low, at);
        Ok(self.payout(n))
    }

    pub(super) fn new_payout(
        &mut self,
        new: &NewPayout,
        source: usize,
        target: Option<usize>,
        currency: &'static str,
        at: Option<i64>,
    ) -> Payout {
        let to = match (&new.to, target) {
            (To::Bank { name, code, number }, _) => {
                let next = self.accounts.len();
                let text = format!("{code} {number}");
                let fresh = || {
                    Names::slot("subj", next)
                        .as_str()
                        .unwrap_or_default()
                        .to_owned()
                };
                let subject = self.accounts.entry(text).or_insert_with(fresh).clone();
                Target::Bank {
                    subject,
                    name: name.clone(),
                    code,
                    number: number.clone(),
                }
            }
            (To::Wallet(_), target) => Target::Wallet(target.unwrap_or(usize::MAX)),
        };
        Payout {
            status: if target.is_some() {
                "completed"
            } else {
                "initiated"
            },
            amount: new.amount,
            currency,
            source,
            to,
            reference: new.reference.clone(),
            note: new.note.clone(),
            failure: None,
            created: at,
            processed: at.filter(|_| target.is_some()),
            ended: target.is_some(),
            fee: None,
            due: if target.is_some() { None } else { at },
        }
    }

    pub(super) fn tell_created(
        &mut self,
        n: usize,
        source: usize,
        target: Option<usize>,
        at: Option<i64>,
    ) {
        self.tell("payout.initiated", self.payout_data(n, "initiated", at), at);
        let Some(target) = target else {
            return self.tell_balance("wallet.reserved", source, at);
        };
        self.tell("payout.pending", self.payout_data(n, "pending", at), at);
        self.tell(
            "payout.processing",
            self.payout_data(n, "processing", at),
            at,
        );
        self.tell_balance("wallet.debited", source, at);
        self.tell_balance("wallet.credited", target, at);
        self.tell("payout.completed", self.payout_data(n, "completed", at), at);
    }

    pub(super) fn cancel(&mut self, id: &str, at: Option<i64>) -> Outcome {
        let n = self.payout_of(id).ok_or("not_found")?;
        match self.status(n) {
            "initiated" | "pending" => self.give_back(n, "cancelled", None, at),
            _ => Err("invalid_state"),
        }
    }

    /// The held money returns, and the payout is over.
    pub(super) fn give_back(
        &mut self,
        n: usize,
        status: &'static str,
        failure: Option<&'static str>,
        at: Option<i64>,
    ) -> Outcome {
        let (source, amount, _) = self.parts(n)?;
        let all = amount + self.charged(n);
        let low = self.post(self.step("payout_release", n, at), &held(source, -all))?;
        self.end(n, status, failure, at);
        self.tell_balance("wallet.released", source, at);
        let event = if status == "failed" {
            "payout.failed"
        } else {
            "payout.cancelled"
        };
        self.tell(event, self.payout_data(n, status, at), at);
        self.tell_low(&low, at);
        Ok(self.payout(n))
    }

    pub(super) fn reverse(&mut self, id: &str, at: Option<i64>) -> Outcome {
        let n = self.payout_of(id).ok_or("not_found")?;
        if self.status(n) != "completed" {
            return Err("invalid_state");
        }
        let (source, amount, target) = self.parts(n)?;
        for wallet in [Some(source), target].into_iter().flatten() {
            self.wallets
                .get(wallet)
                .map_or(Err("wallet_not_found"), open)?;
        }
        let what = self.step("payout_reversal", n, at);
        let from = target.map_or(Account::Outside(what.currency), Account::Wallet);
        let legs = [
            (from, [-amount, 0, 0]),
            (Account::Wallet(source), [amount, 0, 0]),
        ];
        let low = self.post(what, &legs)?;
        self.end(n, "reversed", None, at);
        if let Some(target) = target {
            self.tell_balance("wallet.debited", target, at);
        }
        self.tell_balance("wallet.credited", source, at);
        self.tell("payout.reversed", self.payout_data(n, "reversed", at), at);
        self.tell_low(&low, at);
        Ok(self.payout(n))
    }

    pub(super) fn advance(&mut self, id: &str, at: Option<i64>) -> Outcome {
        let n = self.payout_of(id).ok_or("not_found")?;
        let (source, amount, _) = self.parts(n)?;
        let next = match self.status(n) {
            "initiated" => "pending",
            "pending" => "processing",
            "processing" => match amount % 100 {
                1 => return self.give_back(n, "failed", Some("insufficient_funds"), at),
                2 => return self.give_back(n, "failed", Some("invalid_account"), at),
                3 => return self.give_back(n, "failed", Some("bank_unavailable"), at),
                _ => return self.settle(n, source, amount, at),
            },
            _ => return Err("invalid_state"),
        };
        let pause = self.pause;
        if let Some(payout) = self.payouts.get_mut(n) {
            payout.status = next;
            payout.due = at.map(|at| at + pause);
        }
        let event = if next == "pending" {
            "payout.pending"
        } else {
            "payout.processing"
        };
        self.tell(event, self.payout_data(n, next, at), at);
        Ok(self.payout(n))
    }

    pub(super) fn settle(
        &mut self,
        n: usize,
        source: usize,
        amount: i128,
        at: Option<i64>,
    ) -> Outcome {
        let what = self.step("payout_settlement", n, at);
        let outside = Account::Outside(what.currency);
        let charged = self.charged(n);
        let mut legs = vec![
            (Account::Wallet(source), [0, 0, -amount - charged]),
            (outside, [amount, 0, 0]),
        ];
        if charged > 0 {
            legs.push((Account::Fees(what.currency), [charged, 0, 0]));
        }
        let low = self.post(what, &legs)?;
        self.end(n, "completed", None, at);
        self.tell_balance("wallet.debited", source, at);
        self.tell("payout.completed", self.payout_data(n, "completed", at), at);
        self.tell_low(&low, at);
        Ok(self.payout(n))
    }

    pub(super) fn end(
        &mut self,
        n: usize,
        status: &'static str,
        failure: Option<&'static str>,
        at: Option<i64>,
    ) {
        if let Some(payout) = self.payouts.get_mut(n) {
            payout.status = status;
            payout.failure = failure;
            payout.processed = at;
            payout.ended = true;
            payout.due = None;
        }
    }

    fn charged(&self, n: usize) -> i128 {
        let fee = self.payouts.get(n).and_then(|payout| payout.fee);
        i128::from(fee.unwrap_or(0))
    }

    pub(super) fn status(&self, n: usize) -> &'static str {
        self.payouts.get(n).map_or("", |payout| payout.status)
    }

    /// Source, amount and, if it is a wallet, the target of a payout.
    pub(super) fn parts(&self, n: usize) -> Result<(usize, i128, Option<usize>), &'static str> {
        let payout = self.payouts.get(n).ok_or("not_found")?;
        let target = match payout.to {
            Target::Wallet(target) => Some(target),
            Target::Bank { .. } => None,
        };
        Ok((payout.source, i128::from(payout.amount), target))
    }

    pub(super) fn step(&self, kind: &'static str, n: usize, at: Option<i64>) -> Move {
        let (amount, currency) = self
            .payouts
            .get(n)
            .map_or((0, ""), |p| (p.amount, p.currency));
        Move {
            kind,
            amount,
            currency,
            payout: Some(n),
            payment: None,
            refund: None,
            reference: None,
            at,
        }
    }
}
