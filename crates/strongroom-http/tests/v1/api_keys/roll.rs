//! `POST /v1/api-keys/{id}/roll`

use serde_json::json;
use strongroom_auth::Role;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, texts};

use crate::v1::{refuses, tenant};

#[test]
fn both_keys_work_during_the_overlap() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let old = acme
        .post(
            "/v1/api-keys",
            &json!({ "role": "operator", "name": "till", "signing": "always" }),
        )
        .expect(201);
    let mark = acme.mark();
    let roll = |id: &str, body| acme.post(&format!("/v1/api-keys/{id}/roll"), &body);
    let new = roll(&old.id(), json!({ "overlap_seconds": 60 })).expect(201);
    let shown = new.json();
    assert_eq!(shown["rolled_from"], json!(old.id()));
    for same in ["role", "name", "signing", "dialect", "permissions", "type"] {
        assert_eq!(shown[same], old.json()[same], "{same}");
    }
    assert_ne!(
        (new.field("key"), new.field("signing_secret")),
        (old.field("key"), old.field("signing_secret"))
    );
    assert_eq!(texts(&acme.events_since(&mark), "type"), ["api_key.rolled"]);
    assert_eq!(
        acme.audit_since(&mark)[0]["details"],
        json!({ "new_key": new.id() })
    );
    let works = |reply: &strongroom_testkit::exchange::Reply| {
        let request = server
            .request("GET", "/v1/account")
            .bearer(&reply.field("key"));
        request
            .signed(&reply.field("signing_secret"), server.seconds())
            .send()
            .status
    };
    assert_eq!((works(&old), works(&new)), (200, 200));
    server.clock.advance(59_999);
    assert_eq!((works(&old), works(&new)), (200, 200));
    server.clock.advance(1);
    assert_eq!((works(&old), works(&new)), (401, 200));
    roll(&old.id(), json!({})).refused(409, "key_revoked");
    // Without an overlap the old key ends at once; without a body it has a day.
    let third = roll(&new.id(), json!({ "overlap_seconds": 0 })).expect(201);
    assert_eq!((works(&new), works(&third)), (401, 200));
    let path = format!("/v1/api-keys/{}/roll", third.id());
    acme.request("POST", &path).send().expect(201);
    server.clock.advance(86_399_000);
    assert_eq!(works(&third), 200);
    server.clock.advance(1_000);
    assert_eq!(works(&third), 401);
}

#[test]
fn rolls_that_cannot_be() {
    let acme = tenant();
    let key = acme.key(Role::Viewer);
    refuses(
        &acme,
        "POST",
        &format!("/v1/api-keys/{}/roll", key.id),
        &[
            (
                r#"{"overlap_seconds":-1}"#,
                422,
                "invalid_field",
                "/overlap_seconds",
            ),
            (
                r#"{"overlap_seconds":604801}"#,
                422,
                "invalid_field",
                "/overlap_seconds",
            ),
            (
                r#"{"overlap_seconds":1.5}"#,
                422,
                "invalid_field",
                "/overlap_seconds",
            ),
            (
                r#"{"overlap_seconds":"60"}"#,
                422,
                "invalid_field",
                "/overlap_seconds",
            ),
            (r#"{"role":"owner"}"#, 422, "unknown_field", "/role"),
        ],
    );
    acme.request("POST", &format!("/v1/api-keys/{}/revoke", key.id))
        .send()
        .expect(200);
    acme.post(&format!("/v1/api-keys/{}/roll", key.id), &json!({}))
        .refused(409, "key_revoked");
}

#[test]
fn a_publishable_key_stays_one() {
    let acme = tenant();
    let old = acme.key(Role::Publishable);
    let new = acme
        .post(&format!("/v1/api-keys/{}/roll", old.id), &json!({}))
        .expect(201);
    assert!(
        new.field("key").starts_with("pk_test_"),
        "{}",
        new.field("type")
    );
}
