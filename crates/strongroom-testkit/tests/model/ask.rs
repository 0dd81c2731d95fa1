//! Requests as they go over the wire.

use serde_json::{Map, Value, json};
use strongroom_testkit::dice::Dice;
use strongroom_testkit::reference::{
    CARDS, Fund, NewPayment, NewPayout, NewWallet, Op, Reference, To, decimal,
};

/// A request that changes something.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    pub method: &'static str,
    pub path: String,
    pub body: Option<String>,
    /// Whether it moves money and so needs an idempotency key.
    pub money: bool,
    pub success: u16,
}

impl Ask {
    fn post(path: impl Into<String>, success: u16) -> Ask {
        Ask {
            method: "POST",
            path: path.into(),
            body: None,
            money: false,
            success,
        }
    }

    fn money(mut self) -> Ask {
        self.money = true;
        self
    }

    fn with(mut self, body: Map<String, Value>) -> Ask {
        self.body = Some(Value::Object(body).to_string());
        self
    }

    /// The route it goes to: the path without its id.
    pub fn endpoint(&self) -> String {
        let parts = self.path.split('/').enumerate();
        let kept = parts.filter(|(n, _)| *n != 3).map(|(_, part)| part);
        format!("{} {}", self.method, kept.collect::<Vec<_>>().join("/"))
    }

    /// The same request with another body, if it takes one that may differ harmlessly.
    pub fn otherwise(&self) -> Option<Ask> {
        let mut body: Map<String, Value> = serde_json::from_str(self.body.as_deref()?).ok()?;
        let described = !["/capture", "/refunds"]
            .iter()
            .any(|end| self.path.ends_with(end));
        body.insert("description".into(), json!("not what was sent before"));
        (self.money && described).then(|| self.clone().with(body))
    }

    /// What the request asks of the books. `None` for the rail, which is no request.
    pub fn of(op: &Op, reference: &Reference, dice: &mut Dice) -> Option<Ask> {
        Some(match op {
            Op::CreateWallet(new) => Ask::post("/v1/wallets", 201).with(wallet(new)),
            Op::UpdateWallet {
                wallet,
                email,
                threshold,
                note,
            } => {
                let mut body = Map::new();
                put(
                    &mut body,
                    "owner",
                    email.as_ref().map(|email| json!({ "email": email })),
                );
                put(
                    &mut body,
                    "metadata",
                    note.as_ref().map(|text| json!({ "note": text })),
                );
                put(
                    &mut body,
                    "low_balance_threshold",
                    threshold.map(|limit| json!(limit)),
                );
                let path = format!("/v1/wallets/{wallet}");
                Ask {
                    method: "PATCH",
                    ..Ask::post(path, 200)
                }
                .with(body)
            }
            Op::SetStatus { wallet, status } => {
                let verb = match *status {
                    "active" => "unfreeze",
                    "frozen" => "freeze",
                    _ => "close",
                };
                Ask::post(format!("/v1/wallets/{wallet}/{verb}"), 200)
            }
            Op::Credit(fund) => funding("credit", fund, reference, dice),
            Op::Debit(fund) => funding("debit", fund, reference, dice),
            Op::Transfer {
                from,
                to,
                amount,
                currency,
                reference: text,
            } => {
                let resolved = reference.currency_of(*currency, Some(from));
                let mut body = Map::new();
                body.insert("amount".into(), amount_of(*amount, resolved, dice));
                put(&mut body, "currency", currency.map(|code| json!(code)));
                body.insert("source_wallet_id".into(), json!(from));
                body.insert("destination_wallet_id".into(), json!(to));
                put(
                    &mut body,
                    "reference_id",
                    text.as_ref().map(|text| json!(text)),
                );
                Ask::post("/v1/transfers", 201).money().with(body)
            }
            Op::Payout(new) => Ask::post("/v1/payouts", 201)
                .money()
                .with(payout(new, reference, dice)),
            Op::Cancel(id) => Ask::post(format!("/v1/payouts/{id}/cancel"), 200).money(),
            Op::Reverse(id) => Ask::post(format!("/v1/payouts/{id}/reverse"), 200).money(),
            Op::Advance(_) => return None,
            Op::Token { card, multi } => Ask::post("/v1/tokens", 201).with(token(*card, *multi)),
            Op::Pay(new) => Ask::post("/v1/payments", 201)
                .money()
                .with(payment(new, reference, dice)),
            Op::Capture { payment, amount } => {
                let mut body = Map::new();
                put(&mut body, "amount", amount.map(|minor| json!(minor)));
                Ask::post(format!("/v1/payments/{payment}/capture"), 200)
                    .money()
                    .with(body)
            }
            Op::Void(id) => Ask::post(format!("/v1/payments/{id}/void"), 200).money(),
            Op::Refund {
                payment,
                amount,
                reference: text,
            } => {
                let mut body = Map::new();
                body.insert("payment_id".into(), json!(payment));
                body.insert("reason".into(), json!("model"));
                put(&mut body, "amount", amount.map(|minor| json!(minor)));
                let text = text.as_ref().map(|text| json!(text));
                put(&mut body, "reference_id", text);
                Ask::post("/v1/refunds", 201).money().with(body)
            }
        })
    }
}

