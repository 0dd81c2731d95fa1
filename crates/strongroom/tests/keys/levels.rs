//! New keys of blind indexes, of data subjects and of the vault: under load no request fails, what one holder alone may have
//! stays one holder's, whoever is erased stays erased, a kill in between is gone on from, and a scan finds nothing under an
//! old version.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustix::process::Signal;
use serde_json::{Value, json};
use strongroom_store::{Batch, SqliteStore, Store, StoreError, Wanted};
use strongroom_types::id::{CustomerId, Kind};

use crate::load::{Client, Load, WORKERS, number, wait};
use crate::program::{Demo, assert_clean, run};
use crate::rotation::actions;

/// What is there before keys are replaced.
const OLD: u64 = 40;
/// Kills until one must have come in between.
const MOST_KILLS: usize = 20;

fn keys(data: &Path, command: &[&str]) -> Value {
    let data = ["--data", data.to_str().unwrap(), "--json"];
    let told = run(&[&["keys"][..], command, &data[..]].concat()).done();
    serde_json::from_str(&told).unwrap()
}

fn rotate(data: &Path, level: &str) -> Value {
    let done = keys(data, &["rotate", "--level", level]);
    assert_eq!(done["parts_on_old_versions"], json!(0), "{done}");
    done
}

/// What a scan finds, where that is nothing under an old version.
fn scanned(data: &Path) -> Option<Value> {
    let status = keys(data, &["status", "--scan"]);
    let lines = lines(&status);
    let is_done = status["parts_on_old_versions"] == json!(0)
        && status["parts_under_missing_keys"] == json!(0)
        && status["vault_rows_on_old_versions"] == json!(0)
        && lines.iter().all(|line| line["newest"] == json!(true));
    is_done.then_some(status)
}

fn lines(status: &Value) -> Vec<Value> {
    let of = |list: &str| status[list].as_array().cloned().unwrap_or_default();
    [of("keys"), of("vault_keys")].concat()
}

/// Versions of the keys of a purpose, and what is under them in all.
fn versions(status: &Value, list: &str, purpose: &str) -> (Vec<u64>, u64) {
    let lines = status[list].as_array().unwrap().iter();
    let of: Vec<&Value> = lines
        .filter(|key| key["purpose"] == json!(purpose))
        .collect();
    let number = |key: &&Value, name: &str| key[name].as_u64().unwrap();
    let versions = of.iter().map(|key| number(key, "version")).collect();
    (
        versions,
        of.iter().map(|key| number(key, "sealed_parts")).sum(),
    )
}

/// Asks for a rotation, and kills the server once it says that it is under way. Says whether an old version was left.
fn killed_in_between(data: &Path, demo: Demo, level: &str) -> bool {
    let mut control = UnixStream::connect(data.join("control")).unwrap();
    writeln!(control, "{}", json!({ "do": "rotate", "level": level })).unwrap();
    let mut line = String::new();
    // Nothing comes where there was nothing to do.
    drop(BufReader::new(control).read_line(&mut line));
    demo.running.kill();
    if level == "vault" {
        return vault_versions(&data.join("vault")) > 1;
    }
    let status = keys(data, &["status", "--scan"]);
    lines(&status)
        .iter()
        .any(|line| line["newest"] == json!(false))
}

/// The most versions that a key of the vault has in its store, once its process has ended.
fn vault_versions(vault: &Path) -> usize {
    let store = wait(|| match SqliteStore::open_read_only(vault) {
        Err(StoreError::Locked) => None,
        opened => Some(opened.unwrap()),
    });
    let mut versions: HashMap<(u32, u8, u32), usize> = HashMap::new();
    for row in store.reader().unwrap().keys().unwrap() {
        // Those that card fields are encrypted to are told apart by their period.
        *versions
            .entry((row.scope, row.purpose, row.period))
            .or_default() += 1;
    }
    versions.into_values().max().unwrap()
}

