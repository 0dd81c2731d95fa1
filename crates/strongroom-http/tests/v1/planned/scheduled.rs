//! `execute_at`: payouts for later.

use std::sync::Arc;

use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::silent::SilentAcquirer;
use strongroom_testkit::tenant::{Tenant, bank_payout, fresh, payout, texts};

use super::{DAY, HOUR, beneficiary, change, cools_off, described, now, to_beneficiary, with};
use crate::v1::payments::verified;
use crate::v1::{refuses, tenant};

const NOON: &str = "2026-01-01T12:00:00.000Z";

/// The body of a payout that is for noon.
fn at_noon(body: Value) -> Value {
    with(body, &json!({ "execute_at": NOON }))
}

fn status(acme: &Tenant<'_>, id: &str) -> String {
    now(acme, &format!("/v1/payouts/{id}"), "status")
}

fn failure(acme: &Tenant<'_>, id: &str) -> String {
    let reply = acme.get(&format!("/v1/payouts/{id}")).expect(200);
    assert_eq!(reply.field("status"), "failed", "{}", reply.text());
    reply.field("failure_code")
}

fn cancel(acme: &Tenant<'_>, id: &str) -> strongroom_testkit::exchange::Reply {
    acme.post(&format!("/v1/payouts/{id}/cancel"), &json!({}))
}

#[test]
fn nothing_is_held_until_its_time_and_then_it_is_done_once() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let (from, to) = (acme.funded("master", 1_000), acme.wallet("operating"));
    let mark = acme.mark();
    let body = with(
        at_noon(payout(&from, &to, 300)),
        &json!({ "reference_id": "rent-1" }),
    );
    let planned = acme.post("/v1/payouts", &body).expect(201).json();
    let id = planned["id"].as_str().unwrap();
    assert_eq!(
        (
            &planned["status"],
            &planned["execute_at"],
            &planned["processed_at"]
        ),
        (&json!("scheduled"), &json!(NOON), &Value::Null)
    );
    let events = acme.events_since(&mark);
    assert_eq!(texts(&events, "type"), ["payout.scheduled"]);
    assert_eq!(events[0]["data"]["status"], "scheduled");
    assert_eq!(acme.available(&from), 1_000);
    acme.post("/v1/payouts", &body)
        .refused(409, "reference_id_taken");
    assert_eq!(server.rail(), 0);
    let listed = acme.all("/v1/payouts?status=scheduled");
    assert_eq!(listed, std::slice::from_ref(&planned));
    assert_eq!(
        acme.get(&format!("/v1/payouts/{id}")).expect(200).json(),
        planned
    );

    let mark = acme.mark();
    server.clock.advance(12 * HOUR);
    assert_eq!(server.rail(), 1);
    assert_eq!(server.rail(), 0);
    let done = acme.get(&format!("/v1/payouts/{id}")).expect(200).json();
    assert_eq!(
        (&done["status"], &done["execute_at"], &done["created_at"]),
        (&json!("completed"), &json!(NOON), &planned["created_at"])
    );
    assert_eq!((acme.available(&from), acme.available(&to)), (700, 300));
    assert_eq!(
        texts(&acme.events_since(&mark), "type"),
        [
            "payout.initiated",
            "payout.pending",
            "payout.processing",
            "wallet.debited",
            "wallet.credited",
            "payout.completed"
        ]
    );
    let audit = acme.audit_since(&mark);
    assert_eq!(texts(&audit, "action"), ["payout_executed"]);
    assert_eq!(audit[0]["user_id"], "system:rail");
    let moved = acme.all(&format!("/v1/wallets/{from}/transactions"));
    assert_eq!(
        (&moved[0]["type"], &moved[0]["payout_id"]),
        (&json!("payout"), &json!(id))
    );
    let transaction = format!("/v1/transactions/{}", moved[0]["id"].as_str().unwrap());
    acme.get(&transaction).expect(200);
    cancel(&acme, id).refused(409, "invalid_state");
    let reversed = acme.post(&format!("/v1/payouts/{id}/reverse"), &json!({}));
    assert_eq!(reversed.expect(200).field("status"), "reversed");
    assert_eq!(acme.available(&from), 1_000);
    drop(acme);
    verified(server);
}

