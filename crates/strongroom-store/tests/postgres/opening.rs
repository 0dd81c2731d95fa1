//! What a start says when the server, the database or the schema is not as it must be.

use strongroom_store::{
    POSTGRES_COLUMNS, PostgresOptions, PostgresSecrets, PostgresStore, Store, StoreError, Watch,
};

use crate::rows::batch_of_entries;
use crate::server::Server;

fn refusal(outcome: Result<PostgresStore, StoreError>) -> StoreError {
    match outcome {
        Ok(_) => panic!("it opened"),
        Err(error) => error,
    }
}

#[test]
fn a_store_is_made_once_and_opened_afterwards() {
    let Some(server) = Server::start("") else {
        return;
    };
    assert_eq!(refusal(server.open()), StoreError::NotFound);
    // A first start that committed nothing does not stand in the way of the next.
    drop(server.create());
    let store = server.create();
    store
        .writer()
        .unwrap()
        .apply(&batch_of_entries(1, 1, 3))
        .unwrap();
    drop(store);
    let again = PostgresStore::create(server.options());
    assert_eq!(refusal(again), StoreError::AlreadyThere);
    let store = server.open().unwrap();
    let mut reader = store.reader().unwrap();
    assert_eq!(reader.entries(1, 0, 9, false, 9).unwrap().len(), 3);
    drop((reader, store));
    let frozen = PostgresStore::open_read_only(server.options()).unwrap();
    assert!(matches!(frozen.writer(), Err(StoreError::ReadOnly(_))));
}

#[test]
fn every_column_is_of_its_type_and_a_changed_one_is_found() {
    let Some(server) = Server::start("") else {
        return;
    };
    let store = server.create();
    let text = "SELECT table_name, column_name, data_type FROM information_schema.columns
        WHERE table_schema = 'strongroom' ORDER BY 1, 2";
    let found = server.sql(text);
    let expected: Vec<String> = POSTGRES_COLUMNS
        .iter()
        .map(|(table, column, kind, _)| format!("{table}|{column}|{kind}"))
        .collect();
    assert_eq!(found.lines().collect::<Vec<_>>(), expected);
    let mut reader = store.reader().unwrap();
    assert_eq!(reader.check().unwrap(), [""; 0]);
    server.sql("ALTER TABLE strongroom.job ALTER due TYPE integer, ADD more text");
    let damage = reader.check().unwrap();
    assert_eq!(damage.len(), 3, "{damage:?}");
    assert!(damage[0].contains("job.due"));
}

#[test]
fn other_schemas_are_left_alone() {
    let Some(server) = Server::start("") else {
        return;
    };
    server.sql("CREATE SCHEMA strongroom; CREATE TABLE strongroom.theirs (a integer)");
    assert_eq!(refusal(server.open()), StoreError::Foreign);
    let made = PostgresStore::create(server.options());
    assert_eq!(refusal(made), StoreError::Foreign);
    server.sql("DROP SCHEMA strongroom CASCADE");
    drop(server.create());
    server.sql("UPDATE strongroom.store SET version = 99, oldest = 99");
    let newer = StoreError::TooNew {
        found: 99,
        known: 2,
    };
    assert_eq!(refusal(server.open()), newer);
    let frozen = PostgresStore::open_read_only(server.options());
    assert_eq!(refusal(frozen), newer);
    server.sql("UPDATE strongroom.store SET version = 0");
    let frozen = PostgresStore::open_read_only(server.options());
    let older = StoreError::TooOld { found: 0, known: 2 };
    assert_eq!(refusal(frozen), older);
}

