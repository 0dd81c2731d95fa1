//! A server that cannot reach what it needs: it stops when it is asked to, and does not end by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;
use strongroom_testkit::exchange::Reply;

use crate::crash::asked_for;
use crate::database::{Database, NAME, free_port};
use crate::nodes::Nodes;
use crate::outages::{WRITERS, Work, begin_at, settle, until_paid};
use crate::pair::{PATIENCE, Pair, pause};
use crate::program::installation::done;
use crate::program::{Running, strongroom};
use crate::proxy::Proxy;

/// How long a stop may take: its `leave_seconds` and some; on a busy machine, among other tests, more.
fn bound() -> Duration {
    Duration::from_secs(if asked_for().is_some() { 20 } else { 60 })
}

/// A first server that reaches its database through a proxy.
fn cut_off(database: &Database) -> (Proxy, Pair) {
    let port = database.cluster.port;
    let proxy = Proxy::start(([127, 0, 0, 1], port).into(), None);
    let url = database.url();
    let url = url.replace(&port.to_string(), &proxy.address.port().to_string());
    let pair = Pair::with(database, &url);
    (proxy, pair)
}

/// Requests that wait at a server: with an idempotency key, without, and a reading one.
fn ask(pair: &Pair, asked: &Arc<AtomicUsize>) -> Vec<JoinHandle<Option<Reply>>> {
    let key = pair.made.shown("test secret key");
    let body = json!({ "role": "viewer" });
    let post = || {
        pair.request(0, "POST", "/v1/api-keys")
            .bearer(&key)
            .json(&body)
    };
    let requests = [
        post().idempotent("waits-1"),
        post().idempotent("waits-2"),
        post(),
        pair.request(0, "GET", "/v1/account").bearer(&key),
    ];
    let spawned = requests.map(|request| {
        let asked = Arc::clone(asked);
        std::thread::spawn(move || {
            asked.fetch_add(1, Ordering::SeqCst);
            request.try_send()
        })
    });
    spawned.into()
}

/// It says of each what became of it, by the rules: nothing was done, or nobody knows.
fn answered(waiting: Vec<JoinHandle<Option<Reply>>>) {
    const RULES: [&str; 6] = [
        "overloaded",
        "handing_over",
        "outcome_unknown",
        "idempotency_key_required",
        "storage_unavailable",
        "stopping",
    ];
    for waiting in waiting {
        // One that came too late found nobody.
        let Some(reply) = waiting.join().unwrap() else {
            continue;
        };
        println!("{} {}", reply.status, reply.text());
        // Before the loss was noticed.
        if matches!(reply.status, 200 | 201) {
            continue;
        }
        let code = reply.code();
        assert!(RULES.contains(&code.as_str()), "{}", reply.text());
    }
}

/// The database closes, refuses or swallows everything; the server is stopped at once, or once it says so itself.
#[test]
fn a_server_that_lost_its_database_stops_when_asked() {
    let Some(database) = Database::start() else {
        return;
    };
    let (proxy, pair) = cut_off(&database);
    let there = ([127, 0, 0, 1], database.cluster.port).into();
    let nowhere = ([127, 0, 0, 1], free_port()).into();
    for (swallows, at_once) in [(true, true), (true, false), (false, true), (false, false)] {
        let server = pair.start(0);
        pair.assert_serves(0);
        match swallows {
            true => proxy.swallow(true),
            false => {
                proxy.lead_to(nowhere);
                proxy.cut_all();
            }
        }
        if !at_once {
            pair.until_ready(0, 503, "unreachable");
        }
        let asked = Arc::default();
        let waiting = ask(&pair, &asked);
        while asked.load(Ordering::SeqCst) < waiting.len() {
            pause(Duration::from_millis(1));
        }
        let begun = Instant::now();
        server.send(Signal::TERM);
        let ended = server.ended();
        let took = begun.elapsed();
        println!("swallows {swallows}, at once {at_once}: stopped after {took:.1?}");
        assert_eq!(ended.status.code(), Some(0), "{}", ended.err);
        assert!(took < bound(), "{took:?}: {}", ended.err);
        answered(waiting);
        proxy.lead_to(there);
        proxy.swallow(false);
    }
    // What was left under way harms nobody.
    let server = pair.start(0);
    pair.assert_serves(0);
    assert_eq!(server.stop(Signal::TERM).status.code(), Some(0));
    done(&mut pair.made.command("verify"));
}

