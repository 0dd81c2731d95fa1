//! `/v1/payout-schedules`: what each of their times makes.

use std::sync::Arc;

use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::silent::SilentAcquirer;
use strongroom_testkit::tenant::{Tenant, fresh, texts};

use super::{DAY, HOUR, beneficiary, change, now, with};
use crate::v1::payments::verified;
use crate::v1::tenant;

pub(super) const PATH: &str = "/v1/payout-schedules";

/// A hundred each day at nine in the morning, from the second of January on.
pub(super) fn daily(from: &str, to: &str) -> Value {
    json!({
        "amount": 100, "source_wallet_id": from, "recipient": { "type": "wallet", "id": to },
        "interval": "daily", "time": "09:00", "start_on": "2026-01-02", "description": "rent",
    })
}

struct Books<'s> {
    server: &'s TestServer,
    acme: Tenant<'s>,
    from: String,
    to: String,
}

impl<'s> Books<'s> {
    fn new(server: &'s TestServer, minor: i64) -> Books<'s> {
        let acme = Tenant::found(server);
        let (from, to) = (acme.funded("master", minor), acme.wallet("operating"));
        Books {
            server,
            acme,
            from,
            to,
        }
    }

    fn schedule(&self, more: &Value) -> String {
        let body = with(daily(&self.from, &self.to), more);
        self.acme.post(PATH, &body).expect(201).id()
    }

    fn shown(&self, id: &str) -> Value {
        self.acme.get(&format!("{PATH}/{id}")).expect(200).json()
    }

    /// Does what is due until nothing is.
    fn work(&self) -> usize {
        let mut done = 0;
        for _ in 0..200 {
            match self.server.rail() {
                0 => return done,
                more => done += more,
            }
        }
        panic!("it never ends");
    }

    /// Payouts of a schedule, oldest first: the number and how each ended.
    fn payouts(&self, id: &str) -> Vec<(u64, String)> {
        let all = self
            .acme
            .all(&format!("/v1/payouts?payout_schedule_id={id}"));
        let told = |payout: &Value| {
            assert_eq!(payout["payout_schedule_id"], json!(id));
            let status = payout["status"].as_str().unwrap().to_owned();
            (payout["occurrence"].as_u64().unwrap(), status)
        };
        all.iter().rev().map(told).collect()
    }
}

fn done(numbers: impl IntoIterator<Item = u64>) -> Vec<(u64, String)> {
    let completed = |n| (n, "completed".to_owned());
    numbers.into_iter().map(completed).collect()
}

#[test]
fn each_time_makes_one_payout_until_the_count_is_full() {
    let server = TestServer::start(ServerSettings::default());
    let books = Books::new(&server, 1_000);
    let acme = &books.acme;
    let mark = acme.mark();
    let reference = json!({ "count": 3, "reference_id": "salary", "metadata": { "a": "b" } });
    let body = with(daily(&books.from, &books.to), &reference);
    let made = acme.post(PATH, &body).expect(201).json();
    let id = made["id"].as_str().unwrap();
    assert_eq!(
        (
            &made["status"],
            &made["next_execution_at"],
            &made["next_occurrence"]
        ),
        (
            &json!("active"),
            &json!("2026-01-02T09:00:00.000Z"),
            &json!(1)
        )
    );
    assert_eq!(
        (
            &made["day"],
            &made["count"],
            &made["end_on"],
            &made["missed"]
        ),
        (&Value::Null, &json!(3), &Value::Null, &json!("execute"))
    );
    assert_eq!(books.shown(id), made);
    assert_eq!(acme.all(PATH), std::slice::from_ref(&made));
    assert_eq!(
        acme.all(&format!("{PATH}?reference_id=salary")),
        std::slice::from_ref(&made)
    );
    acme.post(PATH, &body).refused(409, "reference_id_taken");
    assert_eq!(
        texts(&acme.events_since(&mark), "type"),
        ["payout_schedule.created"]
    );
    server.clock.advance(DAY + 9 * HOUR - 2_000);
    assert_eq!(server.rail(), 0);
    let mark = acme.mark();
    assert_eq!(books.work(), 1);
    assert_eq!(books.payouts(id), done([1]));
    let audit = acme.audit_since(&mark);
    assert_eq!(texts(&audit, "action"), ["payout_created"]);
    let last = books.shown(id)["last_payout_id"].clone();
    let paid = acme.get(&format!("/v1/payouts/{}", last.as_str().unwrap()));
    let paid = paid.expect(200).json();
    assert_eq!(
        (&paid["amount"], &paid["description"], &paid["metadata"]),
        (&json!(100), &json!("rent"), &json!({ "a": "b" }))
    );
    assert_eq!(paid["reference_id"], Value::Null);
    assert!(paid.get("execute_at").is_none());
    server.clock.advance(DAY);
    assert_eq!(books.work(), 1);
    assert_eq!(
        books.shown(id)["next_execution_at"],
        "2026-01-04T09:00:00.000Z"
    );
    let mark = acme.mark();
    server.clock.advance(DAY);
    assert_eq!(books.work(), 1);
    let ended = books.shown(id);
    assert_eq!(
        (
            &ended["status"],
            &ended["next_execution_at"],
            &ended["payouts"]
        ),
        (&json!("completed"), &Value::Null, &json!(3))
    );
    let told = texts(&acme.events_since(&mark), "type");
    assert_eq!(told.last().unwrap(), "payout_schedule.ended", "{told:?}");
    server.clock.advance(5 * DAY);
    assert_eq!(books.work(), 0);
    assert_eq!(books.payouts(id), done(1..=3));
    assert_eq!(acme.available(&books.to), 300);
    drop(books);
    verified(server);
}

#[test]
fn what_was_missed_is_made_up_for_in_order_or_left_out() {
    let server = TestServer::start(ServerSettings::default());
    let books = Books::new(&server, 100_000);
    let execute = books.schedule(&json!({}));
    let skip = books.schedule(&json!({ "missed": "skip" }));
    let mark = books.acme.mark();
    // Nothing ran from before the first to half an hour behind the fifth.
    server.clock.advance(5 * DAY + 9 * HOUR + HOUR / 2);
    books.work();
    assert_eq!(books.payouts(&execute), done(1..=5));
    assert_eq!(books.payouts(&skip), done([5]));
    let left = books.shown(&skip);
    assert_eq!((&left["skipped"], &left["payouts"]), (&json!(4), &json!(1)));
    assert_eq!(left["next_execution_at"], "2026-01-07T09:00:00.000Z");
    let events = books.acme.events_since(&mark);
    let skipped: Vec<_> = events
        .iter()
        .filter(|event| event["type"] == "payout_schedule.updated")
        .collect();
    assert_eq!(skipped.len(), 1);
    assert_eq!(
        skipped[0]["data"],
        json!({ "id": skip, "changed": ["skipped"] })
    );
    let short = json!({ "missed": "skip", "count": 3, "start_on": "2026-01-10" });
    let (over, held) = (books.schedule(&short), books.schedule(&short));
    let path = format!("{PATH}/{held}");
    let pause = |status: &str| change(&books.acme, "PATCH", &path, &json!({ "status": status }));
    pause("paused").expect(200);
    // Half a year: no more than a month is made up for.
    server.clock.advance(180 * DAY);
    books.work();
    let all = books.payouts(&execute);
    assert_eq!(all.len(), 5 + 31, "{all:?}");
    assert_eq!(all.last().unwrap().0, 185);
    assert_eq!(books.payouts(&skip), done([5, 185]));
    assert_eq!(books.shown(&execute)["skipped"], 149);
    // What is left out ends with the schedule.
    pause("active").expect(200);
    for id in [&over, &held] {
        let ended = books.shown(id);
        assert_eq!(
            (&ended["status"], &ended["skipped"], &ended["payouts"]),
            (&json!("completed"), &json!(3), &json!(0))
        );
    }
    drop(books);
    verified(server);
}

#[test]
fn one_that_cannot_be_paid_fails_and_the_next_is_made() {
    let server = TestServer::start(ServerSettings::default());
    let books = Books::new(&server, 50);
    let acme = &books.acme;
    let id = books.schedule(&json!({}));
    let mark = acme.mark();
    server.clock.advance(DAY + 9 * HOUR);
    books.work();
    assert_eq!(books.payouts(&id), [(1, "failed".to_owned())]);
    let payout = now(acme, &format!("{PATH}/{id}"), "last_payout_id");
    let failed = acme.get(&format!("/v1/payouts/{payout}")).expect(200);
    assert_eq!(failed.field("failure_code"), "insufficient_funds");
    let events = acme.events_since(&mark);
    assert_eq!(texts(&events, "type"), ["payout.failed"]);
    assert_eq!(events[0]["data"]["failure_code"], "insufficient_funds");
    assert_eq!(acme.available(&books.from), 50);
    acme.credit(&books.from, 100);
    server.clock.advance(DAY);
    books.work();
    assert_eq!(books.payouts(&id)[1..], done([2]));
    assert_eq!(acme.available(&books.to), 100);
    drop(books);
    verified(server);
}

#[test]
fn to_a_beneficiary_it_follows_the_account_and_its_time() {
    let server = TestServer::start(ServerSettings::default());
    let books = Books::new(&server, 10_000);
    let acme = &books.acme;
    let ben = beneficiary(acme, 40);
    let mut body = daily(&books.from, &books.to);
    body.as_object_mut().unwrap().remove("recipient");
    body["beneficiary_id"] = json!(ben);
    body["time"] = json!("00:00");
    let mut early = body.clone();
    early["start_on"] = json!("2026-01-01");
    early["time"] = json!("23:00");
    acme.post(PATH, &early)
        .refused(422, "beneficiary_cooling_off");
    let id = acme.post(PATH, &body).expect(201).id();
    server.clock.advance(DAY);
    assert!(books.work() >= 1);
    let path = format!("/v1/beneficiaries/{ben}");
    let account = json!({ "account": { "account_number": "99887766", "bank_code": "BDO" } });
    server.clock.advance(HOUR);
    change(acme, "PATCH", &path, &account).expect(200);
    server.clock.advance(23 * HOUR);
    books.work();
    server.clock.advance(DAY);
    books.work();
    let all = acme.all(&format!("/v1/payouts?payout_schedule_id={id}"));
    let told: Vec<_> = all
        .iter()
        .rev()
        .map(|payout| {
            (
                &payout["failure_code"],
                &payout["recipient"]["account_number"],
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (&Value::Null, &Value::Null),
            (&json!("beneficiary_cooling_off"), &Value::Null),
            (&Value::Null, &json!("****7766")),
        ]
    );
    change(acme, "DELETE", &path, &json!({})).expect(200);
    server.clock.advance(DAY);
    books.work();
    let last = now(acme, &format!("{PATH}/{id}"), "last_payout_id");
    let failure = now(acme, &format!("/v1/payouts/{last}"), "failure_code");
    assert_eq!(failure, "beneficiary_unavailable");
    drop(books);
    verified(server);
}

#[test]
fn to_an_account_of_its_own_it_pays_that() {
    let server = TestServer::start(ServerSettings::default());
    let books = Books::new(&server, 10_000);
    let bank = json!({ "recipient": {
        "type": "bank_account", "account_name": "Ana Cruz", "bank_code": "BDO", "account_number": "001234567890",
    } });
    let id = books.schedule(&bank);
    assert_eq!(
        books.shown(&id)["recipient"]["account_number"],
        "********7890"
    );
    server.clock.advance(2 * DAY + 9 * HOUR);
    books.work();
    let all = books
        .acme
        .all(&format!("/v1/payouts?payout_schedule_id={id}"));
    assert_eq!(texts(&all, "status"), ["completed"; 2]);
    // Both know the account by the same person.
    assert_eq!(all[0]["recipient"], all[1]["recipient"]);
    assert_eq!(all[0]["recipient"]["account_number"], "********7890");
    assert_eq!(books.acme.available(&books.from), 9_800);
    drop(books);
    verified(server);
}

#[test]
fn a_pause_leaves_out_what_comes_meanwhile() {
    let server = TestServer::start(ServerSettings::default());
    let books = Books::new(&server, 10_000);
    let acme = &books.acme;
    let id = books.schedule(&json!({}));
    let path = format!("{PATH}/{id}");
    let mark = acme.mark();
    let paused = change(acme, "PATCH", &path, &json!({ "status": "paused" }));
    let paused = paused.expect(200).json();
    assert_eq!(
        (&paused["status"], &paused["next_execution_at"]),
        (&json!("paused"), &Value::Null)
    );
    let events = acme.events_since(&mark);
    assert_eq!(
        (&events[0]["type"], &events[0]["data"]),
        (
            &json!("payout_schedule.updated"),
            &json!({ "id": id, "changed": ["status"] })
        )
    );
    server.clock.advance(3 * DAY);
    assert_eq!(books.work(), 0);
    let resumed = change(acme, "PATCH", &path, &json!({ "status": "active" }));
    let resumed = resumed.expect(200).json();
    assert_eq!(
        (
            &resumed["next_execution_at"],
            &resumed["next_occurrence"],
            &resumed["skipped"]
        ),
        (&json!("2026-01-04T09:00:00.000Z"), &json!(3), &json!(2))
    );
    server.clock.advance(DAY);
    books.work();
    assert_eq!(books.payouts(&id), done([3]));
    drop(books);
    verified(server);
}

#[test]
fn amount_and_end_can_be_changed_and_it_can_be_ended() {
    let server = TestServer::start(ServerSettings::default());
    let books = Books::new(&server, 10_000);
    let acme = &books.acme;
    let id = books.schedule(&json!({ "end_on": "2026-01-03" }));
    let path = format!("{PATH}/{id}");
    let patch = |body: &Value| change(acme, "PATCH", &path, body);
    let more = patch(&json!({ "amount": "2.50", "end_on": null, "description": "more" }));
    let more = more.expect(200).json();
    assert_eq!(
        (&more["amount"], &more["end_on"], &more["description"]),
        (&json!(250), &Value::Null, &json!("more"))
    );
    patch(&json!({ "amount": 0 })).refused(422, "amount_not_positive");
    patch(&json!({ "interval": "weekly" })).refused(422, "unknown_field");
    patch(&json!({ "count": 5, "end_on": "2026-01-05" })).refused(422, "invalid_field");
    server.clock.advance(3 * DAY + 9 * HOUR);
    books.work();
    assert_eq!(books.payouts(&id), done(1..=3));
    assert_eq!(acme.available(&books.to), 750);
    // An end that is over ends it.
    let ended = patch(&json!({ "count": 3 })).expect(200);
    assert_eq!(ended.field("status"), "completed");
    patch(&json!({ "count": 9 })).refused(409, "invalid_state");
    change(acme, "DELETE", &path, &json!({})).refused(409, "invalid_state");

    let other = books.schedule(&json!({ "start_on": "2026-02-01" }));
    let path = format!("{PATH}/{other}");
    let mark = acme.mark();
    let gone = change(acme, "DELETE", &path, &json!({})).expect(200);
    assert_eq!(gone.field("status"), "cancelled");
    assert_eq!(
        texts(&acme.events_since(&mark), "type"),
        ["payout_schedule.ended"]
    );
    change(acme, "DELETE", &path, &json!({})).refused(409, "invalid_state");
    server.clock.advance(90 * DAY);
    assert_eq!(books.work(), 0);
    drop(books);
    verified(server);
}

#[test]
fn whoever_made_it_must_still_be_allowed_to() {
    let server = TestServer::start(ServerSettings::default());
    let books = Books::new(&server, 10_000);
    let acme = &books.acme;
    let key = acme.key(Role::Operator);
    let request = server.request("POST", PATH).bearer(&key.text);
    let request = request.idempotent(&fresh("maker"));
    let made = request.json(&daily(&books.from, &books.to)).send();
    let id = made.expect(201).id();
    acme.post(&format!("/v1/api-keys/{}/revoke", key.id), &json!({}))
        .expect(200);
    server.clock.advance(DAY + 9 * HOUR);
    books.work();
    let last = now(acme, &format!("{PATH}/{id}"), "last_payout_id");
    let failure = now(acme, &format!("/v1/payouts/{last}"), "failure_code");
    assert_eq!(failure, "not_permitted");
    // Who says what it moves answers for it from then on.
    let body = json!({ "amount": 200 });
    change(acme, "PATCH", &format!("{PATH}/{id}"), &body).expect(200);
    server.clock.advance(DAY);
    books.work();
    assert_eq!(books.payouts(&id)[1..], done([2]));
    drop(books);
    verified(server);
}

/// By the workers as they run, with a restart between two times.
#[test]
fn a_server_that_was_away_makes_each_once() {
    let server = TestServer::start(ServerSettings::default());
    let books = Books::new(&server, 10_000);
    let id = books.schedule(&json!({ "count": 20 }));
    server.clock.advance(8 * DAY);
    let Books { acme, to, .. } = books;
    let left = acme.leave();
    let server = server.restart(ServerSettings::default());
    server.clock.advance(30 * DAY);
    let acme = Tenant::back(&server, left);
    server.at_work(Arc::new(SilentAcquirer), || {
        let started = std::time::Instant::now();
        while now(&acme, &format!("{PATH}/{id}"), "status") != "completed" {
            assert!(started.elapsed().as_secs() < 300, "it never ends");
            std::thread::yield_now();
        }
    });
    assert_eq!(acme.available(&to), 2_000);
    let all = acme.all(&format!("/v1/payouts?payout_schedule_id={id}"));
    let numbers: Vec<u64> = all
        .iter()
        .rev()
        .map(|payout| payout["occurrence"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
    drop(acme);
    verified(server);
}

#[test]
fn each_is_its_organization_s_in_its_mode() {
    let server = TestServer::shared();
    let books = Books::new(server, 100);
    let id = books.schedule(&json!({}));
    for other in [tenant(), books.acme.live()] {
        other.get(&format!("{PATH}/{id}")).refused(404, "not_found");
        let path = format!("{PATH}/{id}");
        change(&other, "DELETE", &path, &json!({})).refused(404, "not_found");
        change(&other, "PATCH", &path, &json!({ "amount": 5 })).refused(404, "not_found");
    }
}
