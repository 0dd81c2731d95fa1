//! `/v1/beneficiaries`, `/v1/payout-settings`, payouts for later, and `/v1/payout-schedules`.

mod agreed;
mod beneficiaries;
mod calendar;
mod recurring;
mod scheduled;
mod settings;

use serde_json::{Value, json};
use strongroom_testkit::bank::iban;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::tenant::{Tenant, fresh};

/// A day, in milliseconds, and an hour.
const DAY: i64 = 86_400_000;
const HOUR: i64 = 3_600_000;

fn change(acme: &Tenant<'_>, method: &str, path: &str, body: &Value) -> Reply {
    let request = acme.request(method, path).idempotent(&fresh("planned"));
    request.json(body).send()
}

/// A beneficiary's body, with the `n`-th account of a bank.
fn described(n: u64) -> Value {
    let account = json!({ "iban": iban(n), "bic": "COBADEFF" });
    json!({ "name": "Ana Peña", "account": account, "reference": "rent" })
}

fn beneficiary(acme: &Tenant<'_>, n: u64) -> String {
    let made = acme.post("/v1/beneficiaries", &described(n));
    made.expect(201).id()
}

/// Accounts that are new cool off for so many seconds.
fn cools_off(acme: &Tenant<'_>, seconds: i64) {
    let body = json!({ "beneficiary_cooling_off": seconds });
    change(acme, "PATCH", "/v1/payout-settings", &body).expect(200);
}

fn to_beneficiary(from: &str, minor: i64, id: &str) -> Value {
    json!({ "amount": minor, "source_wallet_id": from, "beneficiary_id": id })
}

/// A field of something as it is now.
fn now(acme: &Tenant<'_>, path: &str, field: &str) -> String {
    acme.get(path).expect(200).field(field)
}

fn with(mut body: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}
