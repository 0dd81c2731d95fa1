//! Whether each token has its number: whatever verifies books asks the vault, and says so where there is none.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use strongroom_store::{Batch, RecordRow, SqliteStore, Store};
use strongroom_types::id::{Kind, RawId};

use super::program::{Demo, Ended, assert_clean, run};
use super::{Client, number, reveal, tokenize, wait};

/// The exit code of what could not ask a vault.
const UNHELD: Option<i32> = Some(3);

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn numbers(vault: &Path) -> Vec<RecordRow> {
    let store = SqliteStore::open_read_only(vault).unwrap();
    let mut rows = Vec::new();
    store
        .reader()
        .unwrap()
        .all_records(&mut |row| rows.push(row))
        .unwrap();
    rows.retain(|row| row.kind == Kind::Token.code());
    rows
}

fn change(vault: &Path, batch: &mut Batch) {
    let store = SqliteStore::open(vault).unwrap();
    store.writer().unwrap().apply(batch).unwrap();
}

fn put(vault: &Path, row: RecordRow) {
    let mut batch = Batch {
        records: vec![row],
        ..Batch::default()
    };
    change(vault, &mut batch);
}

/// A stopped demo with three tokens, one of which was deleted.
fn made(data: &Path) {
    let demo = Demo::start(Some(data));
    let client = Client::of(&demo);
    let tokens: Vec<String> = (0..3)
        .map(|n| wait(|| tokenize(&client, &format!("made-{n}"), &number(n))))
        .collect();
    let deleted = client
        .request("DELETE", &format!("/v1/tokens/{}", tokens[2]))
        .send();
    assert_eq!(deleted.status, 200, "{}", deleted.text());
    assert!(demo.running.stop(Signal::TERM).status.success());
}

#[test]
fn verify_holds_every_number_and_finds_none_beyond() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("demo");
    made(&data);
    let vault = data.join("vault");
    let verify = |more: &[&str]| run(&[&["verify", "--data", text(&data)], more].concat());
    let told = verify(&[]).done();
    assert!(
        told.contains("2 card numbers held against the vault"),
        "{told}"
    );
    let rows = numbers(&vault);
    assert_eq!(rows.len(), 2);
    let (first, second) = (rows[0].clone(), rows[1].clone());
    let id = format!("tok_{}", RawId(first.id));
    let named = |words: &str| {
        let ended = verify(&[]);
        assert_eq!(ended.code, Some(1), "{}{}", ended.out, ended.err);
        assert!(ended.out.contains(words), "`{words}`: {}", ended.out);
        // Whoever goes on without the vault is told as much, and nothing of the damage.
        let without = verify(&["--without-vault"]).done();
        assert!(without.contains("2 card numbers not held"), "{without}");
    };

    // Cut out.
    let mut cut = Batch {
        removed_records: vec![(first.scope, first.kind, first.id)],
        ..Batch::default()
    };
    change(&vault, &mut cut);
    named(&format!(
        "the number of `{id}` of log {} is missing",
        first.scope
    ));
    // Another's in its place.
    let moved = RecordRow {
        body: second.body.clone(),
        ..first.clone()
    };
    put(&vault, moved);
    named(&format!(
        "the number of `{id}` of log {} does not open",
        first.scope
    ));
    put(&vault, first.clone());
    verify(&[]).done();

    // Beyond the tokens: new ones wait to be swept, old ones were kept.
    let beyond = |time: i64| RecordRow {
        id: [7; 12],
        time,
        ..second.clone()
    };
    put(&vault, beyond(second.time));
    let told = verify(&[]).done();
    assert!(told.contains("1 without a token"), "{told}");
    put(&vault, beyond(second.time - 3 * 86_400_000));
    named("which needs none");

    // A vault that is not there is said, by an exit code of its own.
    let away = dir.path().join("away");
    fs::rename(&vault, &away).unwrap();
    let ended = verify(&[]);
    assert_eq!(ended.code, UNHELD, "{}{}", ended.out, ended.err);
    assert!(
        ended
            .out
            .contains("2 card numbers are in a vault that was not asked"),
        "{}",
        ended.out
    );
    assert!(
        ended.err.contains("the numbers of 2 tokens are in a vault")
            && ended.err.contains("--without-vault"),
        "{}",
        ended.err
    );
    verify(&["--without-vault"]).done();
}

