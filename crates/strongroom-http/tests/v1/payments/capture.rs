//! `POST /v1/payments/{id}/capture`

use serde_json::json;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, texts};

use crate::v1::payments::{balances, now, verified};
use crate::v1::{refuses, tenant};

#[test]
fn parts_are_captured_until_nothing_is_left() {
    let acme = tenant();
    let wallet = acme.wallet("master");
    let id = acme.payment(&wallet, 500, false);
    assert_eq!(now(&acme, &id, "status"), "authorized");
    assert_eq!(
        (
            now(&acme, &id, "amount_capturable"),
            balances(&acme, &wallet)
        ),
        ("500".into(), [0, 0, 0])
    );
    let path = format!("/v1/payments/{id}/capture");
    let mark = acme.mark();
    let first = acme
        .post(&path, &json!({ "amount": 200 }))
        .expect(200)
        .json();
    assert_eq!(first["status"], "partially_captured");
    assert_eq!(
        (&first["amount_captured"], &first["amount_capturable"]),
        (&json!(200), &json!(300))
    );
    assert_eq!(
        texts(&acme.events_since(&mark), "type"),
        ["payment.captured"]
    );
    let over = acme.post(&path, &json!({ "amount": 301 }));
    let over = over.refused(422, "capture_exceeds_authorization");
    assert_eq!(over.field("errors/0/pointer"), "/amount");
    acme.attend(&id);
    assert_eq!(balances(&acme, &wallet), [200, 0, 0]);
    acme.post(&path, &json!({ "amount": "1.00" })).expect(200);
    let mark = acme.mark();
    let last = acme
        .request("POST", &path)
        .idempotent("the-rest")
        .send()
        .expect(200)
        .json();
    assert_eq!(
        (&last["status"], &last["amount_captured"]),
        (&json!("captured"), &json!(500))
    );
    assert_eq!(
        texts(&acme.events_since(&mark), "type"),
        ["payment.captured", "payment.succeeded"]
    );
    assert_eq!(balances(&acme, &wallet), [200, 300, 0]);
    acme.attend(&id);
    assert_eq!(balances(&acme, &wallet), [500, 0, 0]);
    acme.post(&path, &json!({ "amount": 1 }))
        .refused(409, "invalid_state");
}

#[test]
fn captures_that_cannot_be() {
    let acme = tenant();
    let id = acme.payment(&acme.wallet("master"), 500, false);
    refuses(
        &acme,
        "POST",
        &format!("/v1/payments/{id}/capture"),
        &[
            (r#"{"amount":0}"#, 422, "amount_not_positive", "/amount"),
            (
                r#"{"amount":5,"currency":"USD"}"#,
                422,
                "currency_mismatch",
                "/currency",
            ),
            (
                r#"{"currency":"JPY"}"#,
                422,
                "currency_mismatch",
                "/currency",
            ),
            (
                r#"{"amount":5,"currency":"pesos"}"#,
                422,
                "invalid_field",
                "/currency",
            ),
            (r#"{"part":5}"#, 422, "unknown_field", "/part"),
        ],
    );
}

#[test]
fn many_at_once_capture_what_there_is_and_no_more() {
    let server = TestServer::start(ServerSettings::default());
    {
        let acme = Tenant::found(&server);
        let wallet = acme.wallet("master");
        for round in 1..=5 {
            let id = acme.payment(&wallet, 500, false);
            let path = format!("/v1/payments/{id}/capture");
            let statuses: Vec<u16> = std::thread::scope(|scope| {
                let send = || acme.post(&path, &json!({ "amount": 100 })).status;
                let threads: Vec<_> = (0..32).map(|_| scope.spawn(send)).collect();
                threads
                    .into_iter()
                    .map(|thread| thread.join().unwrap())
                    .collect()
            });
            let done = statuses.iter().filter(|status| **status == 200).count();
            assert_eq!(done, 5, "{statuses:?}");
            assert_eq!(now(&acme, &id, "amount_captured"), "500");
            acme.attend(&id);
            assert_eq!(balances(&acme, &wallet), [500 * round, 0, 0]);
        }
    }
    verified(server);
}
