//! `POST /v1/webhooks/{id}/roll`; REGRESSIONS secret_rotation_overlap.

use serde_json::json;
use strongroom_testkit::receiver::Receiver;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::Tenant;

use crate::v1::webhooks::hook;

#[test]
fn secret_rotation_overlap() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let receiver = Receiver::willing();
    let old = hook(
        &acme,
        &receiver,
        &["wallet.created"],
        json!({ "ed25519": true }),
    );
    let path = format!("/v1/webhooks/{}", old.id());
    let body = json!({ "overlap_seconds": 600, "cutover_seconds": 300 });
    let new = acme.post(&format!("{path}/roll"), &body).expect(200);
    assert_ne!(new.field("secret"), old.field("secret"));
    assert_ne!(new.field("public_key"), old.field("public_key"));
    assert_eq!(
        new.json()["rotation"],
        json!({
            "old_secret_until": server.engine.now().plus(600_000),
            "single_value_headers_switch_at": server.engine.now().plus(300_000),
        })
    );
    let sent = || {
        acme.wallet("master");
        server.deliver();
        receiver.take().pop().unwrap()
    };
    let (old, new) = (old.field("secret"), new.field("secret"));
    let count = |value: &str| (value.matches("v1,").count(), value.matches("v1a,").count());
    let first = sent();
    assert!(first.is_signed_by(&old));
    assert_eq!(count(first.header("webhook-signature")), (2, 2));
    server.clock.advance(300_000);
    let second = sent();
    assert!(second.is_signed_by(&new) && !second.is_signed_by(&old));
    assert_eq!(count(second.header("webhook-signature")), (2, 2));
    server.clock.advance(300_000);
    let third = sent();
    assert!(third.is_signed_by(&new));
    assert_eq!(count(third.header("webhook-signature")), (1, 1));
    assert_eq!(acme.get(&path).json()["rotation"], json!(null));
}

#[test]
fn rolls_that_cannot_be() {
    let acme = crate::v1::tenant();
    let id = hook(&acme, &Receiver::willing(), &["*"], json!({})).id();
    crate::v1::refuses(
        &acme,
        "POST",
        &format!("/v1/webhooks/{id}/roll"),
        &[
            (
                r#"{"overlap_seconds":604801}"#,
                422,
                "invalid_field",
                "/overlap_seconds",
            ),
            (
                r#"{"overlap_seconds":10,"cutover_seconds":11}"#,
                422,
                "invalid_field",
                "/cutover_seconds",
            ),
            (r#"{"secret":"short"}"#, 422, "invalid_field", "/secret"),
        ],
    );
}
