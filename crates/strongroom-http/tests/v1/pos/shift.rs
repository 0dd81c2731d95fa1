//! `/v1/shifts`

use serde_json::json;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, VISA, fresh};

use crate::v1::pos::{Shop, thing, verified};
use crate::v1::tenant;
use crate::v1::tills::{key_for, till_key};

#[test]
fn a_shift_is_opened_worked_counted_and_closed_for_good() {
    let server = TestServer::start(ServerSettings::default());
    {
        let mut shop = Shop::new(Tenant::found(&server));
        shop.open(0).refused(409, "shift_open");
        shop.cash(2_000).expect(201);
        let cash = |way: &str, amount: i64| {
            let body = json!({ "type": way, "amount": amount, "reason": "coins" });
            shop.acme
                .post(&format!("/v1/shifts/{}/cash", shop.shift), &body)
        };
        assert_eq!(cash("in", 500).expect(200).field("expected_cash"), "3500");
        assert_eq!(cash("out", 300).expect(200).field("expected_cash"), "3200");
        cash("out", 3_201).refused(422, "insufficient_funds");
        cash("up", 1).refused(422, "invalid_field");
        let x = shop.report();
        assert_eq!((&x["type"], &x["sold"]), (&json!("x"), &json!(2_000)));
        assert_eq!(
            x["cash"],
            json!({
                "opening_float": 1_000, "sales": 2_000, "refunds": 0, "refund_count": 0,
                "paid_in": 500, "paid_out": 300, "expected": 3_200,
            })
        );
        let closed = shop.close(3_190).expect(200);
        assert_eq!(closed.field("difference"), "-10");
        assert_eq!(closed.field("z_number"), "1");
        let z = shop.report();
        assert_eq!(
            (&z["type"], &z["cash"]["expected"]),
            (&json!("z"), &json!(3_200))
        );

        // Closed, it refuses everything.
        shop.cash(100).refused(422, "shift_closed");
        shop.close(0).refused(422, "shift_closed");
        cash("in", 1).refused(422, "shift_closed");
        assert_eq!(shop.report(), z);
        shop.shift = shop.open(0).expect(201).id();
        assert_eq!(shop.expected(), 0);
        assert_eq!(shop.close(0).expect(200).field("z_number"), "2");
        let all = shop.acme.all("/v1/shifts?status=closed");
        assert_eq!(all.len(), 2);
    }
    verified(server);
}

#[test]
fn a_till_s_key_sees_the_payments_and_refunds_of_its_store() {
    let shop = Shop::new(tenant());
    let acme = &shop.acme;
    let key = key_for(acme, &["read:payments", "read:refunds"]);
    let there = acme.post("/v1/stores", &json!({ "name": "Cebu" }));
    let there = there.expect(201).id();
    let sold = |till: &str| {
        let token = acme.token(VISA).expect(201).id();
        let body = json!({ "till_id": till, "items": [thing(700)], "payment_token": token });
        let sale = shop.sell(body).expect(201);
        let payment = sale.field("tenders/0/payment_id");
        // Approved and captured, then settled.
        acme.attend(&payment);
        acme.attend(&payment);
        (payment, shop.refund(&sale.id(), 100).expect(201).id())
    };
    let theirs = acme.post("/v1/tills", &json!({ "store_id": there, "name": "2" }));
    let theirs = theirs.expect(201).id();
    acme.post("/v1/shifts", &json!({ "till_id": theirs }))
        .expect(201);
    let (own, other) = (sold(&shop.till), sold(&theirs));
    let till = format!("/v1/tills/{}", shop.till);
    let body = json!({ "api_key_id": key.id });
    acme.request("PATCH", &till).json(&body).send().expect(200);
    let get = |path: &str| acme.server.request("GET", path).bearer(&key.text).send();
    for (list, own, other) in [
        ("/v1/payments", &own.0, &other.0),
        ("/v1/refunds", &own.1, &other.1),
    ] {
        let page = get(list).expect(200).json();
        let data = page["data"].as_array().unwrap();
        let ids: Vec<_> = data.iter().map(|one| one["id"].clone()).collect();
        assert_eq!(ids, [json!(own)], "{list}");
        get(&format!("{list}/{own}")).expect(200);
        get(&format!("{list}/{other}")).refused(404, "not_found");
        assert_eq!(acme.all(list).len(), 2);
    }
}