/// The same with another server that could take over, and does.
#[test]
fn one_of_two_that_lost_its_database_stops_when_asked() {
    let Some(database) = Database::start() else {
        return;
    };
    let (proxy, pair) = cut_off(&database);
    let (first, second) = (pair.start(0), pair.start(1));
    pair.assert_serves(1);
    proxy.swallow(true);
    let begun = Instant::now();
    first.send(Signal::TERM);
    let ended = first.ended();
    let took = begun.elapsed();
    println!("stopped after {took:.1?}");
    assert_eq!(ended.status.code(), Some(0), "{}", ended.err);
    assert!(took < bound(), "{took:?}: {}", ended.err);
    let made = pair.post_when_it_can(1, "/v1/api-keys", &json!({ "role": "viewer" }));
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(second.stop(Signal::TERM).status.code(), Some(0));
    proxy.swallow(false);
    done(&mut pair.made.command("verify"));
}

/// The server's answer to `COMMIT` does not come for longer than anybody waits for it, as with a synchronous copy that
/// is gone for good: the books are given up, and taken up again when it comes back, by a server that never ended.
#[test]
fn a_commit_that_is_never_answered_ends_no_server() {
    let Some(database) = Database::start() else {
        return;
    };
    let nodes = Nodes::on(&database);
    let running = vec![nodes.start(0), nodes.start(1)];
    let work = Arc::new(Work::default());
    let writers = begin_at(&nodes.shops(&running[0]), &work);
    until_paid(&work, 30);
    let hangs = |name: &str| {
        database.sql(&format!(
            "ALTER SYSTEM SET synchronous_standby_names = '{name}'"
        ));
        database.cluster.reload().unwrap();
    };
    hangs("nobody");
    let begun = Instant::now();
    // The lease runs out by the deciding node's own clock, its commit is asked about for a minute, then it decides no more.
    while nodes.ready(0).field("status") != "no_deciding_node" {
        assert!(begun.elapsed() < 2 * PATIENCE, "it never gives up");
        pause(Duration::from_millis(200));
    }
    println!("given up after {:.1?}", begun.elapsed());
    let before = work.paid();
    hangs("");
    let took = until_paid(&work, before + 2 * WRITERS);
    println!("paid again after {took:.1?}");
    settle(&running[0], &work, writers);
    for node in running {
        let stopped = node.running.stop(Signal::TERM);
        assert_eq!(stopped.status.code(), Some(0), "{}", stopped.err);
    }
    database.verified();
}

fn vault(pair: &Pair, number: usize, socket: &std::path::Path) -> Running {
    let mut command = strongroom();
    let config = ["strongroom.toml", "second.toml"][number];
    command.args(["serve", "--role", "vault", "--config"]);
    command.arg(pair.made.path(config));
    command
        .arg("--passphrase-file")
        .arg(pair.made.path("passphrase"));
    Running::start(command.arg("--vault-socket").arg(socket))
}

/// A vault that hangs keeps no server from stopping, though it would wait for it before it decides.
#[test]
fn a_hanging_vault_keeps_no_server_from_stopping() {
    let Some(database) = Database::start() else {
        return;
    };
    let pair = Pair::new(&database);
    // Each vault has a folder of its own.
    let second = pair.made.path("second.toml");
    let text = std::fs::read_to_string(&second).unwrap();
    std::fs::write(&second, text.replace("data = 'data'", "data = 'other'")).unwrap();
    let sockets = [0, 1].map(|number| pair.made.path(&format!("vault-{number}.sock")));
    let vaults = [0, 1].map(|number| vault(&pair, number, &sockets[number]));
    let start = |number: usize| {
        let mut command = pair.command(number);
        command.args(["--role", "api", "--vault-socket"]);
        Running::start(command.arg(&sockets[number]))
    };
    let (first, second) = (start(0), start(1));
    pair.assert_serves(1);
    vaults[1].send(Signal::STOP);
    let epoch = || {
        let text = "SELECT epoch FROM strongroom.store WHERE one = 1";
        database.cluster.psql(NAME, text).unwrap()
    };
    let before = epoch();
    first.kill();
    let begun = Instant::now();
    while epoch() == before {
        assert!(begun.elapsed() < PATIENCE, "it never takes over");
        pause(Duration::from_millis(50));
    }
    let begun = Instant::now();
    second.send(Signal::TERM);
    let ended = second.ended();
    println!("stopped after {:.1?}", begun.elapsed());
    assert_eq!(ended.status.code(), Some(0), "{}", ended.err);
    // It was not waited for to its end.
    assert!(!ended.err.contains("does not answer"), "{}", ended.err);
    vaults[1].send(Signal::CONT);
    // The books are free for another one.
    let first = start(0);
    pair.assert_serves(0);
    assert_eq!(first.stop(Signal::TERM).status.code(), Some(0));
    for vault in vaults {
        assert!(vault.stop(Signal::TERM).status.success());
    }
    done(&mut pair.made.command("verify"));
}
