//! Keys of blind indexes and of data subjects, replaced: by order and by age; and what an erasure in between leaves.

use serde_json::{Value, json};
use strongroom_crypto::Purpose;
use strongroom_engine::verify::verify;
use strongroom_engine::{KeyLevel, KeyLine, KeyPolicy, Settings};
use strongroom_store::{Batch, INDEX_LOAD_LIMIT, IdRange, SqliteStore, Store};
use strongroom_testkit::server::{DataFolder, ServerSettings, TestServer};
use strongroom_testkit::tenant::Tenant;
use strongroom_types::id::Kind;
use strongroom_types::mode::Scope;

const DAY: i64 = 86_400_000;

fn lines(server: &TestServer, scope: Scope, purpose: Purpose) -> Vec<KeyLine> {
    let status = server.wait(server.engine.key_status(true)).unwrap();
    assert_eq!(status.orphans, 0);
    let of = |line: &KeyLine| line.scope == scope.number && line.purpose == purpose;
    status.keys.into_iter().filter(of).collect()
}

fn assert_clean(server: &TestServer) {
    let report = server.look(|store| verify(store, server.root_keys(), 1).unwrap());
    assert!(report.is_clean(), "{report}");
}

fn customer(acme: &Tenant<'_>, name: &str, phone: &str) -> String {
    let body = json!({ "name": name, "phone": phone });
    acme.post("/v1/customers", &body).expect(201).id()
}

#[test]
fn keys_of_indexes_and_of_subjects_end_with_their_time() {
    let server = TestServer::start(ServerSettings {
        engine: Settings {
            keys: KeyPolicy {
                data_days: 90,
                ..KeyPolicy::default()
            },
            ..Settings::default()
        },
        ..ServerSettings::default()
    });
    let acme = Tenant::found(&server);
    let scope = acme.books.scope;
    let ana = customer(&acme, "Ana", "+639171234567");
    let versions = || {
        [Purpose::BlindIndex, Purpose::Shred].map(|purpose| {
            let lines = lines(&server, scope, purpose);
            assert!(
                lines.iter().all(|line| line.newest && !line.is_due),
                "{lines:?}"
            );
            let newest = lines.iter().map(|line| line.version).max().unwrap();
            (
                newest,
                lines.iter().map(|line| line.sealed.unwrap()).sum::<u64>(),
            )
        })
    };
    server.wait(server.engine.resume_rotation()).unwrap();
    assert_eq!(
        versions(),
        [(1, 1), (1, 1)],
        "one row of an index, one subject"
    );
    server.clock.advance(91 * DAY);
    assert!(lines(&server, scope, Purpose::BlindIndex)[0].is_due);
    server.wait(server.engine.resume_rotation()).unwrap();
    assert_eq!(versions(), [(2, 1), (2, 1)]);
    // Nothing is left to do.
    assert_eq!(server.wait(server.engine.resume_rotation()), Ok(0));
    assert_eq!(
        acme.get(&format!("/v1/customers/{ana}"))
            .expect(200)
            .field("name"),
        "Ana"
    );
    assert_eq!(acme.all("/v1/customers?phone=%2B639171234567").len(), 1);
    assert_clean(&server);
}

/// More holders of one value than are read at once.
#[test]
fn a_value_that_many_share_is_hashed_again_whole() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let scope = acme.books.scope;
    let many = INDEX_LOAD_LIMIT + 20;
    for n in 0..many {
        customer(&acme, &format!("Ana {n}"), "+639171234567");
    }
    let done = server
        .wait(server.engine.rotate(KeyLevel::Index(scope), &|_| {}))
        .unwrap();
    assert_eq!(
        (done.resealed, done.left),
        (u64::try_from(many).unwrap(), 0),
        "{done:?}"
    );
    let lines = lines(&server, scope, Purpose::BlindIndex);
    let rows = lines.iter().map(|line| (line.version, line.sealed));
    assert_eq!(rows.collect::<Vec<_>>(), [(2, Some(done.resealed))]);
    assert_clean(&server);
}

/// What a subject's destroyed key sealed is nobody's any more, though it is put back.
#[test]
fn a_personal_part_under_a_destroyed_key_does_not_come_back() {
    let server = TestServer::start_in_files(ServerSettings::default());
    let (scope, owner, ana) = {
        let acme = Tenant::found(&server);
        let ana = customer(&acme, "Zacharias Quillfeather", "+639171234567");
        (acme.books.scope, acme.owner.text.clone(), ana)
    };
    let mut server = server.restart(ServerSettings::default());
    server.halt();
    let customers = |store: &dyn Store| {
        let mut reader = store.reader().unwrap();
        let (kind, range) = (Kind::Customer.code(), IdRange::default());
        reader.records(scope.number, kind, range, false, 9).unwrap()
    };
    let old = {
        let copy = DataFolder::copy_of(server.folder());
        let store = SqliteStore::open_read_only(copy.path()).unwrap();
        customers(&store)
    };
    let mut server = server.restart(ServerSettings::default());
    let done = server
        .wait(server.engine.rotate(KeyLevel::Subjects(scope), &|_| {}))
        .unwrap();
    assert_eq!((done.resealed, done.left), (1, 0), "{done:?}");
    let read = |server: &TestServer| {
        let request = server.request("GET", &format!("/v1/customers/{ana}"));
        request.bearer(&owner).send().expect(200).json()["name"].clone()
    };
    assert_eq!(read(&server), json!("Zacharias Quillfeather"));
    server.halt();
    let copy = DataFolder::copy_of(server.folder());
    {
        let store = SqliteStore::open(copy.path()).unwrap();
        assert_ne!(customers(&store), old);
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
    assert_eq!(read(&server), Value::Null);
}
