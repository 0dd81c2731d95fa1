//! What arrives, in which form, and what does not.

use serde_json::json;
use strongroom_testkit::receiver::Receiver;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, texts};

use crate::v1::webhooks::{hook, ids};

#[test]
fn every_event_arrives_as_it_stands_in_the_stream_under_all_headers() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let receiver = Receiver::willing();
    let secret = "whsec_of_the_client_s_own_making";
    hook(&acme, &receiver, &["*"], json!({ "secret": secret }));
    let mark = acme.mark();
    let (from, to) = (acme.funded("master", 500), acme.wallet("master"));
    acme.pay(&from, &to, 100).expect(201);
    let events = acme.events_since(&mark);
    assert_eq!(server.deliver(), events.len());
    let received = receiver.take();
    let mut arrived = ids(&received);
    arrived.sort();
    assert_eq!(arrived, texts(&events, "id"));
    for request in &received {
        let event = acme.get(&format!("/v1/events/{}", request.header("webhook-id")));
        assert_eq!(
            event.text(),
            request.body,
            "the bytes are those of the event"
        );
        assert!(request.is_signed_by(secret), "{request:?}");
        assert_eq!(
            request.header("webhook-timestamp"),
            server.seconds().to_string()
        );
        assert!(request.header("webhook-signature").starts_with("v1,"));
        assert_eq!(request.header("content-type"), "application/json");
        assert_eq!(request.path, "/hook");
    }
    assert_eq!(server.deliver(), 0, "nothing is sent twice");
    let server = server.restart(ServerSettings::default());
    assert_eq!(server.deliver(), 0, "nor after a restart");
}

#[test]
fn an_endpoint_is_told_what_it_asked_for_and_its_creator_may_read() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let (asked, few) = (Receiver::willing(), Receiver::willing());
    hook(
        &acme,
        &asked,
        &["payout.completed", "wallet.created"],
        json!({}),
    );
    let body = json!({ "role": "custom", "permissions": ["create:webhooks", "read:payouts"] });
    let key = acme.post("/v1/api-keys", &body).expect(201).field("key");
    let request = server.request("POST", "/v1/webhooks").bearer(&key);
    let post = |events| {
        let body = json!({ "url": few.url(), "events": events });
        request.clone().json(&body).send()
    };
    post(["wallet.*"]).refused(403, "permission_not_held");
    post(["*"]).expect(201);
    let (from, to) = (acme.funded("master", 500), acme.wallet("master"));
    acme.pay(&from, &to, 100).expect(201);
    server.deliver();
    let types = |receiver: &Receiver| {
        let mut types: Vec<_> = receiver.take().iter().map(|r| r.event_type()).collect();
        types.sort();
        types.dedup();
        types
    };
    assert_eq!(types(&asked), ["payout.completed", "wallet.created"]);
    let told = types(&few);
    assert!(
        !told.is_empty() && told.iter().all(|name| name.starts_with("payout.")),
        "{told:?}"
    );
}

#[test]
fn another_organization_hears_nothing() {
    let server = TestServer::start(ServerSettings::default());
    let (acme, other) = (Tenant::found(&server), Tenant::found(&server));
    let receiver = Receiver::willing();
    let id = hook(&acme, &receiver, &["*"], json!({})).id();
    other.wallet("master");
    assert_eq!(server.deliver(), 0);
    for (method, path) in [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/test"),
        ("POST", "/roll"),
    ] {
        let path = format!("/v1/webhooks/{id}{path}");
        other
            .request(method, &path)
            .send()
            .refused(404, "not_found");
    }
}

#[test]
fn a_test_goes_to_its_endpoint_alone() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let (one, other) = (Receiver::willing(), Receiver::willing());
    let id = hook(&acme, &one, &["payout.failed"], json!({})).id();
    hook(&acme, &other, &["webhook.test"], json!({}));
    server.deliver();
    acme.post(&format!("/v1/webhooks/{id}/test"), &json!({}))
        .expect(200);
    assert_eq!(server.deliver(), 1);
    let received = one.take();
    assert_eq!(received[0].event_type(), "webhook.test");
    assert_eq!(received[0].json()["data"]["id"], json!(id));
    assert_eq!(other.take().len(), 0);
}

#[test]
fn order_is_kept_where_it_is_asked_for() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let mut count = 0;
    let receiver = Receiver::start(move |_| {
        count += 1;
        (if count % 3 == 0 { 500 } else { 200 }, None)
    });
    hook(
        &acme,
        &receiver,
        &["wallet.created"],
        json!({ "ordered": true }),
    );
    let mark = acme.mark();
    for _ in 0..20 {
        acme.wallet("master");
    }
    let expected = texts(&acme.events_since(&mark), "id");
    while server.deliver() > 0 {
        server.clock.advance(120_000);
    }
    let mut order = ids(&receiver.take());
    order.dedup();
    assert_eq!(
        order, expected,
        "a retry follows its own failure, nothing overtakes it"
    );
}
