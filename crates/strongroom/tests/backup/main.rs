//! Backup and restore, from outside: under load, interrupted, altered, behind what is known, into places that are taken.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod churn;
mod former;
mod place;
#[path = "../program/mod.rs"]
mod program;
mod refusals;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::process::Signal;
use serde_json::json;

use place::{Load, Place, ended, text};
use program::installation::{Installation, PASSPHRASE, config};
use program::writers::Shop;
use program::{Demo, Ended, assert_clean, strongroom};

const NUMBER: &str = "4242424242424242";
const FUNDS: i64 = 10_000_000;

/// Money moves while it is taken; what was acknowledged before it began is in it, whole, and nothing else is half.
#[test]
fn a_backup_of_a_running_server_is_restored_whole() {
    let place = Place::new();
    let demo = place.demo();
    let load = Load::on(&demo);
    load.wait_for(100);
    let card = demo.request("POST", "/v1/tokens").json(&json!({
        "card": { "number": NUMBER, "exp_month": 12, "exp_year": 2099, "cvv": "917" }, "use": "multi_use",
    }));
    let token = card.send().json()["id"].as_str().unwrap().to_owned();
    let before = load.count();
    let (file, note) = (place.path("full.strongroom"), place.path("checkpoint"));
    let told = place
        .backup(&[
            "--out",
            text(&file),
            "--verify",
            "--checkpoint-out",
            text(&note),
        ])
        .done();
    assert!(
        told.contains("restored and verified: no damage found"),
        "{told}"
    );
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    load.wait_for(load.count() + 20);
    let lines = load.end();
    demo.running.kill();
    place.keep_keys();

    let target = place.path("restored");
    let more = ["--to", text(&target), "--checkpoint", text(&note)];
    let report = ended(place.restore(&file, &more)).done();
    assert!(report.contains("no damage found"), "{report}");
    place.give_keys(&target);
    assert_clean(&target);
    let demo = Demo::start(Some(&target));
    let shop = Shop::of(&demo);
    let operating = demo.available("operating");
    let payouts = program::writers::payouts(&demo);
    // Whole payouts only: what left the wallet is what is listed.
    let listed: i64 = payouts
        .iter()
        .map(|payout| payout["amount"].as_i64().unwrap())
        .sum();
    assert_eq!(operating, FUNDS - listed);
    assert!(
        payouts.len() >= before && payouts.len() < lines.len(),
        "{}",
        payouts.len()
    );
    for line in &lines[..before] {
        let again = shop.pay(line).unwrap();
        assert!(
            again.replayed,
            "{} was acknowledged before the backup",
            line.key
        );
        assert_eq!(Some(&again.body), line.answer.as_ref());
    }
    // The vault came along, with what opens it.
    let reveal = demo.request("POST", &format!("/v1/tokens/{token}/reveal"));
    let revealed = reveal.json(&json!({ "reason": "a drill" })).send();
    assert_eq!(
        revealed.json()["card"]["number"],
        NUMBER,
        "{}",
        revealed.text()
    );
    // What came after it is not there, and is done anew.
    let last = lines.last().unwrap();
    assert!(!shop.pay(last).unwrap().replayed);
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    assert_clean(&target);
}

