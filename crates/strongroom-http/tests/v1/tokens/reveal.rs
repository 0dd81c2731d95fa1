//! `POST /v1/tokens/{id}/reveal`

use serde_json::{Value, json};
use strongroom_auth::{PermissionSet, Role};
use strongroom_testkit::tenant::{VISA, fresh, texts};

use crate::v1::tokens::{because, card_with};
use crate::v1::{NOW, refuses, tenant};

#[test]
fn the_number_is_shown_with_the_place_of_its_entry() {
    let acme = tenant();
    let body = card_with(json!({ "number": "5555-5555-5555-4444", "name": "Ana Cruz" }));
    let id = acme.post("/v1/tokens", &body).expect(201).id();
    let path = format!("/v1/tokens/{id}/reveal");
    let mark = acme.mark();
    let reply = acme.post(&path, &because("chargeback 7")).expect(200);
    let audit = acme.audit_since(&mark);
    assert_eq!(
        reply.json(),
        json!({
            "object": "card_reveal", "token_id": id,
            "card": {
                "number": "5555555555554444", "brand": "mastercard", "exp_month": 12, "exp_year": 2030,
                "name": "Ana Cruz",
            },
            "reason": "chargeback 7",
            "receipt": { "audit_log_id": audit[0]["id"], "sequence": audit[0]["sequence"] },
            "created_at": NOW,
        })
    );
    assert_eq!(texts(&audit, "action"), ["token_revealed"]);
    assert_eq!(audit[0]["details"], json!({ "reason": "chargeback 7" }));
    let events = acme.events_since(&mark);
    assert_eq!(
        (texts(&events, "type"), &events[0]["data"]),
        (vec!["token.revealed".into()], &json!({ "id": id }))
    );
    let proof = reply.field("receipt/audit_log_id");
    acme.server.checkpoint();
    acme.get(&format!("/v1/audit-logs/{proof}/proof"))
        .expect(200);
}

#[test]
fn a_retry_learns_that_it_was_shown_and_not_the_number() {
    let acme = tenant();
    let id = acme.token(VISA).expect(201).id();
    let path = format!("/v1/tokens/{id}/reveal");
    let key = fresh("reveal");
    let send = || {
        let request = acme.request("POST", &path).idempotent(&key);
        request.json(&because("dispute")).send()
    };
    send().expect(200);
    let mark = acme.mark();
    let again = send().refused(409, "reply_not_kept");
    assert_eq!(again.field("error/details/resource_id"), id);
    assert!(!again.text().contains(VISA));
    assert_eq!(acme.audit_since(&mark), [Value::Null; 0]);
}

#[test]
fn only_its_own_permission_shows_a_number() {
    let acme = tenant();
    let id = acme.token(VISA).expect(201).id();
    let path = format!("/v1/tokens/{id}/reveal");
    let every_other = ["read:*", "create:*", "manage:*"]
        .map(str::to_owned)
        .to_vec();
    let every_other = acme.books.key_with(
        Role::Custom,
        PermissionSet::new(every_other).unwrap(),
        strongroom_auth::SigningPolicy::Never,
        strongroom_auth::Dialect::Nextapi,
    );
    let keys = [Role::Admin, Role::Operator, Role::Viewer, Role::Publishable];
    let keys = keys
        .map(|role| acme.key(role))
        .into_iter()
        .chain([every_other]);
    for key in keys {
        let request = acme.server.request("POST", &path).bearer(&key.text);
        let reply = request.json(&because("curious")).send();
        let reply = reply.refused(403, "permission_denied");
        assert!(!reply.text().contains(VISA));
    }
}

#[test]
fn a_reason_is_given() {
    let acme = tenant();
    let id = acme.token(VISA).expect(201).id();
    let long = because(&"x".repeat(201)).to_string();
    refuses(
        &acme,
        "POST",
        &format!("/v1/tokens/{id}/reveal"),
        &[
            ("{}", 422, "field_required", "/reason"),
            (r#"{"reason":""}"#, 422, "invalid_field", "/reason"),
            (&long, 422, "invalid_field", "/reason"),
            (
                r#"{"reason":"is it 4242 4242 4242 4242?"}"#,
                422,
                "card_number_refused",
                "/reason",
            ),
        ],
    );
}
