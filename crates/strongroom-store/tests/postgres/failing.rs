//! Sessions that are ended, a server that crashes and comes back, and what the writer makes of it:
//! every batch that was answered is there, none is there twice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use strongroom_cluster::Stop;
use strongroom_store::{Store, StoreError, Wanted};

use crate::rows::batch_of_entries;
use crate::server::Server;

const END_ALL: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE application_name = 'strongroom'";

/// Writes until told to stop; gives the last batch that was answered.
fn write_until(store: &dyn Store, stop: &AtomicBool) -> u64 {
    let mut writer = store.writer().unwrap();
    let mut number = 0;
    while !stop.load(Ordering::SeqCst) {
        match writer.apply(&batch_of_entries(1, number + 1, number + 1)) {
            Ok(()) => number += 1,
            // Surely not written, so the same again.
            Err(StoreError::Unreachable(_)) => {}
            Err(error) => panic!("batch {}: {error:?}", number + 1),
        }
    }
    number
}

#[test]
fn ended_sessions_lose_nothing_and_double_nothing() {
    let Some(server) = Server::start("") else {
        return;
    };
    let store = server.create();
    let stop = AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        let writing = scope.spawn(|| write_until(&store, &stop));
        let begun = Instant::now();
        let mut ended = 0;
        while ended < 40 && begun.elapsed() < Duration::from_secs(30) {
            ended += server.sql(END_ALL).parse::<u32>().unwrap();
        }
        stop.store(true, Ordering::SeqCst);
        assert!(ended >= 10, "{ended} sessions were ended");
        writing.join().unwrap()
    });
    assert!(written > 0);
    let mut reader = store.reader().unwrap();
    let found = reader.entries(1, 0, u64::MAX, false, 1_000_000).unwrap();
    // An insert of one that is there already would have been refused as a duplicate.
    assert_eq!(found.len() as u64, written);
}

#[test]
fn a_server_that_crashes_is_waited_for() {
    let Some(mut server) = Server::start("") else {
        return;
    };
    let store = server.create();
    let stop = AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        let writing = scope.spawn(|| write_until(&store, &stop));
        for how in [Stop::Immediate, Stop::Fast] {
            let (rest, never) = std::sync::mpsc::channel::<()>();
            let _ = never.recv_timeout(Duration::from_millis(300));
            drop(rest);
            server.cluster.stop(how).unwrap();
            server.cluster.run().unwrap();
        }
        let begun = Instant::now();
        // The writer finds it again by itself.
        let before = server.sql("SELECT count(*) FROM strongroom.log");
        while server.sql("SELECT count(*) FROM strongroom.log") == before {
            assert!(begun.elapsed() < Duration::from_secs(60));
        }
        stop.store(true, Ordering::SeqCst);
        writing.join().unwrap()
    });
    let mut reader = store.reader().unwrap();
    let found = reader.entries(1, 0, u64::MAX, false, 1_000_000).unwrap();
    assert_eq!(found.len() as u64, written);
}

#[test]
fn a_server_that_stays_away_is_told_and_writing_goes_on_when_it_is_back() {
    let Some(mut server) = Server::start("") else {
        return;
    };
    let store = server.create();
    let mut writer = store.writer().unwrap();
    let mut reader = store.reader().unwrap();
    writer.apply(&batch_of_entries(1, 1, 1)).unwrap();
    server.cluster.stop(Stop::Fast).unwrap();
    let away = writer.apply(&batch_of_entries(1, 2, 2)).unwrap_err();
    assert!(matches!(away, StoreError::Unreachable(_)), "{away:?}");
    assert!(away.leaves_writer_open());
    assert!(matches!(reader.heads(), Err(StoreError::Unreachable(_))));
    server.cluster.run().unwrap();
    writer.apply(&batch_of_entries(1, 2, 2)).unwrap();
    let wanted = Wanted {
        entries: vec![(1, 2)],
        ..Wanted::default()
    };
    assert_eq!(writer.load(&wanted).unwrap().entries.len(), 1);
    assert_eq!(reader.load(&wanted).unwrap().entries.len(), 1);
}

#[test]
fn a_snapshot_does_not_outlive_its_session() {
    let Some(server) = Server::start("") else {
        return;
    };
    let store = server.create();
    let mut reader = store.reader().unwrap();
    reader.snapshot().unwrap();
    server.sql(END_ALL);
    assert!(matches!(reader.heads(), Err(StoreError::Unreachable(_))));
    assert!(matches!(reader.heads(), Err(StoreError::Unreachable(_))));
    reader.release().unwrap();
    assert_eq!(reader.heads().unwrap(), []);
}

/// What a server stops granting while it is used is answered as if it were away, and taken up again.
#[test]
fn what_is_refused_for_a_while_is_waited_for() {
    let Some(server) = Server::start("") else {
        return;
    };
    let store = server.create();
    let mut writer = store.writer().unwrap();
    let mut reader = store.reader().unwrap();
    let elsewhere = |statement: &str| drop(server.cluster.psql("template1", statement).unwrap());
    for (seq, deny, grant, words) in [
        (
            1,
            "ALTER DATABASE postgres SET default_transaction_read_only = on",
            "ALTER DATABASE postgres RESET default_transaction_read_only",
            "read-only",
        ),
        (
            2,
            "ALTER DATABASE postgres RENAME TO elsewhere",
            "ALTER DATABASE elsewhere RENAME TO postgres",
            "does not exist",
        ),
    ] {
        writer.apply(&batch_of_entries(1, seq, seq)).unwrap();
        reader.heads().unwrap();
        // A database is renamed only while nobody is in it.
        while server.cluster.psql("template1", END_ALL).is_err()
            || server.cluster.psql("template1", deny).is_err()
        {}
        elsewhere(END_ALL);
        let refused = writer.apply(&batch_of_entries(1, 9, 9)).unwrap_err();
        assert!(
            matches!(&refused, StoreError::Unreachable(cause) if cause.contains(words)),
            "{refused:?}"
        );
        assert!(matches!(reader.heads(), Err(StoreError::Unreachable(_))));
        elsewhere(grant);
    }
    writer.apply(&batch_of_entries(1, 3, 3)).unwrap();
    assert_eq!(server.sql("SELECT count(*) FROM strongroom.log"), "3");
}
