//! `GET /v1/api-keys` and `GET /v1/api-keys/{id}`

use serde_json::json;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, texts};

use crate::v1::tenant;

#[test]
fn keys_are_listed_newest_first() {
    let acme = tenant();
    let first = acme
        .post("/v1/api-keys", &json!({ "role": "viewer" }))
        .expect(201)
        .id();
    let second = acme
        .post("/v1/api-keys", &json!({ "type": "publishable" }))
        .expect(201)
        .id();
    assert_eq!(
        texts(&acme.all("/v1/api-keys"), "id"),
        [&*second, &*first, &*acme.owner.id]
    );
    let page = acme
        .get(&format!("/v1/api-keys?limit=1&after={second}"))
        .expect(200)
        .json();
    assert_eq!(
        (&page["data"][0]["id"], &page["has_more"]),
        (&json!(first), &json!(true))
    );
    assert_eq!(
        texts(&acme.live().all("/v1/api-keys"), "mode"),
        ["live"],
        "the other mode has keys of its own"
    );
}

#[test]
fn the_last_use_is_written_down() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let made = acme
        .post("/v1/api-keys", &json!({ "role": "viewer" }))
        .expect(201);
    let used = || {
        acme.get(&format!("/v1/api-keys/{}", made.id()))
            .expect(200)
            .json()["last_used_at"]
            .clone()
    };
    assert_eq!(used(), json!(null));
    server.clock.advance(5_000);
    server
        .request("GET", "/v1/account")
        .bearer(&made.field("key"))
        .send()
        .expect(200);
    server.summarise();
    assert_eq!(used(), json!("2026-01-01T00:00:05.000Z"));
    assert_eq!(acme.all("/v1/audit-logs?action=api_keys_used").len(), 1);
}
