//! Receivers that fail: tried again, given up, disabled; nobody else waits for them.

use serde_json::json;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::receiver::Receiver;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, texts};

use crate::v1::webhooks::{hook, ids};

const HOUR: i64 = 3_600_000;

#[test]
fn eight_attempts_with_the_same_bytes_then_it_is_given_up_and_can_be_replayed() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let receiver = Receiver::start(|_| (500, None));
    let id = hook(&acme, &receiver, &["wallet.created"], json!({})).id();
    acme.wallet("master");
    assert_eq!(server.deliver(), 1);
    // A tenth is added to each pause at most.
    for pause in [60, 300, 1_800, 7_200, 18_000, 36_000, 36_000] {
        server.clock.advance(pause * 1_000 - 1);
        assert_eq!(server.deliver(), 0, "before {pause} s are over");
        server.clock.advance(pause * 100 + 1);
        assert_eq!(server.deliver(), 1, "after {pause} s");
    }
    server.clock.advance(11 * HOUR);
    assert_eq!(server.deliver(), 0, "it is given up");
    let left = acme
        .get(&format!("/v1/webhooks/{id}/deliveries"))
        .expect(200)
        .json();
    let left = left["data"].as_array().unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(
        (
            &left[0]["status"],
            &left[0]["attempts"],
            &left[0]["last_response_status"]
        ),
        (&json!("given_up"), &json!(8), &json!(500))
    );
    let received = receiver.take();
    assert_eq!(received.len(), 8);
    assert!(received.iter().all(|r| r.body == received[0].body));
    assert!(
        ids(&received)
            .iter()
            .all(|id| *id == received[0].header("webhook-id"))
    );
    receiver.become_of(|_| (204, None));
    acme.post(
        &format!("/v1/webhooks/{id}/replay"),
        &json!({ "failed": true }),
    )
    .expect(200);
    drop(acme);
    let server = server.restart(ServerSettings::default());
    assert_eq!((server.deliver(), server.deliver()), (1, 0));
    assert_eq!(receiver.take()[0].body, received[0].body);
}

#[test]
fn what_is_left_is_listed_page_by_page() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let receiver = Receiver::start(|_| (500, None));
    let id = hook(&acme, &receiver, &["wallet.created"], json!({})).id();
    let mark = acme.mark();
    for _ in 0..5 {
        acme.wallet("master");
    }
    assert_eq!(server.deliver(), 5);
    let told = texts(&acme.events_since(&mark), "id");
    let path = format!("/v1/webhooks/{id}/deliveries");
    assert_eq!(
        texts(&acme.all(&path), "event_id"),
        told,
        "the oldest first"
    );
    let page = |query: &str| acme.get(&format!("{path}{query}")).expect(200);
    let first = page("?limit=2");
    let second = page(&format!("?limit=2&after={}", first.field("next_cursor")));
    let ids = |page: &Reply| texts(page.json()["data"].as_array().unwrap(), "event_id");
    assert_eq!(
        (ids(&first), ids(&second)),
        (told[..2].to_vec(), told[2..4].to_vec())
    );
    let back = page(&format!("?limit=1&before={}", second.field("next_cursor")));
    assert_eq!(
        (ids(&back), back.field("has_more")),
        (told[2..3].to_vec(), "true".into())
    );
    assert_eq!(ids(&page("?status=pending")), told);
    assert!(ids(&page("?status=given_up")).is_empty());
    acme.get(&format!("{path}?after=evt_1"))
        .refused(400, "bad_cursor");
}

#[test]
fn a_redirect_is_a_failure_and_retry_after_is_heard() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let elsewhere = Receiver::willing();
    let receiver = Receiver::start(|_| (429, Some("retry-after: 7200")));
    hook(&acme, &receiver, &["wallet.created"], json!({}));
    acme.wallet("master");
    assert_eq!(server.deliver(), 1);
    server.clock.advance(2 * HOUR - 1);
    assert_eq!(server.deliver(), 0);
    let line: &'static str = format!("location: {}", elsewhere.url()).leak();
    receiver.become_of(move |_| (302, Some(line)));
    server.clock.advance(1);
    assert_eq!(server.deliver(), 1);
    receiver.become_of(|_| (200, None));
    server.clock.advance(330_000);
    assert_eq!((server.deliver(), server.deliver()), (1, 0));
    assert_eq!(elsewhere.take().len(), 0, "nobody followed the redirect");
}

#[test]
fn a_410_disables_the_endpoint_on_record() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let receiver = Receiver::start(|_| (410, None));
    let id = hook(&acme, &receiver, &["wallet.created"], json!({})).id();
    acme.wallet("master");
    let mark = acme.mark();
    assert_eq!(server.deliver(), 1);
    let shown = acme.get(&format!("/v1/webhooks/{id}")).expect(200);
    assert_eq!(
        (shown.field("enabled"), shown.field("disabled_reason")),
        ("false".into(), "gone".into())
    );
    assert_eq!(
        texts(&acme.events_since(&mark), "type"),
        ["webhook.disabled"]
    );
    let record = &acme.audit_since(&mark)[0];
    assert_eq!(record["action"], "webhook_disabled");
    assert_eq!(record["user_id"], "system:webhooks");
    assert_eq!(record["details"], json!({ "reason": "gone" }));
    server.clock.advance(HOUR);
    acme.wallet("master");
    assert_eq!(server.deliver(), 0);
    acme.post(&format!("/v1/webhooks/{id}/test"), &json!({}))
        .refused(409, "invalid_state");
    // Back again, nothing is missing.
    receiver.become_of(|_| (200, None));
    acme.request("PATCH", &format!("/v1/webhooks/{id}"))
        .json(&json!({ "enabled": true }))
        .send()
        .expect(200);
    assert_eq!(server.deliver(), 2);
}

#[test]
fn an_endpoint_that_fails_for_three_days_is_disabled_on_record() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let receiver = Receiver::start(|_| (503, None));
    let id = hook(&acme, &receiver, &["wallet.created"], json!({})).id();
    let mark = acme.mark();
    let mut hours = 0;
    while acme.get(&format!("/v1/webhooks/{id}")).field("enabled") == "true" {
        acme.wallet("master");
        server.deliver();
        server.clock.advance(HOUR);
        hours += 1;
        assert!(hours < 100, "it is never disabled");
    }
    assert!(hours >= 72, "{hours}");
    let told = texts(&acme.events_since(&mark), "type");
    assert!(told.contains(&"webhook.disabled".to_owned()), "{told:?}");
    assert_eq!(
        acme.get(&format!("/v1/webhooks/{id}"))
            .field("disabled_reason"),
        "failing"
    );
}

#[test]
fn a_dead_endpoint_holds_up_nobody_and_is_spared() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let (dead, healthy) = (Receiver::start(|_| (500, None)), Receiver::willing());
    hook(&acme, &dead, &["wallet.created"], json!({}));
    hook(&acme, &healthy, &["wallet.created"], json!({}));
    for _ in 0..100 {
        acme.wallet("master");
    }
    server.deliver();
    assert_eq!(healthy.take().len(), 100);
    let tried = dead.take().len();
    assert!(
        (10..40).contains(&tried),
        "{tried} attempts before it was left alone"
    );
    // Back again, everything arrives.
    dead.become_of(|_| (200, None));
    for _ in 0..10 {
        server.clock.advance(HOUR);
        server.deliver();
    }
    let mut arrived = ids(&dead.take());
    arrived.sort();
    arrived.dedup();
    assert_eq!(arrived.len(), 100);
}
