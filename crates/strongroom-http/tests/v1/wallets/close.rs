//! `POST /v1/wallets/{id}/close`

use serde_json::json;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, texts};

use crate::v1::payments::{balances, pay, verified};
use crate::v1::pos::Shop;
use crate::v1::{payment_links, tenant};

const VISA: &str = "4242424242424242";
const DECLINED: &str = "4000000000000002";

fn close(acme: &Tenant<'_>, wallet: &str) -> Reply {
    acme.post(&format!("/v1/wallets/{wallet}/close"), &json!({}))
}

/// A payment that is captured when it is asked for.
fn held(acme: &Tenant<'_>, wallet: &str) -> String {
    let body = json!({ "capture": false });
    pay(acme, VISA, wallet, body).expect(201).id()
}

fn debit(acme: &Tenant<'_>, wallet: &str, minor: i64) {
    let body = json!({ "amount": minor });
    acme.post(&format!("/v1/wallets/{wallet}/debit"), &body)
        .expect(201);
}

#[test]
fn only_an_empty_leaf_closes_and_stays_closed() {
    let acme = tenant();
    let master = acme.wallet("master");
    let leaf = acme.funded("operating", 5);
    let close = |id: &str| {
        acme.request("POST", &format!("/v1/wallets/{id}/close"))
            .send()
    };
    close(&leaf).refused(422, "wallet_not_empty");
    close(&master).refused(422, "wallet_has_children");
    acme.post(
        &format!("/v1/wallets/{leaf}/debit"),
        &json!({ "amount": 5 }),
    )
    .expect(201);
    let mark = acme.mark();
    assert_eq!(close(&leaf).expect(200).field("status"), "closed");
    assert_eq!(texts(&acme.events_since(&mark), "type"), ["wallet.closed"]);
    assert_eq!(texts(&acme.audit_since(&mark), "action"), ["wallet_closed"]);
    for verb in ["close", "freeze", "unfreeze"] {
        acme.request("POST", &format!("/v1/wallets/{leaf}/{verb}"))
            .send()
            .refused(422, "wallet_closed");
    }
    acme.post(
        &format!("/v1/wallets/{leaf}/credit"),
        &json!({ "amount": 5 }),
    )
    .refused(422, "wallet_closed");
    let patch = json!({ "metadata": {} });
    acme.request("PATCH", &format!("/v1/wallets/{leaf}"))
        .json(&patch)
        .send()
        .refused(422, "wallet_closed");
    close(&master).expect(200);
}

#[test]
fn a_closed_operating_wallet_is_no_default() {
    let acme = tenant();
    acme.wallet("master");
    let operating = acme.wallet("operating");
    let reserve = acme.wallet("reserve");
    acme.request("POST", &format!("/v1/wallets/{operating}/close"))
        .send()
        .expect(200);
    let body = json!({ "amount": 1, "recipient": { "type": "wallet", "id": reserve } });
    acme.post("/v1/payouts", &body)
        .refused(422, "no_default_wallet");
}

#[test]
fn payments_that_may_still_be_captured_keep_it_open() {
    let server = TestServer::start(ServerSettings::default());
    {
        let acme = Tenant::found(&server);
        let wallet = acme.wallet("master");
        let [voided, captured] = [0; 2].map(|_| held(&acme, &wallet));
        let declined = pay(&acme, DECLINED, &wallet, json!({})).expect(201).id();
        let refused = close(&acme, &wallet).refused(422, "wallet_has_payments");
        assert!(refused.text().contains("3 payments"), "{}", refused.text());
        for payment in [&voided, &captured, &declined] {
            acme.attend(payment);
        }
        let refused = close(&acme, &wallet).refused(422, "wallet_has_payments");
        assert!(refused.text().contains("2 payments"), "{}", refused.text());
        acme.post(&format!("/v1/payments/{voided}/void"), &json!({}))
            .expect(200);
        // Frozen it may be at any time, and its payments wait.
        acme.post(&format!("/v1/wallets/{wallet}/freeze"), &json!({}))
            .expect(200);
        close(&acme, &wallet).refused(422, "wallet_has_payments");
        acme.post(&format!("/v1/wallets/{wallet}/unfreeze"), &json!({}))
            .expect(200);
        let capture = format!("/v1/payments/{captured}/capture");
        acme.post(&capture, &json!({ "amount": 200 })).expect(200);
        close(&acme, &wallet).refused(422, "wallet_not_empty");
        acme.attend(&captured);
        debit(&acme, &wallet, 200);
        // Empty, and 300 may still come.
        assert_eq!(balances(&acme, &wallet), [0, 0, 0]);
        close(&acme, &wallet).refused(422, "wallet_has_payments");
        acme.post(&capture, &json!({})).expect(200);
        close(&acme, &wallet).refused(422, "wallet_not_empty");
        acme.attend(&captured);
        debit(&acme, &wallet, 300);
        close(&acme, &wallet).expect(200);
        // What was paid into it is not given back out of it any more.
        acme.refund(&captured, 500).refused(422, "wallet_closed");
        acme.attend(&voided);
    }
    verified(server);
}

#[test]
fn links_that_may_still_be_paid_keep_it_open() {
    let server = TestServer::start(ServerSettings::default());
    {
        let acme = Tenant::found(&server);
        let wallet = acme.wallet("master");
        let link = |more: serde_json::Value| {
            let mut more = more;
            more["wallet_id"] = json!(wallet);
            let made = payment_links::link(&acme, &more);
            payment_links::id(&made).to_owned()
        };
        let [paid, cancelled] = [0; 2].map(|_| link(json!({})));
        link(json!({ "expires_at": "2026-01-01T00:00:01Z" }));
        let refused = close(&acme, &wallet).refused(422, "wallet_has_payment_links");
        assert!(refused.text().contains("3 active"), "{}", refused.text());
        acme.post(&format!("/v1/payment-links/{cancelled}/cancel"), &json!({}))
            .expect(200);
        let payment = payment_links::pay(&acme, &paid, 0, VISA);
        close(&acme, &wallet).refused(422, "wallet_has_payments");
        acme.attend(&payment);
        acme.attend(&payment);
        debit(&acme, &wallet, 500);
        let refused = close(&acme, &wallet).refused(422, "wallet_has_payment_links");
        assert!(refused.text().contains("1 active"), "{}", refused.text());
        server.clock.advance(2_000);
        server.rail();
        close(&acme, &wallet).expect(200);
    }
    verified(server);
}

#[test]
fn what_a_till_waits_for_keeps_it_open() {
    let server = TestServer::start(ServerSettings::default());
    {
        let shop = Shop::new(Tenant::found(&server));
        let [first, second] = [0; 2].map(|_| shop.card(500).expect(201));
        close(&shop.acme, &shop.wallet).refused(422, "wallet_has_payments");
        shop.attend(&first);
        shop.void(&first.id()).expect(200);
        assert_eq!(balances(&shop.acme, &shop.wallet), [0, 0, 0]);
        close(&shop.acme, &shop.wallet).refused(422, "wallet_has_payments");
        let freeze = format!("/v1/wallets/{}/freeze", shop.wallet);
        shop.acme.post(&freeze, &json!({})).expect(200);
        shop.attend(&second);
        close(&shop.acme, &shop.wallet).refused(422, "wallet_has_payments");
        // Approved while nothing could be taken, and voided: it waits for nothing more.
        shop.void(&second.id()).expect(200);
        close(&shop.acme, &shop.wallet).expect(200);
    }
    verified(server);
}
