//! What each request does, or why it is refused: the contract's rules in their order, once more.
//!
//! Every function checks everything before it changes anything, so a refusal leaves no trace.

use serde_json::{Value, json};

use super::shapes::{payout_id, transaction_id, wallet_id};
use super::{
    Account, Event, Fund, Line, MOST, Movement, Names, NewPayout, NewWallet, Op, Payout, Reference,
};
use super::{Target, To, Wallet};

type Outcome = Result<Value, &'static str>;

/// A change of one account: available, pending, reserved.
type Leg = (Account, [i128; 3]);

/// A movement about to be made.
struct Move {
    kind: &'static str,
    amount: i64,
    currency: &'static str,
    payout: Option<usize>,
    reference: Option<String>,
    at: Option<i64>,
}

impl Reference {
    pub(super) fn carry_out(&mut self, op: &Op, at: Option<i64>) -> Outcome {
        match op {
            Op::CreateWallet(new) => self.create_wallet(new, at),
            Op::UpdateWallet {
                wallet,
                email,
                threshold,
                note,
            } => {
                let n = self.living(wallet)?;
                let Some(changed) = self.wallets.get_mut(n) else {
                    return Err("not_found");
                };
                changed.email = email.clone().or(changed.email.take());
                changed.threshold = threshold.unwrap_or(changed.threshold);
                changed.note = note.clone().or(changed.note.take());
                self.tell("wallet.updated", json!({ "id": wallet_id(n) }), at);
                Ok(self.wallet(n))
            }
            Op::SetStatus { wallet, status } => self.set_status(wallet, status, at),
            Op::Credit(fund) => self.fund(fund, "credit", 1, at),
            Op::Debit(fund) => self.fund(fund, "debit", -1, at),
            Op::Transfer {
                from,
                to,
                amount,
                currency,
                reference,
            } => self.transfer(from, to, *amount, *currency, reference, at),
            Op::Payout(new) => self.create_payout(new, at),
            Op::Cancel(id) => self.cancel(id, at),
            Op::Reverse(id) => self.reverse(id, at),
            Op::Advance(id) => self.advance(id, at),
        }
    }

    fn create_wallet(&mut self, new: &NewWallet, at: Option<i64>) -> Outcome {
        let currency = new.currency.unwrap_or(self.home);
        let parent = match (&new.parent, new.kind) {
            (Some(id), _) => Some(self.wallet_of(id).ok_or("wallet_not_found")?),
            (None, "master") => None,
            (None, _) => self.masters.get(currency).copied(),
        };
        if let Some(above) = parent.and_then(|n| self.wallets.get(n)) {
            open(above)?;
            let fits = match new.kind {
                "operating" | "reserve" => above.kind == "master",
                "sub_merchant" => matches!(above.kind, "master" | "sub_merchant"),
                _ => false,
            };
            if !fits || above.currency != currency {
                return Err("parent_invalid");
            }
        }
        let n = self.wallets.len();
        self.claim("wallet", new.reference.as_deref(), &wallet_id(n))?;
        self.wallets.push(Wallet {
            kind: new.kind,
            status: "active",
            currency,
            parent,
            email: new.email.clone(),
            reference: new.reference.clone(),
            threshold: new.threshold,
            note: new.note.clone(),
            created: at,
            balances: [0; 3],
        });
        match new.kind {
            "master" => drop(self.masters.entry(currency).or_insert(n)),
            "operating" => drop(self.operating.entry(currency).or_insert(n)),
            _ => {}
        }
        self.tell("wallet.created", json!({ "id": wallet_id(n) }), at);
        Ok(self.wallet(n))
    }

    fn set_status(&mut self, id: &str, status: &'static str, at: Option<i64>) -> Outcome {
        let n = self.living(id)?;
        let below = self
            .wallets
            .iter()
            .filter(|w| w.parent == Some(n) && w.status != "closed")
            .count();
        let Some(wallet) = self.wallets.get_mut(n) else {
            return Err("not_found");
        };
        if wallet.status == status {
            return Err("invalid_state");
        }
        if status == "closed" && wallet.balances != [0; 3] {
            return Err("wallet_not_empty");
        }
        if status == "closed" && below > 0 {
            return Err("wallet_has_children");
        }
        wallet.status = status;
        let event = match status {
            "active" => "wallet.unfrozen",
            "frozen" => "wallet.frozen",
            _ => "wallet.closed",
        };
        if status == "closed" {
            self.masters.retain(|_, wallet| *wallet != n);
            self.operating.retain(|_, wallet| *wallet != n);
        }
        self.tell(event, json!({ "id": wallet_id(n) }), at);
        Ok(self.wallet(n))
    }

