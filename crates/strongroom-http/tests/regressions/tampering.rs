//! Changed files: what was moved, cut or rolled back is found; what only changed its clothes is not.

use std::path::Path;

use serde_json::{Value, json};
use strongroom_audit::verify_bundle;
use strongroom_crypto::RootKeys;
use strongroom_engine::verify::{VerifyReport, audit_verify, verify};
use strongroom_store::{Batch, IdRange, RecordRow, SqliteStore, Store};
use strongroom_testkit::server::{DataFolder, ServerSettings, TestServer};
use strongroom_testkit::tenant::Tenant;
use strongroom_types::id::Kind;

use crate::tenant;

fn verified(folder: &Path, root: RootKeys) -> VerifyReport {
    let store = SqliteStore::open_read_only(folder).unwrap();
    verify(&store, root, 1).unwrap()
}

/// A server with two organizations and four wallets of equal looks, stopped.
struct Stopped {
    server: TestServer,
    owners: [String; 2],
    wallets: Vec<String>,
}

fn stopped() -> Stopped {
    let mut server = TestServer::start_in_files(ServerSettings::default());
    let mut wallets = Vec::new();
    let mut owners = Vec::new();
    for _ in 0..2 {
        let acme = Tenant::found(&server);
        wallets.extend([acme.funded("master", 1_000), acme.funded("master", 2_000)]);
        owners.push(acme.owner.text);
    }
    server.checkpoint();
    server.halt();
    Stopped {
        server,
        owners: owners.try_into().unwrap(),
        wallets,
    }
}

/// All records of a kind, of every tenant.
fn records(folder: &Path, kind: Kind) -> Vec<RecordRow> {
    let copy = DataFolder::copy_of(folder);
    let store = SqliteStore::open_read_only(copy.path()).unwrap();
    let mut reader = store.reader().unwrap();
    let mut found = Vec::new();
    for head in reader.heads().unwrap() {
        found.extend(
            reader
                .records(head.log, kind.code(), IdRange::default(), false, 100)
                .unwrap(),
        );
    }
    found
}

/// Writes rows into a copy of a stopped server's files.
fn changed(stopped: &Stopped, rows: Vec<RecordRow>) -> DataFolder {
    let copy = DataFolder::copy_of(stopped.server.folder());
    let store = SqliteStore::open(copy.path()).unwrap();
    store
        .writer()
        .unwrap()
        .apply(&Batch {
            records: rows,
            ..Batch::default()
        })
        .unwrap();
    copy
}

#[test]
fn ciphertext_swap() {
    let stopped = stopped();
    let clean = verified(
        DataFolder::copy_of(stopped.server.folder()).path(),
        stopped.server.root_keys(),
    );
    assert!(clean.is_clean(), "{clean}");
    let books = records(stopped.server.folder(), Kind::Account);
    let wallets = records(stopped.server.folder(), Kind::Wallet);
    assert_eq!((books.len(), wallets.len()), (4, 4));
    let moved = |from: &RecordRow, to: &RecordRow| RecordRow {
        body: from.body.clone(),
        ..to.clone()
    };
    let cases = [
        ("between rows", moved(&books[1], &books[0])),
        ("between tenants", moved(&books[2], &books[0])),
        ("between kinds", moved(&wallets[0], &books[0])),
        (
            "to another version",
            RecordRow {
                version: books[0].version + 1,
                ..books[0].clone()
            },
        ),
    ];
    for (what, row) in cases {
        let copy = changed(&stopped, vec![row]);
        let report = verified(copy.path(), stopped.server.root_keys());
        assert!(!report.is_clean(), "{what}: nothing was found");
        // And the running server neither shows it nor acts on it.
        let server = TestServer::open(copy, stopped.server.root_keys(), ServerSettings::default());
        let path = format!("/v1/wallets/{}", stopped.wallets[0]);
        let read = |target: &str| {
            server
                .request("GET", target)
                .bearer(&stopped.owners[0])
                .send()
        };
        read(&path).refused(500, "internal_error");
        read("/v1/wallets").refused(500, "internal_error");
        let debit = server
            .request("POST", &format!("{path}/debit"))
            .bearer(&stopped.owners[0])
            .idempotent("d");
        let status = debit.json(&json!({ "amount": 1 })).send().status;
        assert!(
            status >= 500,
            "{what}: money moved on a record that does not open: {status}"
        );
    }
}

