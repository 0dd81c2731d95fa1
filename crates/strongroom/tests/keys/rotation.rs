//! Keys replaced under load: no request fails, nothing is left under an old version, and a kill changes neither.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::custody::copy_folder;
use crate::program::{Demo, Ended, assert_clean, run, strongroom};

/// Payers that count what failed.
struct Load {
    stop: Arc<AtomicBool>,
    paid: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// Pays, makes tokens and pays with them, and reads back, from several threads at once.
    fn start(demo: &Demo) -> Load {
        let load = Load {
            stop: Arc::default(),
            paid: Arc::default(),
            failed: Arc::default(),
            threads: Vec::new(),
        };
        let address = crate::program::address(demo.text("base_url"));
        let key = demo.text("secret_key").to_owned();
        let reserve = demo.text("wallets/reserve").to_owned();
        let threads = (0..3).map(|number| {
            let (stop, paid, failed) = (Arc::clone(&load.stop), Arc::clone(&load.paid), Arc::clone(&load.failed));
            let (key, reserve) = (key.clone(), reserve.clone());
            std::thread::spawn(move || {
                let ask = |method: &str, target: &str| {
                    strongroom_testkit::exchange::Outgoing::new(address, method, target).bearer(&key)
                };
                for turn in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let idempotency = format!("load-{number}-{turn}-{}", std::process::id());
                    let body = json!({ "amount": 1, "recipient": { "type": "wallet", "id": reserve }, "metadata": { "note": "n" } });
                    let made = ask("POST", "/v1/payouts").idempotent(&idempotency).json(&body).send();
                    let again = ask("POST", "/v1/payouts").idempotent(&idempotency).json(&body).send();
                    let id = made.json()["id"].as_str().unwrap_or("none").to_owned();
                    let read = ask("GET", &format!("/v1/payouts/{id}")).send();
                    let card = json!({ "card": { "number": "4242424242424242", "exp_month": 12, "exp_year": 2034, "cvv": "123" } });
                    let token = ask("POST", "/v1/tokens").idempotent(&format!("{idempotency}-t")).json(&card).send();
                    let audit = ask("GET", "/v1/audit-logs?limit=2").send();
                    for reply in [&made, &again, &read, &token, &audit] {
                        if reply.status >= 400 {
                            eprintln!("{}: {}", reply.status, reply.text());
                            failed.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    if made.body != again.body {
                        eprintln!("a retry was answered with other bytes");
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                    paid.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        let threads = threads.collect();
        Load { threads, ..load }
    }

    /// Waits until so many rounds were made since now.
    fn rounds(&self, more: u64) {
        let wanted = self.paid.load(Ordering::Relaxed) + more;
        while self.paid.load(Ordering::Relaxed) < wanted {
            assert!(
                self.threads.iter().all(|thread| !thread.is_finished()),
                "a payer ended"
            );
            std::thread::park_timeout(std::time::Duration::from_millis(20));
        }
    }

    /// Rounds and failures.
    fn end(self) -> (u64, u64) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        (
            self.paid.load(Ordering::Relaxed),
            self.failed.load(Ordering::Relaxed),
        )
    }
}

fn rotate(data: &Path, level: &str) -> Value {
    let told = run(&[
        "keys",
        "rotate",
        "--data",
        data.to_str().unwrap(),
        "--level",
        level,
        "--json",
    ])
    .done();
    serde_json::from_str(&told).unwrap()
}

fn status(data: &Path) -> Value {
    let told = run(&[
        "keys",
        "status",
        "--data",
        data.to_str().unwrap(),
        "--scan",
        "--json",
    ])
    .done();
    serde_json::from_str(&told).unwrap()
}

#[track_caller]
fn assert_none_left(status: &Value) {
    assert_eq!(status["parts_on_old_versions"], json!(0), "{status}");
    assert_eq!(status["parts_under_missing_keys"], json!(0), "{status}");
    let keys = status["keys"].as_array().unwrap();
    assert!(
        keys.iter().all(|key| key["newest"] == json!(true)),
        "{status}"
    );
}

fn versions(status: &Value, purpose: &str) -> Vec<u64> {
    let keys = status["keys"].as_array().unwrap().iter();
    let of = keys.filter(|key| key["purpose"] == json!(purpose));
    of.map(|key| key["version"].as_u64().unwrap()).collect()
}

#[test]
fn rotation_leaves_none() {
    let dir = tempfile::tempdir().unwrap();
    let demo = Demo::start(Some(dir.path()));
    let load = Load::start(&demo);
    load.rounds(30);
    for level in ["data", "scope", "installation", "root", "data"] {
        let done = rotate(dir.path(), level);
        assert_eq!(done["parts_on_old_versions"], json!(0), "{level}: {done}");
        assert!(
            done["versions_destroyed"].as_u64().unwrap() > 0,
            "{level}: {done}"
        );
        if level == "data" {
            assert!(done["rows_resealed"].as_u64().unwrap() > 50, "{done}");
        }
        load.rounds(5);
    }
    let (rounds, failed) = load.end();
    assert_eq!(failed, 0, "of {rounds} rounds");
    let status = status(dir.path());
    assert_none_left(&status);
    assert!(
        versions(&status, "card")
            .iter()
            .all(|version| *version == 3),
        "{status}"
    );
    assert!(
        versions(&status, "installation")
            .iter()
            .all(|version| *version == 2)
    );
    // What was sealed first is read after all of it.
    let tokens = demo.get("/v1/tokens?limit=1");
    assert_eq!(tokens["data"].as_array().unwrap().len(), 1);
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    assert_clean(dir.path());
}

#[test]
fn rotation_survives_kills() {
    let dir = tempfile::tempdir().unwrap();
    let demo = Demo::start(Some(dir.path()));
    let load = Load::start(&demo);
    load.rounds(150);
    let (_, failed) = load.end();
    assert_eq!(failed, 0);
    let mut demo = demo;
    for _ in 0..3 {
        let data = dir.path().to_str().unwrap().to_owned();
        let rotating = std::thread::spawn(move || {
            let output = strongroom()
                .args(["keys", "rotate", "--data", &data, "--level", "all"])
                .output();
            output.unwrap().status.code()
        });
        // Killed at a moment that the load chooses: the rotation is under way, or over.
        let killed = Load::start(&demo);
        killed.rounds(2);
        demo.running.kill();
        killed.stop.store(true, Ordering::Relaxed);
        // Its requests fail once the server is gone; what they ask here is nothing.
        killed
            .threads
            .into_iter()
            .for_each(|thread| drop(thread.join()));
        rotating.join().unwrap();
        assert_clean(dir.path());
        demo = Demo::start(Some(dir.path()));
    }
    // The start goes on by itself; one more makes sure that there is nothing left to go on with.
    let done = rotate(dir.path(), "data");
    assert_eq!(done["parts_on_old_versions"], json!(0), "{done}");
    assert_none_left(&status(dir.path()));
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    assert_clean(dir.path());
}

#[test]
fn a_copy_from_before_opens_with_the_old_keyring_alone() {
    let (dir, old) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let demo = Demo::start(Some(dir.path()));
    assert_eq!(demo.pay(100, "one").status, 201);
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    copy_folder(dir.path(), old.path());
    for level in ["all", "root"] {
        assert_eq!(rotate(dir.path(), level)["parts_on_old_versions"], json!(0));
    }
    assert_clean(dir.path());
    assert_clean(old.path());
    std::fs::copy(
        dir.path().join("keyring.toml"),
        old.path().join("keyring.toml"),
    )
    .unwrap();
    let verify = ["verify", "--data", old.path().to_str().unwrap()];
    run(&verify).failed("wrapped under root version 1, but the keyring holds version 2");
}

/// How many entries of an opened export say this.
pub fn actions(bundle: &str, action: &str) -> usize {
    let bundle: strongroom_audit::Bundle = serde_json::from_str(bundle).unwrap();
    let facts = bundle.entries.iter().filter_map(|entry| {
        let mut parts = entry.parts.iter();
        let part = parts.find(|part| part.tag == strongroom_domain::entry::tag::FACTS)?;
        let plain = &part.opened.as_ref()?.plaintext.0;
        strongroom_domain::entry::decode::<strongroom_domain::entry::EntryFacts>(plain).ok()
    });
    facts
        .filter(|facts| facts.action.as_str() == action)
        .count()
}

/// Who read the keyring before others replaced the roots replaces nothing; the vault goes on under the new ones.
#[test]
fn a_stale_keyring_replaces_no_roots() {
    let dir = tempfile::tempdir().unwrap();
    let demo = Demo::start(Some(dir.path()));
    let card = json!({ "card": { "number": "4242424242424242", "exp_month": 12, "exp_year": 2099, "cvv": "123" }, "use": "multi_use" });
    let made = demo.request("POST", "/v1/tokens").json(&card).send();
    assert_eq!(made.status, 201, "{}", made.text());
    let token = made.json()["id"].as_str().unwrap().to_owned();
    let keyring = dir.path().join("keyring.toml");
    let stale = std::fs::read(&keyring).unwrap();
    assert_eq!(
        rotate(dir.path(), "root")["parts_on_old_versions"],
        json!(0)
    );
    let good = std::fs::read(&keyring).unwrap();
    std::fs::write(&keyring, stale).unwrap();
    let data = dir.path().to_str().unwrap();
    let again = ["keys", "rotate", "--data", data, "--level", "root"];
    run(&again).failed("replaced by somebody else meanwhile");
    // What was refused is not on record as done.
    let entries = || {
        let log = std::fs::read_to_string(dir.path().join("bundle")).unwrap();
        actions(&log, "roots_replaced")
    };
    std::fs::write(&keyring, &good).unwrap();
    demo.running.kill();
    let export = |name: &str| {
        let out = dir.path().join(name);
        let out = out.to_str().unwrap();
        run(&["audit", "export", "--data", data, "--opened", "--out", out]).done();
    };
    export("bundle");
    assert_eq!(entries(), 1);
    let demo = Demo::start(Some(dir.path()));
    run(&again).done();
    demo.running.kill();
    let demo = Demo::start(Some(dir.path()));
    let reveal = demo.request("POST", &format!("/v1/tokens/{token}/reveal"));
    let shown = reveal.json(&json!({ "reason": "a test" })).send();
    assert_eq!(
        shown.json()["card"]["number"],
        "4242424242424242",
        "{}",
        shown.text()
    );
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    assert_clean(dir.path());
}

#[test]
fn what_cannot_be_replaced_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let demo = Demo::start(Some(dir.path()));
    let data = dir.path().to_str().unwrap();
    let rotate = |more: &[&str]| {
        let mut command = strongroom();
        Ended::of(
            command
                .args(["keys", "rotate", "--data", data, "--level", "data"])
                .args(more)
                .output()
                .unwrap(),
        )
    };
    rotate(&["--purpose", "card_fingerprint"]).failed("`card_fingerprint` are not replaced");
    rotate(&["--organization", "org_none"]).failed("no organization's id");
    rotate(&["--organization", "org_0190a1b2c3d4e5f60718293a"]).failed("no such books");
    rotate(&["--mode", "test", "--purpose", "card"]).done();
    let listed = run(&["keys", "status", "--data", data]).done();
    for word in [
        "installation",
        "credential",
        "XAES-256-GCM",
        "Ed25519",
        "HMAC-SHA-256",
        "next rotation",
    ] {
        assert!(listed.contains(word), "{listed}");
    }
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
}
