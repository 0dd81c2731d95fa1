//! Everything that can happen to a client of OAuth.

use serde_json::json;

use crate::program::Demo;
use crate::receiving::every_event::{change, id, post};

pub fn clients(demo: &Demo) {
    let body = json!({ "name": "Shop", "profile": "classic", "scopes": ["read"] });
    let made = post(demo, "/v1/oauth/clients", &body);
    let path = format!("/v1/oauth/clients/{}", id(&made));
    change(demo, "PATCH", &path, &json!({ "name": "Shop 2" }));
    post(demo, &format!("{path}/rotate-secret"), &json!({}));
    change(demo, "DELETE", &path, &json!({}));
}
