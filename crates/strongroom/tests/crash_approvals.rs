//! Killed while people agree: a payout that waited is made once or not yet, never twice and never without its approvals.
//!
//! One thread asks for payouts that wait, another agrees to what it finds; the server is killed with SIGKILL in the middle of it,
//! the folder is verified as it lies, and everything is agreed to again after the restart. `STRONGROOM_CRASH_CYCLES` says
//! how often.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod program;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use program::{Demo, address, assert_clean, run};
use rustix::process::Signal;
use serde_json::{Value, json};
use strongroom_testkit::dice::Dice;
use strongroom_testkit::exchange::{Outgoing, find};

const FUNDS: i64 = 10_000_000;
const AMOUNT: i64 = 2_000;
const CYCLES: u64 = 4;
/// Asked for in one cycle at most, more than are agreed to before the kill.
const ENOUGH: u64 = 60;

/// Who sends requests, until the server dies.
#[derive(Clone)]
struct Person {
    address: SocketAddr,
    key: String,
}

impl Person {
    fn at(demo: &Demo, key: &str) -> Person {
        Person {
            address: address(demo.text("base_url")),
            key: key.to_owned(),
        }
    }

    /// Sends a request, or learns nothing because the server died.
    fn send(
        &self,
        method: &str,
        target: &str,
        body: Option<(&str, &Value)>,
    ) -> Option<(u16, Value)> {
        let request = Outgoing::new(self.address, method, target).bearer(&self.key);
        let request = match body {
            Some((key, body)) => request.idempotent(key).json(body),
            None => request,
        };
        let mut stream = TcpStream::connect(self.address).ok()?;
        let patience = Some(Duration::from_secs(120));
        stream.set_read_timeout(patience).unwrap();
        stream.write_all(&request.bytes()).ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        let end = find(&bytes, b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        // A body that was cut off is no JSON.
        Some((status, serde_json::from_slice(&bytes[end + 4..]).ok()?))
    }

    /// Asks for payouts that wait, until the server dies or enough were asked for; gives their idempotency keys.
    fn ask(&self, reserve: &str, cycle: u64) -> Vec<String> {
        let mut keys = Vec::new();
        for n in 0..ENOUGH {
            let key = format!("{cycle}-{n}");
            keys.push(key.clone());
            if self.payout(reserve, &key).is_none() {
                break;
            }
        }
        keys
    }

    fn payout(&self, reserve: &str, key: &str) -> Option<Value> {
        let recipient = json!({ "type": "wallet", "id": reserve });
        let body = json!({ "amount": AMOUNT, "currency": "PHP", "recipient": recipient });
        let (status, asked) = self.send("POST", "/v1/payouts", Some((key, &body)))?;
        assert_eq!(status, 202, "{asked}");
        Some(asked)
    }

    /// Agrees to everything that waits, once; `None` when the server died on the way.
    fn agree(&self, mut told: impl FnMut()) -> Option<usize> {
        let (_, page) = self.send("GET", "/v1/approvals?status=pending&limit=100", None)?;
        let waiting = page["data"].as_array().unwrap().clone();
        for asked in &waiting {
            let path = format!("/v1/approvals/{}/approve", asked["id"].as_str().unwrap());
            let body = json!({ "hash": asked["hash"] });
            let (status, done) = self.send("POST", &path, Some((&path, &body)))?;
            assert_eq!(
                (status, &done["status"]),
                (200, &json!("executed")),
                "{done}"
            );
            told();
        }
        Some(waiting.len())
    }
}

/// A second person: his owner's key is made at the command line, while the server is down.
fn second_person(data: &Path, organization: &str) -> String {
    let data = data.to_str().unwrap();
    let arguments = [
        "organization",
        "keys",
        "--data",
        data,
        "--organization",
        organization,
    ];
    let said = run(&arguments).done();
    let line = said.lines().find(|line| line.contains("test secret key"));
    line.unwrap().split_whitespace().last().unwrap().to_owned()
}

/// Lets both go on until so many payouts were agreed to, then kills the server at once.
fn kill_between(demo: Demo, other: &str, cycle: u64, agreed: u64) -> Vec<String> {
    let reserve = demo.text("wallets/reserve").to_owned();
    let maker = Person::at(&demo, demo.text("secret_key"));
    let approver = Person::at(&demo, other);
    let (done, answers) = channel();
    let asking = std::thread::spawn(move || maker.ask(&reserve, cycle));
    let agreeing = std::thread::spawn(move || {
        // Who waits may have seen enough.
        let told = || {
            let _ = done.send(());
        };
        while approver.agree(told).is_some() {}
    });
    for _ in 0..agreed {
        answers.recv_timeout(Duration::from_secs(300)).unwrap();
    }
    demo.running.kill();
    agreeing.join().unwrap();
    asking.join().unwrap()
}

#[test]
fn killed_between_approvals_and_what_they_do() {
    let cycles = std::env::var("STRONGROOM_CRASH_CYCLES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(CYCLES);
    let dir = tempfile::tempdir().unwrap();
    let demo = Demo::start(Some(dir.path()));
    let organization = demo.text("organization_id").to_owned();
    let reserve = demo.text("wallets/reserve").to_owned();
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    let other = second_person(dir.path(), &organization);
    let mut demo = Demo::start(Some(dir.path()));
    let maker = Person::at(&demo, demo.text("secret_key"));
    let threshold = json!({ "amount": AMOUNT - 1, "currency": "PHP" });
    let policy = json!({ "act": "payout", "threshold": threshold, "approvals": 1 });
    let made = maker.send("POST", "/v1/approval-policies", Some(("policy", &policy)));
    assert_eq!(made.unwrap().0, 201);

    let (mut dice, mut asked) = (Dice::new(11), 0_i64);
    for cycle in 0..cycles {
        let keys = kill_between(
            demo,
            &other,
            cycle,
            1 + u64::try_from(dice.below(25)).unwrap(),
        );
        assert_clean(dir.path());
        demo = Demo::start(Some(dir.path()));
        let maker = Person::at(&demo, demo.text("secret_key"));
        let approver = Person::at(&demo, &other);
        // Each key has one approval, whether its first answer was lost or not.
        let ids: std::collections::BTreeSet<String> = keys
            .iter()
            .map(|key| maker.payout(&reserve, key).unwrap()["id"].to_string())
            .collect();
        assert_eq!(ids.len(), keys.len());
        asked += i64::try_from(keys.len()).unwrap();
        let started = Instant::now();
        while approver.agree(|| {}).unwrap() > 0 {
            assert!(started.elapsed() < Duration::from_secs(300));
        }
        let moved = (demo.available("operating"), demo.available("reserve"));
        let expected = (FUNDS - asked * AMOUNT, FUNDS + asked * AMOUNT);
        assert_eq!(moved, expected, "after kill {cycle}");
    }
    println!("{asked} payouts agreed to over {cycles} kills");
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    assert_clean(dir.path());
}
