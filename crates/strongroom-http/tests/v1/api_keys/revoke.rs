//! `POST /v1/api-keys/{id}/revoke`

use serde_json::json;
use strongroom_auth::Role;
use strongroom_testkit::tenant::texts;

use crate::v1::tenant;

#[test]
fn a_revoked_key_ends_at_once() {
    let acme = tenant();
    let key = acme.key(Role::Viewer);
    let works = || {
        acme.server
            .request("GET", "/v1/account")
            .bearer(&key.text)
            .send()
    };
    works().expect(200);
    let mark = acme.mark();
    let revoke = || {
        acme.request("POST", &format!("/v1/api-keys/{}/revoke", key.id))
            .send()
    };
    let reply = revoke().expect(200);
    assert_eq!(reply.field("status"), "revoked");
    assert!(reply.json().get("key").is_none());
    works().refused(401, "unauthorized");
    assert_eq!(
        texts(&acme.events_since(&mark), "type"),
        ["api_key.revoked"]
    );
    assert_eq!(
        texts(&acme.audit_since(&mark), "action"),
        ["api_key_revoked"]
    );
    revoke().refused(409, "key_revoked");
}

#[test]
fn the_last_owner_stays() {
    let acme = tenant();
    let revoke = |id: &str| {
        acme.request("POST", &format!("/v1/api-keys/{id}/revoke"))
            .send()
    };
    revoke(&acme.owner.id).refused(409, "last_owner");
    // An owner who ends by himself is none to rely on.
    let body = json!({ "role": "owner", "expires_at": "2027-01-01T00:00:00Z" });
    let passing = acme.post("/v1/api-keys", &body).expect(201).id();
    revoke(&acme.owner.id).refused(409, "last_owner");
    revoke(&passing).expect(200);
    let second = acme.key(Role::Owner);
    revoke(&second.id).expect(200);
    revoke(&acme.owner.id).refused(409, "last_owner");
    acme.key(Role::Owner);
    revoke(&acme.owner.id).expect(200);
}
