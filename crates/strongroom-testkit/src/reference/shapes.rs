//! How things look on the wire, written down a second time.

use serde_json::{Map, Value, json};
use strongroom_types::time::Timestamp;

use super::{Account, Event, Line, Movement, Names, Reference, Target, Wallet};

pub(crate) fn wallet_id(n: usize) -> Value {
    Names::slot("wallet", n)
}

pub(crate) fn payout_id(n: usize) -> Value {
    Names::slot("payout", n)
}

pub(crate) fn token_id(n: usize) -> Value {
    Names::slot("tok", n)
}

pub(crate) fn payment_id(n: usize) -> Value {
    Names::slot("pay", n)
}

pub(crate) fn refund_id(n: usize) -> Value {
    Names::slot("refund", n)
}

pub(crate) fn transaction_id(n: usize) -> Value {
    Names::slot("txn", n)
}

pub(crate) fn time(at: Option<i64>) -> Value {
    at.map_or_else(Names::anything, |at| {
        Value::String(Timestamp(at).to_string())
    })
}

fn note(text: Option<&String>) -> Value {
    text.map_or_else(|| json!({}), |text| json!({ "note": text }))
}

fn decimals(currency: &str) -> usize {
    match currency {
        "JPY" => 0,
        "KWD" => 3,
        _ => 2,
    }
}

/// Major units by hand: digits with a point before the last few.
pub fn decimal(amount: i64, currency: &str) -> String {
    let places = decimals(currency);
    let mut digits = amount.to_string();
    while digits.len() <= places {
        digits.insert(0, '0');
    }
    if places > 0 {
        digits.insert(digits.len() - places, '.');
    }
    digits
}

fn balances(of: &[i128; 3]) -> Map<String, Value> {
    let mut out = Map::new();
    let number = |value: i128| i64::try_from(value).map_or(Value::Null, Value::from);
    for (name, value) in ["available", "pending", "reserved"].iter().zip(of) {
        out.insert((*name).to_owned(), number(*value));
    }
    out.insert("total".to_owned(), number(of.iter().sum()));
    out
}

/// All but the last four letters hidden.
fn masked(number: &str) -> String {
    let shown = if number.len() > 4 {
        number.get(number.len() - 4..).unwrap_or_default()
    } else {
        ""
    };
    format!("{}{shown}", "*".repeat(number.len() - shown.len()))
}

impl Reference {
    /// `GET /v1/wallets/{id}`.
    pub fn wallet(&self, n: usize) -> Value {
        let Some(wallet) = self.wallets.get(n) else {
            return Value::Null;
        };
        let Wallet {
            kind,
            status,
            currency,
            parent,
            email,
            reference,
            threshold,
            note: text,
            created,
            balances: b,
        } = wallet;
        let mut balance = balances(b);
        balance.insert("currency".to_owned(), json!(currency));
        json!({
            "id": wallet_id(n),
            "object": "wallet",
            "type": kind,
            "status": status,
            "currency": currency,
            "parent_id": parent.map(wallet_id),
            "owner": email.as_ref().map(|email| json!({ "name": null, "email": email, "phone": null })),
            "business": null,
            "balance": balance,
            "low_balance_threshold": threshold,
            "reference_id": reference,
            "metadata": note(text.as_ref()),
            "created_at": time(*created),
        })
    }

    /// `GET /v1/wallets/{id}/balance`.
    pub fn balance(&self, n: usize) -> Value {
        let Some(wallet) = self.wallets.get(n) else {
            return Value::Null;
        };
        json!({ "wallet_id": wallet_id(n), "balances": balances(&wallet.balances), "currency": wallet.currency })
    }

    /// `GET /v1/payouts/{id}`.
    pub fn payout(&self, n: usize) -> Value {
        let Some(payout) = self.payouts.get(n) else {
            return Value::Null;
        };
        let mut shown = json!({
            "id": payout_id(n),
            "object": "payout",
            "status": payout.status,
            "amount": payout.amount,
            "amount_decimal": decimal(payout.amount, payout.currency),
            "currency": payout.currency,
            "source_wallet_id": wallet_id(payout.source),
            "recipient": recipient(&payout.to),
            "reference_id": payout.reference,
            "description": null,
            "metadata": note(payout.note.as_ref()),
            "failure_code": payout.failure,
            "processed_at": if payout.ended { time(payout.processed) } else { Value::Null },
            "created_at": time(payout.created),
        });
        if let (Some(fee), Some(fields)) = (payout.fee, shown.as_object_mut()) {
            for (name, minor) in [("fee", fee), ("net", payout.amount + fee)] {
                fields.insert(name.to_owned(), json!(minor));
                let text = json!(decimal(minor, payout.currency));
                fields.insert(format!("{name}_decimal"), text);
            }
        }
        shown
    }

