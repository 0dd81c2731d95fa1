//! Keys that are replaced: by order, by age, by uses; nothing is left under the old ones, and no leaf changes.

use serde_json::{Value, json};
use strongroom_crypto::Purpose;
use strongroom_engine::verify::verify;
use strongroom_engine::{KeyLevel, KeyLine, KeyPolicy, Settings};
use strongroom_store::{Batch, IdRange, SqliteStore, Store};
use strongroom_testkit::server::{DataFolder, ServerSettings, TestServer};
use strongroom_testkit::tenant::Tenant;
use strongroom_types::id::Kind;
use strongroom_types::mode::Scope;

const DAY: i64 = 86_400_000;

fn policy(keys: KeyPolicy) -> ServerSettings {
    ServerSettings {
        engine: Settings {
            keys,
            ..Settings::default()
        },
        ..ServerSettings::default()
    }
}

fn keys(server: &TestServer, scope: Scope, purpose: Purpose) -> Vec<KeyLine> {
    let status = server.wait(server.engine.key_status(true)).unwrap();
    let of = |line: &KeyLine| line.scope == scope.number && line.purpose == purpose;
    status.keys.into_iter().filter(of).collect()
}

fn roots(acme: &Tenant<'_>) -> Vec<Value> {
    acme.server.checkpoint();
    acme.all("/v1/checkpoints")
}

/// The named rows after `ciphertext_swap`: what an old version sealed opens nowhere once that version is gone.
#[test]
fn ciphertext_of_a_destroyed_version_does_not_come_back() {
    let server = TestServer::start_in_files(ServerSettings::default());
    let (scope, owner, wallet) = {
        let acme = Tenant::found(&server);
        let wallet = acme.funded("master", 1_000);
        (acme.books.scope, acme.owner.text.clone(), wallet)
    };
    let mut server = server.restart(ServerSettings::default());
    server.halt();
    let old = {
        let copy = DataFolder::copy_of(server.folder());
        let store = SqliteStore::open_read_only(copy.path()).unwrap();
        let mut reader = store.reader().unwrap();
        reader
            .records(
                scope.number,
                Kind::Account.code(),
                IdRange::default(),
                false,
                9,
            )
            .unwrap()
    };
    assert_eq!(old.len(), 1);
    let mut server = server.restart(ServerSettings::default());
    let done = server
        .wait(server.engine.rotate(KeyLevel::Data(scope, None), &|_| {}))
        .unwrap();
    assert!(
        done.resealed > 5 && done.left == 0 && done.destroyed >= 3,
        "{done:?}"
    );
    server.halt();
    let copy = DataFolder::copy_of(server.folder());
    {
        let store = SqliteStore::open(copy.path()).unwrap();
        let rows = Batch {
            records: old,
            ..Batch::default()
        };
        store.writer().unwrap().apply(&rows).unwrap();
    }
    {
        let store = SqliteStore::open_read_only(copy.path()).unwrap();
        let report = verify(&store, server.root_keys(), 1).unwrap();
        assert!(!report.is_clean(), "an old body was put back unseen");
    }
    let server = TestServer::open(copy, server.root_keys(), ServerSettings::default());
    let read = server
        .request("GET", &format!("/v1/wallets/{wallet}"))
        .bearer(&owner)
        .send();
    read.refused(500, "internal_error");
}

#[test]
fn rotation_changes_no_leaf_and_every_reply_stays() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let (from, to) = (acme.funded("master", 5_000), acme.wallet("master"));
    let paid = acme.pay(&from, &to, 100).field("id");
    let token = acme.token("4242424242424242").field("id");
    let before = (
        roots(&acme),
        acme.get(&format!("/v1/payouts/{paid}")).json(),
    );
    for level in [
        KeyLevel::Data(acme.books.scope, None),
        KeyLevel::Scope(acme.books.scope),
        KeyLevel::Installation,
    ] {
        server.wait(server.engine.rotate(level, &|_| {})).unwrap();
    }
    assert_eq!(acme.get(&format!("/v1/payouts/{paid}")).json(), before.1);
    // The checkpoints of before are what they were, and newer ones continue them.
    let after = roots(&acme);
    let known: Vec<_> = after
        .iter()
        .filter(|point| before.0.contains(point))
        .collect();
    assert_eq!(known.len(), before.0.len());
    let revealed = acme.post(
        &format!("/v1/tokens/{token}/reveal"),
        &json!({ "reason": "a test" }),
    );
    assert_eq!(revealed.status, 200, "{}", revealed.text());
    assert!(revealed.text().contains("4242424242424242"));
    let report = server.look(|store| verify(store, server.root_keys(), 1).unwrap());
    assert!(report.is_clean(), "{report}");
}

