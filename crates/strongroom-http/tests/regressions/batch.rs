//! Group commit: neighbours in a batch, and a store that fails under it.

use serde_json::json;
use strongroom_auth::permission::Operate;
use strongroom_domain::action::Action;
use strongroom_domain::command::{Command, Moment};
use strongroom_domain::decision::Decision;
use strongroom_domain::facts::{Facts, Keys};
use strongroom_domain::rejection::Rejection;
use strongroom_engine::{EngineState, Failure};
use strongroom_store::StoreError;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, fresh, payout};
use strongroom_types::mode::Scope;

use crate::gate::GatedStore;

/// A command that panics: when it says what it needs to know, or when it decides.
struct Panics {
    early: bool,
}

impl Command for Panics {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::PayoutCreated
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        assert!(!self.early, "on purpose");
        Keys::default()
    }

    fn decide(&self, _: &Facts, _: &mut Moment) -> Result<Decision, Rejection> {
        panic!("on purpose")
    }
}

/// A report of a period that is waited for, while the commit that ends it is on its way.
#[test]
fn a_report_has_what_was_committed_as_its_period_ended() {
    let store = GatedStore::default();
    let gate = store.gate.clone();
    let server = TestServer::start_on(&store, ServerSettings::default());
    let acme = Tenant::found(&server);
    let wallet = acme.wallet("operating");
    let asked =
        json!({ "type": "balances", "from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:30Z" });
    let report = acme.post("/v1/reports", &asked).expect(202).id();
    gate.close();
    std::thread::scope(|scope| {
        let credit = scope.spawn(|| acme.credit(&wallet, 700));
        gate.await_write();
        // Its batch has its time, and is not durable yet.
        server.clock.advance(30_000);
        let made = scope.spawn(|| acme.attend(&report));
        while server.engine.stats().queued == 0 && !made.is_finished() {
            std::thread::yield_now();
        }
        gate.open();
        made.join().unwrap();
        credit.join().unwrap();
    });
    let path = format!("/v1/reports/{report}/content");
    let content = acme.get(&path).expect(200).json();
    let lines = content["lines"].as_array().unwrap();
    let line = lines
        .iter()
        .find(|line| line["account_id"] == json!(wallet));
    assert_eq!(line.unwrap()["closing_total"], 700, "{content}");
}

#[test]
fn batch_neighbour() {
    let store = GatedStore::default();
    let gate = store.gate.clone();
    let server = TestServer::start_on(&store, ServerSettings::default());
    let acme = Tenant::found(&server);
    let from = acme.funded("master", 100);
    let to = acme.wallet("operating");
    gate.close();
    let before = gate.batches().len();
    let outcomes = std::thread::scope(|scope| {
        let pay = |minor| {
            acme.request("POST", "/v1/payouts")
                .idempotent(&fresh("n"))
                .json(&payout(&from, &to, minor))
                .send()
        };
        // One command holds the commit at the gate; what comes meanwhile becomes one batch.
        let holder = scope.spawn(|| acme.wallet("master"));
        gate.await_write();
        let mut waiting = Vec::new();
        for n in 0..30_u64 {
            waiting.push(scope.spawn(move || match n % 3 {
                0 => pay(1),
                1 => pay(5_000),
                _ => pay(2),
            }));
        }
        let panics = [false, true].map(|early| {
            let books = &acme.books;
            scope.spawn(move || books.run(Panics { early }).map(|_| ()))
        });
        while server.engine.stats().queued < 32 {
            std::thread::yield_now();
        }
        gate.open();
        holder.join().unwrap();
        for thread in panics {
            assert_eq!(
                thread.join().unwrap(),
                Err(Failure::Internal),
                "its own failure"
            );
        }
        waiting
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });
    // Batches without an entry are rows of the journals' keys, which may come at any time.
    let batches = gate.batches().split_off(before);
    assert_eq!(
        batches.iter().filter(|entries| **entries > 0).count(),
        2,
        "the thirty-two were one batch: {batches:?}"
    );
    for (n, reply) in outcomes.into_iter().enumerate() {
        match n % 3 {
            1 => drop(reply.refused(422, "insufficient_funds")),
            _ => drop(reply.expect(201)),
        }
    }
    assert_eq!((acme.available(&from), acme.available(&to)), (70, 30));
    assert_eq!(server.engine.stats().panics, 2);
    acme.pay(&from, &to, 1).expect(201);
}

/// A full queue answers at once, spends nothing, and is no reason to give up.
#[test]
fn overload_spends_nothing() {
    let store = GatedStore::default();
    let gate = store.gate.clone();
    let mut settings = ServerSettings::default();
    settings.engine.queue_limit = 4;
    let server = TestServer::start_on(&store, settings);
    let acme = Tenant::found(&server);
    let (from, to) = (acme.funded("master", 100), acme.wallet("operating"));
    let send = |n: i64| {
        let request = acme
            .request("POST", "/v1/payouts")
            .idempotent(&format!("k{n}"))
            .json(&payout(&from, &to, n));
        request
            .signed(&acme.owner.signing_secret, server.seconds())
            .send()
    };
    gate.close();
    std::thread::scope(|scope| {
        let mut waiting = vec![scope.spawn(|| send(1))];
        gate.await_write();
        for n in 2..=5 {
            waiting.push(scope.spawn(move || send(n)));
        }
        while server.engine.stats().queued < 4 {
            std::thread::yield_now();
        }
        for n in 6..=8 {
            let full = send(n).refused(503, "overloaded");
            assert_eq!(full.header("retry-after"), Some("1"));
        }
        gate.open();
        for thread in waiting {
            thread.join().unwrap().expect(201);
        }
    });
    for n in 6..=8 {
        send(n).expect(201);
    }
    assert_eq!(acme.available(&to), (1..=8).sum::<i64>());
}

