//! Money that comes back once, or not at all.

use serde_json::json;
use strongroom_engine::verify::verify;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, fresh};

use crate::{at_once, tenant};

#[test]
fn refund_race() {
    let mut server = TestServer::start(ServerSettings::default());
    {
        let acme = Tenant::found(&server);
        let wallet = acme.wallet("master");
        // Enough of others' money that only the payment's own bound can hold.
        acme.credit(&wallet, 1_000_000);
        for round in 1..=20 {
            let payment = acme.paid(&wallet, 1_000);
            let replies = at_once(32, |n| {
                let minor = if n % 2 == 0 { 300 } else { 400 };
                acme.refund(&payment, minor)
            });
            let held: i64 = replies
                .iter()
                .filter(|reply| reply.status == 201)
                .map(|reply| reply.field("amount").parse::<i64>().unwrap())
                .sum();
            let refused = replies.iter().filter(|reply| reply.status != 201);
            for reply in refused {
                assert_eq!(
                    (reply.status, reply.code().as_str()),
                    (422, "refund_exceeds_payment")
                );
            }
            assert!((700..=1_000).contains(&held), "round {round}: {held}");
            let shown = acme.get(&format!("/v1/payments/{payment}")).expect(200);
            assert_eq!(shown.field("amount_refundable"), (1_000 - held).to_string());
            for reply in replies.iter().filter(|reply| reply.status == 201) {
                acme.attend(&reply.id());
            }
            let shown = acme.get(&format!("/v1/payments/{payment}")).expect(200);
            assert_eq!(shown.field("amount_refunded"), held.to_string());
        }
    }
    server.halt();
    let root = server.root_keys();
    let report = server.look(|store| verify(store, root, 1).unwrap());
    assert!(report.is_clean(), "{report}");
}

#[test]
fn refund_idempotent() {
    let acme = tenant();
    let wallet = acme.wallet("master");
    let payment = acme.paid(&wallet, 1_000);
    let key = fresh("refund");
    let body = json!({ "payment_id": payment, "amount": 400, "reason": "returned" });
    let replies = at_once(32, |_| {
        let request = acme.request("POST", "/v1/refunds").idempotent(&key);
        request.json(&body).send()
    });
    let first = replies.iter().find(|reply| reply.status == 201).unwrap();
    for reply in &replies {
        match reply.status {
            201 => assert_eq!(reply.body, first.body),
            status => assert_eq!(
                (status, reply.code().as_str()),
                (409, "idempotency_key_in_use")
            ),
        }
    }
    acme.attend(&first.id());
    let request = acme.request("POST", "/v1/refunds").idempotent(&key);
    let late = request.json(&body).send().expect(201);
    assert_eq!(late.body, first.body);
    assert_eq!(acme.available(&wallet), 600);
    assert_eq!(
        acme.all(&format!("/v1/refunds?payment_id={payment}")).len(),
        1
    );
}

#[test]
fn void_twice() {
    let acme = tenant();
    let id = acme.payment(&acme.wallet("master"), 500, false);
    let path = format!("/v1/payments/{id}/void");
    let replies = at_once(32, |_| acme.post(&path, &json!({})));
    let done = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(done, 1);
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (409, "invalid_state")
        );
    }
}

#[test]
fn apply_after_reject() {
    let acme = tenant();
    let wallet = acme.wallet("master");
    let token = acme.token("4000000000000002").expect(201).id();
    let body =
        json!({ "payment_token": token, "amount": 500, "wallet_id": wallet, "capture": false });
    let id = acme.post("/v1/payments", &body).expect(201).id();
    acme.attend(&id);
    for verb in ["capture", "void"] {
        acme.post(&format!("/v1/payments/{id}/{verb}"), &json!({}))
            .refused(409, "invalid_state");
    }
    acme.refund(&id, 1).refused(422, "refund_exceeds_payment");
    assert_eq!(acme.available(&wallet), 0);
}
