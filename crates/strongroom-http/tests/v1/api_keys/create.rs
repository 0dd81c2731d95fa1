//! `POST /v1/api-keys`

use serde_json::json;
use strongroom_auth::{Role, key_text};
use strongroom_testkit::tenant::{fresh, texts};

use crate::v1::{NOW, refuses, tenant};

#[test]
fn its_texts_are_shown_once() {
    let acme = tenant();
    let mark = acme.mark();
    let reply = acme
        .post(
            "/v1/api-keys",
            &json!({ "role": "operator", "name": "till 7" }),
        )
        .expect(201);
    let (id, key, secret) = (
        reply.id(),
        reply.field("key"),
        reply.field("signing_secret"),
    );
    assert!(
        key.starts_with("sk_test_") && key_text::is_well_formed(&key),
        "{key}"
    );
    let mut shown = json!({
        "id": id, "object": "api_key", "type": "secret", "mode": "test", "name": "till 7",
        "hint": format!("sk_test_…{}", &key[key.len() - 4..]), "role": "operator", "role_id": null,
        "permissions": [
            "read:account", "read:wallets", "read:payouts", "read:transactions", "read:events", "create:payouts",
            "create:transfers", "cancel:payouts", "read:payments", "create:payments", "capture:payments",
            "void:payments", "read:refunds", "read:approvals", "withdraw:approvals", "read:customers", "create:customers",
            "read:products", "read:stores", "read:tills", "read:shifts", "read:payment_links", "create:payment_links",
            "cancel:payment_links", "read:beneficiaries", "read:payout_rails",
            "read:payout_files", "read:bank_files", "read:fee_schedules", "read:reports", "manage:reports",
        ],
        "dialect": "nextapi", "signing": "never", "signing_scheme": "any", "public_keys": [], "status": "active",
        "rolled_from": null, "till_id": null, "expires_at": null,
        "networks": [], "client_certificates": [], "networks_mode": null, "limits": null,
        "last_used_at": null, "created_at": NOW, "key": key, "signing_secret": secret,
    });
    assert_eq!(reply.json(), shown);
    let events = acme.events_since(&mark);
    assert_eq!(
        (texts(&events, "type"), &events[0]["data"]),
        (vec!["api_key.created".into()], &json!({ "id": id }))
    );
    let audit = acme.audit_since(&mark);
    assert_eq!(
        (texts(&audit, "action"), &audit[0]["details"]),
        (
            vec!["api_key_created".into()],
            &json!({ "role": "operator" })
        )
    );
    shown
        .as_object_mut()
        .unwrap()
        .retain(|name, _| name != "key" && name != "signing_secret");
    let read = acme.get(&format!("/v1/api-keys/{id}")).expect(200);
    assert_eq!(read.json(), shown);
    for view in [
        read.text(),
        acme.get("/v1/api-keys").text(),
        acme.get("/v1/audit-logs").text(),
    ] {
        assert!(
            !view.contains(&key) && !view.contains(&secret),
            "a secret is shown again"
        );
    }
    acme.server
        .request("GET", "/v1/wallets")
        .bearer(&key)
        .send()
        .expect(200);
}

#[test]
fn a_retry_learns_what_exists_and_not_the_secret() {
    let acme = tenant();
    let key = fresh("once");
    let send = || {
        acme.request("POST", "/v1/api-keys")
            .idempotent(&key)
            .json(&json!({ "role": "viewer" }))
            .send()
    };
    let first = send().expect(201);
    let again = send().refused(409, "reply_not_kept");
    assert_eq!(again.field("error/details/resource_id"), first.id());
    assert_eq!(
        acme.all("/v1/api-keys").len(),
        2,
        "the owner's and this one"
    );
}