#[test]
fn to_a_bank_it_goes_the_way_of_any_other() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let fees = json!({
        "applies_to": "payouts", "percent_bps": 100, "amounts": [{ "currency": "PHP", "fixed": 5 }],
    });
    let from = acme.funded("master", 1_000);
    let id = acme.post("/v1/payouts", &at_noon(bank_payout(&from, 300)));
    let id = id.expect(201).id();
    // What is charged is what is in force at its time.
    acme.post("/v1/fee-schedules", &fees).expect(201);
    server.clock.advance(12 * HOUR);
    server.rail();
    let begun = acme.get(&format!("/v1/payouts/{id}")).expect(200);
    assert_eq!(
        (begun.field("status"), begun.field("fee")),
        ("initiated".into(), "8".into())
    );
    assert_eq!(begun.field("recipient/account_number"), "********7890");
    assert_eq!(acme.balance(&from, "reserved"), 308);
    for _ in 0..3 {
        server.rail();
    }
    assert_eq!(status(&acme, &id), "completed");
    assert_eq!(
        (acme.available(&from), acme.balance(&from, "reserved")),
        (692, 0)
    );
    drop(acme);
    verified(server);
}

#[test]
fn until_then_it_can_be_called_off() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let from = acme.funded("master", 1_000);
    let id = acme.post("/v1/payouts", &at_noon(bank_payout(&from, 300)));
    let id = id.expect(201).id();
    let mark = acme.mark();
    let reply = cancel(&acme, &id).expect(200);
    assert_eq!(reply.field("status"), "cancelled");
    assert_eq!(
        texts(&acme.events_since(&mark), "type"),
        ["payout.cancelled"]
    );
    cancel(&acme, &id).refused(409, "invalid_state");
    server.clock.advance(12 * HOUR);
    assert_eq!(server.rail(), 0);
    assert_eq!(acme.available(&from), 1_000);
    drop(acme);
    verified(server);
}

/// Everything is asked at its time, as if it was made then.
#[test]
fn what_cannot_be_done_then_fails_and_moves_nothing() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    cools_off(&acme, 0);
    let plan = |body: Value| acme.post("/v1/payouts", &at_noon(body)).expect(201).id();
    let (poor, rich) = (acme.funded("master", 10), acme.funded("master", 10_000));
    let (frozen, closed) = (acme.wallet("master"), acme.wallet("master"));
    let [deleted, moved] = [30, 31].map(|n| beneficiary(&acme, n));
    let cases = [
        (plan(payout(&poor, &rich, 500)), "insufficient_funds"),
        (plan(payout(&frozen, &rich, 1)), "wallet_unavailable"),
        (plan(payout(&rich, &closed, 1)), "wallet_unavailable"),
        (
            plan(to_beneficiary(&rich, 1, &deleted)),
            "beneficiary_unavailable",
        ),
        (
            plan(to_beneficiary(&rich, 1, &moved)),
            "beneficiary_cooling_off",
        ),
    ];
    let post = |path: String| acme.post(&path, &json!({})).expect(200);
    post(format!("/v1/wallets/{frozen}/freeze"));
    post(format!("/v1/wallets/{closed}/close"));
    let path = |id: &str| format!("/v1/beneficiaries/{id}");
    change(&acme, "DELETE", &path(&deleted), &json!({})).expect(200);
    cools_off(&acme, 24 * 3_600);
    let account = json!({ "account": described(32)["account"] });
    change(&acme, "PATCH", &path(&moved), &account).expect(200);
    let mark = acme.mark();
    server.clock.advance(12 * HOUR);
    assert_eq!(server.rail(), cases.len());
    for (id, code) in &cases {
        assert_eq!(failure(&acme, id), *code);
    }
    let events = acme.events_since(&mark);
    assert_eq!(texts(&events, "type"), ["payout.failed"; 5]);
    assert!(
        events
            .iter()
            .all(|event| event["data"]["failure_code"].is_string())
    );
    assert_eq!((acme.available(&poor), acme.available(&rich)), (10, 10_000));
    assert_eq!(server.rail(), 0);
    drop(acme);
    verified(server);
}

