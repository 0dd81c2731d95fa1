//! What an acquirer does to payments that says nothing, says it late, or was never reached; and what time does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::silent::SilentAcquirer;
use strongroom_testkit::tenant::{Tenant, VISA, texts};
use strongroom_types::time::DAY;

use crate::v1::payments::{balances, now, pay, verified};
use crate::v1::tenant;

const ANSWERS_LATE: &str = "4000000000001000";
const NEVER_ANSWERS: &str = "4000000000001018";
const NEVER_ARRIVES: &str = "4000000000001026";

/// Money of others moves on while an acquirer says nothing, and a server that waits for it stops when it is told to.
#[test]
fn a_silent_acquirer_holds_up_nothing_but_its_own_payments() {
    let server = TestServer::start(ServerSettings::default());
    let (acme, other) = (Tenant::found(&server), Tenant::found(&server));
    let wallet = acme.wallet("master");
    let payments: Vec<String> = (0..300)
        .map(|_| pay(&acme, VISA, &wallet, json!({})).expect(201).id())
        .collect();
    let source = other.funded("master", 100);
    let payout = other.pay_bank(&source, 40).expect(201).id();
    let begin = Instant::now();
    server.at_work(Arc::new(SilentAcquirer), || {
        let path = format!("/v1/payouts/{payout}");
        while other.get(&path).expect(200).field("status") != "completed" {
            // One after another they would take half a minute each.
            assert!(begin.elapsed() < Duration::from_secs(600));
            std::thread::yield_now();
        }
    });
    for id in [&payments[0], &payments[299]] {
        assert_eq!(now(&acme, id, "status"), "processing");
    }
    assert_eq!(balances(&acme, &wallet), [0, 0, 0]);
}

#[test]
fn a_late_answer_is_waited_for() {
    let acme = tenant();
    let wallet = acme.wallet("master");
    let id = pay(&acme, ANSWERS_LATE, &wallet, json!({}))
        .expect(201)
        .id();
    let mark = acme.mark();
    for _ in 0..2 {
        acme.attend(&id);
        assert_eq!(now(&acme, &id, "status"), "processing");
        assert_eq!(balances(&acme, &wallet), [0, 0, 0]);
    }
    acme.attend(&id);
    assert_eq!(now(&acme, &id, "status"), "captured");
    assert_eq!(
        texts(&acme.audit_since(&mark), "action"),
        [
            "payment_sent",
            "payment_unanswered",
            "payment_unanswered",
            "payment_authorized"
        ]
    );
    acme.attend(&id);
    assert_eq!(balances(&acme, &wallet), [500, 0, 0]);
}

#[test]
fn what_is_never_answered_is_undone_before_it_fails() {
    let acme = tenant();
    let wallet = acme.wallet("master");
    let id = pay(&acme, NEVER_ANSWERS, &wallet, json!({}))
        .expect(201)
        .id();
    let mark = acme.mark();
    for _ in 0..3 {
        acme.attend(&id);
        assert_eq!(now(&acme, &id, "status"), "processing");
        let path = format!("/v1/payments/{id}/void");
        acme.post(&path, &json!({})).refused(409, "invalid_state");
    }
    acme.attend(&id);
    assert_eq!(now(&acme, &id, "status"), "failed");
    assert_eq!(now(&acme, &id, "failure_code"), "acquirer_unreachable");
    assert_eq!(texts(&acme.events_since(&mark), "type"), ["payment.failed"]);
    let acts = texts(&acme.audit_since(&mark), "action");
    assert_eq!(acts.last().map(String::as_str), Some("payment_reversed"));
    assert_eq!(balances(&acme, &wallet), [0, 0, 0]);
}

#[test]
fn what_never_arrived_is_sent_again() {
    let acme = tenant();
    let wallet = acme.wallet("master");
    let id = pay(&acme, NEVER_ARRIVES, &wallet, json!({}))
        .expect(201)
        .id();
    let mark = acme.mark();
    for _ in 0..2 {
        acme.attend(&id);
        assert_eq!(now(&acme, &id, "status"), "processing");
    }
    acme.attend(&id);
    assert_eq!(now(&acme, &id, "status"), "captured");
    let acts = texts(&acme.audit_since(&mark), "action");
    assert_eq!(acts.iter().filter(|act| *act == "payment_sent").count(), 2);
    assert_eq!(balances(&acme, &wallet), [0, 500, 0]);
}