#[test]
fn defaults_follow_mode_and_type() {
    let live = tenant().live();
    let make = |body| live.post("/v1/api-keys", &body).expect(201).json();
    let secret = make(json!({ "role": "admin" }));
    assert_eq!(
        (&secret["signing"], &secret["mode"]),
        (&json!("sensitive"), &json!("live"))
    );
    assert!(secret["key"].as_str().unwrap().starts_with("sk_live_"));
    let publishable = make(json!({ "type": "publishable" }));
    assert_eq!(
        (&publishable["role"], &publishable["signing"]),
        (&json!("publishable"), &json!("never"))
    );
    assert!(publishable["key"].as_str().unwrap().starts_with("pk_live_"));
    let custom = make(
        json!({ "permissions": ["read:*", "create:payouts"], "dialect": "nopos", "signing": "always" }),
    );
    assert_eq!(
        (&custom["role"], &custom["permissions"]),
        (&json!("custom"), &json!(["read:*", "create:payouts"]))
    );
}

#[test]
fn an_expired_key_is_no_key() {
    let acme = tenant();
    let body = json!({ "role": "viewer", "expires_at": "2026-01-01T00:00:00.001Z" });
    let made = acme.post("/v1/api-keys", &body).expect(201);
    acme.server
        .request("GET", "/v1/account")
        .bearer(&made.field("key"))
        .send()
        .expect(200);
    acme.post(
        "/v1/api-keys",
        &json!({ "role": "viewer", "expires_at": NOW }),
    )
    .refused(422, "invalid_field");
}

#[test]
fn keys_that_cannot_be() {
    let acme = tenant();
    let name = format!(r#"{{"role":"viewer","name":"{}"}}"#, "n".repeat(101));
    let many = format!(
        r#"{{"permissions":[{}]}}"#,
        vec![r#""read:*""#; 51].join(",")
    );
    refuses(
        &acme,
        "POST",
        "/v1/api-keys",
        &[
            ("{}", 422, "field_required", "/role"),
            (r#"{"role":"king"}"#, 422, "invalid_field", "/role"),
            (
                r#"{"role":"custom"}"#,
                422,
                "field_required",
                "/permissions",
            ),
            (
                r#"{"role":"viewer","permissions":["*"]}"#,
                422,
                "invalid_field",
                "/permissions",
            ),
            (
                r#"{"permissions":["fly:moon"]}"#,
                422,
                "invalid_field",
                "/permissions",
            ),
            (
                r#"{"permissions":["operate:installation"]}"#,
                422,
                "invalid_field",
                "/permissions",
            ),
            (
                r#"{"permissions":[7]}"#,
                422,
                "invalid_field",
                "/permissions",
            ),
            (
                r#"{"type":"publishable","role":"owner"}"#,
                422,
                "invalid_field",
                "/role",
            ),
            (
                r#"{"role":"viewer","type":"root"}"#,
                422,
                "invalid_field",
                "/type",
            ),
            (
                r#"{"role":"viewer","dialect":"cobol"}"#,
                422,
                "invalid_field",
                "/dialect",
            ),
            (
                r#"{"role":"viewer","signing":"maybe"}"#,
                422,
                "invalid_field",
                "/signing",
            ),
            (
                r#"{"role":"viewer","expires_at":"soon"}"#,
                422,
                "invalid_field",
                "/expires_at",
            ),
            (
                r#"{"role":"viewer","mode":"live"}"#,
                422,
                "unknown_field",
                "/mode",
            ),
            (
                r#"{"role":"viewer","key":"sk_test_mine"}"#,
                422,
                "unknown_field",
                "/key",
            ),
            (&name, 422, "invalid_field", "/name"),
            (&many, 422, "invalid_field", "/permissions"),
        ],
    );
    for role in [Role::Operator, Role::Viewer, Role::Publishable] {
        let key = acme.key(role);
        let request = acme
            .server
            .request("POST", "/v1/api-keys")
            .bearer(&key.text);
        request
            .body(r#"{"role":"viewer"}"#)
            .send()
            .refused(403, "permission_denied");
    }
}
