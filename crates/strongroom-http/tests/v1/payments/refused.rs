//! Captures that the acquirer does not take, though it approved the payment.

use std::sync::Arc;

use serde_json::json;
use strongroom_testkit::distant::DistantAcquirer;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, VISA, texts};

use crate::v1::alerts::alerts;
use crate::v1::payments::distant::wait;
use crate::v1::payments::{balances, now, verified};
use crate::v1::{fees, payment_links, pos};

/// An acquirer that refuses so much of what is captured.
fn refusing(minor: i64) -> Arc<DistantAcquirer> {
    let acquirer = DistantAcquirer::default();
    acquirer.come();
    acquirer.hear();
    acquirer.refuse(minor);
    Arc::new(acquirer)
}

/// Has the workers do what is due in a while, by this acquirer, while `work` is done.
fn at_work(server: &TestServer, acquirer: Arc<DistantAcquirer>, work: impl FnOnce()) {
    server.clock.advance(60_000);
    server.at_work(acquirer, work);
}

#[test]
fn a_payment_whose_capture_is_refused_fails_and_what_waits_for_it_ends() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let wallet = acme.funded("master", 500);
    let id = acme.payment(&wallet, 500, true);
    let refund = acme.refund(&id, 500).expect(201).id();
    assert_eq!(balances(&acme, &wallet), [0, 500, 500]);
    let mark = acme.mark();
    let refund = format!("/v1/refunds/{refund}");
    at_work(&server, refusing(500), || {
        wait("the end of its refund", || {
            acme.get(&refund).expect(200).field("status") == "failed"
        });
    });
    let failed = acme.get(&format!("/v1/payments/{id}")).expect(200);
    for (field, value) in [
        ("status", "failed"),
        ("failure_code", "expired_card"),
        ("amount_captured", "0"),
        ("amount_refused", "500"),
        ("refused_code", "expired_card"),
        ("amount_refundable", "0"),
    ] {
        assert_eq!(failed.field(field), value, "{field}");
    }
    let refund = acme.get(&refund).expect(200);
    assert_eq!(refund.field("failure_code"), "capture_refused");
    assert_eq!(balances(&acme, &wallet), [500, 0, 0]);
    let events = acme.events_since(&mark);
    let expected = [
        "payment.capture_refused",
        "payment.failed",
        "wallet.released",
        "refund.failed",
    ];
    assert_eq!(texts(&events, "type"), expected);
    assert_eq!(events[0]["data"]["amount_refused"], 500);
    let alert = &alerts(&acme, "")[0];
    assert_eq!(alert["type"], "capture_refused");
    assert_eq!(alert["subject_id"], json!(wallet));
    let frozen = acme.post(&format!("/v1/payments/{id}/capture"), &json!({}));
    frozen.refused(409, "invalid_state");
    drop(acme);
    verified(server);
}

#[test]
fn what_was_heard_stays_and_what_was_refused_can_be_captured_again() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    fees::schedule(&acme, "payments", 250, 15, &json!({})).expect(201);
    let wallet = acme.wallet("master");
    let id = acme.payment(&wallet, 1_000, false);
    let capture = |minor: i64| {
        let path = format!("/v1/payments/{id}/capture");
        acme.post(&path, &json!({ "amount": minor })).expect(200)
    };
    capture(400);
    acme.attend(&id);
    capture(300);
    let acquirer = refusing(300);
    let mark = acme.mark();
    at_work(&server, Arc::clone(&acquirer), || {
        wait("its refusal", || {
            now(&acme, &id, "amount_captured") == "400"
        });
    });
    let events = texts(&acme.events_since(&mark), "type");
    assert_eq!(events, ["payment.capture_refused"]);
    assert_eq!(now(&acme, &id, "status"), "partially_captured");
    assert_eq!(now(&acme, &id, "amount_capturable"), "600");
    assert_eq!(balances(&acme, &wallet), [375, 0, 0]);
    // In parts once more, of which a second is refused.
    capture(200);
    capture(400);
    acquirer.refuse(200);
    at_work(&server, Arc::clone(&acquirer), || {
        wait("what is left", || {
            now(&acme, &id, "amount_settled") == "800"
        });
    });
    capture(200);
    at_work(&server, acquirer, || {
        wait("all of it", || now(&acme, &id, "amount_settled") == "1000");
    });
    let whole = acme.get(&format!("/v1/payments/{id}")).expect(200);
    assert_eq!(whole.field("status"), "captured");
    assert_eq!(whole.field("amount_refused"), "500");
    // The fee is that of one capture of the sum.
    assert_eq!(whole.field("fee"), "40");
    assert_eq!(balances(&acme, &wallet), [960, 0, 0]);
    drop(acme);
    verified(server);
}

#[test]
fn a_link_stays_paid_and_a_sale_completed_which_can_be_voided() {
    let server = TestServer::start(ServerSettings::default());
    {
        let shop = pos::Shop::new(Tenant::found(&server));
        let acme = &shop.acme;
        let link = payment_links::link(acme, &json!({}));
        let link = payment_links::id(&link);
        let by_link = payment_links::pay(acme, link, 0, VISA);
        acme.attend(&by_link);
        assert_eq!(payment_links::now(acme, link)["status"], "paid");
        let sale = shop.card(500).expect(201);
        shop.attend(&sale);
        let by_sale = sale.field("tenders/0/payment_id");
        assert_eq!(shop.sale(&sale.id()).field("status"), "completed");
        at_work(&server, refusing(500), || {
            for id in [&by_link, &by_sale] {
                wait("its failure", || now(acme, id, "status") == "failed");
            }
        });
        let paid = payment_links::now(acme, link);
        assert_eq!(
            (&paid["status"], &paid["payment_id"]),
            (&json!("paid"), &json!(by_link))
        );
        assert_eq!(shop.sale(&sale.id()).field("status"), "completed");
        shop.refund(&sale.id(), 1)
            .refused(422, "refund_exceeds_payment");
        assert_eq!(shop.void(&sale.id()).expect(200).field("status"), "voided");
        assert_eq!(balances(acme, &shop.wallet), [0, 0, 0]);
    }
    verified(server);
}
