//! `/v1/roles`: made, held, changed for all who hold them, bound by conditions.

mod approvals;
mod change;
mod conditions;
mod create;
mod hold;

use serde_json::{Value, json};
use strongroom_testkit::books::Key;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::tenant::{Tenant, fresh};

/// Makes a role of some permissions.
pub fn role(acme: &Tenant<'_>, permissions: &[&str]) -> String {
    bound(acme, permissions, &json!({}))
}

/// The same with conditions.
pub fn bound(acme: &Tenant<'_>, permissions: &[&str], conditions: &Value) -> String {
    let body =
        json!({ "name": fresh("role"), "permissions": permissions, "conditions": conditions });
    acme.post("/v1/roles", &body).expect(201).id()
}

/// Makes a key that holds a role.
pub fn holder(acme: &Tenant<'_>, role: &str) -> Key {
    let made = acme
        .post("/v1/api-keys", &json!({ "role": role }))
        .expect(201);
    Key {
        id: made.id(),
        text: made.field("key"),
        signing_secret: made.field("signing_secret"),
    }
}

pub fn patch(acme: &Tenant<'_>, role: &str, body: &Value) -> Reply {
    acme.request("PATCH", &format!("/v1/roles/{role}"))
        .idempotent(&fresh("role"))
        .json(body)
        .send()
}

/// A change with some key.
pub fn send(acme: &Tenant<'_>, key: &Key, method: &str, target: &str, body: &Value) -> Reply {
    acme.server
        .request(method, target)
        .bearer(&key.text)
        .idempotent(&fresh("held"))
        .json(body)
        .send()
}

pub fn get(acme: &Tenant<'_>, key: &Key, target: &str) -> Reply {
    acme.server.request("GET", target).bearer(&key.text).send()
}
