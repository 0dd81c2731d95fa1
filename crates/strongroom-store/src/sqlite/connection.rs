//! Opening one connection with every switch set, none left to a build's defaults.
//!
//! Memory mapping stays off: an I/O error on a mapped page kills the process instead of
//! failing a call.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};

use super::Tuning;
use super::fault::Naming;
use crate::StoreError;

/// Longest value or row, bytes.
const MAX_ROW: i32 = 64 << 20;

/// Statements each connection keeps prepared; there are fewer.
const STATEMENTS: usize = 64;

/// How long the writer waits for readers when the WAL is far too long; nothing else is in its way.
const WRITER_PATIENCE: Duration = Duration::from_millis(100);

/// How long a reader waits while the WAL is recovered or started over.
const READER_PATIENCE: Duration = Duration::from_millis(2_000);

const READ: OpenFlags = OpenFlags::SQLITE_OPEN_READ_ONLY.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

const FILE: &str = "strongroom.db";

/// What a connection may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// The writer and the checkpointer.
    Write,
    /// Beside a writer of this process.
    Read,
    /// Nobody writes: takes no lock and leaves no file behind.
    Frozen,
}

/// Opens the database file; with `Write` it is made if missing.
pub(super) fn open(
    database: &Path,
    access: Access,
    tuning: &Tuning,
) -> Result<Connection, StoreError> {
    let connection = match access {
        Access::Write => Connection::open_with_flags(
            database,
            OpenFlags::SQLITE_OPEN_READ_WRITE
                | OpenFlags::SQLITE_OPEN_CREATE
                | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .of(FILE)?,
        Access::Read => Connection::open_with_flags(database, READ).of(FILE)?,
        Access::Frozen => open_frozen(database)?,
    };
    harden(&connection).of(FILE)?;
    settle(&connection, access, tuning).of(FILE)?;
    Ok(connection)
}

/// Without a WAL the file is all there is and is taken as unchangeable; with one, its index lives
/// in this connection's memory. Neither way locks, writes or makes a file.
fn open_frozen(database: &Path) -> Result<Connection, StoreError> {
    if !has_wal(database) {
        let name = format!("file:{}?immutable=1", escaped(database)?);
        return Connection::open_with_flags(name, READ | OpenFlags::SQLITE_OPEN_URI).of(FILE);
    }
    let connection = Connection::open_with_flags_and_vfs(database, READ, c"unix-none").of(FILE)?;
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .of(FILE)?;
    // Before anything is read, or SQLite asks for shared memory that this way of opening lacks.
    connection
        .pragma_update(None, "locking_mode", "exclusive")
        .of(FILE)?;
    Ok(connection)
}

/// True when there is a WAL with something in it.
pub(super) fn has_wal(database: &Path) -> bool {
    let wal = database.with_extension("db-wal");
    wal.metadata().is_ok_and(|found| found.len() > 0)
}

/// A path inside a `file:` name.
fn escaped(path: &Path) -> Result<String, StoreError> {
    let text = path
        .to_str()
        .ok_or_else(|| StoreError::Io("the store's path is not text".to_owned()))?;
    Ok(text
        .replace('%', "%25")
        .replace('?', "%3f")
        .replace('#', "%23"))
}

/// SECURITY: takes from the connection what no statement of ours needs, so that neither a
/// crafted file nor a mistake in a statement reaches it.
fn harden(connection: &Connection) -> rusqlite::Result<()> {
    for (switch, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
        // A plan follows from the statement alone: else one with a range is prepared anew for each value bound.
        (DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_CREATE, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE, false),
    ] {
        connection.set_db_config(switch, on)?;
    }
    for (limit, value) in [
        (Limit::SQLITE_LIMIT_LENGTH, MAX_ROW),
        (Limit::SQLITE_LIMIT_SQL_LENGTH, 16_384),
        (Limit::SQLITE_LIMIT_COLUMN, 32),
        (Limit::SQLITE_LIMIT_EXPR_DEPTH, 32),
        (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 4),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 64),
        (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, 512),
        (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 1),
        (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
    ] {
        connection.set_limit(limit, value)?;
    }
    Ok(())
}

fn settle(connection: &Connection, access: Access, tuning: &Tuning) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    let (cache, patience) = match access {
        Access::Write => (tuning.writer_cache, WRITER_PATIENCE),
        Access::Read | Access::Frozen => (tuning.reader_cache, READER_PATIENCE),
    };
    connection.busy_timeout(patience)?;
    connection.pragma_update(None, "cache_size", -i64::from(cache >> 10))?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    match access {
        Access::Write => settle_writer(connection, tuning),
        Access::Read | Access::Frozen => connection.pragma_update(None, "query_only", true),
    }
}

fn settle_writer(connection: &Connection, tuning: &Tuning) -> rusqlite::Result<()> {
    // Only a database without tables takes a page size.
    connection.pragma_update(None, "page_size", tuning.page_size)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    // Deleted content is overwritten, also inside pages that stay in use: erasure rests on it.
    connection.pragma_update(None, "secure_delete", true)?;
    // `checkpoint.rs` does it; and a WAL that keeps its size is overwritten, not grown again.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", -1)
}
