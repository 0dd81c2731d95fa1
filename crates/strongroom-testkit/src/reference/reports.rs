//! What reports must say, once more: sums over the movements, written down plainly.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use strongroom_types::time::Timestamp;

use super::shapes::wallet_id;
use super::{Account, Movement, Reference};

/// A period: from one time on, and before another.
pub type Period = (i64, i64);

/// The sums of one line, by the names of its columns.
type Line = BTreeMap<&'static str, i128>;

impl Reference {
    /// The lines of a report of a type, in no order.
    pub fn report(&self, kind: &str, period: Period) -> Vec<Value> {
        match kind {
            "sales" => self.grouped(period, SALES, |m| self.sold(m)),
            "fees" => self.grouped(period, FEES, |m| self.charges(m)),
            "payouts" => self.grouped(period, PAYOUTS, |m| self.paid_out(m)),
            "balances" => self.balance_lines(period),
            other => panic!("no report of `{other}`"),
        }
    }

    /// Adds up what movements say, by day, currency, wallet and one text more.
    fn grouped(
        &self,
        (from, to): Period,
        columns: &[&'static str],
        of: impl Fn(&Movement) -> Option<(Option<&'static str>, usize, Line)>,
    ) -> Vec<Value> {
        let mut groups: BTreeMap<(String, &str, Option<&str>, usize), Line> = BTreeMap::new();
        for movement in &self.movements {
            let at = movement.at.unwrap_or_default();
            let Some((text, wallet, line)) = of(movement).filter(|_| from <= at && at < to) else {
                continue;
            };
            let day = Timestamp(at).to_string().get(..10).unwrap_or("").to_owned();
            let group = groups
                .entry((day, movement.currency, text, wallet))
                .or_default();
            for (name, value) in line {
                *group.entry(name).or_default() += value;
            }
        }
        let shown = groups
            .into_iter()
            .map(|((day, currency, text, wallet), line)| {
                let mut shown =
                    json!({ "day": day, "currency": currency, "wallet_id": wallet_id(wallet) });
                for name in columns {
                    let value = line.get(name).copied().unwrap_or(0);
                    put(
                        &mut shown,
                        name,
                        json!(i64::try_from(value).unwrap_or(i64::MAX)),
                    );
                }
                match text {
                    Some("card") => {
                        put(&mut shown, "tender", json!("card"));
                        put(&mut shown, "shift_id", Value::Null);
                    }
                    Some(source) => put(&mut shown, "source", json!(source)),
                    None => {}
                }
                shown
            });
        shown.collect()
    }

    fn sold(&self, movement: &Movement) -> Option<(Option<&'static str>, usize, Line)> {
        let wallet = first_wallet(movement)?;
        let (amount, fee) = (i128::from(movement.amount), of_fees(movement));
        let mut line = Line::from([("fees", fee), ("net", -fee)]);
        match movement.kind {
            "payment_capture" => {
                line.extend([("sales", 1), ("gross", amount), ("net", amount - fee)]);
            }
            "payment_settlement" => line.extend([("settled", amount)]),
            "refund_settlement" => {
                line.extend([("refunds", 1), ("refunded", amount), ("net", -amount - fee)]);
            }
            _ => return None,
        }
        Some((Some("card"), wallet, line))
    }

    fn charges(&self, movement: &Movement) -> Option<(Option<&'static str>, usize, Line)> {
        let fee = of_fees(movement);
        if fee == 0 {
            return None;
        }
        let source = match (movement.payout, movement.refund) {
            (Some(_), _) => "payouts",
            (_, Some(_)) => "refunds",
            _ => "payments",
        };
        let line = Line::from([
            ("count", 1),
            ("charged", fee.max(0)),
            ("returned", (-fee).max(0)),
            ("net", fee),
        ]);
        Some((Some(source), first_wallet(movement)?, line))
    }

    fn paid_out(&self, movement: &Movement) -> Option<(Option<&'static str>, usize, Line)> {
        let source = self.payouts.get(movement.payout?)?.source;
        let amount = i128::from(movement.amount);
        let mut line = Line::from([("fees", of_fees(movement))]);
        let made = [("created", 1), ("created_amount", amount)];
        let completed = [("completed", 1), ("completed_amount", amount)];
        match movement.kind {
            "payout" => {
                line.extend(made);
                line.extend(completed);
            }
            "payout_hold" => line.extend(made),
            "payout_settlement" => line.extend(completed),
            "payout_release" => line.extend([("released", 1), ("released_amount", amount)]),
            "payout_reversal" => line.extend([("reversed", 1), ("reversed_amount", amount)]),
            _ => return None,
        }
        Some((None, source, line))
    }

    fn balance_lines(&self, (from, to): Period) -> Vec<Value> {
        let mut accounts: Vec<(Account, &str)> = (self.wallets.iter().enumerate())
            .map(|(n, wallet)| (Account::Wallet(n), wallet.currency))
            .collect();
        let fees = self.fees.keys().map(|code| (Account::Fees(code), *code));
        let outside = self
            .outside
            .keys()
            .map(|code| (Account::Outside(code), *code));
        accounts.extend(fees.chain(outside));
        let lines = accounts.into_iter().filter_map(|(account, currency)| {
            let (mut opening, mut closing) = ([0; 3], [0; 3]);
            let (mut postings, mut incoming, mut outgoing) = (0, 0, 0);
            for movement in &self.movements {
                let at = movement.at.unwrap_or_default();
                let Some(line) = movement.lines.iter().find(|line| line.account == account) else {
                    continue;
                };
                if at < from {
                    (opening, closing) = (line.after, line.after);
                } else if at < to {
                    closing = line.after;
                    postings += 1;
                    let moved: i128 = line.change.iter().sum();
                    incoming += moved.max(0);
                    outgoing += (-moved).max(0);
                }
            }
            if postings == 0 && opening == [0; 3] && closing == [0; 3] {
                return None;
            }
            let (kind, id) = match account {
                Account::Wallet(n) => ("wallet", wallet_id(n)),
                Account::Fees(code) => ("fees", json!(code)),
                Account::Outside(code) => ("outside", json!(code)),
            };
            let mut shown = json!({
                "account_type": kind, "account_id": id, "currency": currency,
                "postings": postings, "incoming": number(incoming), "outgoing": number(outgoing),
            });
            for (when, held) in [("opening", opening), ("closing", closing)] {
                for (name, value) in ["available", "pending", "reserved"].iter().zip(held) {
                    put(&mut shown, &format!("{when}_{name}"), number(value));
                }
                let total = number(held.iter().sum());
                put(&mut shown, &format!("{when}_total"), total);
            }
            Some(shown)
        });
        lines.collect()
    }

    /// A line with the names of its slots instead of the server's ids, to be held against another.
    pub fn named(&self, line: &Value) -> Value {
        let mut line = line.clone();
        for field in ["wallet_id", "account_id"] {
            let id = line.get(field).and_then(Value::as_str).unwrap_or_default();
            if let Some(n) = self.wallet_of(id) {
                put(&mut line, field, wallet_id(n));
            }
        }
        line
    }
}

const SALES: &[&str] = &[
    "sales",
    "gross",
    "reversals",
    "reversed",
    "refunds",
    "refunded",
    "settled",
    "fees",
    "net",
];
const FEES: &[&str] = &["count", "charged", "returned", "net"];
const PAYOUTS: &[&str] = &[
    "created",
    "created_amount",
    "completed",
    "completed_amount",
    "released",
    "released_amount",
    "reversed",
    "reversed_amount",
    "fees",
];

fn put(line: &mut Value, name: &str, value: Value) {
    if let Some(fields) = line.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

fn number(value: i128) -> Value {
    i64::try_from(value).map_or(Value::Null, Value::from)
}

fn first_wallet(movement: &Movement) -> Option<usize> {
    movement.lines.iter().find_map(|line| match line.account {
        Account::Wallet(n) => Some(n),
        _ => None,
    })
}

/// What came to the accounts of fees.
fn of_fees(movement: &Movement) -> i128 {
    let fees = movement.lines.iter();
    let fees = fees.filter(|line| matches!(line.account, Account::Fees(_)));
    fees.map(|line| line.change.iter().sum::<i128>()).sum()
}
