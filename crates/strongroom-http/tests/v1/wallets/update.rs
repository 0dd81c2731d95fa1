//! `PATCH /v1/wallets/{id}`

use serde_json::json;
use strongroom_testkit::tenant::texts;

use crate::v1::{refuses, tenant};

#[test]
fn what_is_named_changes_and_the_rest_stays() {
    let acme = tenant();
    let made = json!({
        "type": "master", "owner": { "name": "Ana", "email": "ana@example.org" }, "metadata": { "a": "1" },
        "low_balance_threshold": 700,
    });
    let id = acme.post("/v1/wallets", &made).expect(201).id();
    let path = format!("/v1/wallets/{id}");
    let mark = acme.mark();
    let patch = |body: serde_json::Value| {
        acme.request("PATCH", &path)
            .json(&body)
            .send()
            .expect(200)
            .json()
    };
    let changed = patch(json!({ "metadata": { "b": "2" } }));
    assert_eq!(changed["metadata"], json!({ "b": "2" }));
    assert_eq!(
        changed["owner"],
        json!({ "name": "Ana", "email": "ana@example.org", "phone": null })
    );
    assert_eq!(changed["low_balance_threshold"], json!(700));
    assert_eq!(
        patch(json!({ "low_balance_threshold": null }))["low_balance_threshold"],
        json!(null)
    );
    assert_eq!(
        patch(json!({ "low_balance_threshold": 5 }))["low_balance_threshold"],
        json!(5)
    );
    let events = acme.events_since(&mark);
    assert_eq!(texts(&events, "type"), ["wallet.updated"; 3]);
    assert!(
        events
            .iter()
            .all(|event| event["data"] == json!({ "id": id })),
        "ids only: {events:?}"
    );
    let audit = acme.audit_since(&mark);
    assert_eq!(
        audit[0]["details"],
        json!({ "changed": "metadata" }),
        "names, never values"
    );
}

#[test]
fn a_changed_owner_is_found_by_the_new_address_only() {
    let acme = tenant();
    let id = acme
        .post(
            "/v1/wallets",
            &json!({ "type": "master", "owner": { "email": "old@example.org" } }),
        )
        .id();
    let body = json!({ "owner": { "email": "New@Example.org" } });
    acme.request("PATCH", &format!("/v1/wallets/{id}"))
        .json(&body)
        .send()
        .expect(200);
    let found = |email: &str| acme.all(&format!("/v1/wallets?email={email}")).len();
    assert_eq!((found("old@example.org"), found("new@example.org")), (0, 1));
}

#[test]
fn what_is_no_change() {
    let acme = tenant();
    let id = acme.wallet("master");
    refuses(
        &acme,
        "PATCH",
        &format!("/v1/wallets/{id}"),
        &[
            (r#"{"type":"reserve"}"#, 422, "unknown_field", "/type"),
            (r#"{"status":"closed"}"#, 422, "unknown_field", "/status"),
            (
                r#"{"balance":{"available":1}}"#,
                422,
                "unknown_field",
                "/balance",
            ),
            (
                r#"{"low_balance_threshold":-1}"#,
                422,
                "amount_not_positive",
                "/low_balance_threshold",
            ),
            (r#"{"metadata":"x"}"#, 422, "invalid_field", "/metadata"),
            ("", 400, "invalid_json", ""),
        ],
    );
}
