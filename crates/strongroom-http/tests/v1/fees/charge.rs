//! What is charged, and what comes back.

use serde_json::{Value, json};
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::Tenant;

use super::{schedule, shown};
use crate::v1::payments::{balances, verified};

fn none() -> Value {
    json!({})
}

fn capture(acme: &Tenant<'_>, payment: &str, minor: i64) {
    let path = format!("/v1/payments/{payment}/capture");
    acme.post(&path, &json!({ "amount": minor })).expect(200);
}

fn payment(acme: &Tenant<'_>, id: &str) -> strongroom_testkit::exchange::Reply {
    acme.get(&format!("/v1/payments/{id}")).expect(200)
}

#[test]
fn without_a_schedule_nothing_is_charged() {
    let acme = Tenant::found(TestServer::shared());
    let wallet = acme.wallet("operating");
    let paid = payment(&acme, &acme.paid(&wallet, 10_000));
    assert_eq!(shown(&paid), ["0", "0.00", "10000", "100.00"]);
    assert_eq!(balances(&acme, &wallet), [10_000, 0, 0]);
    let payout = acme.pay(&wallet, &acme.wallet("master"), 500).expect(201);
    assert!(payout.json().get("fee").is_none(), "{}", payout.text());
}

#[test]
fn a_settlement_charges_in_its_own_posting() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    schedule(&acme, "payments", 290, 30, &none()).expect(201);
    let wallet = acme.wallet("operating");
    let id = acme.payment(&wallet, 10_000, true);
    // Captured, it is neither settled nor charged.
    assert_eq!(shown(&payment(&acme, &id)), ["0", "0.00", "0", "0.00"]);
    assert_eq!(balances(&acme, &wallet), [0, 10_000, 0]);
    acme.attend(&id);
    assert_eq!(
        shown(&payment(&acme, &id)),
        ["320", "3.20", "9680", "96.80"]
    );
    assert_eq!(balances(&acme, &wallet), [9_680, 0, 0]);
    let statement = acme.all(&format!("/v1/wallets/{wallet}/transactions"));
    assert_eq!(statement[0]["type"], "payment_settlement");
    assert_eq!(statement[0]["amount"], 10_000);
    assert_eq!(statement[0]["change"]["available"], 9_680);
    assert_eq!(statement[0]["change"]["pending"], -10_000);
    drop(acme);
    verified(server);
}

#[test]
fn partial_captures_are_charged_as_the_whole() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    schedule(&acme, "payments", 333, 11, &none()).expect(201);
    let wallet = acme.wallet("operating");
    let whole = acme.paid(&wallet, 1_003);
    let expected = shown(&payment(&acme, &whole));
    let parts = acme.payment(&wallet, 1_003, false);
    for part in [1, 333, 334, 335] {
        capture(&acme, &parts, part);
        acme.attend(&parts);
    }
    assert_eq!(shown(&payment(&acme, &parts)), expected);
    assert_eq!(expected[0], "44");
    drop(acme);
    verified(server);
}

#[test]
fn a_fee_is_never_more_than_what_is_settled() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    schedule(&acme, "payments", 10_000, 500, &none()).expect(201);
    let wallet = acme.wallet("operating");
    let id = acme.paid(&wallet, 20);
    assert_eq!(shown(&payment(&acme, &id)), ["20", "0.20", "0", "0.00"]);
    assert_eq!(balances(&acme, &wallet), [0, 0, 0]);
    drop(acme);
    verified(server);
}

#[test]
fn refunds_keep_the_fee_or_bring_its_part_back() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let wallet = acme.funded("operating", 5_000);
    schedule(&acme, "payments", 300, 0, &none()).expect(201);
    let kept = acme.paid(&wallet, 10_000);
    schedule(&acme, "payments", 300, 0, &json!({ "refunds": "returned" })).expect(201);
    let returned = acme.paid(&wallet, 10_000);
    assert_eq!(balances(&acme, &wallet), [5_000 + 2 * 9_700, 0, 0]);
    let back = |payment: &str, minor: i64| {
        let id = acme.refund(payment, minor).expect(201).id();
        // Sent, and answered.
        acme.attend(&id);
        acme.get(&format!("/v1/refunds/{id}")).expect(200)
    };
    assert_eq!(shown(&back(&kept, 5_000)), ["0", "0.00", "5000", "50.00"]);
    assert_eq!(payment(&acme, &kept).field("fee"), "300");
    let part = back(&returned, 3_333);
    assert_eq!(shown(&part), ["100", "1.00", "3233", "32.33"]);
    assert_eq!(payment(&acme, &returned).field("fee"), "200");
    assert_eq!(back(&returned, 6_667).field("fee"), "200");
    assert_eq!(payment(&acme, &returned).field("fee"), "0");
    // Given back were 5,000 of one, and all but nothing of the other.
    assert_eq!(balances(&acme, &wallet), [5_000 + 9_700 - 5_000, 0, 0]);
    drop(acme);
    verified(server);
}

