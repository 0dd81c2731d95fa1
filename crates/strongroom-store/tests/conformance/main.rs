//! One suite that every engine passes: what the interface promises, in the same words for all.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "a test fails by panicking"
)]

mod applying;
mod reading;
#[path = "../rows/mod.rs"]
mod rows;

#[path = "../server/mod.rs"]
mod server;

use strongroom_store::{Batch, MemoryStore, SqliteStore, Store};

/// Runs a check on each engine, on a fresh store of its own.
fn on_each(check: impl Fn(&dyn Store)) {
    check(&MemoryStore::new());
    let dir = tempfile::tempdir().unwrap();
    check(&SqliteStore::create(dir.path()).unwrap());
    if let Some(server) = server::Server::start("default_transaction_isolation = serializable") {
        check(&server.create());
    }
}

fn apply(store: &dyn Store, batch: Batch) {
    store.writer().unwrap().apply(&batch).unwrap();
}
