//! Paying a link: one payment, for the amount that the link says, whatever is sent and however often.

use std::sync::Barrier;

use serde_json::{Value, json};
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, texts};

use super::{attempt_of, card, form, id, link, now, pay};
use crate::v1::payments::{balances, verified};
use crate::v1::tenant;

const VISA: &str = "4242424242424242";
const DECLINED: &str = "4000000000000002";

#[test]
fn a_link_is_paid_by_the_one_way_there_is() {
    let acme = tenant();
    let wallet = acme.wallet("master");
    let more =
        json!({ "wallet_id": wallet, "description": "Two chairs", "metadata": { "cart": "7" } });
    let made = link(&acme, &more);
    let id = id(&made);
    let mark = acme.mark();
    let payment = pay(&acme, id, 0, VISA);
    let audit = acme.audit_since(&mark);
    assert_eq!(
        texts(&audit, "action"),
        ["token_created", "payment_created"]
    );
    assert_eq!(audit[1]["user_id"], "system:payment_page");
    assert_eq!(audit[1]["details"]["payment_link_id"], json!(id));
    let stored = acme
        .get(&format!("/v1/payments/{payment}"))
        .expect(200)
        .json();
    assert_eq!(
        (
            &stored["amount"],
            &stored["payment_link_id"],
            &stored["description"],
            &stored["metadata"]
        ),
        (
            &json!(500),
            &json!(id),
            &json!("Two chairs"),
            &json!({ "cart": "7" })
        )
    );
    assert_eq!(now(&acme, id)["status"], "active");
    let mark = acme.mark();
    acme.attend(&payment);
    assert_eq!(balances(&acme, &wallet), [0, 500, 0]);
    let events = acme.events_since(&mark);
    assert_eq!(
        texts(&events, "type"),
        [
            "payment.authorized",
            "payment.captured",
            "payment.succeeded",
            "payment_link.paid"
        ]
    );
    assert_eq!(
        events[3]["data"],
        json!({ "payment_link_id": id, "amount": 500, "currency": "PHP", "status": "paid", "payment_id": payment })
    );
    let link = now(&acme, id);
    assert_eq!(
        (&link["status"], &link["payment_id"]),
        (&json!("paid"), &json!(payment))
    );
    // Again, with the form as it was and as it would be.
    for attempt in [0, 1] {
        let again = form(acme.server, id, &card(attempt, VISA)).send();
        assert_eq!((again.status, attempt_of(&again).1), (303, None));
    }
    assert_eq!(acme.all("/v1/payments").len(), 1);
    acme.attend(&payment);
    assert_eq!(balances(&acme, &wallet), [500, 0, 0]);
    // Given back, the link stays paid: it was.
    let refund = acme.refund(&payment, 500).expect(201).id();
    acme.attend(&refund);
    assert_eq!(now(&acme, id)["status"], "paid");
}

#[test]
fn a_declined_card_leaves_the_link_and_says_why() {
    let acme = tenant();
    let made = link(&acme, &json!({}));
    let id = id(&made);
    for (n, (number, words)) in [
        (DECLINED, "The card was declined"),
        ("4000000000009995", "does not have enough money"),
        ("4000000000009979", "The card was declined"),
        ("4000000000000127", "The security code was wrong"),
    ]
    .into_iter()
    .enumerate()
    {
        let attempt = u64::try_from(n).unwrap();
        let payment = pay(&acme, id, attempt, number);
        acme.attend(&payment);
        let shown = acme
            .server
            .get(&format!("/pay/{id}?attempt={payment}"))
            .text();
        assert!(
            shown.contains(words) && shown.contains("Nothing was charged"),
            "{shown}"
        );
        assert!(shown.contains(&format!("name=\"attempt\" value=\"{}\"", n + 1)));
        assert!(!shown.contains("stolen"), "{shown}");
    }
    let link = now(&acme, id);
    assert_eq!(
        (&link["status"], &link["payment_id"], &link["attempts"]),
        (&json!("active"), &Value::Null, &json!(4))
    );
    assert_eq!(link["last_failure_code"], "incorrect_cvv");
    // The first form once more, as a browser's back button sends it: no attempt.
    let stale = form(acme.server, id, &card(0, VISA)).send();
    assert_eq!((stale.status, attempt_of(&stale).1), (303, None));
    assert_eq!(now(&acme, id)["attempts"], 4);
    let payment = pay(&acme, id, 4, VISA);
    acme.attend(&payment);
    assert_eq!(now(&acme, id)["status"], "paid");
}

#[test]
fn while_one_payment_is_under_way_there_is_no_other() {
    let acme = tenant();
    let made = link(&acme, &json!({}));
    let id = id(&made);
    let payment = pay(&acme, id, 0, "4000000000001018");
    for _ in 0..3 {
        let other = form(acme.server, id, &card(1, VISA)).send();
        assert_eq!(attempt_of(&other).1, None);
        acme.attend(&payment);
        assert!(
            acme.server
                .get(&format!("/pay/{id}"))
                .text()
                .contains("is being processed")
        );
    }
    acme.attend(&payment);
    // Reversed before it failed: only now there may be another.
    assert_eq!(now(&acme, id)["last_failure_code"], "acquirer_unreachable");
    let second = pay(&acme, id, 1, VISA);
    acme.attend(&second);
    assert_eq!(now(&acme, id)["payment_id"], json!(second));
}

#[test]
fn a_wallet_that_takes_no_money_is_said_before_a_card_is_tried() {
    let acme = tenant();
    let wallet = acme.wallet("master");
    let made = link(&acme, &json!({ "wallet_id": wallet }));
    acme.post(&format!("/v1/wallets/{wallet}/freeze"), &json!({}))
        .expect(200);
    let reply = form(acme.server, id(&made), &card(0, VISA)).send();
    assert_eq!(reply.status, 409, "{}", reply.text());
    assert!(reply.text().contains("cannot be paid at the moment"));
    assert_eq!(acme.all("/v1/payments"), [Value::Null; 0]);
    let tokens = acme.all("/v1/tokens");
    assert_eq!(tokens, [Value::Null; 0], "the card was not kept");
}

/// Whoever is fastest pays; 32 at once, 50 times.
#[test]
fn of_thirty_two_payers_at_once_one_pays() {
    const PAYERS: usize = 32;
    let server = TestServer::start(ServerSettings::default());
    {
        let acme = Tenant::found(&server);
        let wallet = acme.wallet("master");
        for round in 0..50 {
            let made = link(&acme, &json!({ "wallet_id": wallet }));
            let id = id(&made);
            let start = Barrier::new(PAYERS);
            let paid: Vec<String> = std::thread::scope(|scope| {
                let payers: Vec<_> = (0..PAYERS)
                    .map(|_| {
                        scope.spawn(|| {
                            start.wait();
                            let reply = form(&server, id, &card(0, VISA)).send();
                            assert_eq!(reply.status, 303, "{}", reply.text());
                            attempt_of(&reply).1
                        })
                    })
                    .collect();
                let done = payers.into_iter().map(|payer| payer.join().unwrap());
                done.flatten().collect()
            });
            assert_eq!(paid.len(), 1, "round {round}: {paid:?}");
            acme.attend(&paid[0]);
            let link = now(&acme, id);
            assert_eq!(
                (&link["status"], &link["payment_id"], &link["attempts"]),
                (&json!("paid"), &json!(paid[0]), &json!(1))
            );
        }
        assert_eq!(acme.all("/v1/payments").len(), 50);
        assert_eq!(acme.balance(&wallet, "pending"), 50 * 500);
    }
    verified(server);
}