/// Kills until one came in between; the start after it goes on by itself until nothing is left.
fn survives_kills(data: &Path, mut demo: Demo, level: &str) -> Demo {
    for _ in 0..MOST_KILLS {
        let in_between = killed_in_between(data, demo, level);
        // With two versions all is found that is there, and nothing that is not.
        assert_clean(data);
        demo = Demo::start(Some(data));
        wait(|| scanned(data));
        if in_between {
            return demo;
        }
    }
    panic!("{MOST_KILLS} kills, and none came in between");
}

fn stopped_clean(data: &Path, demo: Demo) {
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    assert_clean(data);
}

#[test]
fn keys_of_blind_indexes_are_replaced_under_load_and_over_kills() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    let demo = Demo::start(Some(data));
    let client = Client::of(&demo, "one");
    for n in 0..OLD {
        assert_eq!(
            client.pay(&format!("old-{n}"), &format!("old-{n}")).status,
            201
        );
        client.customer("Ana", &format!("old{n}@example.org"));
    }
    // How many were given each reference that several threads wanted at once.
    let given: Arc<Mutex<HashMap<String, u32>>> = Arc::default();
    let wins = Arc::clone(&given);
    let load = Load::start(&client, move |client, worker, turn| {
        let name = |what: &str| format!("{what}-{}-{worker}-{turn}", client.run);
        let contested = format!("contested-{}-{turn}", client.run);
        match client.pay(&contested, &name("contested")) {
            won if won.status == 201 => *wins.lock().unwrap().entry(contested).or_default() += 1,
            lost => drop(lost.refused(409, "reference_id_taken")),
        }
        // What was there before stays taken, and is found.
        let old = format!("old-{}", turn % OLD);
        client
            .pay(&old, &name("again"))
            .refused(409, "reference_id_taken");
        assert_eq!(
            client.found("payouts", "reference_id", &old).len(),
            1,
            "{old}"
        );
        let old = format!("old{}@example.org", turn % OLD);
        assert_eq!(client.found("customers", "email", &old).len(), 1, "{old}");
        // What is given up is found no more, and what takes its place is.
        let (first, second) = (name("a") + "@example.org", name("b") + "@example.org");
        let customer = client.customer("Ben", &first);
        assert_eq!(
            client.found("customers", "email", &first),
            std::slice::from_ref(&customer)
        );
        assert_eq!(
            client.change(&customer, &json!({ "email": second })).status,
            200
        );
        assert!(client.found("customers", "email", &first).is_empty());
        assert_eq!(client.found("customers", "email", &second), [customer]);
    });
    load.go_on(6);
    let done = rotate(data, "index");
    assert!(done["rows_resealed"].as_u64().unwrap() >= 2 * OLD, "{done}");
    assert!(done["versions_destroyed"].as_u64().unwrap() > 0, "{done}");
    load.go_on(6);
    rotate(data, "index");
    load.go_on(3);
    load.end();
    let given = std::mem::take(&mut *given.lock().unwrap());
    assert!(given.len() > 3);
    let twice = given.iter().find(|(_, times)| **times != 1);
    assert_eq!(twice, None, "a reference was given twice");
    let status = scanned(data).expect("rows are left under an old version");
    let (versions, rows) = versions(&status, "keys", "blind_index");
    assert!(versions.contains(&3) && rows > 2 * OLD, "{status}");

    let demo = survives_kills(data, demo, "index");
    let client = Client::of(&demo, "two");
    for n in 0..OLD {
        let old = format!("old-{n}");
        assert_eq!(client.found("payouts", "reference_id", &old).len(), 1);
        client
            .pay(&old, &format!("after-{n}"))
            .refused(409, "reference_id_taken");
    }
    stopped_clean(data, demo);
}

