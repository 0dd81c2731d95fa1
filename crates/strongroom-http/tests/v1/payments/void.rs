//! `POST /v1/payments/{id}/void`

use serde_json::json;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, VISA, texts};

use crate::v1::payments::{balances, now, pay, verified};
use crate::v1::tenant;

#[test]
fn an_authorization_is_given_up_and_the_bank_is_told() {
    let acme = tenant();
    let wallet = acme.wallet("master");
    let id = acme.payment(&wallet, 500, false);
    let path = format!("/v1/payments/{id}");
    let mark = acme.mark();
    let reply = acme
        .post(&format!("{path}/void"), &json!({}))
        .expect(200)
        .json();
    assert_eq!(
        (&reply["status"], &reply["amount_capturable"]),
        (&json!("voided"), &json!(0))
    );
    assert_eq!(texts(&acme.events_since(&mark), "type"), ["payment.voided"]);
    acme.attend(&id);
    assert_eq!(
        texts(&acme.audit_since(&mark), "action"),
        ["payment_voided", "payment_reversed"]
    );
    acme.post(&format!("{path}/capture"), &json!({}))
        .refused(409, "invalid_state");
    acme.post(&format!("{path}/void"), &json!({}))
        .refused(409, "invalid_state");
    assert_eq!(balances(&acme, &wallet), [0, 0, 0]);
}

#[test]
fn what_was_captured_or_not_answered_is_not_voided() {
    let acme = tenant();
    let wallet = acme.wallet("master");
    let waiting = pay(&acme, VISA, &wallet, json!({})).expect(201).id();
    let captured = acme.payment(&wallet, 500, true);
    let part = acme.payment(&wallet, 500, false);
    acme.post(
        &format!("/v1/payments/{part}/capture"),
        &json!({ "amount": 1 }),
    )
    .expect(200);
    for id in [waiting, captured, part] {
        let path = format!("/v1/payments/{id}/void");
        acme.post(&path, &json!({})).refused(409, "invalid_state");
    }
}

#[test]
fn either_it_is_voided_or_it_is_captured() {
    let server = TestServer::start(ServerSettings::default());
    {
        let acme = Tenant::found(&server);
        let wallet = acme.wallet("master");
        let mut captured = 0;
        for _ in 0..10 {
            let id = acme.payment(&wallet, 500, false);
            let statuses: Vec<u16> = std::thread::scope(|scope| {
                let send = |n: usize| {
                    let verb = ["void", "capture"][n % 2];
                    acme.post(&format!("/v1/payments/{id}/{verb}"), &json!({}))
                        .status
                };
                let threads: Vec<_> = (0..32).map(|n| scope.spawn(move || send(n))).collect();
                threads
                    .into_iter()
                    .map(|thread| thread.join().unwrap())
                    .collect()
            });
            let done = statuses.iter().filter(|status| **status == 200).count();
            assert_eq!(done, 1, "{statuses:?}");
            captured += i64::from(now(&acme, &id, "status") == "captured");
            acme.attend(&id);
            assert_eq!(balances(&acme, &wallet), [500 * captured, 0, 0]);
        }
    }
    verified(server);
}
