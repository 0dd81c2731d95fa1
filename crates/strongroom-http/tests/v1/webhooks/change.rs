//! `PATCH` and `DELETE /v1/webhooks/{id}`

use serde_json::json;
use strongroom_testkit::receiver::Receiver;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::Tenant;

use crate::v1::tenant;
use crate::v1::webhooks::hook;

#[test]
fn a_stopped_endpoint_goes_on_where_it_was() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let receiver = Receiver::willing();
    let id = hook(&acme, &receiver, &["wallet.created"], json!({})).id();
    let patch = |body| {
        let request = acme.request("PATCH", &format!("/v1/webhooks/{id}"));
        request.json(&body).send().expect(200)
    };
    let stopped = patch(json!({ "enabled": false, "description": "shop" }));
    assert_eq!(stopped.field("disabled_reason"), "by_request");
    assert_eq!(stopped.field("description"), "shop");
    let wallet = acme.wallet("master");
    assert_eq!(server.deliver(), 0);
    patch(json!({ "enabled": true }));
    assert_eq!(server.deliver(), 1);
    assert!(receiver.take()[0].body.contains(&wallet));
    // Another filter counts from now on.
    patch(json!({ "events": ["wallet.frozen"] }));
    acme.wallet("master");
    assert_eq!(server.deliver(), 0);
}

#[test]
fn a_deleted_endpoint_is_gone_and_leaves_nothing_behind() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let receiver = Receiver::start(|_| (500, None));
    let id = hook(&acme, &receiver, &["wallet.created"], json!({})).id();
    acme.wallet("master");
    assert_eq!(server.deliver(), 1);
    let path = format!("/v1/webhooks/{id}");
    let deleted = acme.request("DELETE", &path).send().expect(200);
    assert_eq!(
        deleted.json(),
        json!({ "id": id, "object": "webhook", "deleted": true })
    );
    acme.get(&path).refused(404, "not_found");
    acme.request("DELETE", &path)
        .send()
        .refused(404, "not_found");
    assert_eq!(acme.all("/v1/webhooks"), [json!(null); 0]);
    server.clock.advance(3_600_000);
    acme.wallet("master");
    assert_eq!(server.deliver(), 0);
    // What waited for it is forgotten, so a restart finds nothing to send either.
    let server = server.restart(ServerSettings::default());
    assert_eq!(server.deliver(), 0);
}

#[test]
fn nobody_turns_an_endpoint_that_is_told_more_than_they_may_read() {
    let acme = tenant();
    let id = hook(&acme, &Receiver::willing(), &["*"], json!({})).id();
    let body = json!({ "role": "custom", "permissions": ["manage:webhooks", "read:wallets"] });
    let key = acme.post("/v1/api-keys", &body).expect(201).field("key");
    let request = acme.server.request("PATCH", &format!("/v1/webhooks/{id}"));
    let request = request
        .bearer(&key)
        .json(&json!({ "url": Receiver::willing().url() }));
    request.send().refused(403, "permission_not_held");
}
