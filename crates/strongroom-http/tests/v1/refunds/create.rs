//! `POST /v1/refunds`

use serde_json::json;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, VISA, fresh, texts};

use crate::v1::payments::{balances, now, pay, verified};
use crate::v1::{NOW, refuses, tenant};

#[test]
fn money_is_held_until_the_acquirer_has_given_it_back() {
    let acme = tenant();
    let wallet = acme.wallet("master");
    let payment = acme.paid(&wallet, 500);
    let token = now(&acme, &payment, "payment_token");
    let mark = acme.mark();
    let body = json!({
        "payment_id": payment, "amount": "2.00", "reason": "one cup was cold", "reference_id": fresh("back"),
        "metadata": { "till": "3" },
    });
    let reply = acme.post("/v1/refunds", &body).expect(201);
    let id = reply.id();
    let mut shown = json!({
        "id": id, "object": "refund", "status": "pending", "amount": 200, "amount_decimal": "2.00",
        "currency": "PHP", "payment_id": payment, "payment_token": token, "wallet_id": wallet,
        "reason": "one cup was cold", "reference_id": body["reference_id"], "metadata": { "till": "3" },
        "fee": 0, "fee_decimal": "0.00", "net": 200, "net_decimal": "2.00",
        "failure_code": null, "processed_at": null, "created_at": NOW,
    });
    assert_eq!(reply.json(), shown);
    assert_eq!(balances(&acme, &wallet), [300, 0, 200]);
    assert_eq!(now(&acme, &payment, "amount_refundable"), "300");
    let events = acme.events_since(&mark);
    assert_eq!(
        texts(&events, "type"),
        ["refund.created", "wallet.reserved"]
    );
    assert_eq!(
        events[0]["data"],
        json!({ "refund_id": id, "payment_id": payment, "amount": 200, "currency": "PHP", "status": "pending" })
    );
    let mark = acme.mark();
    acme.attend(&id);
    shown["status"] = json!("completed");
    shown["processed_at"] = json!(NOW);
    assert_eq!(
        acme.get(&format!("/v1/refunds/{id}")).expect(200).json(),
        shown
    );
    assert_eq!(balances(&acme, &wallet), [300, 0, 0]);
    assert_eq!(now(&acme, &payment, "amount_refunded"), "200");
    assert_eq!(
        texts(&acme.events_since(&mark), "type"),
        ["wallet.debited", "refund.completed"]
    );
    assert_eq!(
        texts(&acme.audit_since(&mark), "action"),
        ["refund_sent", "refund_completed"]
    );
    // What is left, without naming it.
    let rest = json!({ "payment_id": payment, "reason": "the other one too" });
    let rest = acme.post("/v1/refunds", &rest).expect(201);
    assert_eq!(rest.field("amount"), "300");
    acme.attend(&rest.id());
    assert_eq!(balances(&acme, &wallet), [0, 0, 0]);
    acme.refund(&payment, 1)
        .refused(422, "refund_exceeds_payment");
    let none = json!({ "payment_id": payment, "reason": "again" });
    acme.post("/v1/refunds", &none)
        .refused(422, "refund_exceeds_payment");
    let lines = acme.all(&format!("/v1/wallets/{wallet}/transactions"));
    assert_eq!(
        texts(&lines, "type"),
        [
            "refund_settlement",
            "refund_hold",
            "refund_settlement",
            "refund_hold",
            "payment_settlement",
            "payment_capture",
        ]
    );
    assert_eq!(texts(&lines, "refund_id")[3], id);
}

#[test]
fn a_declined_refund_comes_back_and_can_be_tried_again() {
    let acme = tenant();
    let wallet = acme.wallet("master");
    let payment = acme.paid(&wallet, 500);
    // In the sandbox the last two digits of the amount choose the failure.
    let declined = acme.refund(&payment, 104).expect(201).id();
    let mark = acme.mark();
    acme.attend(&declined);
    let shown = acme.get(&format!("/v1/refunds/{declined}")).expect(200);
    assert_eq!(
        (shown.field("status"), shown.field("failure_code")),
        ("failed".into(), "refund_declined".into())
    );
    assert_eq!(
        texts(&acme.events_since(&mark), "type"),
        ["wallet.released", "refund.failed"]
    );
    assert_eq!(balances(&acme, &wallet), [500, 0, 0]);
    assert_eq!(now(&acme, &payment, "amount_refundable"), "500");
    let late = acme.refund(&payment, 105).expect(201).id();
    acme.attend(&late);
    assert_eq!(balances(&acme, &wallet), [395, 0, 105], "not known yet");
    acme.attend(&late);
    assert_eq!(balances(&acme, &wallet), [395, 0, 0]);
}