    fn fund(&mut self, fund: &Fund, kind: &'static str, sign: i128, at: Option<i64>) -> Outcome {
        let currency = self.currency_of(fund.currency, Some(&fund.wallet));
        let n = self.usable(&fund.wallet, currency)?;
        let amount = i128::from(fund.amount) * sign;
        let legs = [
            (Account::Wallet(n), [amount, 0, 0]),
            (Account::Outside(currency), [-amount, 0, 0]),
        ];
        let reference = fund.reference.clone();
        let low = self.post(
            Move {
                kind,
                amount: fund.amount,
                currency,
                payout: None,
                reference,
                at,
            },
            &legs,
        )?;
        self.tell_balance(
            if sign > 0 {
                "wallet.credited"
            } else {
                "wallet.debited"
            },
            n,
            at,
        );
        self.tell_low(&low, at);
        Ok(self.movement(self.movements.len() - 1))
    }

    fn transfer(
        &mut self,
        from: &str,
        to: &str,
        amount: i64,
        currency: Option<&'static str>,
        reference: &Option<String>,
        at: Option<i64>,
    ) -> Outcome {
        let currency = self.currency_of(currency, Some(from));
        let source = self.usable(from, currency)?;
        let target = self.usable(to, currency)?;
        if source == target {
            return Err("same_wallet");
        }
        self.free("transfer", reference.as_deref())?;
        let legs = between(source, target, amount);
        let n = self.movements.len();
        let reference_id = reference.clone();
        let what = Move {
            kind: "transfer",
            amount,
            currency,
            payout: None,
            reference: reference_id,
            at,
        };
        let low = self.post(what, &legs)?;
        self.claim("transfer", reference.as_deref(), &transaction_id(n))?;
        self.tell_balance("wallet.debited", source, at);
        self.tell_balance("wallet.credited", target, at);
        self.tell("transfer.completed", json!({ "id": transaction_id(n) }), at);
        self.tell_low(&low, at);
        Ok(self.movement(n))
    }

    fn create_payout(&mut self, new: &NewPayout, at: Option<i64>) -> Outcome {
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
        let legs = match target {
            Some(target) => between(source, target, new.amount).to_vec(),
            None => held(source, i128::from(new.amount)),
        };
        let what = Move {
            kind,
            amount: new.amount,
            currency,
            payout: Some(n),
            reference: None,
            at,
        };
        let low = self.post(what, &legs)?;
        self.claim("payout", new.reference.as_deref(), &payout_id(n))?;
        let payout = self.new_payout(new, source, target, currency, at);
        self.payouts.push(payout);
        self.tell_created(n, source, target, at);
        self.tell_low(&low, at);
        Ok(self.payout(n))
    }

