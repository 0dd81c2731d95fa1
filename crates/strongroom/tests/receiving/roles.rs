//! A role made, changed and deleted; an organization's own rates.

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
    let person = json!({ "name": "Ana Peña", "email": "ana.resets@example.org", "role": "viewer" });
    let invited = post(demo, "/v1/users", &person);
    let password = "kelp tonic 7 umbrella";
    let accept = json!({ "token": invited["invitation_token"], "password": password });
    post(demo, "/v1/invitations/accept", &accept);
    let path = format!("/v1/users/{}/password-reset", id(&invited));
    let started = post(demo, &path, &json!({}));
    let accept = json!({ "token": started["reset_token"], "password": "walnut 9 harbour mist" });
    post(demo, "/v1/password-resets/accept", &accept);
    let limits = json!({ "organization": { "per_second": 1_000_000 } });
    change(demo, "PATCH", "/v1/rate-limits", &limits);
}
