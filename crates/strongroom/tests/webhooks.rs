//! Webhooks from the outside: the built program, killed as a power cut would, and receivers that fail.
//!
//! `STRONGROOM_WEBHOOK_KILLS` makes the run as long as wanted: a hundred events for each kill.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "postgres/database.rs"]
#[allow(dead_code, reason = "it serves other tests too")]
mod database;
mod program;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use strongroom_testkit::dice::Dice;
use strongroom_testkit::receiver::{Received, Receiver};

use program::{Demo, Running, assert_clean, strongroom};

const PATIENCE: Duration = Duration::from_secs(600);

fn setting(name: &str, standard: usize) -> usize {
    let text = std::env::var(name).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(standard)
}

/// A demo in a folder.
fn demo(data: &Path) -> Demo {
    let mut command = strongroom();
    command.args(["demo", "--json", "--port", "0", "--data"]);
    started(command.arg(data))
}

/// A demo that may send to this machine, and that does not wait long before it tries again.
fn started(command: &mut Command) -> Demo {
    command.args(["--webhook-retry", "2", "--webhook-network", "127.0.0.0/8"]);
    let running = Running::start(command);
    let told = serde_json::from_str(&running.line).unwrap();
    Demo { running, told }
}

fn hook(demo: &Demo, receiver: &Receiver, ordered: bool) -> String {
    let body =
        json!({ "url": receiver.url(), "events": ["payout.*", "wallet.*"], "ordered": ordered });
    let reply = demo.request("POST", "/v1/webhooks").json(&body).send();
    reply.expect(201).id()
}

/// Answers 500 to about three in ten.
fn flaky(seed: u64) -> Receiver {
    let mut dice = Dice::new(seed);
    Receiver::start(move |_| (if dice.below(10) < 3 { 500 } else { 200 }, None))
}

/// The ids of all events that endpoints are told of, in order.
fn events(demo: &Demo) -> Vec<String> {
    let mut all = Vec::new();
    let mut target = "/v1/events?limit=100".to_owned();
    loop {
        let page = demo.get(&target);
        for event in page["data"].as_array().unwrap() {
            let name = event["type"].as_str().unwrap();
            if name.starts_with("payout.") || name.starts_with("wallet.") {
                all.push(event["id"].as_str().unwrap().to_owned());
            }
        }
        match page["next_cursor"].as_str() {
            Some(cursor) => target = format!("/v1/events?limit=100&after={cursor}"),
            None => return all,
        }
    }
}

/// Pays until the server is gone or `most` payouts are made; says how many.
fn pay(base: &Value, most: usize, cycle: usize) -> usize {
    let address = program::address(base["base_url"].as_str().unwrap());
    let body = json!({
        "amount": 1,
        "currency": "PHP",
        "recipient": { "type": "wallet", "id": base["wallets"]["reserve"] },
    });
    let request = strongroom_testkit::exchange::Outgoing::new(address, "POST", "/v1/payouts")
        .bearer(base["secret_key"].as_str().unwrap())
        .json(&body);
    let one = |n: usize| {
        let request = request.clone().idempotent(&format!("hook-{cycle}-{n}"));
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| request.send().status)).ok()
    };
    (0..most).take_while(|n| one(*n) == Some(201)).count()
}

fn first_of_each(received: &[Received]) -> Vec<String> {
    let mut seen = HashSet::new();
    let taken = received.iter().filter(|request| request.status == 200);
    let ids = taken.map(|request| request.header("webhook-id").to_owned());
    ids.filter(|id| seen.insert(id.clone())).collect()
}

/// Events that failed eight times before they were taken: given up, and sent by a replay after the others.
fn given_up(received: &[Received]) -> HashSet<&str> {
    let mut failures: HashMap<&str, usize> = HashMap::new();
    let mut taken = HashSet::new();
    for request in received {
        let id = request.header("webhook-id");
        if request.status == 200 {
            taken.insert(id);
        } else if !taken.contains(id) {
            *failures.entry(id).or_default() += 1;
        }
    }
    failures.retain(|_, count| *count >= 8);
    failures.into_keys().collect()
}

/// Waits until every event has been taken by every receiver; what was given up is asked for again.
fn settle(demo: &Demo, hooks: &[(String, &Receiver)], accepted: impl Fn(usize) -> HashSet<String>) {
    let expected: HashSet<String> = events(demo).into_iter().collect();
    let begun = Instant::now();
    let (wait, never) = channel::<()>();
    loop {
        let missing: Vec<usize> = (0..hooks.len())
            .map(|n| expected.difference(&accepted(n)).count())
            .collect();
        if missing.iter().all(|n| *n == 0) {
            return drop(wait);
        }
        assert!(begun.elapsed() < PATIENCE, "missing after all: {missing:?}");
        for (id, _) in hooks {
            let path = format!("/v1/webhooks/{id}/replay");
            let request = demo.request("POST", &path).json(&json!({ "failed": true }));
            request.send().expect(200);
        }
        let _ = never.recv_timeout(Duration::from_secs(2));
    }
}