#[test]
fn a_restart_between_any_two_steps_loses_and_doubles_nothing() {
    let mut server = TestServer::start(ServerSettings::default());
    let (owner, wallet, scope);
    let mut ids = Vec::new();
    {
        let acme = Tenant::found(&server);
        wallet = acme.wallet("master");
        (owner, scope) = (acme.owner.text.clone(), acme.books.scope);
        for number in [VISA, ANSWERS_LATE, NEVER_ARRIVES, "4000000000000002"] {
            ids.push(pay(&acme, number, &wallet, json!({})).expect(201).id());
        }
    }
    // The sandbox forgets with each restart what it was sent, which is the worst that it can do.
    for _ in 0..8 {
        for id in &ids {
            server.attend(scope, id);
        }
        server = server.restart(ServerSettings::default());
    }
    let get = |path: String| {
        server
            .request("GET", &path)
            .bearer(&owner)
            .send()
            .expect(200)
    };
    let statuses: Vec<String> = ids
        .iter()
        .map(|id| get(format!("/v1/payments/{id}")).field("status"))
        .collect();
    // One that is never answered twice over was undone, and says so.
    assert_eq!(statuses[0], "captured");
    assert_eq!(statuses[3], "failed");
    for status in &statuses[1..3] {
        assert!(
            ["captured", "failed"].contains(&status.as_str()),
            "{statuses:?}"
        );
    }
    let captured = statuses
        .iter()
        .filter(|status| *status == "captured")
        .count();
    let available = get(format!("/v1/wallets/{wallet}/balance")).field("balances/available");
    assert_eq!(available, (500 * captured).to_string(), "{statuses:?}");
    verified(server);
}

#[test]
fn an_authorization_lapses_after_seven_days() {
    let server = TestServer::start(ServerSettings::default());
    {
        let acme = Tenant::found(&server);
        let wallet = acme.wallet("master");
        let untouched = acme.payment(&wallet, 500, false);
        let part = acme.payment(&wallet, 500, false);
        acme.post(
            &format!("/v1/payments/{part}/capture"),
            &json!({ "amount": 200 }),
        )
        .expect(200);
        acme.attend(&part);
        // The rail's turn moves the clock by a second.
        server.clock.advance(7 * DAY - 2_000);
        assert_eq!(server.rail(), 0);
        assert_eq!(now(&acme, &untouched, "status"), "authorized");
        server.clock.advance(1_000);
        let path = format!("/v1/payments/{untouched}/capture");
        acme.post(&path, &json!({})).refused(409, "invalid_state");
        let mark = acme.mark();
        assert_eq!(server.rail(), 2);
        // What lapsed whole is given back at the acquirer.
        assert_eq!(server.rail(), 1);
        assert_eq!(server.rail(), 0);
        assert_eq!(now(&acme, &untouched, "status"), "expired");
        assert_eq!(now(&acme, &part, "status"), "captured");
        assert_eq!(now(&acme, &part, "amount_captured"), "200");
        let mut told = texts(&acme.events_since(&mark), "type");
        told.sort();
        assert_eq!(told, ["payment.expired", "payment.succeeded"]);
        assert_eq!(balances(&acme, &wallet), [200, 0, 0]);
    }
    verified(server);
}

#[test]
fn the_worker_takes_payments_along_by_their_time() {
    let server = TestServer::start(ServerSettings::default());
    {
        let acme = Tenant::found(&server);
        let wallet = acme.wallet("master");
        let id = pay(&acme, VISA, &wallet, json!({})).expect(201).id();
        assert_eq!(server.rail(), 1);
        assert_eq!(now(&acme, &id, "status"), "captured");
        assert_eq!(server.rail(), 1);
        assert_eq!(server.rail(), 0);
        let refund = acme.refund(&id, 200).expect(201).id();
        assert_eq!(server.rail(), 1);
        assert_eq!(server.rail(), 0);
        let shown = acme.get(&format!("/v1/refunds/{refund}")).expect(200);
        assert_eq!(shown.field("status"), "completed");
        assert_eq!(balances(&acme, &wallet), [300, 0, 0]);
    }
    verified(server);
}
