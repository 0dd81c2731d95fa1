//! The only place that speaks SQL: rows in, rows out, one durable transaction per batch.
//!
//! The engine hands a [`Batch`] of rows to the one [`Writer`] and gets `Ok` when all of them are
//! on disk; [`Reader`]s answer beside it. Every column is an id, kind, time, status, number, hash
//! or ciphertext (`sqlite/schema.rs` lists each with its class, and a test walks the schema).
//!
//! It never decides, opens a sealed body or reads the clock, and no text from outside becomes SQL.
//! `rows.rs` holds the rows, `copy.rs` takes them elsewhere, `store.rs` the interface, `sqlite/` the embedded engine, `postgres/`
//! the one for a database server and `memory/` the one for tests and simulation.

mod copy;
mod error;
mod memory;
mod postgres;
mod rows;
mod search;
mod sqlite;
mod store;

pub use copy::{Filler, Row, copy, each_row};
pub use error::StoreError;
pub use memory::{MemorySnapshot, MemoryStore};
pub use postgres::{
    POSTGRES_COLUMNS, PostgresOptions, PostgresSecrets, PostgresStore, Sighting, Watch,
};
pub use rows::{
    Batch, EntryRow, HeadRow, Id, IdRange, IndexRow, JobRow, KeyRow, Loaded, LocatorRow, MAX_LOG,
    MAX_SEQ, RecordRow, Resealed, ResealedEntry, ResealedJob, ResealedRecord, SUBJECT_PURPOSE,
    SegmentRow, TableSize, Wanted,
};
pub use sqlite::{Activity, COLUMNS, Class, SqliteStore, Tuning};
pub use store::{INDEX_LOAD_LIMIT, Reader, Release, Standing, Store, Writer};