#[test]
fn a_key_whose_time_is_over_is_replaced() {
    let server = TestServer::start(policy(KeyPolicy {
        data_days: 90,
        wrapping_days: 200,
        ..KeyPolicy::default()
    }));
    let acme = Tenant::found(&server);
    acme.funded("master", 1_000);
    let scope = acme.books.scope;
    let versions = |purpose| {
        let lines = keys(&server, scope, purpose);
        assert_eq!(lines.len(), 1, "one version of {purpose:?}: {lines:?}");
        assert!(lines[0].newest && !lines[0].is_due, "{lines:?}");
        lines[0].version
    };
    server.wait(server.engine.resume_rotation()).unwrap();
    assert_eq!(
        [Purpose::Record, Purpose::Changes, Purpose::Scope].map(versions),
        [1, 1, 1]
    );
    server.clock.advance(91 * DAY);
    assert!(keys(&server, scope, Purpose::Record)[0].is_due);
    server.wait(server.engine.resume_rotation()).unwrap();
    assert_eq!(
        [Purpose::Record, Purpose::Changes, Purpose::Scope].map(versions),
        [2, 2, 1]
    );
    server.clock.advance(120 * DAY);
    server.wait(server.engine.resume_rotation()).unwrap();
    assert_eq!(
        [Purpose::Record, Purpose::Changes, Purpose::Scope].map(versions),
        [3, 3, 2]
    );
    // The months' keys end with their month and are left alone.
    assert!(
        keys(&server, scope, Purpose::Facts)
            .iter()
            .all(|line| line.version == 1)
    );
    let told = acme.get("/v1/audit-logs?limit=100").text();
    assert!(
        told.contains("keys_rotated") && told.contains("keys_destroyed"),
        "{told}"
    );
    let report = server.look(|store| verify(store, server.root_keys(), 1).unwrap());
    assert!(report.is_clean(), "{report}");
}

#[test]
fn the_time_of_the_roots_is_told_and_begins_anew_with_new_ones() {
    let server = TestServer::start(policy(KeyPolicy {
        root_days: 100,
        ..KeyPolicy::default()
    }));
    let age = || server.wait(server.engine.roots_age()).unwrap();
    let (made, first) = (server.engine.now(), age());
    assert!(first.since <= made && !first.is_due, "{first:?}");
    assert_eq!(first.due, first.since.plus(100 * DAY));
    server.clock.advance(101 * DAY);
    Tenant::found(&server);
    assert!(age().is_due && age().since == first.since, "{:?}", age());
    let next = server.root_keys().with_next().newest();
    server.wait(server.engine.replace_roots(next)).unwrap();
    let second = age();
    assert!(!second.is_due && second.since > made, "{second:?}");
}

#[test]
fn uses_are_counted_over_restarts_and_end_a_key() {
    let limited = policy(KeyPolicy {
        max_uses: 3 << 20,
        ..KeyPolicy::default()
    });
    let server = TestServer::start(limited.clone());
    let scope = {
        let acme = Tenant::found(&server);
        acme.funded("master", 1_000);
        acme.books.scope
    };
    let seen = keys(&server, scope, Purpose::Record)[0].clone();
    assert!(seen.uses > 3 && seen.uses < 1_000, "{seen:?}");
    assert!(
        seen.sealed.unwrap() > 0 && seen.sealed.unwrap() <= seen.uses,
        "{seen:?}"
    );
    // A stop writes them down, rounded up to a block; each start counts on from there.
    let server = server.restart(limited.clone());
    let after = keys(&server, scope, Purpose::Record)[0].uses;
    assert!(after >= 1 << 20 && after >= seen.uses, "{after}");
    // A crash would have counted what was written ahead: more than was used, and here more than the limit.
    server.wait(server.engine.resume_rotation()).unwrap();
    Tenant::found(&server).funded("master", 10);
    server.wait(server.engine.resume_rotation()).unwrap();
    assert_eq!(keys(&server, scope, Purpose::Record)[0].version, 1);
    let small = policy(KeyPolicy {
        max_uses: 1 << 19,
        ..KeyPolicy::default()
    });
    let server = server.restart(small);
    assert!(keys(&server, scope, Purpose::Record)[0].is_due);
    server.wait(server.engine.resume_rotation()).unwrap();
    let lines = keys(&server, scope, Purpose::Record);
    assert_eq!((lines.len(), lines[0].version), (1, 2), "{lines:?}");
    assert!(
        lines[0].uses < 1 << 19,
        "the new one starts from nothing: {lines:?}"
    );
    let report = server.look(|store| verify(store, server.root_keys(), 1).unwrap());
    assert!(report.is_clean(), "{report}");
}