#[test]
fn an_account_that_will_have_cooled_off_can_be_planned_for() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let from = acme.funded("master", 1_000);
    let id = beneficiary(&acme, 33);
    let plan = |at: &str| {
        let body = with(
            to_beneficiary(&from, 100, &id),
            &json!({ "execute_at": at }),
        );
        acme.post("/v1/payouts", &body)
    };
    plan("2026-01-01T23:59:59Z").refused(422, "beneficiary_cooling_off");
    let planned = plan("2026-01-02").expect(201);
    assert_eq!(planned.field("recipient/iban"), "null");
    server.clock.advance(DAY);
    server.rail();
    let begun = acme
        .get(&format!("/v1/payouts/{}", planned.id()))
        .expect(200);
    assert_eq!(begun.field("status"), "initiated");
    assert!(begun.field("recipient/iban").starts_with("****"));
    drop(acme);
    verified(server);
}

/// What a stolen key has lined up goes with it; one that was rolled was never stolen.
#[test]
fn a_revoked_key_s_payouts_are_not_done() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let (from, to) = (acme.funded("master", 1_000), acme.wallet("operating"));
    let plan = |key: &str| {
        let request = server.request("POST", "/v1/payouts").bearer(key);
        let request = request.idempotent(&fresh("plan"));
        let reply = request.json(&at_noon(payout(&from, &to, 100))).send();
        reply.expect(201).id()
    };
    let [stolen, rolled] = [Role::Operator, Role::Operator].map(|role| acme.key(role));
    let (lost, kept) = (plan(&stolen.text), plan(&rolled.text));
    acme.post(&format!("/v1/api-keys/{}/revoke", stolen.id), &json!({}))
        .expect(200);
    acme.post(&format!("/v1/api-keys/{}/roll", rolled.id), &json!({}))
        .expect(201);
    server.clock.advance(12 * HOUR);
    server.rail();
    assert_eq!(failure(&acme, &lost), "not_permitted");
    assert_eq!(status(&acme, &kept), "completed");
    drop(acme);
    verified(server);
}

/// What a key may move at once is asked when it plans, what it may move in a day when that day has come.
#[test]
fn limits_of_a_day_are_those_of_the_day_that_it_is_done_on() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let (from, to) = (acme.funded("master", 10_000), acme.wallet("operating"));
    let limits = json!({
        "directions": ["out"], "currencies": ["PHP"],
        "per_transaction": 500, "per_day": 800,
    });
    let made = acme.post(
        "/v1/api-keys",
        &json!({ "role": "operator", "limits": limits }),
    );
    let key = made.expect(201).field("key");
    let pay = |body: &Value| {
        let request = server.request("POST", "/v1/payouts").bearer(&key);
        request.idempotent(&fresh("limit")).json(body).send()
    };
    let tomorrow = json!({ "execute_at": "2026-01-02T12:00:00Z" });
    let plan = |minor: i64| pay(&with(payout(&from, &to, minor), &tomorrow));
    plan(501).refused(403, "key_limit_exceeded");
    let planned: Vec<String> = (0..3).map(|_| plan(400).expect(201).id()).collect();
    // They use nothing of today.
    pay(&payout(&from, &to, 500)).expect(201);
    pay(&payout(&from, &to, 300)).expect(201);
    pay(&payout(&from, &to, 1)).refused(403, "key_limit_exceeded");
    server.clock.advance(DAY + 12 * HOUR);
    assert_eq!(server.rail(), 3);
    let ended: Vec<String> = planned.iter().map(|id| status(&acme, id)).collect();
    assert_eq!(
        ended.iter().filter(|s| *s == "completed").count(),
        2,
        "{ended:?}"
    );
    let late = planned.iter().find(|id| status(&acme, id) == "failed");
    assert_eq!(failure(&acme, late.unwrap()), "limit_exceeded");
    assert_eq!(acme.available(&to), 1_600);
    drop(acme);
    verified(server);
}