#[test]
fn a_backup_is_proven_with_its_numbers_or_refused() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("demo");
    made(&data);
    let path = |name: &str| dir.path().join(name);
    let backup = |name: &str, more: &[&str]| {
        let (data, out) = (text(&data), path(name));
        run(&[
            &["backup", "--data", data, "--verify", "--out", text(&out)],
            more,
        ]
        .concat())
    };
    let restore = |file: &str, to: &str, more: &[&str]| -> Ended {
        let (file, to, keyring) = (path(file), path(to), data.join("keyring.toml"));
        let passphrase = data.join("demo-passphrase");
        let words = ["restore", text(&file), "--to", text(&to)];
        let keys = [
            "--keyring",
            text(&keyring),
            "--passphrase-file",
            text(&passphrase),
        ];
        run(&[&words, &keys, more].concat())
    };
    backup("whole", &[]).done();
    let told = restore("whole", "restored", &[]).done();
    assert!(
        told.contains("2 card numbers held against the vault"),
        "{told}"
    );

    // Without the vault it is no backup of the installation, unless somebody says so.
    let vault = data.join("vault");
    fs::rename(&vault, path("away")).unwrap();
    assert_eq!(backup("half", &[]).code, UNHELD);
    assert!(!path("half").exists());
    backup("half", &["--without-vault"]).done();
    let refused = restore("half", "half-restored", &[]);
    assert_eq!(refused.code, UNHELD, "{}{}", refused.out, refused.err);
    assert!(!path("half-restored").exists(), "nothing is left of it");
    let told = restore("half", "half-restored", &["--without-vault"]).done();
    assert!(told.contains("2 card numbers not held"), "{told}");

    // A number lacks in the vault that is backed up.
    fs::rename(path("away"), &vault).unwrap();
    let row = numbers(&vault).remove(0);
    let mut cut = Batch {
        removed_records: vec![(row.scope, row.kind, row.id)],
        ..Batch::default()
    };
    change(&vault, &mut cut);
    let refused = backup("lacking", &[]);
    assert_eq!(refused.code, Some(1), "{}{}", refused.out, refused.err);
    assert!(refused.out.contains("is missing"), "{}", refused.out);
    let words = ["backup", "--data", text(&data), "--out"];
    let lacking = path("lacking");
    run(&[&words[..], &[text(&lacking)]].concat()).done();
    let refused = restore("lacking", "lacking-restored", &[]);
    assert_eq!(refused.code, Some(1), "{}{}", refused.out, refused.err);
    assert!(!path("lacking-restored").exists());
}

/// What is swept is what no token needs, and it is swept at the word of the installation that the vault belongs to.
#[test]
fn books_of_another_installation_get_nothing_of_a_vault() {
    let dir = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| dir.path().join(name));
    made(&first);
    made(&second);
    // The other installation's books beside this vault, with its keyring's secret unknown: it does not even open.
    let before = numbers(&first.join("vault"));
    let vault = second.join("vault");
    let own = dir.path().join("own");
    fs::rename(&vault, &own).unwrap();
    fs::rename(first.join("vault"), &vault).unwrap();
    let refused = run(&["demo", "--port", "0", "--data", text(&second)]);
    assert_eq!(refused.code, Some(1), "{}{}", refused.out, refused.err);
    assert_eq!(numbers(&vault), before);
    // Back where they belong, both serve again.
    fs::rename(&vault, first.join("vault")).unwrap();
    fs::rename(&own, &vault).unwrap();
    for data in [&first, &second] {
        assert_clean(data);
        let demo = Demo::start(Some(data));
        let client = Client::of(&demo);
        let token = wait(|| tokenize(&client, "made-0", &number(0)));
        assert_eq!(wait(|| reveal(&client, &token)), number(0));
        assert!(demo.running.stop(Signal::TERM).status.success());
    }
}
