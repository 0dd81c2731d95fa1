//! `/v1/payments`

mod acquirer;
mod capture;
mod challenged;
mod create;
mod distant;
mod list;
mod refused;
mod void;

use serde_json::{Value, json};
use strongroom_engine::verify::verify;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::server::TestServer;
use strongroom_testkit::tenant::Tenant;

/// A payment of a card into a wallet, not answered yet.
pub fn pay(acme: &Tenant<'_>, number: &str, wallet: &str, more: Value) -> Reply {
    let token = acme.token(number).expect(201).id();
    let mut body = json!({ "payment_token": token, "amount": 500, "wallet_id": wallet });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    acme.post("/v1/payments", &body)
}

/// A field of a payment as it is now.
pub fn now(acme: &Tenant<'_>, id: &str, field: &str) -> String {
    acme.get(&format!("/v1/payments/{id}"))
        .expect(200)
        .field(field)
}

/// Available, pending and reserved of a wallet.
pub fn balances(acme: &Tenant<'_>, wallet: &str) -> [i64; 3] {
    ["available", "pending", "reserved"].map(|which| acme.balance(wallet, which))
}

/// Everything that is stored re-derives.
#[track_caller]
pub fn verified(mut server: TestServer) {
    server.halt();
    let root = server.root_keys();
    let report = server.look(|store| verify(store, root, 1).unwrap());
    assert!(report.is_clean(), "{report}");
}