#[test]
fn what_the_server_refuses_is_told() {
    let Some(server) = Server::start("password_encryption = 'scram-sha-256'") else {
        return;
    };
    server.sql("CREATE ROLE guarded LOGIN PASSWORD 'right'");
    server.sql("CREATE ROLE poor LOGIN");
    server.sql("CREATE ROLE few LOGIN CONNECTION LIMIT 0");
    let rules = "host all guarded 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n";
    server.cluster.place("pg_hba.conf", rules).unwrap();
    server.cluster.reload().unwrap();
    let told = |options| match refusal(PostgresStore::create(options)) {
        StoreError::Refused(text) | StoreError::Unreachable(text) => text,
        other => panic!("{other:?}"),
    };
    let with = |password: Option<&str>| {
        let secrets = PostgresSecrets {
            password: password.map(str::to_owned),
            ..PostgresSecrets::default()
        };
        let url = server.cluster.url("guarded", "postgres");
        PostgresOptions::new(&url, secrets).unwrap()
    };
    assert!(told(with(None)).contains("password"));
    let wrong = told(with(Some("wrong")));
    assert!(wrong.contains("password authentication failed"), "{wrong}");
    assert!(!wrong.contains("wrong"));
    // The right one gets in, and then lacks the right to make the schema.
    assert!(told(with(Some("right"))).contains("permission denied"));
    let nowhere = server.options_of("poor", "nowhere");
    assert!(told(nowhere).contains("does not exist"));
    let poor = server.options_of("poor", "postgres");
    assert!(told(poor).contains("permission denied"));
    let few = server.options_of("few", "postgres");
    assert!(told(few).contains("too many connections"));
}

#[test]
fn a_read_only_server_and_one_that_is_away_are_told_apart() {
    let Some(server) = Server::start("default_transaction_read_only = on") else {
        return;
    };
    let refused = refusal(PostgresStore::create(server.options()));
    assert!(matches!(refused, StoreError::ReadOnly(_)), "{refused:?}");
    let options = server.options();
    drop(server);
    let refused = refusal(PostgresStore::open(options));
    assert!(matches!(refused, StoreError::Unreachable(_)), "{refused:?}");
}

/// A newer program has added something that this one need not know: old and new nodes run side by side until the newer one
/// makes the schema its own.
#[test]
fn an_expanded_schema_is_worked_on_and_a_contracted_one_is_not() {
    let Some(server) = Server::start("") else {
        return;
    };
    drop(server.create());
    server.sql(
        "ALTER TABLE strongroom.job ADD COLUMN later integer NOT NULL DEFAULT 0;
            UPDATE strongroom.store SET version = 3",
    );
    let store = server.open().unwrap();
    let batch = batch_of_entries(1, 1, 1);
    store.writer().unwrap().apply(&batch).unwrap();
    assert_eq!(store.reader().unwrap().check(), Ok(Vec::new()));
    drop(store);
    let version = server.sql("SELECT version FROM strongroom.store WHERE one = 1");
    assert_eq!(version, "3", "it is not brought back");
    let mut watch = Watch::connect(&server.options()).unwrap();
    assert!(watch.look().unwrap().is_free);

    server.sql("UPDATE strongroom.store SET version = 4, oldest = 3");
    let newer = StoreError::TooNew { found: 4, known: 2 };
    assert_eq!(
        watch.look().err(),
        Some(newer.clone()),
        "seen while it runs"
    );
    assert_eq!(Watch::connect(&server.options()).err(), Some(newer.clone()));
    assert_eq!(refusal(server.open()), newer);
}

/// Before there were notices, who has the lease is seen, and that it tells nothing; afterwards what it told.
#[test]
fn who_writes_is_seen_with_what_it_told() {
    let Some(server) = Server::start("") else {
        return;
    };
    let first = server.create();
    let mut watch = Watch::connect(&server.options()).unwrap();
    let seen = watch.look().unwrap();
    assert_eq!((seen.epoch, seen.is_free), (first.epoch(), false));
    assert_eq!((seen.is_silent, seen.notice), (false, None));
    first.publish(b"here").unwrap();
    assert_eq!(watch.look().unwrap().notice.unwrap(), b"here");
    drop(first);
    assert!(watch.look().unwrap().is_free);
    let second = server.open().unwrap();
    let seen = watch.look().unwrap();
    assert_eq!(
        (seen.epoch, seen.notice),
        (second.epoch(), None),
        "no older word"
    );
    drop(second);

    server.sql(
        "DROP TABLE strongroom.holder; ALTER TABLE strongroom.store DROP COLUMN oldest;
            UPDATE strongroom.store SET version = 1",
    );
    let mut before = Watch::connect(&server.options()).unwrap();
    let seen = before.look().unwrap();
    assert!(seen.is_silent && seen.is_free && seen.notice.is_none());
    // The first program that knows better brings it up to date, and is seen to.
    let third = server.open().unwrap();
    third.publish(b"there").unwrap();
    drop(before.look());
    assert_eq!(before.look().unwrap().notice.unwrap(), b"there");
}