    fn new_payout(
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
                let text = format!("{code} {number}").to_lowercase();
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
            due: if target.is_some() { None } else { at },
        }
    }

    fn tell_created(&mut self, n: usize, source: usize, target: Option<usize>, at: Option<i64>) {
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

    fn cancel(&mut self, id: &str, at: Option<i64>) -> Outcome {
        let n = self.payout_of(id).ok_or("not_found")?;
        match self.status(n) {
            "initiated" | "pending" => self.give_back(n, "cancelled", None, at),
            _ => Err("invalid_state"),
        }
    }

    /// The held money returns, and the payout is over.
    fn give_back(
        &mut self,
        n: usize,
        status: &'static str,
        failure: Option<&'static str>,
        at: Option<i64>,
    ) -> Outcome {
        let (source, amount, _) = self.parts(n)?;
        let low = self.post(self.step("payout_release", n, at), &held(source, -amount))?;
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

    fn reverse(&mut self, id: &str, at: Option<i64>) -> Outcome {
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

    fn advance(&mut self, id: &str, at: Option<i64>) -> Outcome {
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

    fn settle(&mut self, n: usize, source: usize, amount: i128, at: Option<i64>) -> Outcome {
        let what = self.step("payout_settlement", n, at);
        let outside = Account::Outside(what.currency);
        let legs = [
            (Account::Wallet(source), [0, 0, -amount]),
            (outside, [amount, 0, 0]),
        ];
        let low = self.post(what, &legs)?;
        self.end(n, "completed", None, at);
        self.tell_balance("wallet.debited", source, at);
        self.tell("payout.completed", self.payout_data(n, "completed", at), at);
        self.tell_low(&low, at);
        Ok(self.payout(n))
    }

    fn end(
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

    fn status(&self, n: usize) -> &'static str {
        self.payouts.get(n).map_or("", |payout| payout.status)
    }

    /// Source, amount and, if it is a wallet, the target of a payout.
    fn parts(&self, n: usize) -> Result<(usize, i128, Option<usize>), &'static str> {
        let payout = self.payouts.get(n).ok_or("not_found")?;
        let target = match payout.to {
            Target::Wallet(target) => Some(target),
            Target::Bank { .. } => None,
        };
        Ok((payout.source, i128::from(payout.amount), target))
    }

    fn step(&self, kind: &'static str, n: usize, at: Option<i64>) -> Move {
        let (amount, currency) = self
            .payouts
            .get(n)
            .map_or((0, ""), |p| (p.amount, p.currency));
        Move {
            kind,
            amount,
            currency,
            payout: Some(n),
            reference: None,
            at,
        }
    }

    /// A wallet that exists and is not closed, for changes of the wallet itself.
    fn living(&self, id: &str) -> Result<usize, &'static str> {
        let n = self.wallet_of(id).ok_or("not_found")?;
        let closed = self
            .wallets
            .get(n)
            .is_none_or(|wallet| wallet.status == "closed");
        if closed { Err("wallet_closed") } else { Ok(n) }
    }

    /// A wallet that money of a currency may move in.
    fn usable(&self, id: &str, currency: &str) -> Result<usize, &'static str> {
        let n = self.wallet_of(id).ok_or("wallet_not_found")?;
        let wallet = self.wallets.get(n).ok_or("wallet_not_found")?;
        if wallet.currency != currency {
            return Err("currency_mismatch");
        }
        open(wallet).map(|()| n)
    }

    /// The currency of a request that may name one.
    pub fn currency_of(&self, named: Option<&'static str>, wallet: Option<&str>) -> &'static str {
        let own = wallet
            .and_then(|id| self.wallets.get(self.wallet_of(id)?))
            .map(|wallet| wallet.currency);
        named.or(own).unwrap_or(self.home)
    }

    fn free(&self, what: &'static str, reference: Option<&str>) -> Result<(), &'static str> {
        let taken = reference
            .is_some_and(|text| self.references.contains_key(&(what, text.to_lowercase())));
        if taken {
            Err("reference_id_taken")
        } else {
            Ok(())
        }
    }

    fn claim(
        &mut self,
        what: &'static str,
        reference: Option<&str>,
        holder: &Value,
    ) -> Result<(), &'static str> {
        self.free(what, reference)?;
        if let Some(text) = reference {
            self.references
                .insert((what, text.to_lowercase()), holder.to_string());
        }
        Ok(())
    }

    /// Moves money, or says why not; returns the wallets that fell below their threshold.
    fn post(&mut self, what: Move, legs: &[Leg]) -> Result<Vec<usize>, &'static str> {
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
            if short && matches!(account, Account::Wallet(_)) {
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
                Account::Wallet(n) => drop(
                    self.wallets
                        .get_mut(n)
                        .map(|wallet| wallet.balances = line.after),
                ),
                Account::Outside(currency) => {
                    drop(self.outside.insert(currency, line.after.iter().sum()))
                }
            }
        }
        let Move {
            kind,
            amount,
            currency,
            payout,
            reference,
            at,
        } = what;
        self.movements.push(Movement {
            kind,
            amount,
            currency,
            payout,
            reference,
            at,
            lines,
        });
        Ok(low)
    }

    fn held_by(&self, account: Account) -> [i128; 3] {
        match account {
            Account::Wallet(n) => self.wallets.get(n).map_or([0; 3], |wallet| wallet.balances),
            Account::Outside(currency) => [self.outside.get(currency).copied().unwrap_or(0), 0, 0],
        }
    }

    fn falls_low(&self, line: &Line) -> Option<usize> {
        let Account::Wallet(n) = line.account else {
            return None;
        };
        let wallet = self.wallets.get(n)?;
        let limit = i128::from(wallet.threshold?);
        let ([before, ..], [after, ..]) = (wallet.balances, line.after);
        (before >= limit && after < limit).then_some(n)
    }

    fn tell(&mut self, kind: &'static str, data: Value, at: Option<i64>) {
        self.events.push(Event { kind, data, at });
    }

    /// An event about a wallet whose balance the last movement changed.
    fn tell_balance(&mut self, kind: &'static str, wallet: usize, at: Option<i64>) {
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

    fn tell_low(&mut self, wallets: &[usize], at: Option<i64>) {
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

fn open(wallet: &Wallet) -> Result<(), &'static str> {
    match wallet.status {
        "active" => Ok(()),
        "frozen" => Err("wallet_frozen"),
        _ => Err("wallet_closed"),
    }
}

fn between(source: usize, target: usize, amount: i64) -> [Leg; 2] {
    let amount = i128::from(amount);
    [
        (Account::Wallet(source), [-amount, 0, 0]),
        (Account::Wallet(target), [amount, 0, 0]),
    ]
}

/// From available to reserved, or back when negative.
fn held(source: usize, amount: i128) -> Vec<Leg> {
    vec![(Account::Wallet(source), [-amount, 0, amount])]
}
