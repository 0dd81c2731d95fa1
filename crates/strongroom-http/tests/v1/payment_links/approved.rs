//! A payment that was approved and not captured has not paid its link.

use serde_json::{Value, json};
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, texts};
use strongroom_types::time::{DAY, SECOND};

use super::{attempt_of, card, form, id, link, now, pay};
use crate::v1::payments::{self, balances, verified};

const VISA: &str = "4242424242424242";
const CHALLENGED: &str = "4000000000003105";

fn set(acme: &Tenant<'_>, wallet: &str, verb: &str) -> Reply {
    acme.post(&format!("/v1/wallets/{wallet}/{verb}"), &json!({}))
}

/// A link and its payment, which was approved while the wallet was frozen: the payer was at his bank meanwhile.
fn approved(acme: &Tenant<'_>, wallet: &str, more: &Value) -> (String, String) {
    let mut more = more.clone();
    more["wallet_id"] = json!(wallet);
    let made = link(acme, &more);
    let id = id(&made);
    let payment = pay(acme, id, 0, CHALLENGED);
    acme.attend(&payment);
    // What waits for the payer's bank may bring money still.
    set(acme, wallet, "close").refused(422, "wallet_has_payments");
    set(acme, wallet, "freeze").expect(200);
    let mark = acme.mark();
    let path = payments::now(acme, &payment, "next_action/path");
    let confirmed = acme
        .server
        .request("POST", &path)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("answer=confirm");
    assert_eq!(confirmed.send().status, 303);
    acme.attend(&payment);
    assert_eq!(payments::now(acme, &payment, "status"), "authorized");
    assert_eq!(balances(acme, wallet), [0, 0, 0]);
    assert_eq!(
        texts(&acme.events_since(&mark), "type"),
        ["payment.authenticated", "payment.authorized"]
    );
    (id.to_owned(), payment)
}

/// It is active, and its payment is under way.
fn waits(acme: &Tenant<'_>, id: &str, payment: &str) {
    let found = now(acme, id);
    assert_eq!(
        (&found["status"], &found["payment_id"], &found["ended_at"]),
        (&json!("active"), &json!(payment), &Value::Null)
    );
    for path in [format!("/pay/{id}"), format!("/pay/{id}?attempt={payment}")] {
        let text = acme.server.get(&path).text();
        assert!(
            text.contains("is being processed") && text.contains("has not taken the money yet"),
            "{text}"
        );
        assert!(!text.contains("complete"), "{text}");
    }
    let other = form(acme.server, id, &card(1, VISA)).send();
    assert_eq!(attempt_of(&other).1, None);
    acme.post(&format!("/v1/payment-links/{id}/cancel"), &json!({}))
        .refused(409, "payment_link_busy");
}

/// It can be paid again, and whoever comes back with the attempt is told so.
fn is_open_again(acme: &Tenant<'_>, id: &str, payment: &str) {
    let found = now(acme, id);
    assert_eq!(
        (&found["status"], &found["payment_id"], &found["attempts"]),
        (&json!("active"), &Value::Null, &json!(1))
    );
    let text = acme
        .server
        .get(&format!("/pay/{id}?attempt={payment}"))
        .text();
    assert!(text.contains("Your payment was not taken"), "{text}");
    assert!(text.contains("name=\"attempt\" value=\"1\""), "{text}");
    let text = acme.server.get(&format!("/pay/{id}")).text();
    assert!(!text.contains("was not taken"), "{text}");
}

#[test]
fn the_capture_pays_it() {
    let server = TestServer::start(ServerSettings::default());
    {
        let acme = Tenant::found(&server);
        let wallet = acme.wallet("master");
        let (id, payment) = approved(&acme, &wallet, &json!({}));
        waits(&acme, &id, &payment);
        set(&acme, &wallet, "close").refused(422, "wallet_has_payments");
        let capture = format!("/v1/payments/{payment}/capture");
        acme.post(&capture, &json!({}))
            .refused(422, "wallet_frozen");
        set(&acme, &wallet, "unfreeze").expect(200);
        acme.post(&capture, &json!({ "amount": 499 }))
            .refused(409, "invalid_state");
        waits(&acme, &id, &payment);
        let mark = acme.mark();
        acme.post(&capture, &json!({})).expect(200);
        assert_eq!(
            texts(&acme.events_since(&mark), "type"),
            ["payment.captured", "payment.succeeded", "payment_link.paid"]
        );
        let paid = now(&acme, &id);
        assert_eq!(
            (&paid["status"], &paid["payment_id"]),
            (&json!("paid"), &json!(payment))
        );
        let text = server.get(&format!("/pay/{id}?attempt={payment}")).text();
        assert!(text.contains("Payment complete") && text.contains("3105"));
        assert_eq!(balances(&acme, &wallet), [0, 500, 0]);
    }
    verified(server);
}

#[test]
fn voided_it_can_be_paid_again() {
    let server = TestServer::start(ServerSettings::default());
    {
        let acme = Tenant::found(&server);
        let wallet = acme.wallet("master");
        let (id, payment) = approved(&acme, &wallet, &json!({}));
        let mark = acme.mark();
        acme.post(&format!("/v1/payments/{payment}/void"), &json!({}))
            .expect(200);
        assert_eq!(texts(&acme.events_since(&mark), "type"), ["payment.voided"]);
        is_open_again(&acme, &id, &payment);
        set(&acme, &wallet, "unfreeze").expect(200);
        let second = pay(&acme, &id, 1, VISA);
        acme.attend(&payment);
        acme.attend(&second);
        let paid = now(&acme, &id);
        assert_eq!(
            (&paid["status"], &paid["payment_id"]),
            (&json!("paid"), &json!(second))
        );
    }
    verified(server);
}

#[test]
fn lapsed_it_can_be_paid_again_or_is_over() {
    let server = TestServer::start(ServerSettings::default());
    {
        let acme = Tenant::found(&server);
        let [first, second] = [0; 2].map(|_| acme.wallet("master"));
        let (long, lapsed) = approved(&acme, &first, &json!({}));
        let soon = json!({ "expires_at": "2026-01-02T00:00:00Z" });
        let (short, other) = approved(&acme, &second, &soon);
        server.clock.advance(2 * DAY);
        server.rail();
        // Its time is over, and its payment decides.
        waits(&acme, &short, &other);
        let mark = acme.mark();
        server.clock.advance(5 * DAY + SECOND);
        server.rail();
        assert_eq!(payments::now(&acme, &lapsed, "status"), "expired");
        is_open_again(&acme, &long, &lapsed);
        let over = now(&acme, &short);
        assert_eq!(
            (&over["status"], &over["payment_id"]),
            (&json!("expired"), &Value::Null)
        );
        assert!(
            server
                .get(&format!("/pay/{short}"))
                .text()
                .contains("has expired")
        );
        let mut told = texts(&acme.events_since(&mark), "type");
        told.sort_unstable();
        assert_eq!(
            told,
            ["payment.expired", "payment.expired", "payment_link.expired"]
        );
        server.clock.advance(SECOND);
        server.rail();
        // Nothing is waited for any more: it closes.
        set(&acme, &second, "close").expect(200);
    }
    verified(server);
}