/// An old version of a record, put back whole, opens under its own name: only the log can tell.
#[test]
fn a_record_put_back_is_found() {
    let mut server = TestServer::start_in_files(ServerSettings::default());
    let (owner, wallet);
    {
        let acme = Tenant::found(&server);
        (owner, wallet) = (acme.owner.text.clone(), acme.funded("master", 1_000));
    }
    server.halt();
    let old = records(server.folder(), Kind::Account);
    let mut server = server.restart(ServerSettings::default());
    let debit = server
        .request("POST", &format!("/v1/wallets/{wallet}/debit"))
        .bearer(&owner)
        .idempotent("d");
    debit.json(&json!({ "amount": 900 })).send().expect(201);
    server.halt();
    let copy = DataFolder::copy_of(server.folder());
    let store = SqliteStore::open(copy.path()).unwrap();
    store
        .writer()
        .unwrap()
        .apply(&Batch {
            records: old,
            ..Batch::default()
        })
        .unwrap();
    drop(store);
    let report = verified(copy.path(), server.root_keys());
    assert!(!report.is_clean(), "{report}");
}

#[test]
fn audit_tail_cut() {
    let mut server = TestServer::start_in_files(ServerSettings::default());
    let (owner, wallet);
    {
        let acme = Tenant::found(&server);
        (owner, wallet) = (acme.owner.text.clone(), acme.funded("master", 1_000));
    }
    server.checkpoint();
    server.halt();
    // The files as they were: cutting the log, its heads and its checkpoints together looks just like this.
    let earlier = DataFolder::copy_of(server.folder());
    let mut server = server.restart(ServerSettings::default());
    for n in 0..5 {
        let debit = server
            .request("POST", &format!("/v1/wallets/{wallet}/debit"))
            .bearer(&owner)
            .idempotent(&format!("d{n}"));
        debit.json(&json!({ "amount": 1 })).send().expect(201);
    }
    server.checkpoint();
    let newest = server
        .request("GET", "/v1/checkpoints?limit=1")
        .bearer(&owner)
        .send()
        .expect(200);
    let kept = newest.field("data/0/note");
    server.halt();
    let check = |folder: &Path, pinned: Option<&str>| {
        let copy = DataFolder::copy_of(folder);
        let store = SqliteStore::open_read_only(copy.path()).unwrap();
        audit_verify(&store, server.root_keys(), pinned).unwrap()
    };
    let whole = check(server.folder(), Some(&kept));
    assert!(whole.is_clean(), "{whole}");
    assert!(
        check(earlier.path(), None).is_clean(),
        "by itself the older state is consistent"
    );
    let cut = check(earlier.path(), Some(&kept));
    assert!(!cut.is_clean(), "a checkpoint kept elsewhere tells: {cut}");
    // Rows cut from the log alone are missed by its head.
    for (what, statement) in [
        (
            "the last",
            "DELETE FROM log WHERE entry IN (SELECT entry FROM log ORDER BY entry DESC LIMIT 1)",
        ),
        (
            "one in the middle",
            "DELETE FROM log WHERE entry IN (SELECT entry FROM log ORDER BY entry DESC LIMIT 1 OFFSET 3)",
        ),
    ] {
        let copy = DataFolder::copy_of(server.folder());
        let database = rusqlite::Connection::open(copy.path().join("strongroom.db")).unwrap();
        assert_eq!(database.execute(statement, []).unwrap(), 1);
        drop(database);
        let report = check(copy.path(), None);
        assert!(!report.is_clean(), "{what} entry is gone: {report}");
    }
}

