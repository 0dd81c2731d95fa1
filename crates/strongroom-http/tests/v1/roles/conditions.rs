//! What a role is held to binds every act of whoever holds it, and the refusal names it.

use serde_json::{Value, json};
use strongroom_testkit::books::Key;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, bank_payout};

use crate::v1::people::join;
use crate::v1::roles::{bound, get, holder, send};
use crate::v1::tenant;

/// Refused by a condition, which the answer, the log and the explanation name.
#[track_caller]
fn forbidden(reply: strongroom_testkit::exchange::Reply, role: &str, condition: &str) {
    let text = reply.refused(403, "condition_not_met").text();
    let named = format!("the condition `{condition}` of the role `{role}` forbids it");
    assert!(text.contains(&named), "{text}");
}

fn check<'v>(explained: &'v Value, name: &str) -> &'v Value {
    let checks = explained["checks"].as_array().unwrap();
    checks.iter().find(|check| check["check"] == name).unwrap()
}

fn explain(acme: &Tenant<'_>, key: &Key, permission: &str) -> Value {
    let path = format!(
        "/v1/access/explain?actor={}&permission={permission}",
        key.id
    );
    acme.get(&path).expect(200).json()
}

#[test]
fn an_amount_and_a_currency_bind_every_key_and_person_of_the_role() {
    let acme = tenant();
    let rights = ["read:account", "create:payouts"];
    let role = bound(
        &acme,
        &rights,
        &json!({ "max_amount": 100, "currencies": ["PHP"] }),
    );
    let key = holder(&acme, &role);
    let session = join(&acme, &role).enter();
    let from = acme.funded("master", 10_000);
    send(&acme, &key, "POST", "/v1/payouts", &bank_payout(&from, 100)).expect(201);
    session
        .post("/v1/payouts", &bank_payout(&from, 100))
        .expect(201);
    let over = bank_payout(&from, 101);
    forbidden(
        send(&acme, &key, "POST", "/v1/payouts", &over),
        &role,
        "max_amount",
    );
    forbidden(session.post("/v1/payouts", &over), &role, "max_amount");
    assert_eq!(acme.available(&from), 10_000 - 200);
    let wallet = json!({ "type": "master", "currency": "USD" });
    let dollars = acme.post("/v1/wallets", &wallet).expect(201).id();
    acme.post(
        &format!("/v1/wallets/{dollars}/credit"),
        &json!({ "amount": 50 }),
    )
    .expect(201);
    let mut abroad = bank_payout(&dollars, 5);
    abroad["currency"] = json!("USD");
    forbidden(
        send(&acme, &key, "POST", "/v1/payouts", &abroad),
        &role,
        "currencies",
    );
    let log = acme.all("/v1/audit-logs?action=payout_created");
    let refused = log
        .iter()
        .filter(|record| record["outcome"] == "refused")
        .count();
    assert_eq!(refused, 3, "each refusal is on record");
    let told = explain(&acme, &key, "create:payouts");
    assert_eq!(told["allowed"], true);
    for name in ["max_amount", "currencies"] {
        assert_eq!(check(&told, name)["outcome"], "depends", "{told}");
    }
    let who = acme.all("/v1/access/who-can?permission=create:payouts");
    let mine = who
        .iter()
        .find(|one| one["actor"] == key.id.as_str())
        .unwrap();
    assert_eq!(mine["conditions"], json!(["max_amount", "currencies"]));
    // What the role is changed to binds the next act.
    let path = format!("/v1/roles/{role}");
    let change = acme
        .request("PATCH", &path)
        .json(&json!({ "conditions": { "max_amount": 101 } }));
    change.send().expect(200);
    send(&acme, &key, "POST", "/v1/payouts", &over).expect(201);
}

#[test]
fn a_store_and_an_own_shift_bind_who_sells_there() {
    let acme = tenant();
    acme.wallet("operating");
    let store = |name: &str| {
        acme.post("/v1/stores", &json!({ "name": name }))
            .expect(201)
            .id()
    };
    let till = |store: &str| {
        let body = json!({ "store_id": store, "name": "1" });
        acme.post("/v1/tills", &body).expect(201).id()
    };
    let (here, there) = (store("Makati"), store("Cebu"));
    let (till_here, till_there) = (till(&here), till(&there));
    let rights = [
        "create:transactions",
        "create:shifts",
        "manage:shifts",
        "create:transfers",
    ];
    let role = bound(
        &acme,
        &rights,
        &json!({ "stores": [here], "own_shift": true }),
    );
    let key = holder(&acme, &role);
    let open = |key: &Key, till: &str| {
        let body = json!({ "till_id": till, "opening_float": 1_000 });
        send(&acme, key, "POST", "/v1/shifts", &body)
    };
    let sell = |till: &str| {
        let item = json!({ "name": "Tea", "quantity": 1, "unit_amount": 100 });
        let body = json!({ "till_id": till, "items": [item], "tender": "cash" });
        send(&acme, &key, "POST", "/v1/transactions", &body)
    };
    forbidden(open(&key, &till_there), &role, "stores");
    let shift = open(&key, &till_here).expect(201).id();
    sell(&till_here).expect(201);
    open(&acme.owner, &till_there).expect(201);
    forbidden(sell(&till_there), &role, "stores");
    // Money that moves in no store moves in none of his.
    let (from, to) = (acme.funded("master", 100), acme.wallet("master"));
    let transfer = json!({ "amount": 5, "source_wallet_id": from, "destination_wallet_id": to });
    forbidden(
        send(&acme, &key, "POST", "/v1/transfers", &transfer),
        &role,
        "stores",
    );
    let close = format!("/v1/shifts/{shift}/close");
    send(
        &acme,
        &key,
        "POST",
        &close,
        &json!({ "counted_cash": 1_100 }),
    )
    .expect(200);
    // He may manage shifts, and still works on his own alone.
    open(&acme.owner, &till_here).expect(201);
    forbidden(sell(&till_here), &role, "own_shift");
}

