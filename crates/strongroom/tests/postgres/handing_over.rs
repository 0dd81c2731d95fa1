//! One server serves, the next stands by: handed over after a stop, a kill and a pause.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use strongroom_testkit::exchange::{Outgoing, Reply};

use crate::database::{Database, NAME, PASSWORD, config, free_port};
use crate::program::installation::{Installation, PASSPHRASE, done, failed};
use crate::program::{Running, strongroom};
use crate::proxy::Proxy;

/// A lease lasts 6 s; the rest is for the start on a machine that does other things too.
const HANDED_OVER: Duration = Duration::from_secs(12);

fn pause(time: Duration) {
    std::thread::park_timeout(time);
}

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

    let second = std::thread::scope(|scope| {
        let second = scope.spawn(|| database.demo());
        pause(Duration::from_secs(4));
        assert!(!second.is_finished(), "it stands by while the first lives");
        assert_eq!(first.pay(1, "order-2").status, 201);
        let killed = Instant::now();
        first.running.kill();
        let second = second.join().unwrap();
        println!(
            "taken over {:.1} s after the kill",
            killed.elapsed().as_secs_f64()
        );
        assert!(killed.elapsed() < HANDED_OVER);
        second
    });
    assert_eq!(without_address(&second.told), told, "the same credentials");
    let again = second.pay(700, "order-1");
    assert_eq!(
        (again.header("idempotent-replayed"), &again.body),
        (Some("true"), &paid.body)
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

/// An installation in a database, and a second server for it.
struct Pair {
    made: Installation,
    ports: [u16; 2],
    second: PathBuf,
}

impl Pair {
    fn new(database: &Database) -> Pair {
        Pair::with(database, &database.url())
    }

    /// The first server reaches the database at an address of its own.
    fn with(database: &Database, url: &str) -> Pair {
        database.demand_password();
        let ports = [free_port(), free_port()];
        let store = |url: &str| format!("postgres = '{url}'\npassword_file = 'password'\n");
        let keyring = PathBuf::from("keyring.toml");
        let secrets = [("password", PASSWORD)];
        let text = config(ports[0], "data", &keyring, &store(url));
        let made = Installation::configured_with(&text, &secrets);
        let second = made.path("second.toml");
        let text = config(ports[1], "data", &keyring, &store(&database.url()));
        fs::write(&second, text).unwrap();
        Pair {
            made,
            ports,
            second,
        }
    }

    fn command(&self, number: usize) -> Command {
        if number == 0 {
            return self.made.command("serve");
        }
        let mut serve = strongroom();
        serve.args(["serve", "--config"]).arg(&self.second);
        serve
            .arg("--passphrase-file")
            .arg(self.made.path("passphrase"));
        serve
    }

    fn start(&self, number: usize) -> Running {
        Running::start(&mut self.command(number))
    }

    fn request(&self, number: usize, method: &str, path: &str) -> Outgoing {
        let address = ([127, 0, 0, 1], self.ports[number]).into();
        Outgoing::new(address, method, path)
    }

    fn get(&self, number: usize, path: &str) -> Reply {
        let key = self.made.shown("test secret key");
        self.request(number, "GET", path).bearer(&key).send()
    }

    fn post(&self, number: usize, path: &str, body: &Value) -> Reply {
        let key = self.made.shown("test secret key");
        let request = self.request(number, "POST", path).bearer(&key).json(body);
        request.idempotent(path).send()
    }

    /// What a server says of a key.
    fn vouch(&self, number: usize, key: &str) -> Reply {
        let request = self.request(number, "GET", "/v1/auth/verify");
        request.bearer(key).send()
    }

    /// Asks `/ready` until it says so.
    fn until_ready(&self, number: usize, status: u16, word: &str) {
        let begun = Instant::now();
        loop {
            let ready = self.get(number, "/ready");
            if ready.status == status {
                assert_eq!(ready.field("status"), word);
                return println!("{word} after {:.1} s", begun.elapsed().as_secs_f64());
            }
            assert!(begun.elapsed() < HANDED_OVER, "never {word}");
            pause(Duration::from_millis(20));
        }
    }

    /// Past its lease a server tells nobody anything of a key, be it good or not.
    fn assert_silent(&self, number: usize, key: &str) {
        for key in [key, "sk_test_unknown"] {
            let refused = self.vouch(number, key).refused(503, "overloaded");
            assert_eq!(refused.header("retry-after"), Some("1"));
        }
        self.get(number, "/v1/account").refused(503, "overloaded");
        self.get(number, "/v1/nothing").refused(503, "overloaded");
        let found = self.request(number, "POST", "/leaks");
        let found = found.json(&serde_json::json!({ "key": key })).send();
        found.refused(503, "overloaded");
        let ready = self.get(number, "/ready");
        assert_eq!(
            (ready.status, ready.field("status").as_str()),
            (503, "unreachable")
        );
        assert_eq!(self.get(number, "/health").status, 200);
    }

    /// The second stands by and says so to whoever asks.
    fn assert_standby(&self, number: usize, running: &Running) {
        assert!(
            running.line.starts_with("standing by: "),
            "{}",
            running.line
        );
        assert_eq!(self.get(number, "/health").status, 200);
        let ready = self.get(number, "/ready");
        assert_eq!(
            (ready.status, ready.field("status").as_str()),
            (503, "standing_by")
        );
        let refused = self.get(number, "/v1/account").refused(503, "standing_by");
        assert!(refused.header("retry-after").is_some());
    }
}

#[test]
fn a_second_server_stands_by_until_the_first_is_stopped_or_killed() {
    let Some(database) = Database::start() else {
        return;
    };
    let pair = Pair::new(&database);
    let first = pair.start(0);
    assert!(first.line.starts_with("listening on "), "{}", first.line);
    assert_eq!(pair.get(0, "/v1/account").status, 200);
    let mut second = pair.start(1);
    pair.assert_standby(1, &second);
    let mut add = pair.made.command("organization add");
    failed(
        add.args(["--name", "Second Shop"]),
        "another server serves these books",
    );

    let stopped = Instant::now();
    assert_eq!(first.stop(Signal::TERM).status.code(), Some(0));
    second.lines_until("listening on ");
    println!(
        "handed over {:.1} s after SIGTERM",
        stopped.elapsed().as_secs_f64()
    );
    assert!(stopped.elapsed() < Duration::from_secs(6));
    assert_eq!(pair.get(1, "/v1/account").status, 200);
    assert_eq!(pair.get(1, "/ready").status, 200);

    let mut first = pair.start(0);
    pair.assert_standby(0, &first);
    let killed = Instant::now();
    second.kill();
    first.lines_until("listening on ");
    println!(
        "taken over {:.1} s after SIGKILL",
        killed.elapsed().as_secs_f64()
    );
    assert!(killed.elapsed() < HANDED_OVER);
    assert_eq!(pair.get(0, "/v1/account").status, 200);

    // One that stands by stops when it is asked to.
    let waiting = pair.start(1);
    assert_eq!(waiting.stop(Signal::TERM).status.code(), Some(0));
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

/// One that was paused for longer than its lease answers nothing when it wakes, and ends.
#[test]
fn a_server_that_slept_through_its_lease_gives_up() {
    let Some(database) = Database::start() else {
        return;
    };
    let pair = Pair::new(&database);
    let first = pair.start(0);
    let mut second = pair.start(1);
    pair.assert_standby(1, &second);
    first.send(Signal::STOP);
    second.lines_until("listening on ");
    first.send(Signal::CONT);
    let ended = first.ended();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.err);
    assert!(
        ended
            .err
            .contains("another server has taken the store over"),
        "{}",
        ended.err
    );
    assert_eq!(pair.get(1, "/v1/account").status, 200);
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

    let mut second = pair.start(1);
    pair.assert_standby(1, &second);
    cut();
    second.lines_until("listening on ");
    pair.assert_silent(0, &key);
    let path = format!("/v1/api-keys/{id}/revoke");
    let revoked = pair.post(1, &path, &serde_json::json!({}));
    assert_eq!(revoked.status, 200, "{}", revoked.text());
    pair.vouch(1, &key).refused(401, "unauthorized");
    pair.assert_silent(0, &key);

    // Told of its successor, it ends.
    proxy.lead_to(there);
    let ended = first.ended();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.err);
    assert_eq!(pair.get(1, "/ready").status, 200);
    assert_eq!(second.stop(Signal::TERM).status.code(), Some(0));
    done(&mut pair.made.command("verify"));
}