fn put(body: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        body.insert(name.to_owned(), value);
    }
}

/// Minor units as a number, now and then major units as text.
fn amount_of(minor: i64, currency: &str, dice: &mut Dice) -> Value {
    if dice.one_in(5) {
        json!(decimal(minor, currency))
    } else {
        json!(minor)
    }
}

fn wallet(new: &NewWallet) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("type".into(), json!(new.kind));
    put(
        &mut body,
        "currency",
        new.currency.map(|code| json!(code.to_lowercase())),
    );
    put(
        &mut body,
        "parent_id",
        new.parent.as_ref().map(|id| json!(id)),
    );
    put(
        &mut body,
        "owner",
        new.email.as_ref().map(|email| json!({ "email": email })),
    );
    put(
        &mut body,
        "reference_id",
        new.reference.as_ref().map(|text| json!(text)),
    );
    put(
        &mut body,
        "metadata",
        new.note.as_ref().map(|text| json!({ "note": text })),
    );
    put(
        &mut body,
        "low_balance_threshold",
        new.threshold.map(|limit| json!(limit)),
    );
    body
}

fn funding(verb: &str, fund: &Fund, reference: &Reference, dice: &mut Dice) -> Ask {
    let resolved = reference.currency_of(fund.currency, Some(&fund.wallet));
    let mut body = Map::new();
    body.insert("amount".into(), amount_of(fund.amount, resolved, dice));
    put(&mut body, "currency", fund.currency.map(|code| json!(code)));
    put(
        &mut body,
        "reference",
        fund.reference.as_ref().map(|text| json!(text)),
    );
    Ask::post(format!("/v1/wallets/{}/{verb}", fund.wallet), 201)
        .money()
        .with(body)
}

fn token(card: usize, multi: bool) -> Map<String, Value> {
    let (number, _) = CARDS[card];
    let card = json!({ "number": number, "exp_month": 12, "exp_year": 2099, "cvv": "123" });
    let mut body = Map::new();
    body.insert("card".into(), card);
    put(&mut body, "use", multi.then(|| json!("multi_use")));
    body
}

fn payment(new: &NewPayment, reference: &Reference, dice: &mut Dice) -> Map<String, Value> {
    let resolved = reference.currency_of(new.currency, new.wallet.as_deref());
    let mut body = Map::new();
    body.insert("payment_token".into(), json!(new.token));
    body.insert("amount".into(), amount_of(new.amount, resolved, dice));
    put(&mut body, "currency", new.currency.map(|code| json!(code)));
    put(
        &mut body,
        "wallet_id",
        new.wallet.as_ref().map(|id| json!(id)),
    );
    put(&mut body, "capture", (!new.capture).then_some(json!(false)));
    let text = new.reference.as_ref().map(|text| json!(text));
    put(&mut body, "reference_id", text);
    body
}

fn payout(new: &NewPayout, reference: &Reference, dice: &mut Dice) -> Map<String, Value> {
    let resolved = reference.currency_of(new.currency, new.from.as_deref());
    let recipient = match &new.to {
        To::Wallet(id) => json!({ "type": "wallet", "id": id }),
        To::Bank { name, code, number } => json!({
            "type": "bank_account", "account_name": name, "bank_code": code, "account_number": number,
        }),
    };
    let mut body = Map::new();
    body.insert("amount".into(), amount_of(new.amount, resolved, dice));
    put(&mut body, "currency", new.currency.map(|code| json!(code)));
    let name = if dice.one_in(4) {
        "wallet_id"
    } else {
        "source_wallet_id"
    };
    put(&mut body, name, new.from.as_ref().map(|id| json!(id)));
    body.insert("recipient".into(), recipient);
    put(
        &mut body,
        "reference_id",
        new.reference.as_ref().map(|text| json!(text)),
    );
    put(
        &mut body,
        "metadata",
        new.note.as_ref().map(|text| json!({ "note": text })),
    );
    body
}