#[test]
fn audit_fail_closed() {
    let store = GatedStore::default();
    let gate = store.gate.clone();
    let server = TestServer::start_on(&store, ServerSettings::default());
    let acme = Tenant::found(&server);
    let from = acme.funded("master", 100);
    let to = acme.wallet("operating");
    let mark = acme.mark();
    gate.fail(Some(StoreError::Full));
    for _ in 0..3 {
        let reply = acme
            .request("POST", "/v1/payouts")
            .idempotent("one")
            .json(&payout(&from, &to, 10))
            .send();
        let reply = reply.refused(503, "storage_unavailable");
        assert!(reply.header("retry-after").is_some());
    }
    let patch = acme
        .request("PATCH", &format!("/v1/wallets/{from}"))
        .body(r#"{"metadata":{"a":"b"}}"#)
        .send();
    patch.refused(503, "storage_unavailable");
    assert_eq!(
        (acme.available(&from), acme.available(&to)),
        (100, 0),
        "no act without its entry"
    );
    assert_eq!(
        (
            acme.audit_since(&mark).len(),
            acme.events_since(&mark).len()
        ),
        (0, 0)
    );
    gate.fail(None);
    // The same key does it now, once: the failed attempts left nothing behind.
    acme.request("POST", "/v1/payouts")
        .idempotent("one")
        .json(&payout(&from, &to, 10))
        .send()
        .expect(201);
    assert_eq!((acme.available(&from), acme.available(&to)), (90, 10));
    assert_eq!(
        (
            acme.audit_since(&mark).len(),
            acme.events_since(&mark).len()
        ),
        (1, 6)
    );
    let read = acme.get(&format!("/v1/wallets/{from}")).expect(200).json();
    assert_eq!(
        read["metadata"],
        serde_json::json!({}),
        "nothing of a refused change stays in memory"
    );
}

#[test]
fn fsync_error_halts() {
    let store = GatedStore::default();
    let gate = store.gate.clone();
    let server = TestServer::start_on(&store, ServerSettings::default());
    let acme = Tenant::found(&server);
    let from = acme.funded("master", 100);
    let to = acme.wallet("operating");
    gate.fail_after(StoreError::Io("sync failed".into()));
    acme.pay(&from, &to, 10).refused(503, "storage_unavailable");
    gate.fail(None);
    // The disk may be well again; what it holds is not known, so nothing is guessed.
    for _ in 0..3 {
        acme.pay(&from, &to, 10).refused(503, "storage_unavailable");
    }
    assert!(matches!(server.engine.state(), EngineState::Halted(_)));
    let ready = server.get("/ready").expect(503);
    assert_eq!(ready.field("status"), "halted");
    assert!(
        !ready.text().contains("sync"),
        "the cause is the operator's"
    );
    server.get("/health").expect(200);
}

/// One organization fills the queue; another one is let in all the same, and is served with the next batch.
#[test]
fn a_flood_starves_nobody_else() {
    let store = GatedStore::default();
    let gate = store.gate.clone();
    let mut settings = ServerSettings::default();
    settings.engine.queue_limit = 32;
    let server = TestServer::start_on(&store, settings);
    let (acme, other) = (Tenant::found(&server), Tenant::found(&server));
    let create = |tenant: &Tenant<'_>, n: i64| {
        let request = tenant
            .request("POST", "/v1/wallets")
            .idempotent(&format!("w{n}"));
        request.json(&json!({"type": "reserve"})).send()
    };
    gate.close();
    std::thread::scope(|scope| {
        let (create, acme, other) = (&create, &acme, &other);
        let mut waiting = vec![scope.spawn(move || create(acme, 0))];
        gate.await_write();
        // Seven eighths of the places, and no more.
        waiting.extend((1..=28).map(|n| scope.spawn(move || create(acme, n))));
        while server.engine.stats().queued < 28 {
            std::thread::yield_now();
        }
        create(acme, 100).refused(503, "overloaded");
        waiting.extend((1..=4).map(|n| scope.spawn(move || create(other, n))));
        while server.engine.stats().queued < 32 {
            std::thread::yield_now();
        }
        create(other, 100).refused(503, "overloaded");
        gate.open();
        for thread in waiting {
            thread.join().unwrap().expect(201);
        }
    });
    create(&acme, 100).expect(201);
    assert_eq!(acme.all("/v1/wallets").len(), 30);
    assert_eq!(other.all("/v1/wallets").len(), 4);
}