/// What one store sold does not go back out of another's drawer where the role is held to one of them.
#[test]
fn a_refund_is_about_the_store_of_the_sale_and_that_of_the_drawer() {
    let acme = tenant();
    acme.wallet("operating");
    let shop = |name: &str| {
        let store = acme.post("/v1/stores", &json!({ "name": name }));
        let store = store.expect(201).id();
        let till = json!({ "store_id": store, "name": "1" });
        let till = acme.post("/v1/tills", &till).expect(201).id();
        let shift = json!({ "till_id": till, "opening_float": 1_000 });
        acme.post("/v1/shifts", &shift).expect(201);
        (store, till)
    };
    let ((here, till_here), (there, till_there)) = (shop("Makati"), shop("Cebu"));
    let rights = ["create:refunds", "manage:shifts"];
    let held_to = |stores: &[&str]| {
        let role = bound(&acme, &rights, &json!({ "stores": stores }));
        (holder(&acme, &role), role)
    };
    let (key, role) = held_to(&[&here]);
    let sold = |till: &str| {
        let item = json!({ "name": "Tea", "quantity": 1, "unit_amount": 100 });
        let body = json!({ "till_id": till, "items": [item], "tender": "cash" });
        acme.post("/v1/transactions", &body).expect(201).id()
    };
    let (sold_here, sold_there) = (sold(&till_here), sold(&till_there));
    let refund = |key: &Key, sale: &str, till: &str| {
        let body = json!({ "transaction_id": sale, "tender": "cash", "till_id": till, "amount": 10, "reason": "cold" });
        send(&acme, key, "POST", "/v1/refunds", &body)
    };
    refund(&key, &sold_here, &till_here).expect(201);
    for (sale, till) in [
        (&sold_here, &till_there),
        (&sold_there, &till_here),
        (&sold_there, &till_there),
    ] {
        forbidden(refund(&key, sale, till), &role, "stores");
    }
    let (both, _) = held_to(&[&here, &there]);
    refund(&both, &sold_here, &till_there).expect(201);
}

#[test]
fn hours_are_those_of_their_zone() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    // It is 08:00 in Manila, on a Thursday.
    let hours = |from: &str, until: &str, days: &[&str]| json!({ "hours": { "days": days, "from": from, "until": until, "time_zone": "Asia/Manila" } });
    let open = bound(&acme, &["read:account"], &hours("08:00", "08:01", &["thu"]));
    let shut = bound(&acme, &["read:account"], &hours("08:01", "24:00", &[]));
    let other_day = bound(&acme, &["read:account"], &hours("00:00", "24:00", &["fri"]));
    let key = holder(&acme, &open);
    get(&acme, &key, "/v1/account").expect(200);
    for role in [&shut, &other_day] {
        let key = holder(&acme, role);
        forbidden(get(&acme, &key, "/v1/account"), role, "hours");
        let told = explain(&acme, &key, "read:account");
        assert_eq!(
            (&told["allowed"], &check(&told, "hours")["outcome"]),
            (&json!(false), &json!("fails"))
        );
    }
    assert_eq!(
        check(&explain(&acme, &key, "read:account"), "hours")["outcome"],
        "passes"
    );
    server.clock.advance(60_000);
    forbidden(get(&acme, &key, "/v1/account"), &open, "hours");
    let log = acme.all("/v1/audit-logs?action=condition_refused");
    assert_eq!(log[0]["policy"], format!("role:{open}:none"));
}

#[test]
fn networks_bind_wherever_it_comes_from() {
    let acme = tenant();
    let elsewhere = bound(
        &acme,
        &["read:account"],
        &json!({ "networks": ["203.0.113.0/24"] }),
    );
    let here = bound(
        &acme,
        &["read:account"],
        &json!({ "networks": ["127.0.0.0/8"] }),
    );
    forbidden(
        get(&acme, &holder(&acme, &elsewhere), "/v1/account"),
        &elsewhere,
        "networks",
    );
    let key = holder(&acme, &here);
    get(&acme, &key, "/v1/account").expect(200);
    let moved = acme.request("PATCH", &format!("/v1/roles/{here}"));
    let moved = moved.json(&json!({ "conditions": { "networks": ["203.0.113.0/24"] } }));
    moved.send().expect(200);
    forbidden(get(&acme, &key, "/v1/account"), &here, "networks");
}
