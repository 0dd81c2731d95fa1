//! What the samples of stores, tills and what is sold there are made of.

use serde_json::{Value, json};
use strongroom_crypto::{SigningKey, sha256};
use strongroom_http::Verb;
use strongroom_testkit::tenant::{Tenant, VISA, fresh};

/// Whether a route is one of those.
pub fn is_of_it(path: &str) -> bool {
    let noun = path.split('/').nth(2).unwrap_or_default();
    let sold = path == "/v1/transactions" || path.starts_with("/v1/transactions/{id}/");
    ["customers", "products", "stores", "tills", "shifts"].contains(&noun) || sold
}

pub fn product(acme: &Tenant<'_>) -> String {
    let body = json!({ "sku": fresh("sku"), "name": "Coffee", "price": 1_000, "stock": 50 });
    acme.post("/v1/products", &body).expect(201).id()
}

pub fn till(acme: &Tenant<'_>) -> String {
    let store = acme.post("/v1/stores", &json!({ "name": "Makati" }));
    let body =
        json!({ "store_id": store.expect(201).id(), "name": "1", "public_key": "5a".repeat(32) });
    acme.post("/v1/tills", &body).expect(201).id()
}

/// A till that sells: an open shift, and a lease for when the connection is away.
pub fn selling(acme: &Tenant<'_>) -> (String, String) {
    let key = SigningKey::from_seed(&SEED);
    let public: String = key.public().iter().map(|b| format!("{b:02x}")).collect();
    let store = acme.post("/v1/stores", &json!({ "name": "Makati" }));
    let body = json!({ "store_id": store.expect(201).id(), "name": "1", "public_key": public });
    let till = acme.post("/v1/tills", &body).expect(201).id();
    let lease = json!({ "floor_limit": 5_000, "total_limit": 50_000, "ends_at": "2026-01-02T00:00:00.000Z" });
    acme.post(&format!("/v1/tills/{till}/lease"), &lease)
        .expect(200);
    let body = json!({ "till_id": till, "opening_float": 1_000 });
    let shift = acme.post("/v1/shifts", &body).expect(201).id();
    (till, shift)
}

const SEED: [u8; 32] = [7; 32];

/// The first transaction of a till's chain, signed.
fn signed(till: &str) -> Value {
    let items = json!([{ "name": "Tea", "quantity": 1, "unit_amount": 500 }]);
    let payload =
        json!({ "sold_at": "2026-01-01T00:00:00Z", "items": items, "amount": 500 }).to_string();
    let raw: Vec<u8> = (0..12)
        .map(|n| u8::from_str_radix(&till["till_".len()..][2 * n..2 * n + 2], 16).unwrap())
        .collect();
    let hash = sha256(&[
        b"strongroom/till/1",
        &raw,
        &1_u64.to_be_bytes(),
        &[0; 32],
        payload.as_bytes(),
    ]);
    let signature = SigningKey::from_seed(&SEED).sign(&hash);
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
    json!({ "sequence": 1, "previous": hex(&[0; 32]), "payload": payload, "signature": hex(&signature) })
}

/// A transaction that a card pays, captured and not settled.
pub fn sold(acme: &Tenant<'_>) -> String {
    acme.wallet("operating");
    let token = acme.token(VISA).expect(201).id();
    let items = json!([{ "name": "Tea", "quantity": 1, "unit_amount": 500 }]);
    let body = json!({ "items": items, "payment_token": token });
    let sale = acme.post("/v1/transactions", &body).expect(201);
    acme.attend(&sale.field("tenders/0/payment_id"));
    sale.id()
}

/// What stands for `{id}`.
pub fn resource(path: &str, acme: &Tenant<'_>) -> String {
    match path.split('/').nth(2) {
        Some("customers") => acme
            .post("/v1/customers", &json!({ "name": "Ana" }))
            .expect(201)
            .id(),
        Some("products") => product(acme),
        Some("stores") => acme
            .post("/v1/stores", &json!({ "name": "Makati" }))
            .expect(201)
            .id(),
        Some("tills") if path.ends_with("/transactions") => selling(acme).0,
        Some("tills") => till(acme),
        Some("shifts") => selling(acme).1,
        Some("transactions") => sold(acme),
        other => panic!("no resource of {other:?}"),
    }
}

/// A body that the route takes.
pub fn body(verb: Verb, path: &str, acme: &Tenant<'_>) -> Value {
    match (verb, path) {
        (Verb::Post, "/v1/customers") => json!({ "name": "Ana", "email": "ana@example.org" }),
        (Verb::Patch, "/v1/customers/{id}") => json!({ "phone": "+63 917 123 4567" }),
        (Verb::Post, "/v1/products") => {
            json!({ "sku": fresh("sku"), "name": "Tea", "price": "9.50", "tax_rate_ppm": 120_000 })
        }
        (Verb::Patch, "/v1/products/{id}") => json!({ "price": 1_100 }),
        (_, "/v1/products/{id}/stock") => json!({ "change": -1, "reason": "broken" }),
        (Verb::Post, "/v1/stores") => json!({ "name": "Cebu", "receipt_header": ["TIN 1"] }),
        (Verb::Patch, "/v1/stores/{id}") => json!({ "name": "Cebu 2" }),
        (Verb::Post, "/v1/tills") => {
            let store = acme.post("/v1/stores", &json!({ "name": "Makati" }));
            json!({ "store_id": store.expect(201).id(), "name": "2" })
        }
        (Verb::Patch, "/v1/tills/{id}") => json!({ "name": "3" }),
        (_, "/v1/tills/{id}/lease") => {
            json!({ "floor_limit": 5_000, "total_limit": 50_000, "ends_at": "2026-01-02T00:00:00.000Z" })
        }
        (_, "/v1/tills/{id}/transactions") => {
            signed(&acme.get("/v1/tills?limit=1").expect(200).field("data/0/id"))
        }
        (_, "/v1/shifts") => json!({ "till_id": till(acme) }),
        (_, "/v1/shifts/{id}/cash") => json!({ "type": "in", "amount": 100, "reason": "coins" }),
        (_, "/v1/shifts/{id}/close") => json!({ "counted_cash": 990 }),
        (_, "/v1/transactions") => {
            acme.wallet("operating");
            let token = acme.token(VISA).expect(201).id();
            let items = json!([{ "product_id": product(acme), "quantity": 2 }]);
            json!({ "items": items, "payment_token": token })
        }
        (_, "/v1/transactions/{id}/void") => json!({ "reason": "typed twice" }),
        _ => json!({}),
    }
}
