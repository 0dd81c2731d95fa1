//! Two servers on one database: both serve, and the books are handed over after a stop, a kill and a pause.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::database::{Database, NAME, PASSWORD, free_port};
use crate::pair::Pair;
use crate::program::installation::{PASSPHRASE, done, failed};
use crate::program::strongroom;
use crate::proxy::Proxy;

fn without_address(told: &Value) -> Value {
    let mut told = told.clone();
    told.as_object_mut().unwrap().remove("base_url");
    told
}

#[test]
fn a_demo_is_verified_while_it_runs_and_taken_over_by_a_second_one() {
    let Some(database) = Database::start() else {
        return;
    };
    let first = database.demo();
    let told = without_address(&first.told);
    let paid = first.pay(700, "order-1");
    assert_eq!(paid.status, 201, "{}", paid.text());
    database.verified();
    assert_eq!(
        database
            .cluster
            .psql(NAME, "SELECT count(*) > 0 FROM strongroom.log")
            .unwrap(),
        "t"
    );

    let second = database.demo();
    assert_eq!(without_address(&second.told), told, "the same credentials");
    assert_eq!(second.pay(1, "order-2").status, 201);
    let same = first.pay(1, "order-2");
    assert_eq!(same.header("idempotent-replayed"), Some("true"));
    let killed = Instant::now();
    first.running.kill();
    let again = second.pay(700, "order-1");
    assert_eq!(
        (again.header("idempotent-replayed"), &again.body),
        (Some("true"), &paid.body)
    );
    println!(
        "taken over {:.1} s after the kill",
        killed.elapsed().as_secs_f64()
    );
    assert_eq!(second.available("operating"), 10_000_000 - 701);
    database.verified();
    let stopped = second.running.stop(Signal::TERM);
    assert_eq!(stopped.status.code(), Some(0), "{}", stopped.err);

    // After a stop in good order nobody waits.
    let begun = Instant::now();
    let third = database.demo();
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(without_address(&third.told), told);
    assert_eq!(third.running.stop(Signal::INT).status.code(), Some(0));
    database.verified();
}

/// Killed while it is being made: what the database holds already is gone on with.
#[test]
fn a_demo_that_was_killed_while_being_made_is_gone_on_with() {
    let Some(database) = Database::start() else {
        return;
    };
    let logged = "SELECT count(*) FROM strongroom.log";
    for least in [0, 4] {
        let mut command = database.demo_command();
        let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
        let entries = || -> Option<u32> {
            let found = database.cluster.psql(NAME, logged).ok()?;
            found.parse().ok()
        };
        while entries().is_none_or(|entries| entries < least) {}
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let demo = database.demo();
    assert_eq!(demo.available("operating"), 10_000_000);
    assert_eq!(demo.running.stop(Signal::INT).status.code(), Some(0));
    database.verified();
}

#[test]
fn the_tour_keeps_its_promises_on_a_database() {
    let Some(database) = Database::start() else {
        return;
    };
    let mut tour = strongroom();
    tour.args([
        "demo",
        "--tour",
        "--rail-step",
        "10",
        "--postgres",
        &database.url(),
    ])
    .env("XDG_STATE_HOME", database.state());
    let out = done(&mut tour);
    assert!(out.ends_with("Every step did what it claims.\n"), "{out}");
    assert!(out.contains("no damage found"), "{out}");
}

#[test]
fn a_second_server_serves_and_takes_over_when_the_first_is_stopped_or_killed() {
    let Some(database) = Database::start() else {
        return;
    };
    let pair = Pair::new(&database);
    let first = pair.start(0);
    assert!(first.line.starts_with("listening on "), "{}", first.line);
    let second = pair.start(1);
    assert!(second.line.starts_with("listening on "), "{}", second.line);
    pair.assert_serves(0);
    pair.assert_serves(1);
    let mut add = pair.made.command("organization add");
    failed(
        add.args(["--name", "Second Shop"]),
        "another server serves these books",
    );

    let stopped = Instant::now();
    first.send(Signal::TERM);
    // Whoever asks the second waits for the handover, and no longer.
    assert_eq!(pair.get(1, "/v1/account").status, 200);
    println!(
        "answered {:.1} s after SIGTERM",
        stopped.elapsed().as_secs_f64()
    );
    assert_eq!(first.ended().status.code(), Some(0));
    pair.assert_serves(1);

    let first = pair.start(0);
    pair.assert_serves(0);
    let killed = Instant::now();
    second.kill();
    assert_eq!(pair.get(0, "/v1/account").status, 200);
    println!(
        "answered {:.1} s after SIGKILL",
        killed.elapsed().as_secs_f64()
    );

    // One that follows stops when it is asked to.
    let following = pair.start(1);
    assert_eq!(following.stop(Signal::TERM).status.code(), Some(0));
    let ended = first.stop(Signal::TERM);
    assert_eq!(ended.status.code(), Some(0));
    for secret in [PASSWORD, PASSPHRASE] {
        assert!(!ended.err.contains(secret), "a secret is in the log");
    }
    let told = done(
        pair.made
            .command("organization add")
            .args(["--name", "Second Shop"]),
    );
    assert!(told.contains("live secret key"), "{told}");
    done(&mut pair.made.command("verify"));
    let mut recover = pair.made.command("keys recover");
    recover.arg("--recovery-kit").arg(pair.made.path("kit.txt"));
    recover
        .arg("--new-passphrase-file")
        .arg(pair.made.path("passphrase"));
    done(&mut recover);
    done(&mut pair.made.command("audit export"));
}

/// One that was paused for longer than its lease decides nothing when it wakes: it follows its successor.
#[test]
fn a_server_that_slept_through_its_lease_follows() {
    let Some(database) = Database::start() else {
        return;
    };
    let pair = Pair::new(&database);
    let first = pair.start(0);
    let second = pair.start(1);
    first.send(Signal::STOP);
    let made = pair.post_when_it_can(1, "/v1/api-keys", &serde_json::json!({ "role": "viewer" }));
    assert_eq!(made.status, 201, "{}", made.text());
    first.send(Signal::CONT);
    // A key that it never heard of.
    assert_eq!(pair.vouch(0, &made.field("key")).status, 200);
    pair.until_ready(0, 200, "ready");
    pair.assert_serves(0);
    let ended = first.stop(Signal::TERM);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.err);
    assert!(
        ended
            .err
            .contains("another server has taken the store over"),
        "{}",
        ended.err
    );
    pair.assert_serves(1);
    assert_eq!(second.stop(Signal::TERM).status.code(), Some(0));
    done(&mut pair.made.command("verify"));
}

