//! `POST /v1/webhooks`

use serde_json::json;
use strongroom_auth::Role;
use strongroom_testkit::receiver::Receiver;

use crate::v1::webhooks::hook;
use crate::v1::{refuses, tenant};

#[test]
fn a_minted_secret_is_shown_once() {
    let acme = tenant();
    let receiver = Receiver::willing();
    let made = hook(&acme, &receiver, &["payout.*"], json!({ "ed25519": true }));
    let shown = made.json();
    assert!(made.field("secret").starts_with("whsec_"), "{shown}");
    assert_eq!(made.field("secret").len(), 6 + 44);
    assert!(made.field("public_key").starts_with("whpk_"), "{shown}");
    assert_eq!(
        (&shown["enabled"], &shown["ordered"], &shown["rotation"]),
        (&json!(true), &json!(false), &json!(null))
    );
    let again = acme.get(&format!("/v1/webhooks/{}", made.id())).expect(200);
    assert_eq!(again.json().get("secret"), None);
    assert!(!again.text().contains(&made.field("secret")));
    assert_eq!(acme.all("/v1/webhooks"), [again.json()]);
}

#[test]
fn bodies_that_are_refused_and_why() {
    let acme = tenant();
    let url = Receiver::willing().url();
    let with = |rest: &str| format!(r#"{{"url":"{url}","events":["*"]{rest}}}"#);
    let short = with(r#","secret":"whsec_too_short_by_one1""#);
    let flag = with(r#","enabled":"yes""#);
    let network = |text: &str| with(&format!(r#","network":"{text}""#));
    let (no_range, bits) = (network("127.0.0.1-9"), network("127.0.0.1/8"));
    let (closed, outside) = (network("10.0.0.0/8"), network("127.99.0.0/16"));
    let strange = with(r#","headers":{}"#);
    let events = |list: &str| format!(r#"{{"url":"{url}","events":{list}}}"#);
    let (none, unknown) = (events("[]"), events(r#"["payout.lost"]"#));
    refuses(
        &acme,
        "POST",
        "/v1/webhooks",
        &[
            (r#"{"events":["*"]}"#, 422, "field_required", "/url"),
            (
                &format!(r#"{{"url":"{url}"}}"#),
                422,
                "field_required",
                "/events",
            ),
            (
                r#"{"url":"ftp://x","events":["*"]}"#,
                422,
                "invalid_field",
                "/url",
            ),
            (
                r#"{"url":"http://10.0.0.1/","events":["*"]}"#,
                422,
                "invalid_field",
                "/url",
            ),
            (&none, 422, "invalid_field", "/events"),
            (&unknown, 422, "invalid_field", "/events"),
            (&short, 422, "invalid_field", "/secret"),
            (&flag, 422, "invalid_field", "/enabled"),
            (&no_range, 422, "invalid_field", "/network"),
            (&bits, 422, "invalid_field", "/network"),
            (&closed, 422, "invalid_field", "/network"),
            (&outside, 422, "invalid_field", "/url"),
            (&strange, 422, "unknown_field", "/headers"),
        ],
    );
}

#[test]
fn live_mode_takes_no_plain_http_and_no_private_network() {
    let acme = tenant();
    let live = acme.live();
    let body = json!({ "url": Receiver::willing().url(), "events": ["*"] });
    let refused = live.post("/v1/webhooks", &body).expect(422);
    assert_eq!(refused.field("errors/0/pointer"), "/url");
}

#[test]
fn only_who_may_manage_webhooks_makes_one() {
    let acme = tenant();
    let body = json!({ "url": Receiver::willing().url(), "events": ["*"] });
    let send = |role: Role| {
        let key = acme.key(role);
        let request = acme.server.request("POST", "/v1/webhooks");
        request.bearer(&key.text).json(&body).send().status
    };
    assert_eq!(send(Role::Admin), 201);
    assert_eq!((send(Role::Viewer), send(Role::Operator)), (403, 403));
}
