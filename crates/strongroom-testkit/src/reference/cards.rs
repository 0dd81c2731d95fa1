//! Tokens, payments and refunds, once more: what becomes of money that comes from cards and goes back to them.

use serde_json::{Value, json};

use super::effects::{Outcome, open};
use super::posting::Move;
use super::shapes::{payment_id, refund_id, time, token_id};
use super::{Account, Names, NewPayment, Payment, Reference, Refund, Token};

/// How long a token for one payment lives, and how long an authorization, in milliseconds.
const TOKEN_LIVES: i64 = 3_600_000;
const AUTHORIZED_FOR: i64 = 7 * 86_400_000;

/// The test cards of the sequences, with what the sandbox says of them.
pub const CARDS: [(&str, Option<&str>); 3] = [
    ("4242424242424242", None),
    ("4000000000000002", Some("card_declined")),
    ("4000000000009995", Some("insufficient_funds")),
];

impl Reference {
    pub(super) fn create_token(&mut self, card: usize, multi: bool, at: Option<i64>) -> Outcome {
        let n = self.tokens.len();
        let end = at.filter(|_| !multi).map(|at| at + TOKEN_LIVES);
        self.tokens.push(Token {
            card,
            multi,
            used: false,
            expired: false,
            expires: end,
            created: at,
        });
        self.tell("token.created", json!({ "id": token_id(n) }), at);
        Ok(self.token(n))
    }

    /// The server drops a token's number once its time is over.
    pub fn expire_token(&mut self, n: usize, at: Option<i64>) {
        if let Some(token) = self.tokens.get_mut(n) {
            token.expired = true;
        }
        self.tell("token.expired", json!({ "id": token_id(n) }), at);
    }

    pub(super) fn create_payment(&mut self, new: &NewPayment, at: Option<i64>) -> Outcome {
        let currency = self.currency_of(new.currency, new.wallet.as_deref());
        let token = self.number("tok", &new.token, self.tokens.len());
        let token = token.ok_or("token_not_found")?;
        let (used, over) = self.tokens.get(token).map_or((false, false), |token| {
            let over = token.expires.zip(at).is_some_and(|(end, at)| end <= at);
            (token.used, token.expired || over)
        });
        if used {
            return Err("token_used");
        }
        if over {
            return Err("token_expired");
        }
        let wallet = match &new.wallet {
            Some(id) => self.usable(id, currency)?,
            None => {
                let default = *self.operating.get(currency).ok_or("no_default_wallet")?;
                self.wallets
                    .get(default)
                    .map_or(Err("wallet_not_found"), open)?;
                default
            }
        };
        let n = self.payments.len();
        self.claim("payment", new.reference.as_deref(), &payment_id(n))?;
        if let Some(token) = self.tokens.get_mut(token) {
            token.used = !token.multi;
        }
        self.payments.push(Payment {
            status: "processing",
            amount: new.amount,
            currency,
            wallet,
            token,
            capture: new.capture,
            captured: 0,
            settled: 0,
            refunded: 0,
            refunding: 0,
            fee: 0,
            failure: None,
            reversing: false,
            reference: new.reference.clone(),
            created: at,
            authorized: None,
            expires: None,
            due: at,
        });
        self.tell("payment.created", self.payment_data(n), at);
        Ok(self.payment(n))
    }

    pub(super) fn capture(&mut self, id: &str, amount: Option<i64>, at: Option<i64>) -> Outcome {
        let n = self.number("pay", id, self.payments.len());
        let n = n.ok_or("not_found")?;
        let payment = self.payments.get(n).ok_or("not_found")?;
        let lapsed = payment.expires.zip(at).is_some_and(|(end, at)| end <= at);
        if !is_open(payment) || lapsed {
            return Err("invalid_state");
        }
        let left = payment.amount - payment.captured;
        let amount = amount.unwrap_or(left);
        if amount > left {
            return Err("capture_exceeds_authorization");
        }
        self.take(n, amount, at)?;
        self.schedule(n, at);
        self.tell_captured(n, at);
        Ok(self.payment(n))
    }

