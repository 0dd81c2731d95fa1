//! Accounts against their postings: what agrees, and what somebody changed.

use serde_json::json;
use strongroom_store::{Batch, IdRange, RecordRow, SqliteStore, Store};
use strongroom_testkit::server::{DataFolder, ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, texts};
use strongroom_types::id::Kind;

use super::lines;

fn reconciliation() -> serde_json::Value {
    json!({ "type": "reconciliation" })
}

/// The books of wallets, as they are stored.
fn books(server: &TestServer) -> Vec<RecordRow> {
    let copy = DataFolder::copy_of(server.folder());
    let store = SqliteStore::open_read_only(copy.path()).unwrap();
    let mut reader = store.reader().unwrap();
    let heads = reader.heads().unwrap();
    let read = |log| {
        let kind = Kind::Account.code();
        reader.records(log, kind, IdRange::default(), false, 100)
    };
    let all = heads.iter().map(|head| head.log).map(read);
    all.flat_map(Result::unwrap).collect()
}

#[test]
fn what_agrees_is_told_by_kind_and_currency() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    acme.pay(&acme.funded("operating", 500), &acme.wallet("master"), 200)
        .expect(201);
    let found = lines(&acme, &reconciliation());
    assert_eq!(texts(&found, "account_type"), ["wallet", "outside"]);
    assert_eq!(texts(&found, "status"), ["matches", "matches"]);
    assert_eq!(found[0]["recorded"], 500);
    assert_eq!(found[0]["accounts"], 2);
    assert_eq!(found[1]["derived"], -500);
    let made = acme.get("/v1/reports?type=reconciliation").expect(200);
    assert_eq!(made.field("data/0/differences"), "0");
    assert_eq!(server.reconcile(), 0);
    assert!(server.engine.stats().accounts_reconciled >= 3);
}

/// A record put back as it was before opens, and is not what its account's postings say. The server says so by itself.
#[test]
fn a_record_that_was_rolled_back_raises_an_alert() {
    let mut server = TestServer::start_in_files(ServerSettings::default());
    let acme = Tenant::found(&server);
    let wallet = acme.funded("operating", 700);
    let kept = acme.leave();
    server.halt();
    let before = books(&server);
    let server = server.restart(ServerSettings::default());
    let acme = Tenant::back(&server, kept);
    acme.credit(&wallet, 300);
    let kept = acme.leave();
    let mut server = server;
    server.halt();
    let copy = DataFolder::copy_of(server.folder());
    {
        let store = SqliteStore::open(copy.path()).unwrap();
        let batch = Batch {
            records: before,
            ..Batch::default()
        };
        store.writer().unwrap().apply(&batch).unwrap();
    }
    let server = TestServer::open(copy, server.root_keys(), ServerSettings::default());
    let acme = Tenant::back(&server, kept);
    assert_eq!(acme.available(&wallet), 700, "nothing shows but the sums");
    let found = lines(&acme, &reconciliation());
    assert_eq!(
        texts(&found, "status"),
        ["differs", "matches", "differs: recorded 700, derived 1000"]
    );
    assert_eq!(found[2]["account_id"], json!(wallet));
    assert_eq!(server.reconcile(), 1);
    // Through the queue, behind what is in it.
    acme.wallet("master");
    let alerts = acme.all("/v1/alerts?type=books_differ");
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!(alerts[0]["severity"], "critical");
    assert_eq!(alerts[0]["subject_id"], json!(wallet));
}
