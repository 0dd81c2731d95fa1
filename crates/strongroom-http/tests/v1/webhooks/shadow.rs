//! Endpoints whose failures count for nothing, and endpoints held to a network.

use serde_json::{Value, json};
use strongroom_testkit::receiver::Receiver;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, texts};

use crate::v1::webhooks::hook;

#[test]
fn a_shadow_is_sent_everything_once_and_never_disabled() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let receiver = Receiver::start(|_| (500, None));
    let made = hook(
        &acme,
        &receiver,
        &["wallet.created"],
        json!({ "shadow": true }),
    );
    assert_eq!(made.field("shadow"), "true");
    let path = format!("/v1/webhooks/{}", made.id());
    for status in [500, 410, 302] {
        receiver.become_of(move |_| (status, None));
        acme.wallet("master");
        assert_eq!(server.deliver(), 1);
        server.clock.advance(100 * 3_600_000);
        assert_eq!(server.deliver(), 0, "{status} is not tried again");
    }
    assert_eq!(acme.get(&path).field("enabled"), "true");
    assert_eq!(acme.all(&format!("{path}/deliveries")), [json!(null); 0]);
    let outcomes = texts(&acme.all(&format!("{path}/attempts")), "outcome");
    assert_eq!(
        outcomes,
        ["failed", "gone", "failed"],
        "but it is known how it would have gone"
    );
    // From now on it counts.
    let patch = json!({ "shadow": false });
    acme.request("PATCH", &path).json(&patch).send().expect(200);
    receiver.become_of(|_| (500, None));
    acme.wallet("master");
    assert_eq!(server.deliver(), 1);
    server.clock.advance(66_000);
    assert_eq!(server.deliver(), 1);
}

#[test]
fn a_failing_shadow_is_not_left_alone_and_has_no_backlog() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let receiver = Receiver::start(|_| (500, None));
    hook(
        &acme,
        &receiver,
        &["wallet.created"],
        json!({ "shadow": true }),
    );
    for _ in 0..30 {
        acme.wallet("master");
    }
    assert_eq!((server.deliver(), receiver.take().len()), (30, 30));
}

#[test]
fn an_endpoint_held_to_a_network_is_reached_nowhere_else() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let receiver = Receiver::willing();
    let network = json!({ "network": "127.0.0.0/16" });
    let made = hook(&acme, &receiver, &["wallet.created"], network);
    assert_eq!(made.field("network"), "127.0.0.0/16");
    let path = format!("/v1/webhooks/{}", made.id());
    acme.wallet("master");
    assert_eq!((server.deliver(), receiver.take().len()), (1, 1));
    let patch = |body: Value| acme.request("PATCH", &path).json(&body).send().expect(200);
    patch(json!({ "network": "127.99.0.0/16" }));
    server.clock.advance(1);
    acme.wallet("master");
    assert_eq!((server.deliver(), receiver.take().len()), (1, 0));
    let attempt = &acme.all(&format!("{path}/attempts"))[0];
    assert_eq!(attempt["error"], "address_refused");
    assert_eq!(
        patch(json!({ "network": null })).json()["network"],
        json!(null)
    );
    server.clock.advance(66_000);
    assert_eq!((server.deliver(), receiver.take().len()), (1, 1));
}
