//! What a shop tells: customers, products, a till, its shift, and transactions that end in every way.

use serde_json::{Value, json};

use crate::program::Demo;
use crate::receiving::every_event::{change, id, post};

pub fn sold(demo: &Demo) {
    let customer = post(demo, "/v1/customers", &json!({ "name": "Ana Peña" }));
    let path = format!("/v1/customers/{}", id(&customer));
    let email = json!({ "email": "ana@example.org" });
    change(demo, "PATCH", &path, &email);
    post(demo, &format!("{path}/erase"), &json!({}));

    let body = json!({ "sku": "COF-1", "name": "Café ₱", "price": 500, "stock": 9 });
    let product = format!("/v1/products/{}", id(&post(demo, "/v1/products", &body)));
    change(demo, "PATCH", &product, &json!({ "price": 600 }));
    let broken = json!({ "change": -1, "reason": "broken" });
    post(demo, &format!("{product}/stock"), &broken);

    let store = post(demo, "/v1/stores", &json!({ "name": "Makati" }));
    let path = format!("/v1/stores/{}", id(&store));
    change(demo, "PATCH", &path, &json!({ "name": "Makati 2" }));
    let body = json!({ "store_id": id(&store), "name": "1", "public_key": "5a".repeat(32) });
    let till = post(demo, "/v1/tills", &body);
    let path = format!("/v1/tills/{}", id(&till));
    change(demo, "PATCH", &path, &json!({ "name": "2" }));
    let lease =
        json!({ "floor_limit": 100, "total_limit": 100, "ends_at": "2099-01-01T00:00:00Z" });
    let refused = demo.request("POST", &format!("{path}/lease")).json(&lease);
    assert_eq!(refused.send().status, 422, "no lease is for ever");
    post(demo, &format!("{path}/lease"), &tomorrow(&lease));
    transactions(demo, id(&till));
}

/// The same lease, for a day.
fn tomorrow(lease: &Value) -> Value {
    let end = crate::receiving::unix_seconds() + 86_400;
    let end = strongroom_types::time::Timestamp(i64::try_from(end).unwrap() * 1_000);
    let mut lease = lease.clone();
    lease["ends_at"] = json!(end.to_string());
    lease
}

fn transactions(demo: &Demo, till: &str) {
    let body = json!({ "till_id": till, "opening_float": 1_000 });
    let shift = format!("/v1/shifts/{}", id(&post(demo, "/v1/shifts", &body)));
    let coins = json!({ "type": "in", "amount": 100, "reason": "coins" });
    post(demo, &format!("{shift}/cash"), &coins);
    let items = json!([{ "sku": "COF-1", "quantity": 1 }]);
    let cash = json!({ "till_id": till, "items": items, "tender": "cash" });
    let sell = |body: &Value| id(&post(demo, "/v1/transactions", body)).to_owned();
    let voided = format!("/v1/transactions/{}/void", sell(&cash));
    post(demo, &voided, &json!({ "reason": "typed twice" }));
    let refund = json!({ "transaction_id": sell(&cash), "reason": "cold" });
    post(demo, "/v1/refunds", &refund);
    let counted = json!({ "counted_cash": 1_100 });
    post(demo, &format!("{shift}/close"), &counted);
    // Declined: no till is needed for a card.
    let card =
        json!({ "number": "4000000000000002", "exp_month": 12, "exp_year": 2099, "cvv": "123" });
    let token = post(demo, "/v1/tokens", &json!({ "card": card }));
    sell(&json!({ "items": items, "payment_token": id(&token) }));
}