    /// Posts a capture, if the wallet takes it.
    fn take(&mut self, n: usize, amount: i64, at: Option<i64>) -> Result<(), &'static str> {
        let payment = self.payments.get(n).ok_or("not_found")?;
        let (wallet, currency) = (payment.wallet, payment.currency);
        self.wallets
            .get(wallet)
            .map_or(Err("wallet_not_found"), open)?;
        let minor = i128::from(amount);
        let legs = [
            (Account::Outside(currency), [-minor, 0, 0]),
            (Account::Wallet(wallet), [0, minor, 0]),
        ];
        self.post(self.moved("payment_capture", amount, n, at), &legs)?;
        if let Some(payment) = self.payments.get_mut(n) {
            payment.captured += amount;
            payment.status = match payment.captured == payment.amount {
                true => "captured",
                false => "partially_captured",
            };
        }
        Ok(())
    }

    fn tell_captured(&mut self, n: usize, at: Option<i64>) {
        self.tell("payment.captured", self.payment_data(n), at);
        if self.payment_status(n) == "captured" {
            self.tell("payment.succeeded", self.payment_data(n), at);
        }
    }

    pub(super) fn void(&mut self, id: &str, at: Option<i64>) -> Outcome {
        let n = self.number("pay", id, self.payments.len());
        let n = n.ok_or("not_found")?;
        if self.payment_status(n) != "authorized" {
            return Err("invalid_state");
        }
        if let Some(payment) = self.payments.get_mut(n) {
            payment.status = "voided";
            payment.reversing = true;
        }
        self.schedule(n, at);
        self.tell("payment.voided", self.payment_data(n), at);
        Ok(self.payment(n))
    }

    /// What the server does with a payment when its time has come, at the time of each commit that it takes.
    pub fn step_payment(&mut self, n: usize, mut tick: impl FnMut() -> Option<i64>) {
        let Some(payment) = self.payments.get_mut(n) else {
            return;
        };
        if payment.status == "processing" {
            // That it is sent is one commit, the answer another.
            tick();
            let at = tick();
            return self.answer(n, at);
        }
        let at = tick();
        if payment.reversing {
            payment.reversing = false;
        } else if payment.captured > payment.settled {
            self.settle_payment(n, at);
        } else {
            let part = payment.status == "partially_captured";
            payment.status = if part { "captured" } else { "expired" };
            payment.reversing = !part;
            let event = if part {
                "payment.succeeded"
            } else {
                "payment.expired"
            };
            self.tell(event, self.payment_data(n), at);
        }
        self.schedule(n, at);
    }

    fn answer(&mut self, n: usize, at: Option<i64>) {
        let Some(payment) = self.payments.get_mut(n) else {
            return;
        };
        let card = self.tokens.get(payment.token).map_or(0, |token| token.card);
        let declined = CARDS.get(card).and_then(|(_, answer)| *answer);
        if let Some(failure) = declined {
            payment.status = "failed";
            payment.failure = Some(failure);
            self.schedule(n, at);
            return self.tell("payment.failed", self.payment_data(n), at);
        }
        payment.status = "authorized";
        payment.authorized = at;
        payment.expires = at.map(|at| at + AUTHORIZED_FOR);
        let (capture, amount) = (payment.capture, payment.amount);
        let captured = capture && self.take(n, amount, at).is_ok();
        self.schedule(n, at);
        self.tell("payment.authorized", self.payment_data(n), at);
        if captured {
            self.tell_captured(n, at);
        }
    }

    fn settle_payment(&mut self, n: usize, at: Option<i64>) {
        let Some(payment) = self.payments.get_mut(n) else {
            return;
        };
        let (wallet, due) = (payment.wallet, payment.captured - payment.settled);
        payment.settled = payment.captured;
        let minor = i128::from(due);
        let charged = i128::from(self.recharge(n));
        let currency = self.payments.get(n).map_or("", |p| p.currency);
        let mut legs = vec![(Account::Wallet(wallet), [minor - charged, -minor, 0])];
        if charged > 0 {
            legs.push((Account::Fees(currency), [charged, 0, 0]));
        }
        // Within one wallet nothing can be short, nor grow too large.
        if self
            .post(self.moved("payment_settlement", due, n, at), &legs)
            .is_ok()
        {
            self.tell_balance("wallet.credited", wallet, at);
            self.tell("payment.settled", self.payment_data(n), at);
        }
    }

    /// Brings a payment's fee up to date, and says by how much.
    fn recharge(&mut self, n: usize) -> i64 {
        let Some(paid) = self.payments.get(n) else {
            return 0;
        };
        let due = self.payment_fee(paid.settled, paid.refunded, paid.currency);
        let Some(paid) = self.payments.get_mut(n) else {
            return 0;
        };
        let change = due - paid.fee;
        paid.fee = due;
        change
    }

    pub(super) fn create_refund(
        &mut self,
        payment: &str,
        amount: Option<i64>,
        reference: &Option<String>,
        at: Option<i64>,
    ) -> Outcome {
        let p = self.number("pay", payment, self.payments.len());
        let p = p.ok_or("payment_not_found")?;
        let paid = self.payments.get(p).ok_or("payment_not_found")?;
        let (wallet, currency) = (paid.wallet, paid.currency);
        let left = paid.captured - paid.refunded - paid.refunding;
        self.wallets
            .get(wallet)
            .map_or(Err("wallet_not_found"), open)?;
        self.free("refund", reference.as_deref())?;
        let amount = amount.unwrap_or(left);
        if left <= 0 || amount > left {
            return Err("refund_exceeds_payment");
        }
        let n = self.refunds.len();
        let minor = i128::from(amount);
        let what = Move {
            refund: Some(n),
            payment: None,
            currency,
            ..self.moved("refund_hold", amount, p, at)
        };
        let low = self.post(what, &[(Account::Wallet(wallet), [-minor, 0, minor])])?;
        self.claim("refund", reference.as_deref(), &refund_id(n))?;
        if let Some(paid) = self.payments.get_mut(p) {
            paid.refunding += amount;
        }
        self.refunds.push(Refund {
            status: "pending",
            amount,
            payment: p,
            failure: None,
            reference: reference.clone(),
            created: at,
            processed: None,
            fee: 0,
            due: at,
        });
        self.tell("refund.created", self.refund_data(n), at);
        self.tell_balance("wallet.reserved", wallet, at);
        self.tell_low(&low, at);
        Ok(self.refund(n))
    }

    /// What the server does with a refund when its time has come; the sandbox answers at once.
    pub fn step_refund(&mut self, n: usize, mut tick: impl FnMut() -> Option<i64>) {
        tick();
        let at = tick();
        let Some(refund) = self.refunds.get_mut(n) else {
            return;
        };
        let (p, amount) = (refund.payment, refund.amount);
        let back = amount % 100 != 4;
        refund.status = if back { "completed" } else { "failed" };
        refund.failure = (!back).then_some("refund_declined");
        refund.processed = at;
        refund.due = None;
        let Some(paid) = self.payments.get_mut(p) else {
            return;
        };
        paid.refunding -= amount;
        paid.refunded += if back { amount } else { 0 };
        let (wallet, currency) = (paid.wallet, paid.currency);
        let minor = i128::from(amount);
        let returned = if back { -self.recharge(p) } else { 0 };
        if let Some(refund) = self.refunds.get_mut(n) {
            refund.fee = returned;
        }
        let of_fee = i128::from(returned);
        let legs = match back {
            true => {
                let mut legs = vec![
                    (Account::Wallet(wallet), [of_fee, 0, -minor]),
                    (Account::Outside(currency), [minor, 0, 0]),
                ];
                if of_fee > 0 {
                    legs.push((Account::Fees(currency), [-of_fee, 0, 0]));
                }
                legs
            }
            false => vec![(Account::Wallet(wallet), [minor, 0, -minor])],
        };
        let (kind, of_wallet, of_refund) = match back {
            true => ("refund_settlement", "wallet.debited", "refund.completed"),
            false => ("refund_release", "wallet.released", "refund.failed"),
        };
        let what = Move {
            refund: Some(n),
            payment: None,
            ..self.moved(kind, amount, p, at)
        };
        // What was held can go either way.
        let moved = self.post(what, &legs);
        if moved.is_ok() {
            self.tell_balance(of_wallet, wallet, at);
            self.tell(of_refund, self.refund_data(n), at);
        }
    }

    fn moved(&self, kind: &'static str, amount: i64, payment: usize, at: Option<i64>) -> Move {
        Move {
            kind,
            amount,
            currency: self.payments.get(payment).map_or("", |p| p.currency),
            payout: None,
            payment: Some(payment),
            refund: None,
            reference: None,
            at,
        }
    }

    /// When the server looks at a payment again.
    fn schedule(&mut self, n: usize, at: Option<i64>) {
        let pause = self.pause;
        if let Some(payment) = self.payments.get_mut(n) {
            let soon = payment.reversing
                || payment.status == "processing"
                || payment.captured > payment.settled;
            payment.due = match soon {
                true => at.map(|at| at + pause),
                false => payment.expires.filter(|_| is_open(payment)),
            };
        }
    }

    /// Whether money may still come into a wallet by a payment that was begun.
    pub(super) fn is_awaited(&self, wallet: usize) -> bool {
        let mut payments = self.payments.iter();
        payments.any(|p| p.wallet == wallet && (p.status == "processing" || is_open(p)))
    }

    /// Whether the acquirer has not answered a payment yet.
    pub fn is_asked(&self, n: usize) -> bool {
        self.payment_status(n) == "processing"
    }

    fn payment_status(&self, n: usize) -> &'static str {
        self.payments.get(n).map_or("", |payment| payment.status)
    }

    /// `GET /v1/tokens/{id}`, by the clock of now.
    pub fn token(&self, n: usize) -> Value {
        let Some(token) = self.tokens.get(n) else {
            return Value::Null;
        };
        let (number, _) = CARDS.get(token.card).copied().unwrap_or_default();
        let over = token.expires.is_some_and(|end| end <= self.now);
        let status = match (token.used, token.expired || over) {
            (true, _) => "used",
            (false, true) => "expired",
            (false, false) => "active",
        };
        json!({
            "id": token_id(n),
            "object": "token",
            "status": status,
            "use": if token.multi { "multi_use" } else { "single_use" },
            "card": {
                "brand": "visa", "bin": number.get(..6), "last4": number.get(12..), "exp_month": 12,
                "exp_year": 2099, "fingerprint": Names::anything(),
            },
            "cardholder_name": null,
            "expires_at": token.expires.map(|end| time(Some(end))),
            "created_at": time(token.created),
        })
    }
}

pub(super) fn is_open(payment: &Payment) -> bool {
    matches!(payment.status, "authorized" | "partially_captured")
}