#[test]
fn a_cashier_works_on_his_own_shift_and_a_till_s_key_at_its_till() {
    let shop = Shop::new(tenant());
    let acme = &shop.acme;
    let (cashier, other) = (till_key(acme), till_key(acme));
    let post = |key: &str, path: &str, body: &serde_json::Value| -> Reply {
        let request = acme.server.request("POST", path).bearer(key);
        request.idempotent(&fresh("till")).json(body).send()
    };
    // The owner's shift is not theirs.
    let sale = json!({ "till_id": shop.till, "items": [thing(5)], "tender": "cash" });
    post(&cashier.text, "/v1/transactions", &sale).refused(403, "not_your_shift");
    let close = format!("/v1/shifts/{}/close", shop.shift);
    post(&cashier.text, &close, &json!({ "counted_cash": 0 })).refused(403, "not_your_shift");
    shop.close(1_000).expect(200);

    let store = acme.get("/v1/stores").expect(200).field("data/0/id");
    let body = json!({ "store_id": store, "name": "own", "api_key_id": cashier.id });
    let own = acme.post("/v1/tills", &body).expect(201).id();
    let body = json!({ "till_id": shop.till });
    post(&cashier.text, "/v1/shifts", &body).refused(403, "not_this_till");
    // Its own till need not be named.
    let shift = post(&cashier.text, "/v1/shifts", &json!({})).expect(201);
    assert_eq!(shift.field("till_id"), own);
    let sale = json!({ "items": [thing(700)], "tender": "cash" });
    let sold = post(&cashier.text, "/v1/transactions", &sale).expect(201);
    assert_eq!(sold.field("till_id"), own);
    let elsewhere = json!({ "till_id": own, "items": [thing(5)], "tender": "cash" });
    post(&other.text, "/v1/transactions", &elsewhere).refused(403, "not_your_shift");
    // Whoever manages shifts closes it.
    let close = format!("/v1/shifts/{}/close", shift.id());
    acme.post(&close, &json!({ "counted_cash": 700 }))
        .expect(200);

    // It reads what its store sold and no movement of the organization's money.
    let get = |path: &str| {
        acme.server
            .request("GET", path)
            .bearer(&cashier.text)
            .send()
    };
    let list = get("/v1/transactions").expect(200).json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    let moved = acme.all("/v1/transactions?type=sale_cash");
    get(&format!(
        "/v1/transactions/{}",
        moved[0]["id"].as_str().unwrap()
    ))
    .refused(404, "not_found");
    // Nor by what else shows the same.
    let statement = format!("/v1/wallets/{}/transactions", shop.wallet);
    get(&statement).refused(404, "not_found");
    acme.post(
        &format!("/v1/wallets/{}/credit", shop.wallet),
        &json!({ "amount": 500 }),
    )
    .expect(201);
    let to = acme.wallet("sub_merchant");
    let body = json!({ "source_wallet_id": shop.wallet, "destination_wallet_id": to, "amount": 5 });
    let transfer = acme.post("/v1/transfers", &body).expect(201).id();
    get(&format!("/v1/transfers/{transfer}")).refused(404, "not_found");
    assert_eq!(get("/v1/transfers").expect(200).json()["data"], json!([]));
}

#[test]
fn a_shift_is_gone_on_with_by_the_key_that_took_the_place_of_its_own() {
    let shop = Shop::new(tenant());
    let acme = &shop.acme;
    let (own, cashier) = (till_key(acme), till_key(acme));
    let post = |key: &str, path: &str, body: &serde_json::Value| -> Reply {
        let request = acme.server.request("POST", path).bearer(key);
        request.idempotent(&fresh("till")).json(body).send()
    };
    let rolled = |key: &str| {
        let roll = json!({ "overlap_seconds": 3_600 });
        let reply = acme.post(&format!("/v1/api-keys/{key}/roll"), &roll);
        reply.expect(201)
    };
    let store = acme.get("/v1/stores").expect(200).field("data/0/id");
    let body = json!({ "store_id": store, "name": "own", "api_key_id": own.id });
    let till = acme.post("/v1/tills", &body).expect(201).id();
    let shift = post(&own.text, "/v1/shifts", &json!({})).expect(201);
    let sale = json!({ "items": [thing(700)], "tender": "cash" });
    let first = post(&own.text, "/v1/transactions", &sale).expect(201);

    // Rolled twice, and replaced: each sells on, and so does the one before for as long as it works.
    let once = rolled(&own.id);
    let twice = rolled(&once.id());
    let third = till_key(acme);
    let path = format!("/v1/tills/{till}");
    let request = acme.request("PATCH", &path);
    let body = json!({ "api_key_id": third.id });
    request.json(&body).send().expect(200);
    for text in [
        &own.text,
        &once.field("key"),
        &twice.field("key"),
        &third.text,
    ] {
        post(text, "/v1/transactions", &sale).expect(201);
    }
    // A key of no till may not, nor may one of another.
    let named = json!({ "till_id": till, "items": [thing(5)], "tender": "cash" });
    post(&cashier.text, "/v1/transactions", &named).refused(403, "not_your_shift");
    let body = json!({ "store_id": store, "name": "3", "api_key_id": cashier.id });
    acme.post("/v1/tills", &body).expect(201);
    post(&cashier.text, "/v1/transactions", &named).refused(403, "not_this_till");
    let void = format!("/v1/transactions/{}/void", first.id());
    let reason = json!({ "reason": "twice" });
    post(&third.text, &void, &reason).expect(200);
    let close = format!("/v1/shifts/{}/close", shift.id());
    let counted = json!({ "counted_cash": 2_800 });
    let closed = post(&twice.field("key"), &close, &counted).expect(200);
    assert_eq!(closed.field("difference"), "0");
    post(&third.text, "/v1/shifts", &json!({})).expect(201);

    // A cashier's shift at no till of his own is his once his key is rolled, and nobody else's.
    shop.close(1_000).expect(200);
    let (cashier, other) = (till_key(acme), till_key(acme));
    let open = json!({ "till_id": shop.till });
    let shift = post(&cashier.text, "/v1/shifts", &open).expect(201);
    let new = rolled(&cashier.id).field("key");
    let close = format!("/v1/shifts/{}/close", shift.id());
    let counted = json!({ "counted_cash": 0 });
    post(&other.text, &close, &counted).refused(403, "not_your_shift");
    post(&new, &close, &counted).expect(200);
}