#[test]
fn keys_of_data_subjects_are_replaced_under_load_and_over_kills() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    let demo = Demo::start(Some(data));
    let client = Client::of(&demo, "one");
    let old: Vec<String> = (0..OLD)
        .map(|n| client.customer(&format!("Old {n}"), &format!("old{n}@example.org")))
        .collect();
    let erased: Arc<Mutex<Vec<String>>> = Arc::default();
    let (known, gone) = (old.clone(), Arc::clone(&erased));
    let load = Load::start(&client, move |client, worker, turn| {
        let place = turn % OLD;
        let before = &known[usize::try_from(place).unwrap()];
        assert_eq!(client.name(before), json!(format!("Old {place}")));
        let email = format!("{}-{worker}-{turn}@example.org", client.run);
        let customer = client.customer("Ben", &email);
        assert_eq!(
            client.change(&customer, &json!({ "name": "Carla" })).status,
            200
        );
        assert_eq!(client.name(&customer), json!("Carla"));
        if turn % 2 == 0 {
            let erase = client.ask("POST", &format!("/v1/customers/{customer}/erase"));
            assert_eq!(erase.json(&json!({})).send().status, 200);
            assert_eq!(client.name(&customer), Value::Null);
            gone.lock().unwrap().push(customer);
        }
    });
    load.go_on(6);
    for _ in 0..2 {
        let done = rotate(data, "subject");
        assert!(done["rows_resealed"].as_u64().unwrap() >= OLD, "{done}");
        assert!(done["versions_destroyed"].as_u64().unwrap() > OLD, "{done}");
        load.go_on(4);
    }
    load.end();
    let status = scanned(data).expect("parts are left under an old version");
    let (versions, wrapped) = versions(&status, "keys", "shred");
    assert!(versions.contains(&3) && wrapped >= OLD, "{status}");
    assert_eq!(status["subject_keys"], json!(wrapped), "{status}");

    let demo = survives_kills(data, demo, "subject");
    let client = Client::of(&demo, "two");
    for (n, customer) in old.iter().enumerate() {
        assert_eq!(client.name(customer), json!(format!("Old {n}")));
    }
    let erased = std::mem::take(&mut *erased.lock().unwrap());
    assert!(!erased.is_empty());
    for customer in &erased {
        assert_eq!(client.name(customer), Value::Null);
    }
    stopped_clean(data, demo);
    assert!(erased.iter().all(|customer| has_no_person(data, customer)));
}

/// Whether a customer's record has its business part alone: `0x01 ‖ u8 parts`.
fn has_no_person(data: &Path, customer: &str) -> bool {
    let id = CustomerId::parse(customer).unwrap();
    let store = SqliteStore::open_read_only(data).unwrap();
    let mut reader = store.reader().unwrap();
    let scopes: Vec<u32> = reader
        .heads()
        .unwrap()
        .iter()
        .map(|head| head.log)
        .collect();
    let record = |scope: u32| (scope, id.any().kind.code(), id.0.0);
    let wanted = Wanted {
        records: scopes.into_iter().map(record).collect(),
        ..Wanted::default()
    };
    let row = reader.load(&wanted).unwrap().records.pop().unwrap();
    row.body.get(..2) == Some(&[1, 1][..])
}