#[test]
fn a_clock_that_jumps_does_nothing_twice_and_loses_nothing() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let (from, to) = (acme.funded("master", 1_000), acme.wallet("operating"));
    let plan = |at: &str| {
        let body = with(payout(&from, &to, 100), &json!({ "execute_at": at }));
        acme.post("/v1/payouts", &body).expect(201).id()
    };
    let (soon, later) = (plan(NOON), plan("2026-06-01"));
    server.clock.advance(12 * HOUR);
    assert_eq!(server.rail(), 1);
    // Set back behind its time: what is done is done.
    server.clock.advance(-11 * HOUR);
    assert_eq!(server.rail(), 0);
    server.clock.advance(11 * HOUR);
    assert_eq!(server.rail(), 0);
    assert_eq!(
        (status(&acme, &soon), status(&acme, &later)),
        ("completed".into(), "scheduled".into())
    );
    server.clock.advance(200 * DAY);
    assert_eq!(server.rail(), 1);
    assert_eq!(status(&acme, &later), "completed");
    assert_eq!(acme.available(&to), 200);
    drop(acme);
    verified(server);
}

/// By the workers as they run, over a restart between.
#[test]
fn a_server_that_was_away_does_it_when_it_is_back() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let (from, to) = (acme.funded("master", 5_000), acme.wallet("operating"));
    let planned: Vec<String> = (0..40)
        .map(|_| {
            let reply = acme.post("/v1/payouts", &at_noon(payout(&from, &to, 100)));
            reply.expect(201).id()
        })
        .collect();
    let left = acme.leave();
    let server = server.restart(ServerSettings::default());
    server.clock.advance(DAY);
    let acme = Tenant::back(&server, left);
    server.at_work(Arc::new(SilentAcquirer), || {
        let started = std::time::Instant::now();
        while planned.iter().any(|id| status(&acme, id) != "completed") {
            assert!(started.elapsed().as_secs() < 300, "they are never done");
            std::thread::yield_now();
        }
    });
    assert_eq!((acme.available(&from), acme.available(&to)), (1_000, 4_000));
    drop(acme);
    verified(server);
}

#[test]
fn times_that_are_none_are_refused() {
    let acme = tenant();
    let (from, to) = (acme.funded("master", 1_000), acme.wallet("operating"));
    let body = |at: &str| with(payout(&from, &to, 5), &json!({ "execute_at": at })).to_string();
    let cases: Vec<String> = [
        "2026-01-01T00:00:00Z",
        "2025-12-31",
        "2027-01-03",
        "tomorrow",
        "2026-02-30",
        "2026-01-15T10:00:00",
        "",
    ]
    .iter()
    .map(|at| body(at))
    .collect();
    let cases: Vec<_> = cases
        .iter()
        .map(|body| (body.as_str(), 422, "invalid_field", "/execute_at"))
        .collect();
    refuses(&acme, "POST", "/v1/payouts", &cases);
    let unknown = with(payout(&from, &from, 5), &json!({ "execute_at": NOON }));
    acme.post("/v1/payouts", &unknown)
        .refused(422, "same_wallet");
    // More than there is may come in until then.
    let rich = at_noon(payout(&from, &to, 1_000_000));
    acme.post("/v1/payouts", &rich).expect(201);
}