#[test]
fn nothing_is_missed_when_the_sender_is_killed_and_receivers_fail() {
    let kills = setting("STRONGROOM_WEBHOOK_KILLS", 6);
    let dir = tempfile::tempdir().unwrap();
    nothing_is_missed(kills, &|| demo(dir.path()));
    assert_clean(dir.path());
}

/// The same with the books in a database; a tenth of the kills, for a killed server's lease is waited for.
#[test]
fn nothing_is_missed_on_a_database() {
    let Some(database) = database::Database::start() else {
        return;
    };
    let kills = (setting("STRONGROOM_WEBHOOK_KILLS", 20) / 10).max(1);
    nothing_is_missed(kills, &|| started(&mut database.demo_command()));
    database.verified();
}

fn nothing_is_missed(kills: usize, demo: &dyn Fn() -> Demo) {
    let wanted = kills * 100;
    let (free, strict) = (flaky(1), flaky(2));
    let mut dice = Dice::new(3);
    let mut server = demo();
    let hooks = [
        (hook(&server, &free, false), &free),
        (hook(&server, &strict, true), &strict),
    ];
    // The funding came before the endpoints.
    let before: HashSet<String> = events(&server).into_iter().collect();
    let per_cycle = wanted.div_ceil(kills * 4).max(1);
    for cycle in 0..kills {
        let told = server.told.clone();
        let payer = std::thread::spawn(move || pay(&told, per_cycle, cycle));
        if dice.one_in(2) {
            // Sometimes in the middle of the payments, sometimes in the middle of what is sent after them.
            drop(payer.join());
        }
        let (_wait, pause) = channel::<()>();
        let nap = 20 + u64::try_from(dice.below(300)).unwrap();
        let _ = pause.recv_timeout(Duration::from_millis(nap));
        server.running.kill();
        server = demo();
    }
    let last = server.told.clone();
    pay(&last, per_cycle, kills);
    let taken = |n: usize| {
        let mut received = hooks[n].1.received();
        received.retain(|request| request.status == 200);
        let ids = received.iter().map(|r| r.header("webhook-id").to_owned());
        ids.chain(before.iter().cloned()).collect()
    };
    settle(&server, &hooks, taken);
    let expected: Vec<String> = events(&server)
        .into_iter()
        .filter(|id| !before.contains(id))
        .collect();
    for (_, receiver) in &hooks {
        let received = receiver.received();
        let mut bodies: HashMap<&str, &str> = HashMap::new();
        for request in &received {
            let body = bodies
                .entry(request.header("webhook-id"))
                .or_insert(&request.body);
            assert_eq!(*body, request.body, "one id, one body");
        }
        let mut ids = first_of_each(&received);
        if receiver.address == strict.address {
            let later = given_up(&received);
            let in_line = |all: &[String]| -> Vec<String> {
                let kept = all.iter().filter(|id| !later.contains(id.as_str()));
                kept.cloned().collect()
            };
            assert_eq!(
                in_line(&ids),
                in_line(&expected),
                "order is kept where it is asked for"
            );
        }
        ids.sort();
        assert_eq!(
            ids, expected,
            "every event, and none that is not in the log"
        );
        println!(
            "{} events, {} requests, {kills} kills",
            ids.len(),
            received.len()
        );
    }
    assert_eq!(server.running.stop(Signal::TERM).status.code(), Some(0));
}

#[test]
fn an_idle_sender_is_woken_by_the_commit() {
    let dir = tempfile::tempdir().unwrap();
    let server = demo(dir.path());
    let (send, arrived) = channel();
    let receiver = Receiver::start(move |_| {
        // The test may have seen enough.
        let _ = send.send(Instant::now());
        (200, None)
    });
    let body = json!({ "url": receiver.url(), "events": ["payout.completed"] });
    server
        .request("POST", "/v1/webhooks")
        .json(&body)
        .send()
        .expect(201);
    let mut delays: Vec<Duration> = (0..20)
        .map(|n| {
            server.pay(1, &format!("idle-{n}")).expect(201);
            let committed = Instant::now();
            let arrival = arrived.recv_timeout(Duration::from_secs(4));
            // A sender that only looked now and then would be seconds late.
            arrival.unwrap().saturating_duration_since(committed)
        })
        .collect();
    delays.sort();
    println!(
        "from the answer to the delivery: p50 {:?}, worst {:?}",
        delays[10], delays[19]
    );
    assert_eq!(server.running.stop(Signal::TERM).status.code(), Some(0));
    assert_clean(dir.path());
}