#[test]
fn keys_of_the_vault_are_replaced_under_load_and_over_kills() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    let demo = Demo::start(Some(data));
    let client = Client::of(&demo, "one");
    let old: Vec<(String, String)> = (0..OLD)
        .map(|n| client.token(&number(n), &format!("old-{n}")))
        .collect();
    let before = scanned(data).unwrap();
    let known = old.clone();
    let load = Load::start(&client, move |client, worker, turn| {
        let place = (turn * WORKERS + worker) % OLD;
        let (token, fingerprint) = &known[usize::try_from(place).unwrap()];
        assert_eq!(client.reveal(token), json!(number(place)));
        // The same card is known again, and another is another.
        let name = |what: &str| format!("{what}-{}-{worker}-{turn}", client.run);
        let (_, same) = client.token(&number(place), &name("same"));
        assert_eq!(same, *fingerprint);
        let fresh = 1_000_000 * (worker + 1) + turn;
        let (token, other) = client.token(&number(fresh), &name("other"));
        assert_ne!(other, *fingerprint);
        assert_eq!(client.reveal(&token), json!(number(fresh)));
    });
    load.go_on(6);
    for _ in 0..2 {
        let done = rotate(data, "vault");
        assert!(done["rows_resealed"].as_u64().unwrap() > OLD, "{done}");
        assert!(done["keys_wrapped"].as_u64().unwrap() > 2, "{done}");
        assert!(done["versions_destroyed"].as_u64().unwrap() > 2, "{done}");
        load.go_on(4);
    }
    load.end();
    let status = scanned(data).expect("numbers are left under an old version");
    let (cards, numbers) = versions(&status, "vault_keys", "card");
    assert!(
        cards.iter().all(|version| *version == 3) && numbers > OLD,
        "{status}"
    );
    for purpose in ["scope", "installation", "record"] {
        let (versions, _) = versions(&status, "vault_keys", purpose);
        assert!(
            versions.iter().all(|version| *version == 3),
            "{purpose}: {status}"
        );
    }
    // Wrapped again, and the same key: fingerprints are for good.
    let fingerprints = |status: &Value| versions(status, "vault_keys", "card_fingerprint").0;
    assert_eq!(fingerprints(&status), fingerprints(&before));
    assert!(fingerprints(&status).iter().all(|version| *version == 1));
    let listed = run(&["keys", "status", "--data", data.to_str().unwrap()]).done();
    let (_, of_vault) = listed.split_once("of the vault:").unwrap();
    assert!(
        of_vault.contains("card_fingerprint") && of_vault.contains("XAES-256-GCM"),
        "{listed}"
    );

    let demo = survives_kills(data, demo, "vault");
    let client = Client::of(&demo, "two");
    for (place, (token, fingerprint)) in (0..).zip(&old) {
        assert_eq!(client.reveal(token), json!(number(place)));
        let (_, same) = client.token(&number(place), &format!("after-{place}"));
        assert_eq!(same, *fingerprint);
    }
    stopped_clean(data, demo);
}

/// A row of the vault under another name: it does not open.
fn put_what_does_not_open(vault: &Path) {
    let store = wait(|| match SqliteStore::open(vault) {
        Err(StoreError::Locked) => None,
        opened => Some(opened.unwrap()),
    });
    let mut found = None;
    let mut reader = store.reader().unwrap();
    let look = &mut |row: strongroom_store::RecordRow| {
        if row.kind == Kind::Token.code() {
            found = Some(row);
        }
    };
    reader.all_records(look).unwrap();
    let mut row = found.unwrap();
    row.id = [9; 12];
    let batch = Batch {
        records: vec![row],
        ..Batch::default()
    };
    store.writer().unwrap().apply(&batch).unwrap();
}

/// Where something is left under an old key of the vault, that key is kept, and neither log nor command says otherwise.
#[test]
fn a_key_of_the_vault_that_is_kept_is_not_told_of_as_destroyed() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    let demo = Demo::start(Some(data));
    let client = Client::of(&demo, "one");
    client.token(&number(1), "old");
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    put_what_does_not_open(&data.join("vault"));

    let demo = Demo::start(Some(data));
    let place = data.to_str().unwrap();
    let rotate = ["keys", "rotate", "--level", "vault", "--data", place];
    let ended = run(&rotate);
    assert_eq!(ended.code, Some(1), "{}", ended.out);
    assert!(
        ended.out.contains("1 records on the old version"),
        "{}",
        ended.out
    );
    assert!(
        ended.out.contains("Not done: the old versions"),
        "{}",
        ended.out
    );
    let told = run(&[&rotate[..], &["--json"]].concat());
    let done: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(
        (told.code, &done["parts_on_old_versions"]),
        (Some(1), &json!(1))
    );
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    let bundle = data.join("bundle");
    let out = bundle.to_str().unwrap();
    run(&["audit", "export", "--data", place, "--opened", "--out", out]).done();
    let log = std::fs::read_to_string(&bundle).unwrap();
    assert_eq!(
        (actions(&log, "keys_kept"), actions(&log, "keys_destroyed")),
        (2, 0)
    );
}