    /// `GET /v1/transactions/{id}`.
    pub fn movement(&self, n: usize) -> Value {
        let Some(movement) = self.movements.get(n) else {
            return Value::Null;
        };
        let (source, destination) = ends(movement);
        let mut shown = json!({
            "id": transaction_id(n),
            "object": "transaction",
            "type": movement.kind,
            "status": "completed",
            "amount": movement.amount,
            "amount_decimal": decimal(movement.amount, movement.currency),
            "currency": movement.currency,
            "source_wallet_id": source.map(wallet_id),
            "destination_wallet_id": destination.map(wallet_id),
            "payout_id": movement.payout.map(payout_id),
            "reference": movement.reference,
            "description": null,
            "created_at": time(movement.at),
        });
        let causes = [
            ("payment_id", movement.payment.map(payment_id)),
            ("refund_id", movement.refund.map(refund_id)),
        ];
        for (name, id) in causes {
            if let (Some(id), Some(fields)) = (id, shown.as_object_mut()) {
                fields.insert(name.to_owned(), id);
            }
        }
        shown
    }

    /// A line of a wallet's statement.
    pub(crate) fn line(&self, n: usize, wallet: usize) -> Option<Value> {
        let line = line_of(self.movements.get(n)?, wallet)?;
        let mut out = self.movement(n);
        let fields = out.as_object_mut()?;
        fields.insert("wallet_id".to_owned(), wallet_id(wallet));
        fields.insert("change".to_owned(), Value::Object(balances(&line.change)));
        fields.insert(
            "balances_after".to_owned(),
            Value::Object(balances(&line.after)),
        );
        Some(out)
    }

    /// `GET /v1/events/{id}`.
    pub fn event(&self, n: usize) -> Value {
        let Some(Event { kind, data, at }) = self.events.get(n) else {
            return Value::Null;
        };
        json!({
            "id": Names::slot("evt", n),
            "created": at.map_or_else(Names::anything, |at| json!(at.div_euclid(1_000))),
            "type": kind,
            "data": data,
            "livemode": false,
        })
    }

    /// What an event says of a payout: `status` as the event has it.
    pub(crate) fn payout_data(&self, n: usize, status: &str, at: Option<i64>) -> Value {
        let Some(payout) = self.payouts.get(n) else {
            return Value::Null;
        };
        let open = matches!(status, "initiated" | "pending" | "processing");
        let whole = recipient(&payout.to);
        let mut data = json!({
            "payout_id": payout_id(n),
            "amount": payout.amount,
            "currency": payout.currency,
            "status": status,
            "recipient": { "type": whole.get("type"), "id": whole.get("id") },
            "processed_at": if open { Value::Null } else { time(at) },
        });
        if let (Some(failure), Some(fields)) = (payout.failure, data.as_object_mut()) {
            fields.insert("failure_code".to_owned(), json!(failure));
        }
        data
    }
}

fn recipient(to: &Target) -> Value {
    match to {
        Target::Wallet(n) => json!({ "type": "wallet", "id": wallet_id(*n) }),
        Target::Bank {
            subject,
            name,
            code,
            number,
        } => json!({
            "type": "bank_account",
            "id": subject,
            "account_name": name,
            "bank_code": code,
            "account_number": masked(number),
            "iban": null,
        }),
    }
}

pub(crate) fn line_of(movement: &Movement, wallet: usize) -> Option<&Line> {
    movement
        .lines
        .iter()
        .find(|line| line.account == Account::Wallet(wallet))
}

/// The wallets that money left and reached; a hold and its release stay within one.
fn ends(movement: &Movement) -> (Option<usize>, Option<usize>) {
    let wallet = |line: &Line| match line.account {
        Account::Wallet(n) => Some(n),
        Account::Outside(_) | Account::Fees(_) => None,
    };
    let within = [
        "payout_hold",
        "payout_release",
        "payment_settlement",
        "refund_hold",
        "refund_release",
    ];
    if within.contains(&movement.kind) {
        let one = movement.lines.first().and_then(wallet);
        return (one, one);
    }
    let side = |sign: i128| {
        movement
            .lines
            .iter()
            .find(|l| l.change.iter().sum::<i128>().signum() == sign)
    };
    (side(-1).and_then(wallet), side(1).and_then(wallet))
}