#[test]
fn the_machine_that_makes_it_needs_no_secret() {
    let installation = Installation::new("127.0.0.1:0");
    let serving = installation.serve();
    let recipient = Ended::of(
        installation
            .command("backup")
            .arg("--show-recipient")
            .output()
            .unwrap(),
    );
    let recipient = recipient.done().trim().to_owned();
    // No passphrase, no terminal, not even the keyring.
    let keyring = installation.path("keyring.toml");
    let away = installation.path("elsewhere.toml");
    fs::rename(&keyring, &away).unwrap();
    let file = installation.path("nightly");
    let config = installation.path("strongroom.toml");
    let make = |recipient: &str, out: &Path| {
        let mut command = strongroom();
        command.args([
            "backup",
            "--config",
            text(&config),
            "--recipient",
            recipient,
        ]);
        command.arg("--out").arg(out);
        Ended::of(command.output().unwrap())
    };
    make(&recipient, &file).done();
    // To a pipe, which is where another machine would be.
    let mut command = strongroom();
    command.args([
        "backup",
        "--config",
        text(&config),
        "--recipient",
        &recipient,
        "--out",
        "-",
    ]);
    let piped = command.output().unwrap();
    assert_eq!(piped.status.code(), Some(0));
    let streamed = installation.path("streamed");
    fs::write(&streamed, &piped.stdout).unwrap();
    let last = if recipient.ends_with('x') { 'q' } else { 'x' };
    let mistyped = format!("{}{last}", &recipient[..recipient.len() - 1]);
    let refused = make(&mistyped, &installation.path("none"));
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    assert!(
        refused.err.contains("a character missing"),
        "{}",
        refused.err
    );
    assert_eq!(serving.running.stop(Signal::TERM).status.code(), Some(0));

    let passphrase = installation.path("passphrase");
    for (file, name) in [(&file, "one"), (&streamed, "two")] {
        let target = installation.path(name);
        let mut command = strongroom();
        command.arg("restore").arg(file).arg("--to").arg(&target);
        command
            .arg("--keyring")
            .arg(&away)
            .arg("--passphrase-file")
            .arg(&passphrase);
        ended(command).done();
        let bytes = fs::read(file).unwrap();
        assert!(!holds(&bytes, &fs::read(&away).unwrap()) && !holds(&bytes, PASSPHRASE.as_bytes()));
        assert!(
            !target.join("keyring.toml").exists(),
            "root custody is never in it"
        );
    }
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// With the configuration as the place: the data directory was lost.
#[test]
fn a_lost_data_directory_comes_back_by_its_configuration() {
    let installation = Installation::configured(&config("127.0.0.1:0"));
    let key = installation.shown("test secret key");
    let file = installation.path("backup");
    let backup = |out: &Path| {
        Ended::of(
            installation
                .command("backup")
                .arg("--out")
                .arg(out)
                .output()
                .unwrap(),
        )
    };
    backup(&file).done();
    let serving = installation.serve();
    assert_eq!(serving.account(&key).0, 200);
    assert_eq!(serving.running.stop(Signal::TERM).status.code(), Some(0));
    let restore = |more: &[&str]| {
        let mut command = installation.command("restore");
        command.arg(&file).args(more);
        Ended::of(command.output().unwrap())
    };
    restore(&[]).failed("is a folder that holds something");
    fs::rename(installation.path("data"), installation.path("former")).unwrap();
    restore(&[]).done();
    let serving = installation.serve();
    assert_eq!(serving.account(&key).0, 200);
    assert_eq!(serving.running.stop(Signal::TERM).status.code(), Some(0));
}

#[test]
fn what_is_behind_a_known_checkpoint_is_refused_without_its_number() {
    let place = Place::new();
    let demo = place.demo();
    let (old, new, note) = (place.path("old"), place.path("new"), place.path("note"));
    place.backup(&["--out", text(&old)]).done();
    assert_eq!(demo.pay(10, "later").status, 201);
    place
        .backup(&["--out", text(&new), "--checkpoint-out", text(&note)])
        .done();
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    place.keep_keys();

    let target = place.path("restored");
    let to = ["--to", text(&target)];
    let with = |file: &Path, more: &[&str]| ended(place.restore(file, &[&to, more].concat()));
    let known = ["--checkpoint", text(&note)];
    let data = place.data();
    for known in [&known[..], &["--former", text(&data)]] {
        let refused = with(&old, known);
        let out = refused.out.clone();
        let err = refused.failed("behind a known checkpoint");
        assert!(
            !target.exists() && err.contains("--accept-rollback-to"),
            "{err}"
        );
        // The number of each log that falls back; none but the right ones will do.
        let here = |line: &str| {
            line.split(" ends at ")
                .nth(1)?
                .split(' ')
                .next()
                .map(str::to_owned)
        };
        let numbers: Vec<String> = out.lines().filter_map(here).collect();
        assert!(!numbers.is_empty(), "{out}");
        let wrong = [known, &["--accept-rollback-to", "1000000"]].concat();
        with(&old, &wrong).failed("behind a known checkpoint");
        let mut accepted = known.to_vec();
        for number in &numbers {
            accepted.extend(["--accept-rollback-to", number]);
        }
        with(&old, &accepted).done();
        fs::remove_dir_all(&target).unwrap();
    }
    with(&new, &known).done();
    fs::remove_dir_all(&target).unwrap();

    // A checkpoint that this installation did not sign is no reason for anything.
    let signed = fs::read_to_string(&note).unwrap();
    let size = signed.lines().nth(1).unwrap();
    let forged = signed.replacen(&format!("\n{size}\n"), "\n1\n", 1);
    fs::write(&note, forged).unwrap();
    with(&new, &known).failed("a known checkpoint");
    fs::write(&note, "nothing\n").unwrap();
    with(&new, &known).failed("a known checkpoint");
    fs::write(&note, "").unwrap();
    with(&new, &known).failed("holds no checkpoint");
    assert!(!target.exists());
}
