//! Rails, and files to and from banks, used well.

use serde_json::{Value, json};
use strongroom_http::Verb;
use strongroom_testkit::bank::{fresh_iban, iban, payout, rail, statement};
use strongroom_testkit::tenant::{Tenant, fresh};

pub fn is_of_it(path: &str) -> bool {
    ["/v1/payout-rails", "/v1/payout-files", "/v1/bank-files"]
        .iter()
        .any(|start| path.starts_with(start))
}

/// A wallet on a rail, and the account that it is paid from.
fn on_rail(acme: &Tenant<'_>) -> (String, String) {
    let (wallet, account) = (acme.funded("master", 1_000), fresh_iban());
    acme.post("/v1/payout-rails", &rail(&wallet, &account))
        .expect(201);
    (wallet, account)
}

/// A wallet whose file has a payout in it.
pub fn waiting(acme: &Tenant<'_>) -> String {
    let (wallet, _) = on_rail(acme);
    let body = payout(&wallet, 50, &iban(7));
    let id = acme.post("/v1/payouts", &body).expect(201).id();
    acme.attend(&id);
    wallet
}

/// A file that could be sent.
fn ready(acme: &Tenant<'_>) -> String {
    let body = json!({ "wallet_id": waiting(acme) });
    let id = acme.post("/v1/payout-files", &body).expect(201).id();
    acme.attend(&id);
    id
}

pub fn resource(path: &str, acme: &Tenant<'_>) -> String {
    if path.starts_with("/v1/payout-rails/") {
        return on_rail(acme).0.replace("wallet_", "rail_");
    }
    if path.starts_with("/v1/payout-files/") {
        return ready(acme);
    }
    let (_, account) = on_rail(acme);
    let file = statement("08", &fresh("S"), &account, "PHP", &[]);
    let request = acme.request("POST", "/v1/bank-files").body(file);
    let request = request.header("Content-Type", "application/xml");
    request.send().expect(202).id()
}

pub fn body(verb: Verb, path: &str, acme: &Tenant<'_>) -> Value {
    match (verb, path) {
        (Verb::Post, "/v1/payout-rails") => rail(&acme.wallet("master"), &fresh_iban()),
        (Verb::Patch, "/v1/payout-rails/{id}") => json!({ "batch_limit": 9 }),
        (_, "/v1/payout-files") => json!({ "wallet_id": waiting(acme) }),
        _ => json!({}),
    }
}