#[test]
fn refunds_that_cannot_be() {
    let (acme, other) = (tenant(), tenant());
    let wallet = acme.wallet("master");
    let payment = acme.paid(&wallet, 500);
    let foreign = other.paid(&other.wallet("master"), 500);
    let waiting = pay(&acme, VISA, &wallet, json!({})).expect(201).id();
    let authorized = acme.payment(&wallet, 500, false);
    let bodies = [
        (
            json!({ "payment_id": payment }),
            422,
            "field_required",
            "/reason",
        ),
        (
            json!({ "reason": "x" }),
            422,
            "field_required",
            "/payment_id",
        ),
        (
            json!({ "payment_id": foreign, "reason": "x" }),
            404,
            "payment_not_found",
            "/payment_id",
        ),
        (
            json!({ "payment_id": "pay_1", "reason": "x" }),
            404,
            "payment_not_found",
            "/payment_id",
        ),
        (
            json!({ "payment_id": payment, "reason": "x", "amount": 501 }),
            422,
            "refund_exceeds_payment",
            "/amount",
        ),
        (
            json!({ "payment_id": payment, "reason": "x", "amount": 0 }),
            422,
            "amount_not_positive",
            "/amount",
        ),
        (
            json!({ "payment_id": payment, "reason": "x", "amount": 5, "currency": "USD" }),
            422,
            "currency_mismatch",
            "/currency",
        ),
        (
            json!({ "payment_id": payment, "reason": "x", "currency": "JPY" }),
            422,
            "currency_mismatch",
            "/currency",
        ),
        (
            json!({ "payment_id": waiting, "reason": "x" }),
            422,
            "refund_exceeds_payment",
            "/amount",
        ),
        (
            json!({ "payment_id": authorized, "reason": "x" }),
            422,
            "refund_exceeds_payment",
            "/amount",
        ),
        (
            json!({ "payment_id": payment, "reason": "x", "card": "tok" }),
            422,
            "unknown_field",
            "/card",
        ),
        (
            json!({ "payment_id": payment, "reason": "x", "payment_token": "tok" }),
            422,
            "unknown_field",
            "/payment_token",
        ),
    ];
    let bodies: Vec<_> = bodies
        .iter()
        .map(|(body, status, code, at)| (body.to_string(), *status, *code, *at))
        .collect();
    let cases: Vec<_> = bodies
        .iter()
        .map(|(b, s, c, p)| (b.as_str(), *s, *c, *p))
        .collect();
    refuses(&acme, "POST", "/v1/refunds", &cases);
    assert_eq!(balances(&acme, &wallet), [500, 0, 0]);
    acme.post(&format!("/v1/wallets/{wallet}/freeze"), &json!({}))
        .expect(200);
    acme.refund(&payment, 100).refused(422, "wallet_frozen");
}

#[test]
fn what_is_not_settled_or_was_paid_out_cannot_be_held() {
    let server = TestServer::start(ServerSettings::default());
    {
        let acme = Tenant::found(&server);
        let (wallet, other) = (acme.wallet("master"), acme.wallet("operating"));
        let payment = acme.payment(&wallet, 500, true);
        acme.refund(&payment, 100)
            .refused(422, "insufficient_funds");
        acme.attend(&payment);
        acme.pay(&wallet, &other, 450).expect(201);
        acme.refund(&payment, 100)
            .refused(422, "insufficient_funds");
        let refund = acme.refund(&payment, 50).expect(201).id();
        acme.attend(&refund);
        assert_eq!(balances(&acme, &wallet), [0, 0, 0]);
        assert_eq!(now(&acme, &payment, "amount_refundable"), "450");
        // Captured in two parts: one is given back before the other is settled.
        let parts = acme.payment(&wallet, 1_000, false);
        let capture = format!("/v1/payments/{parts}/capture");
        acme.post(&capture, &json!({ "amount": 400 })).expect(200);
        acme.attend(&parts);
        acme.post(&capture, &json!({ "amount": 600 })).expect(200);
        let refund = acme.refund(&parts, 300).expect(201).id();
        assert_eq!(balances(&acme, &wallet), [100, 600, 300]);
        server.clock.advance(60_000);
        acme.attend(&refund);
        while server.rail() > 0 {}
        assert_eq!(balances(&acme, &wallet), [700, 0, 0]);
    }
    verified(server);
}
