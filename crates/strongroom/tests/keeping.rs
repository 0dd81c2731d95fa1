//! What keeps an installation: its passphrase and recovery kit, second tenants, and logs taken elsewhere.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod program;

use std::fs;
use std::path::PathBuf;

use program::installation::{Installation, done, failed, value};
use program::{assert_clean_with, strongroom};
use rustix::process::Signal;
use serde_json::{Value, json};

#[test]
fn a_second_organization_sees_nothing_of_the_first() {
    let made = Installation::new("127.0.0.1:0");
    let mut add = made.command("organization add");
    let told = done(add.args(["--name", "Second Shop"]));
    let second = value(&told, "test secret key");
    let serving = made.serve();
    let wallet = serving
        .request("POST", "/v1/wallets", &made.shown("test secret key"))
        .json(&json!({ "type": "master" }));
    let id = wallet.send().field("id");
    assert_eq!(serving.account(&second).1["name"], "Second Shop");
    assert_eq!(
        serving
            .request("GET", &format!("/v1/wallets/{id}"), &second)
            .send()
            .status,
        404
    );
    failed(
        made.command("organization add").args(["--name", "Third"]),
        "in use by another process",
    );
    assert_eq!(serving.running.stop(Signal::TERM).status.code(), Some(0));
    let nameless = made
        .command("organization add")
        .args(["--name", " "])
        .output();
    assert_eq!(nameless.unwrap().status.code(), Some(2));
    assert_clean_with(&mut made.command("verify"));
}

#[test]
fn an_organization_whose_last_key_leaked_gets_another() {
    let made = Installation::new("127.0.0.1:0");
    let lost = made.shown("test secret key");
    let serving = made.serve();
    let found = serving.request("POST", "/leaks", "none");
    let found = found.json(&json!({ "key": lost })).send();
    assert_eq!(found.status, 202, "{}", found.text());
    assert_eq!(serving.account(&lost).0, 401);
    assert_eq!(serving.running.stop(Signal::TERM).status.code(), Some(0));
    let organization = made.shown("organization");
    let keys = |id: &str| {
        let mut command = made.command("organization keys");
        command.args(["--organization", id]);
        command
    };
    let told = done(&mut keys(&organization));
    let serving = made.serve();
    let (status, account) = serving.account(&value(&told, "test secret key"));
    assert_eq!((status, &account["id"]), (200, &json!(organization)));
    assert_eq!(serving.running.stop(Signal::TERM).status.code(), Some(0));
    failed(
        &mut keys("org_0190a1b2c3d4e5f60718293a"),
        "there is no organization",
    );
    assert_clean_with(&mut made.command("verify"));
}

#[test]
fn the_passphrase_changes_and_the_kit_recovers() {
    let made = Installation::new("127.0.0.1:0");
    let new = made.path("new-passphrase");
    fs::write(&new, "another long passphrase").unwrap();
    done(
        made.command("keys passphrase")
            .arg("--new-passphrase-file")
            .arg(&new),
    );
    failed(
        &mut made.command("verify"),
        "the passphrase does not open the keyring",
    );
    fs::copy(&new, made.path("passphrase")).unwrap();
    assert_clean_with(&mut made.command("verify"));

    // The keyring is lost; a kit of another installation does not replace it, its own does.
    fs::remove_file(made.path("keyring.toml")).unwrap();
    let other = Installation::new("127.0.0.1:0");
    let recover = |kit: PathBuf| {
        let mut command = made.command("keys recover");
        command
            .arg("--recovery-kit")
            .arg(kit)
            .arg("--new-passphrase-file")
            .arg(&new);
        command
    };
    let err = failed(&mut recover(other.path("kit.txt")), "keyring");
    assert!(
        err.contains("recovery kit must be the one of this data directory"),
        "{err}"
    );
    assert!(!made.path("keyring.toml").exists());
    let typed = made.path("typed");
    let mistyped =
        fs::read_to_string(made.path("kit.txt"))
            .unwrap()
            .replacen(['7', '8', '9'], "3", 1);
    fs::write(&typed, mistyped).unwrap();
    failed(&mut recover(typed), "mistyped");
    done(&mut recover(made.path("kit.txt")));
    assert_clean_with(&mut made.command("verify"));
    let serving = made.serve();
    assert_eq!(serving.account(&made.shown("test secret key")).0, 200);
    assert_eq!(serving.running.stop(Signal::INT).status.code(), Some(0));
}

/// A log taken elsewhere verifies there, and only under the key and the checkpoint that are known.
#[test]
fn an_exported_log_verifies_alone() {
    let made = Installation::new("127.0.0.1:0");
    let serving = made.serve();
    let test = made.shown("test secret key");
    assert_eq!(
        serving
            .request("POST", "/v1/wallets", &test)
            .json(&json!({ "type": "master" }))
            .send()
            .status,
        201
    );
    assert_eq!(serving.running.stop(Signal::TERM).status.code(), Some(0));

    let bundle = made.path("log.json");
    let organization = made.shown("organization");
    let mut export = made.command("audit export");
    export
        .args([
            "--organization",
            &organization,
            "--mode",
            "test",
            "--opened",
            "--out",
        ])
        .arg(&bundle);
    done(&mut export);
    let parsed: Value = serde_json::from_slice(&fs::read(&bundle).unwrap()).unwrap();
    let note = made.path("note.txt");
    fs::write(&note, parsed["checkpoint"].as_str().unwrap()).unwrap();
    let key = parsed["verifier_key"].as_str().unwrap();

    let check = |more: &[&str]| {
        let mut command = strongroom();
        command
            .args(["audit", "verify"])
            .arg(&bundle)
            .args(more)
            .output()
            .unwrap()
    };
    let note = note.to_str().unwrap();
    assert_eq!(check(&[]).status.code(), Some(0));
    assert_eq!(
        check(&["--key", key, "--checkpoint", note]).status.code(),
        Some(0)
    );
    assert_eq!(
        check(&["--key", "strongroom/other+00000000+AAAA"])
            .status
            .code(),
        Some(1)
    );
    let mut whole = made.command("audit verify");
    assert_clean_with(whole.args(["--checkpoint", note]));

    let altered = fs::read_to_string(&bundle)
        .unwrap()
        .replacen("\"time\":1", "\"time\":2", 1);
    fs::write(&bundle, altered).unwrap();
    let found = check(&[]);
    assert_eq!(found.status.code(), Some(1));
    assert!(
        String::from_utf8(found.stdout)
            .unwrap()
            .starts_with("damage: entry 1")
    );
}
