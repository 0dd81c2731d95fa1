//! `GET /v1/webhooks/{id}/attempts`

use serde_json::{Value, json};
use strongroom_testkit::receiver::Receiver;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, texts};

use crate::v1::webhooks::hook;

const DAY: i64 = 86_400_000;

fn attempts(acme: &Tenant<'_>, id: &str, query: &str) -> Vec<Value> {
    acme.all(&format!("/v1/webhooks/{id}/attempts{query}"))
}

#[test]
fn every_attempt_is_shown_with_what_the_receiver_answered() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let receiver = Receiver::start(|_| (503, None));
    receiver.says(|_| format!("come later\n{}", "x".repeat(5_000)));
    let id = hook(&acme, &receiver, &["wallet.created"], json!({})).id();
    assert_eq!(attempts(&acme, &id, ""), [json!(null); 0]);
    let mark = acme.mark();
    acme.wallet("master");
    assert_eq!(server.deliver(), 1);
    let event = acme.events_since(&mark)[0]["id"].clone();
    receiver.become_of(|_| (204, None));
    receiver.says(|_| String::new());
    server.clock.advance(66_000);
    assert_eq!(server.deliver(), 1);

    let shown = attempts(&acme, &id, "");
    assert_eq!(texts(&shown, "outcome"), ["delivered", "failed"]);
    let (second, first) = (&shown[0], &shown[1]);
    assert_eq!(
        (&first["attempt"], &second["attempt"]),
        (&json!(1), &json!(2))
    );
    assert_eq!((&first["event_id"], &second["event_id"]), (&event, &event));
    assert_eq!(first["event_type"], "wallet.created");
    assert_eq!(first["response_status"], 503);
    let kept = first["response_body"].as_str().unwrap();
    assert!(
        kept.starts_with("come later\nx") && kept.len() == 1_024,
        "{}",
        kept.len()
    );
    assert_eq!(
        (&second["response_status"], &second["response_body"]),
        (&json!(204), &json!(""))
    );
    assert!(first["duration_us"].as_u64().unwrap() > 0);
    for (query, count) in [
        (format!("?event_id={}", event.as_str().unwrap()), 2),
        ("?event_id=evt_000000000000000000000000".into(), 0),
        ("?outcome=failed".into(), 1),
        ("?outcome=gone".into(), 0),
        (
            format!("?created_after={}", second["created_at"].as_str().unwrap()),
            1,
        ),
        (
            format!("?created_before={}", second["created_at"].as_str().unwrap()),
            1,
        ),
    ] {
        assert_eq!(attempts(&acme, &id, &query).len(), count, "{query}");
    }
    let path = |query: &str| format!("/v1/webhooks/{id}/attempts{query}");
    acme.get(&path("?outcome=lost"))
        .refused(400, "invalid_parameter");
    acme.get(&path("?after=wha_1")).refused(400, "bad_cursor");
    let nobody = "/v1/webhooks/whk_000000000000000000000000/attempts";
    acme.get(nobody).refused(404, "not_found");

    // Whoever did not answer has a reason instead.
    let deaf = json!({ "url": "http://127.0.0.1:1/", "events": ["wallet.created"] });
    let deaf = acme.post("/v1/webhooks", &deaf).expect(201).id();
    acme.wallet("master");
    server.deliver();
    let shown = &attempts(&acme, &deaf, "")[0];
    assert_eq!(
        (
            &shown["response_status"],
            &shown["response_body"],
            &shown["error"]
        ),
        (&json!(null), &json!(null), &json!("connect_failed"))
    );
    // Of this endpoint's line, and of no other's.
    assert_eq!(attempts(&acme, &id, "").len(), 3);
    let other = Tenant::found(&server);
    other.get(&path("")).refused(404, "not_found");
}

#[test]
fn attempts_outlive_a_restart_and_are_destroyed_after_30_days() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let id = hook(&acme, &Receiver::willing(), &["wallet.created"], json!({})).id();
    for _ in 0..5 {
        acme.wallet("master");
    }
    assert_eq!(server.deliver(), 5);
    let before = attempts(&acme, &id, "");
    assert_eq!(before.len(), 5);
    let first = acme
        .get(&format!("/v1/webhooks/{id}/attempts?limit=2"))
        .expect(200);
    let cursor = first.field("next_cursor");
    let rest = acme
        .get(&format!(
            "/v1/webhooks/{id}/attempts?limit=10&after={cursor}"
        ))
        .expect(200);
    let pages = [&first, &rest].map(|page| page.json()["data"].as_array().unwrap().clone());
    assert_eq!(pages.concat(), before);
    let left = acme.leave();
    let server = server.restart(ServerSettings::default());
    let acme = Tenant::back(&server, left);
    assert_eq!(attempts(&acme, &id, ""), before);
    server.clock.advance(30 * DAY);
    server.purge();
    assert_eq!(attempts(&acme, &id, ""), before);
    server.clock.advance(DAY);
    server.purge();
    assert_eq!(attempts(&acme, &id, ""), [json!(null); 0]);
}
