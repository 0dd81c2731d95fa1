//! One writer at a time, and what becomes of one that was away.

use std::time::{Duration, Instant};

use strongroom_store::{PostgresStore, Store, StoreError, Wanted};

use crate::rows::batch_of_entries;
use crate::server::Server;

#[test]
fn a_second_store_is_refused_while_the_first_is_alive() {
    let Some(server) = Server::start("") else {
        return;
    };
    let first = server.create();
    first
        .writer()
        .unwrap()
        .apply(&batch_of_entries(1, 1, 1))
        .unwrap();
    let second = PostgresStore::open(server.options());
    assert_eq!(second.err(), Some(StoreError::Locked));
    drop(first);
    // One that left in good order is not waited for.
    let begun = Instant::now();
    drop(server.open().unwrap());
    assert!(begun.elapsed().as_secs() < 5);
}

/// A copy into the store that was begun and killed while an opener waited for the lease.
#[test]
fn a_copy_left_unfinished_during_the_wait_is_not_opened() {
    let Some(server) = Server::start("") else {
        return;
    };
    drop(server.create());
    server.sql(
        "UPDATE strongroom.store SET
            until = CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint) + 4000",
    );
    let opened = std::thread::scope(|scope| {
        let opener = scope.spawn(|| server.open().err());
        std::thread::park_timeout(Duration::from_secs(2));
        assert!(!opener.is_finished(), "it waits for the lease");
        server.sql(
            "INSERT INTO strongroom.store (one, version, epoch, batch, until)
                VALUES (2, 0, 0, 0, 0)",
        );
        opener.join().unwrap()
    });
    assert_eq!(opened, Some(StoreError::Unfinished));
    let until = server.sql("SELECT until FROM strongroom.store WHERE one = 1");
    assert_eq!(until, "0", "it leaves the lease to the next copy");
}

#[test]
fn a_store_whose_lease_ran_out_is_replaced_and_cannot_write_again() {
    let Some(server) = Server::start("") else {
        return;
    };
    let paused = server.create();
    let mut writer = paused.writer().unwrap();
    writer.apply(&batch_of_entries(1, 1, 1)).unwrap();
    // What a pause of the whole process does: time passes and nobody renews.
    server.sql("UPDATE strongroom.store SET until = 1");
    let next = server.open().unwrap();
    let taken = writer.apply(&batch_of_entries(1, 2, 2));
    assert_eq!(taken, Err(StoreError::TakenOver));
    assert_eq!(
        writer.apply(&batch_of_entries(1, 2, 2)),
        Err(StoreError::Closed)
    );
    next.writer()
        .unwrap()
        .apply(&batch_of_entries(1, 2, 2))
        .unwrap();
    let mut reader = next.reader().unwrap();
    assert_eq!(reader.entries(1, 0, 9, false, 9).unwrap().len(), 2);
}

/// What its successor wrote under the same numbers is no failure of its own.
#[test]
fn one_that_was_replaced_is_told_so_though_its_rows_are_there() {
    let Some(server) = Server::start("") else {
        return;
    };
    let paused = server.create();
    let mut writer = paused.writer().unwrap();
    writer.apply(&batch_of_entries(1, 1, 1)).unwrap();
    server.sql("UPDATE strongroom.store SET until = 1");
    let next = server.open().unwrap();
    let mut successor = next.writer().unwrap();
    successor.apply(&batch_of_entries(1, 2, 2)).unwrap();
    let taken = writer.apply(&batch_of_entries(1, 2, 2));
    assert_eq!(taken, Err(StoreError::TakenOver));
    // Where the writing is its own, it is what it says.
    let twice = successor.apply(&batch_of_entries(1, 2, 2));
    assert!(matches!(twice, Err(StoreError::Duplicate(_))), "{twice:?}");
    successor.apply(&batch_of_entries(1, 3, 3)).unwrap();
}

#[test]
fn the_lease_of_one_that_crashed_is_waited_for() {
    let Some(server) = Server::start("") else {
        return;
    };
    drop(server.create());
    // A holder that is gone and has not released.
    server.sql(
        "UPDATE strongroom.store SET epoch = epoch + 1,
            until = CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint) + 1500",
    );
    let begun = Instant::now();
    drop(server.open().unwrap());
    assert!(begun.elapsed().as_millis() >= 1_000);
}

#[test]
fn one_moment_is_read_beside_the_writer_and_by_all_readers() {
    let Some(server) = Server::start("") else {
        return;
    };
    let first = server.create();
    let mut writer = first.writer().unwrap();
    writer.apply(&batch_of_entries(1, 1, 3)).unwrap();
    let frozen = PostgresStore::open_read_only(server.options()).unwrap();
    let mut one = frozen.reader().unwrap();
    one.snapshot().unwrap();
    writer.apply(&batch_of_entries(1, 4, 6)).unwrap();
    let mut other = frozen.reader().unwrap();
    one.release().unwrap();
    for reader in [&mut one, &mut other] {
        assert_eq!(reader.entries(1, 0, 9, false, 9).unwrap().len(), 3);
    }
    assert_eq!(other.check().unwrap(), [""; 0]);
    assert!(matches!(frozen.writer(), Err(StoreError::ReadOnly(_))));
    // Its transaction may rest for longer than a writer's.
    let resting = server.sql(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'strongroom'
            AND state = 'idle in transaction'",
    );
    assert_eq!(resting, "1");
    let next = PostgresStore::open_read_only(server.options()).unwrap();
    let mut reader = next.reader().unwrap();
    assert_eq!(reader.entries(1, 0, 9, false, 9).unwrap().len(), 6);
}

#[test]
fn one_that_was_replaced_learns_it_without_writing() {
    let Some(server) = Server::start("") else {
        return;
    };
    let paused = server.create();
    let mut reader = paused.reader().unwrap();
    let mut writer = paused.writer().unwrap();
    let standing = paused.standing();
    assert_eq!(standing(), Ok(()));
    server.sql("UPDATE strongroom.store SET until = 1");
    let next = server.open().unwrap();
    let begun = Instant::now();
    while standing() == Ok(()) {
        assert!(begun.elapsed() < Duration::from_secs(60), "it never learns");
        std::thread::yield_now();
    }
    assert_eq!(standing(), Err(StoreError::TakenOver));
    assert_eq!(reader.heads(), Err(StoreError::TakenOver));
    let wanted = Wanted::default();
    assert_eq!(writer.load(&wanted), Err(StoreError::TakenOver));
    assert_eq!(next.standing()(), Ok(()));
}

#[test]
fn nothing_is_built_on_a_server_that_lost_what_it_had_acknowledged() {
    let Some(server) = Server::start("") else {
        return;
    };
    let store = server.create();
    let mut writer = store.writer().unwrap();
    for seq in 1..=3 {
        writer.apply(&batch_of_entries(1, seq, seq)).unwrap();
    }
    // A copy that follows with a delay and was made the server.
    server.sql("UPDATE strongroom.store SET batch = 2; DELETE FROM strongroom.log WHERE seq = 3");
    let refused = writer.apply(&batch_of_entries(1, 4, 4)).unwrap_err();
    assert!(refused.to_string().contains("older copy"), "{refused}");
    assert!(!refused.leaves_writer_open());
    assert_eq!(server.sql("SELECT max(seq) FROM strongroom.log"), "2");
}
