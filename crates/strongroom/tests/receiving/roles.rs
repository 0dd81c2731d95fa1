//! A role made, changed and deleted.

use serde_json::json;

use crate::program::Demo;
use crate::receiving::every_event::{change, id, post};

pub fn changed(demo: &Demo) {
    let role = json!({ "name": "Peña ₱", "permissions": ["read:products"], "conditions": { "max_amount": 5 } });
    let made = post(demo, "/v1/roles", &role);
    let path = format!("/v1/roles/{}", id(&made));
    change(
        demo,
        "PATCH",
        &path,
        &json!({ "permissions": ["read:wallets"] }),
    );
    change(demo, "DELETE", &path, &json!({}));
}
