//! `POST /v1/webhooks/{id}/challenge`, and endpoints that must answer before they are sent anything.

use serde_json::{Value, json};
use strongroom_testkit::receiver::{Received, Receiver};
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, texts};

use crate::v1::webhooks::{hook, ids};

/// What a challenge asks for, as text.
fn echo(request: &Received) -> String {
    let challenge = &request.json()["data"]["challenge"];
    challenge.as_str().unwrap_or("ok").to_owned()
}

fn shown(acme: &Tenant<'_>, id: &str) -> (String, Value) {
    let webhook = acme.get(&format!("/v1/webhooks/{id}")).expect(200);
    (
        webhook.field("enabled"),
        webhook.json()["challenge"].clone(),
    )
}

#[test]
fn an_endpoint_that_answers_its_challenge_is_sent_everything_since_its_making() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let receiver = Receiver::willing();
    let made = hook(
        &acme,
        &receiver,
        &["wallet.created"],
        json!({ "challenge": true }),
    );
    assert_eq!(made.field("disabled_reason"), "unverified");
    assert_eq!(
        made.json()["challenge"],
        json!({ "status": "pending", "passed_at": null })
    );
    let (id, secret) = (made.id(), made.field("secret"));
    acme.wallet("master");
    assert_eq!(server.deliver(), 1, "the challenge alone");
    let challenge = receiver.take().remove(0);
    assert_eq!(challenge.event_type(), "webhook.challenge");
    assert!(challenge.is_signed_by(&secret));
    assert_eq!(echo(&challenge), challenge.header("webhook-id"));
    // `200 ok` is what any server says.
    let attempt = &acme.all(&format!("/v1/webhooks/{id}/attempts"))[0];
    assert_eq!(
        (&attempt["outcome"], &attempt["error"]),
        (&json!("failed"), &json!("challenge_not_answered"))
    );
    assert_eq!(shown(&acme, &id).0, "false");
    receiver.says(|request| format!("{}\n", echo(request)));
    server.clock.advance(66_000);
    let mark = acme.mark();
    assert_eq!(
        server.deliver(),
        2,
        "the challenge once more, and what waited for it"
    );
    let types: Vec<_> = receiver.take().iter().map(Received::event_type).collect();
    assert_eq!(types, ["webhook.challenge", "wallet.created"]);
    let (enabled, challenge) = shown(&acme, &id);
    assert_eq!(
        (enabled.as_str(), &challenge["status"]),
        ("true", &json!("passed"))
    );
    assert!(challenge["passed_at"].is_string());
    assert_eq!(
        texts(&acme.events_since(&mark), "type"),
        ["webhook.verified"]
    );
    let record = &acme.audit_since(&mark)[0];
    assert_eq!(
        (&record["action"], &record["user_id"]),
        (&json!("webhook_verified"), &json!("system:webhooks"))
    );
    acme.post(&format!("/v1/webhooks/{id}/challenge"), &json!({}))
        .refused(409, "invalid_state");
}

#[test]
fn another_address_must_answer_anew_and_an_old_answer_counts_no_longer() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let (first, second) = (Receiver::willing(), Receiver::start(|_| (500, None)));
    first.says(|request| format!("{{\"challenge\":\"{}\"}}", echo(request)));
    let id = hook(
        &acme,
        &first,
        &["wallet.created"],
        json!({ "challenge": true }),
    )
    .id();
    assert_eq!(server.deliver(), 1);
    assert_eq!(shown(&acme, &id).0, "true");
    let path = format!("/v1/webhooks/{id}");
    let patch = |body: Value| acme.request("PATCH", &path).json(&body).send().expect(200);
    patch(json!({ "description": "shop" }));
    assert_eq!(shown(&acme, &id).0, "true");
    assert_eq!(
        patch(json!({ "url": second.url() })).field("disabled_reason"),
        "unverified"
    );
    acme.wallet("master");
    assert_eq!(server.deliver(), 1);
    // Asked for again: the earlier one is not sent any more.
    acme.post(&format!("{path}/challenge"), &json!({}))
        .expect(200);
    second.become_of(|_| (200, None));
    second.says(echo);
    assert_eq!(server.deliver(), 2);
    let received = second.take();
    let types: Vec<_> = received.iter().map(Received::event_type).collect();
    assert_eq!(
        types,
        ["webhook.challenge", "webhook.challenge", "wallet.created"]
    );
    assert_ne!(ids(&received)[0], ids(&received)[1]);
    server.clock.advance(3_600_000);
    assert_eq!(server.deliver(), 0);
    // Stopped and resumed, it need not show again; without the wish, nothing is asked for.
    patch(json!({ "enabled": false }));
    assert_eq!(patch(json!({ "enabled": true })).field("enabled"), "true");
    patch(json!({ "url": first.url(), "challenge": false }));
    assert_eq!(shown(&acme, &id), ("true".into(), json!(null)));
}