/// A refund that overtakes its settlement: the fee is of what is left.
#[test]
fn a_refund_before_the_settlement_lowers_what_that_charges() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let wallet = acme.funded("operating", 5_000);
    schedule(&acme, "payments", 300, 0, &json!({ "refunds": "returned" })).expect(201);
    let id = acme.payment(&wallet, 10_000, true);
    let refund = acme.refund(&id, 5_000).expect(201).id();
    acme.attend(&refund);
    acme.attend(&id);
    let paid = payment(&acme, &id);
    assert_eq!(paid.field("amount_settled"), "10000");
    assert_eq!(paid.field("amount_refunded"), "5000");
    assert_eq!(paid.field("fee"), "150");
    assert_eq!(
        balances(&acme, &wallet),
        [5_000 + 10_000 - 5_000 - 150, 0, 0]
    );
    drop(acme);
    verified(server);
}

#[test]
fn a_payment_keeps_the_schedule_of_its_first_capture() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let wallet = acme.wallet("operating");
    let free = acme.payment(&wallet, 1_000, false);
    let early = acme.payment(&wallet, 1_000, false);
    capture(&acme, &free, 100);
    schedule(&acme, "payments", 1_000, 0, &none()).expect(201);
    capture(&acme, &early, 100);
    let begins = server.engine.now().plus(60_000).to_string();
    let later = schedule(
        &acme,
        "payments",
        5_000,
        0,
        &json!({ "effective_from": begins }),
    );
    assert_eq!(later.expect(201).field("status"), "scheduled");
    server.clock.advance(60_000);
    let late = acme.payment(&wallet, 1_000, false);
    for id in [&free, &early, &late] {
        let left = payment(&acme, id).field("amount_capturable");
        capture(&acme, id, left.parse().unwrap());
        acme.attend(id);
    }
    let fees = [&free, &early, &late].map(|id| payment(&acme, id).field("fee"));
    assert_eq!(fees, ["0", "100", "500"]);
    drop(acme);
    verified(server);
}

#[test]
fn payouts_are_charged_on_top() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    schedule(&acme, "payouts", 100, 50, &none()).expect(201);
    let (from, to) = (acme.funded("operating", 10_000), acme.wallet("master"));
    let payout = acme.pay(&from, &to, 1_000).expect(201);
    assert_eq!(shown(&payout), ["60", "0.60", "1060", "10.60"]);
    assert_eq!(balances(&acme, &from), [8_940, 0, 0]);
    assert_eq!(acme.available(&to), 1_000);
    // What is there for the amount and not for its fee is not enough.
    acme.pay(&from, &to, 8_900)
        .refused(422, "insufficient_funds");
    // A bank's is held with the amount, and charged when that is paid.
    let bank = acme.pay_bank(&from, 2_000).expect(201).id();
    assert_eq!(balances(&acme, &from), [8_940 - 2_070, 0, 2_070]);
    while server.rail() > 0 {}
    assert_eq!(balances(&acme, &from), [6_870, 0, 0]);
    let read = acme.get(&format!("/v1/payouts/{bank}")).expect(200);
    assert_eq!(read.field("status"), "completed");
    assert_eq!(shown(&read), ["70", "0.70", "2070", "20.70"]);
    // One that fails, and one that is cancelled, cost nothing; one that is reversed keeps its fee.
    acme.pay_bank(&from, 1_001).expect(201);
    while server.rail() > 0 {}
    let cancelled = acme.pay_bank(&from, 500).expect(201).id();
    let cancel = format!("/v1/payouts/{cancelled}/cancel");
    acme.post(&cancel, &json!({})).expect(200);
    assert_eq!(balances(&acme, &from), [6_870, 0, 0]);
    let reverse = format!("/v1/payouts/{bank}/reverse");
    acme.post(&reverse, &json!({})).expect(200);
    assert_eq!(balances(&acme, &from), [8_870, 0, 0]);
    drop(acme);
    verified(server);
}
