//! What the samples of stores, tills and what is sold there are made of.

use serde_json::{Value, json};
use strongroom_http::Verb;
use strongroom_testkit::tenant::{Tenant, fresh};

/// Whether a route is one of those.
pub fn is_of_it(path: &str) -> bool {
    ["customers", "products", "stores", "tills"]
        .iter()
        .any(|noun| path.split('/').nth(2) == Some(noun))
}

pub fn product(acme: &Tenant<'_>) -> String {
    let body = json!({ "sku": fresh("sku"), "name": "Coffee", "price": 1_000, "stock": 50 });
    acme.post("/v1/products", &body).expect(201).id()
}

pub fn till(acme: &Tenant<'_>) -> String {
    let store = acme.post("/v1/stores", &json!({ "name": "Makati" }));
    let body = json!({ "store_id": store.expect(201).id(), "name": "1", "public_key": "5a".repeat(32) });
    acme.post("/v1/tills", &body).expect(201).id()
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
        Some("tills") => till(acme),
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
            json!({ "floor_limit": 5_000, "total_limit": 50_000, "ends_at": "2026-01-02T00:00:00Z" })
        }
        _ => json!({}),
    }
}
