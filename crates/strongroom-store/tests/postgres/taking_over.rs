//! One writer at a time, and what becomes of one that was away.

use std::time::Instant;

use strongroom_store::{PostgresStore, Store, StoreError};

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
    let frozen = PostgresStore::open_read_only(server.options());
    assert_eq!(frozen.err(), Some(StoreError::Locked));
    drop(first);
    // One that left in good order is not waited for.
    let begun = Instant::now();
    drop(server.open().unwrap());
    assert!(begun.elapsed().as_secs() < 5);
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