#[test]
fn a_challenge_survives_a_restart_and_is_given_up_like_any_delivery() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let receiver = Receiver::start(|_| (410, None));
    let id = hook(&acme, &receiver, &["*"], json!({ "challenge": true })).id();
    assert_eq!(server.deliver(), 1);
    server.clock.advance(12 * 3_600_000);
    assert_eq!(
        (server.deliver(), receiver.take().len()),
        (0, 1),
        "410 is final"
    );
    receiver.become_of(|_| (500, None));
    acme.post(&format!("/v1/webhooks/{id}/challenge"), &json!({}))
        .expect(200);
    for _ in 0..8 {
        server.clock.advance(12 * 3_600_000);
        assert_eq!(server.deliver(), 1);
    }
    server.clock.advance(12 * 3_600_000);
    assert_eq!((server.deliver(), receiver.take().len()), (0, 8));
    assert_eq!(
        shown(&acme, &id).0,
        "false",
        "neither enabled nor disabled for good"
    );
    let left = acme.leave();
    let server = server.restart(ServerSettings::default());
    let acme = Tenant::back(&server, left);
    assert_eq!(server.deliver(), 0);
    acme.post(&format!("/v1/webhooks/{id}/challenge"), &json!({}))
        .expect(200);
    let left = acme.leave();
    let server = server.restart(ServerSettings::default());
    let acme = Tenant::back(&server, left);
    receiver.become_of(|_| (200, None));
    receiver.says(echo);
    server.clock.advance(1_000);
    assert!(server.deliver() >= 1);
    assert_eq!(shown(&acme, &id).0, "true");
}

#[test]
fn an_operator_may_ask_it_of_all() {
    let mut settings = ServerSettings::default();
    settings.edge.webhook_challenge = true;
    let server = TestServer::start(settings);
    let acme = Tenant::found(&server);
    let made = hook(&acme, &Receiver::willing(), &["*"], json!({}));
    assert_eq!(made.field("disabled_reason"), "unverified");
    let body = json!({ "url": Receiver::willing().url(), "events": ["*"], "challenge": false });
    let refused = acme.post("/v1/webhooks", &body).expect(422);
    assert_eq!(refused.field("errors/0/pointer"), "/challenge");
}

#[test]
fn an_endpoint_from_before_is_challenged_once_it_is_turned_elsewhere() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let id = hook(&acme, &Receiver::willing(), &["*"], json!({})).id();
    let left = acme.leave();
    let mut settings = ServerSettings::default();
    settings.edge.webhook_challenge = true;
    let server = server.restart(settings);
    let acme = Tenant::back(&server, left);
    let victim = Receiver::willing();
    let turn = json!({ "url": victim.url() });
    let request = acme.request("PATCH", &format!("/v1/webhooks/{id}"));
    let turned = request.json(&turn).send().expect(200);
    assert_eq!(turned.field("disabled_reason"), "unverified");
    acme.wallet("master");
    server.clock.advance(1_000);
    assert_eq!(server.deliver(), 1);
    assert_eq!(victim.take()[0].event_type(), "webhook.challenge");
}

#[test]
fn a_challenge_that_is_taken_back_while_it_is_under_way_leaves_nothing() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let receiver = Receiver::start(|_| (500, None));
    let id = hook(&acme, &receiver, &["*"], json!({ "challenge": true })).id();
    assert_eq!(server.deliver(), 1);
    let request = acme.request("PATCH", &format!("/v1/webhooks/{id}"));
    request
        .json(&json!({ "enabled": false }))
        .send()
        .expect(200);
    assert_eq!(server.deliver(), 0);
    let left = acme.all(&format!("/v1/webhooks/{id}/deliveries"));
    assert_eq!(left, [json!(null); 0]);
}
