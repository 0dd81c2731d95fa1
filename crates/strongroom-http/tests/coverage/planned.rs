//! Beneficiaries, payout schedules and what bounds payouts, used well.

use serde_json::{Value, json};
use strongroom_http::Verb;
use strongroom_testkit::bank::iban;
use strongroom_testkit::tenant::{Tenant, fresh};

pub fn is_of_it(path: &str) -> bool {
    [
        "/v1/beneficiaries",
        "/v1/payout-schedules",
        "/v1/payout-settings",
    ]
    .iter()
    .any(|start| path.starts_with(start))
}

fn beneficiary() -> Value {
    let account = json!({ "iban": iban(8), "bic": "COBADEFF" });
    json!({ "name": "Ana Peña", "account": account, "currency": "PHP", "reference": "rent" })
}

fn schedule(acme: &Tenant<'_>) -> Value {
    json!({
        "amount": 50, "source_wallet_id": acme.wallet("master"),
        "recipient": { "type": "wallet", "id": acme.wallet("master") },
        "interval": "monthly", "day": 31, "time": "09:00", "zone": "Asia/Manila",
        "start_on": "2026-01-31", "count": 12, "missed": "skip",
    })
}

/// A beneficiary that can be paid at once; in live mode none can.
pub fn payable(acme: &Tenant<'_>) -> String {
    if !acme.books.scope.mode.is_live() {
        let request = acme.request("PATCH", "/v1/payout-settings");
        let none = request.json(&json!({ "beneficiary_cooling_off": 0 }));
        none.idempotent(&fresh("payable")).send().expect(200);
    }
    resource("/v1/beneficiaries/{id}", acme)
}

/// A schedule with this id in its place.
pub fn scheduled(acme: &Tenant<'_>, pointer: &str, id: &str) -> Value {
    let mut body = schedule(acme);
    match pointer {
        "/recipient/id" => body["recipient"]["id"] = json!(id),
        "/beneficiary_id" => {
            body.as_object_mut().unwrap().remove("recipient");
            body["beneficiary_id"] = json!(id);
        }
        "/wallet_id" => {
            body.as_object_mut().unwrap().remove("source_wallet_id");
            body["wallet_id"] = json!(id);
        }
        pointer => body[&pointer[1..]] = json!(id),
    }
    body
}

pub fn resource(path: &str, acme: &Tenant<'_>) -> String {
    match path.starts_with("/v1/beneficiaries/") {
        true => acme.post("/v1/beneficiaries", &beneficiary()),
        false => acme.post("/v1/payout-schedules", &schedule(acme)),
    }
    .expect(201)
    .id()
}

pub fn body(verb: Verb, path: &str, acme: &Tenant<'_>) -> Value {
    match (verb, path) {
        (Verb::Post, "/v1/beneficiaries") => beneficiary(),
        (Verb::Post, "/v1/payout-schedules") => schedule(acme),
        (Verb::Patch, "/v1/beneficiaries/{id}") => json!({ "account": { "iban": iban(9) } }),
        (Verb::Patch, "/v1/payout-schedules/{id}") => json!({ "amount": 40, "status": "paused" }),
        (Verb::Patch, _) => json!({ "beneficiary_cooling_off": 3_600 }),
        _ => json!({}),
    }
}
