//! What each request does, or why it is refused: the contract's rules in their order, once more.
//!
//! Every function checks everything before it changes anything, so a refusal leaves no trace.

use serde_json::{Value, json};

use super::posting::{Move, between};
use super::shapes::{transaction_id, wallet_id};
use super::{Account, Fund, NewWallet, Op, Reference, Wallet};

pub(super) type Outcome = Result<Value, &'static str>;

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
            Op::Token { card, multi } => self.create_token(*card, *multi, at),
            Op::Pay(new) => self.create_payment(new, at),
            Op::Capture { payment, amount } => self.capture(payment, *amount, at),
            Op::Void(id) => self.void(id, at),
            Op::Refund {
                payment,
                amount,
                reference,
            } => self.create_refund(payment, *amount, reference, at),
        }
    }

    pub(super) fn create_wallet(&mut self, new: &NewWallet, at: Option<i64>) -> Outcome {
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

    pub(super) fn set_status(
        &mut self,
        id: &str,
        status: &'static str,
        at: Option<i64>,
    ) -> Outcome {
        let n = self.living(id)?;
        let below = self
            .wallets
            .iter()
            .filter(|w| w.parent == Some(n) && w.status != "closed")
            .count();
        let awaited = self.is_awaited(n);
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
        if status == "closed" && awaited {
            return Err("wallet_has_payments");
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

    pub(super) fn fund(
        &mut self,
        fund: &Fund,
        kind: &'static str,
        sign: i128,
        at: Option<i64>,
    ) -> Outcome {
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
                payment: None,
                refund: None,
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

    pub(super) fn transfer(
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
            payment: None,
            refund: None,
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

    /// A wallet that exists and is not closed, for changes of the wallet itself.
    pub(super) fn living(&self, id: &str) -> Result<usize, &'static str> {
        let n = self.wallet_of(id).ok_or("not_found")?;
        let closed = self
            .wallets
            .get(n)
            .is_none_or(|wallet| wallet.status == "closed");
        if closed { Err("wallet_closed") } else { Ok(n) }
    }

    /// A wallet that money of a currency may move in.
    pub(super) fn usable(&self, id: &str, currency: &str) -> Result<usize, &'static str> {
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

    pub(super) fn free(
        &self,
        what: &'static str,
        reference: Option<&str>,
    ) -> Result<(), &'static str> {
        let taken =
            reference.is_some_and(|text| self.references.contains_key(&(what, text.to_owned())));
        if taken {
            Err("reference_id_taken")
        } else {
            Ok(())
        }
    }

    pub(super) fn claim(
        &mut self,
        what: &'static str,
        reference: Option<&str>,
        holder: &Value,
    ) -> Result<(), &'static str> {
        self.free(what, reference)?;
        if let Some(text) = reference {
            self.references
                .insert((what, text.to_owned()), holder.to_string());
        }
        Ok(())
    }
}

pub(super) fn open(wallet: &Wallet) -> Result<(), &'static str> {
    match wallet.status {
        "active" => Ok(()),
        "frozen" => Err("wallet_frozen"),
        _ => Err("wallet_closed"),
    }
}