/// One that is cut off from the database, not paused, says nothing of any key once its lease is over: another server
/// may have revoked it, and here one does. It comes back by itself where nobody took over.
#[test]
fn a_server_cut_off_from_its_database_vouches_for_nobody() {
    let Some(database) = Database::start() else {
        return;
    };
    let port = database.cluster.port;
    let there = ([127, 0, 0, 1], port).into();
    let nowhere = ([127, 0, 0, 1], free_port()).into();
    let proxy = Proxy::start(there, None);
    let cut = || {
        proxy.lead_to(nowhere);
        proxy.cut_all();
    };
    let url = database.url();
    let url = url.replace(&port.to_string(), &proxy.address.port().to_string());
    let pair = Pair::with(&database, &url);
    let first = pair.start(0);
    let made = pair.post(0, "/v1/api-keys", &serde_json::json!({ "role": "viewer" }));
    assert_eq!(made.status, 201, "{}", made.text());
    let (id, key) = (made.field("id"), made.field("key"));
    assert_eq!(pair.vouch(0, &key).status, 200);

    cut();
    pair.until_ready(0, 503, "unreachable");
    pair.assert_silent(0, &key);
    proxy.lead_to(there);
    pair.until_ready(0, 200, "ready");
    assert_eq!(pair.vouch(0, &key).status, 200);

    let second = pair.start(1);
    pair.assert_serves(1);
    cut();
    let path = format!("/v1/api-keys/{id}/revoke");
    let revoked = pair.post_when_it_can(1, &path, &serde_json::json!({}));
    assert_eq!(revoked.status, 200, "{}", revoked.text());
    pair.vouch(1, &key).refused(401, "unauthorized");
    pair.assert_silent(0, &key);

    // Told of its successor, it follows.
    proxy.lead_to(there);
    pair.until_ready(0, 200, "ready");
    pair.vouch(0, &key).refused(401, "unauthorized");
    assert_eq!(first.stop(Signal::TERM).status.code(), Some(0));
    assert_eq!(pair.get(1, "/ready").status, 200);
    assert_eq!(second.stop(Signal::TERM).status.code(), Some(0));
    done(&mut pair.made.command("verify"));
}