#[test]
fn chain_over_stored_bytes() {
    let acme = tenant();
    let from = acme
        .post(
            "/v1/wallets",
            &json!({ "type": "master", "owner": { "name": "Ana" } }),
        )
        .expect(201)
        .id();
    acme.credit(&from, 100);
    let to = acme.wallet("operating");
    let payout = acme.pay(&from, &to, 10).expect(201).id();
    let proof = |resource: &str| {
        let record = acme
            .all(&format!("/v1/audit-logs?resource_id={resource}"))
            .pop()
            .unwrap();
        let path = format!("/v1/audit-logs/{}/proof", record["id"].as_str().unwrap());
        acme.get(&path).expect(200)
    };
    let before = [proof(&payout), proof(&from)];
    // Names, metadata, thresholds and states are for show: none of them is what the log hashed.
    let patch = json!({ "owner": { "name": "Bea" }, "metadata": { "shown": "as" }, "low_balance_threshold": 5 });
    acme.request("PATCH", &format!("/v1/wallets/{from}"))
        .json(&patch)
        .send()
        .expect(200);
    acme.request("POST", &format!("/v1/wallets/{to}/freeze"))
        .send()
        .expect(200);
    acme.post(&format!("/v1/api-keys/{}/roll", acme.owner.id), &json!({}))
        .expect(201);
    acme.server.checkpoint();
    let leaf = |proof: &Value| {
        (
            proof["entries"][0]["leaf"].clone(),
            proof["entries"][0]["parts"].clone(),
        )
    };
    for (old, resource) in before.iter().zip([&payout, &from]) {
        let new = proof(resource);
        verify_bundle(&old.body, None).unwrap();
        verify_bundle(&new.body, None).unwrap();
        assert_eq!(
            leaf(&old.json()),
            leaf(&new.json()),
            "the entry is what it was"
        );
    }
}

#[test]
fn encoding_unambiguous() {
    let acme = tenant();
    let from = acme.funded("master", 10_000);
    let pay = |recipient: Value| {
        let body = json!({ "amount": 100, "source_wallet_id": from, "recipient": recipient });
        acme.post("/v1/payouts", &body).expect(201).json()["recipient"]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    // The same letters, parted elsewhere, are another account.
    let bank = |code: Option<&str>, number: &str| {
        pay(
            json!({ "type": "bank_account", "account_name": "A", "bank_code": code, "account_number": number }),
        )
    };
    let subjects = [
        bank(Some("AB"), "C1"),
        bank(Some("A"), "BC1"),
        bank(Some("ABC"), "1"),
        bank(None, "ABC1"),
        bank(Some("AB-C"), "1"),
        bank(Some("AB"), "-C1"),
        bank(Some("AB"), "C 1"),
    ];
    for (n, subject) in subjects.iter().enumerate() {
        assert!(
            !subjects[..n].contains(subject),
            "account {n} is taken for another: {subjects:?}"
        );
    }
    assert_eq!(bank(Some("AB"), "C1"), subjects[0]);
    // Separators inside values stay inside them, and the commitments differ.
    let make = |metadata: Value| {
        acme.post(
            "/v1/wallets",
            &json!({ "type": "master", "metadata": metadata }),
        )
        .expect(201)
        .json()
    };
    for odd in [
        json!({ "a": "b,c" }),
        json!({ "a,c": "b" }),
        json!({ "a": "b|c=d\u{1f}e\u{0}" }),
        json!({ "a": "b", "c": "d" }),
    ] {
        assert_eq!(make(odd.clone())["metadata"], odd);
    }
    let wallet = acme.wallet("master");
    let credit = |reference: &str, description: &str| {
        let body = json!({ "amount": 5, "reference": reference, "description": description });
        acme.post(&format!("/v1/wallets/{wallet}/credit"), &body)
            .expect(201)
            .json()
    };
    for (reference, description) in [("a|b", "c"), ("a", "b|c"), ("a,b", "c"), ("\"a\"", "b\\")] {
        let made = credit(reference, description);
        assert_eq!(
            (&made["reference"], &made["description"]),
            (&json!(reference), &json!(description))
        );
    }
}
