//! `POST /v1/webhooks/{id}/replay`

use serde_json::json;
use strongroom_testkit::receiver::Receiver;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, texts};

use crate::v1::webhooks::{hook, ids};
use crate::v1::{refuses, tenant};

#[test]
fn one_event_or_those_of_a_time_are_sent_again() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let receiver = Receiver::willing();
    let id = hook(
        &acme,
        &receiver,
        &["wallet.created"],
        json!({ "ordered": true }),
    )
    .id();
    let mark = acme.mark();
    let mut times = Vec::new();
    for _ in 0..5 {
        server.clock.advance(60_000);
        times.push(server.engine.now());
        acme.wallet("master");
    }
    let events = texts(&acme.events_since(&mark), "id");
    server.deliver();
    assert_eq!(ids(&receiver.take()), events);
    let again = |body| {
        acme.post(&format!("/v1/webhooks/{id}/replay"), &body)
            .expect(200);
        server.deliver();
        ids(&receiver.take())
    };
    assert_eq!(again(json!({ "event_id": events[3] })), [events[3].clone()]);
    let range = json!({ "from": times[1].to_string(), "to": times[3].to_string() });
    assert_eq!(again(range), events[1..=3]);
    assert_eq!(again(json!({ "failed": true })), [""; 0]);
    assert_eq!(server.deliver(), 0);
}

#[test]
fn replays_that_are_none() {
    let acme = tenant();
    let id = hook(&acme, &Receiver::willing(), &["*"], json!({})).id();
    let path = format!("/v1/webhooks/{id}/replay");
    let late = r#"{"from":"2026-01-02T00:00:00Z","to":"2026-01-01T00:00:00Z"}"#;
    for body in [
        "{}",
        r#"{"failed":false}"#,
        late,
        r#"{"failed":true,"event_id":"evt_1"}"#,
    ] {
        let reply = acme.request("POST", &path).body(body).send();
        reply.refused(422, "invalid_field");
    }
    refuses(
        &acme,
        "POST",
        &path,
        &[(r#"{"event_id":7}"#, 422, "invalid_field", "/event_id")],
    );
    acme.post(&path, &json!({ "event_id": "evt_1" }))
        .refused(404, "not_found");
}

#[test]
fn an_event_that_is_asked_for_again_and_again_waits_once() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let receiver = Receiver::start(|_| (500, None));
    let id = hook(&acme, &receiver, &["wallet.created"], json!({})).id();
    let mark = acme.mark();
    acme.wallet("master");
    assert_eq!(server.deliver(), 1);
    let event = acme.events_since(&mark)[0]["id"].clone();
    for _ in 0..5 {
        let again = json!({ "event_id": event });
        acme.post(&format!("/v1/webhooks/{id}/replay"), &again)
            .expect(200);
    }
    let left = acme.all(&format!("/v1/webhooks/{id}/deliveries"));
    assert_eq!(left.len(), 1);
    // Now, and not when its next try would have been.
    receiver.become_of(|_| (200, None));
    server.clock.advance(1_000);
    assert_eq!(server.deliver(), 1);
    let left = acme.all(&format!("/v1/webhooks/{id}/deliveries"));
    assert_eq!(left, [json!(null); 0]);
}
