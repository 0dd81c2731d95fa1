//! A writer that the server keeps waiting, or whose statement somebody cancels.

use std::time::{Duration, Instant};

use strongroom_store::{Store, StoreError};

use crate::rows::batch_of_entries;
use crate::server::Server;

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(120);

const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'strongroom'
    AND wait_event_type = 'Lock' AND query LIKE '%batch = $2%'";

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Holds the row that every batch begins with, until told otherwise.
fn hold(server: &Server) {
    let hold =
        "BEGIN; SELECT 1 FROM strongroom.store WHERE one = 1 FOR UPDATE; SELECT pg_sleep(3600)";
    // Ended by `let_go`, which is an error to it.
    drop(server.cluster.psql("postgres", hold));
}

fn is_held(server: &Server) -> bool {
    server.sql(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)'
            AND wait_event = 'PgSleep' AND application_name = 'psql'",
    ) == "1"
}

fn let_go(server: &Server) {
    server.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE query LIKE '%pg_sleep(3600)' AND pid <> pg_backend_pid()",
    );
}

/// An operator who cancels a statement, or a limit on its time, does not end the writing.
#[test]
fn a_cancelled_statement_is_tried_again() {
    let Some(server) = Server::start("") else {
        return;
    };
    let store = server.create();
    let mut writer = store.writer().unwrap();
    writer.apply(&batch_of_entries(1, 1, 1)).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| hold(&server));
        until("held", || is_held(&server));
        let writing = scope.spawn(move || {
            let outcome = writer.apply(&batch_of_entries(1, 2, 2));
            (writer, outcome)
        });
        until("it waits", || server.sql(WAITING) == "1");
        let cancelled = server.sql(
            "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity
                WHERE application_name = 'strongroom' AND wait_event_type = 'Lock'",
        );
        assert_ne!(cancelled, "0");
        let_go(&server);
        let (mut writer, outcome) = writing.join().unwrap();
        // On a slow machine its patience may be over: then it surely was not written.
        match outcome {
            Ok(()) => {}
            Err(StoreError::Unreachable(_)) => {
                writer.apply(&batch_of_entries(1, 2, 2)).unwrap();
            }
            Err(error) => panic!("{error:?}"),
        }
    });
    assert_eq!(server.sql("SELECT count(*) FROM strongroom.log"), "2");
}

/// One that stops does not wait for a server that says nothing.
#[test]
fn nothing_is_waited_for_in_a_hurry() {
    let Some(server) = Server::start("") else {
        return;
    };
    let store = server.create();
    let mut writer = store.writer().unwrap();
    writer.apply(&batch_of_entries(1, 1, 1)).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| hold(&server));
        until("held", || is_held(&server));
        let writing = scope.spawn(move || {
            let outcome = writer.apply(&batch_of_entries(1, 2, 2));
            (writer, outcome)
        });
        until("it waits", || server.sql(WAITING) == "1");
        store.hurry()();
        let (mut writer, outcome) = writing.join().unwrap();
        let away =
            |outcome: &Result<(), StoreError>| matches!(outcome, Err(StoreError::Unreachable(_)));
        assert!(away(&outcome), "{outcome:?}");
        let next = writer.apply(&batch_of_entries(1, 2, 2));
        assert!(away(&next), "{next:?}");
        // The lock is held all the while: the lease could not have been given back.
        store.release()();
        assert!(is_held(&server));
        let_go(&server);
    });
    // What was under way was not done, and the next store does not wait for long.
    let next = server.open().unwrap();
    let mut reader = next.reader().unwrap();
    assert_eq!(reader.entries(1, 0, 9, false, 9).unwrap().len(), 1);
}
