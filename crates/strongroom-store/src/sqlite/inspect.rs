//! SQLite's own check of its structure, the schema's and the header's, and what each table takes.

use rusqlite::Connection;

use super::connection::has_wal;
use super::fault::Naming;
use super::numbers::unsigned;
use super::{Access, Inner, header, schema};
use crate::{StoreError, TableSize};

/// Most messages of one check.
const MESSAGES: u32 = 100;

/// What is damaged; empty when nothing was found.
pub(super) fn check(connection: &Connection, inner: &Inner) -> Result<Vec<String>, StoreError> {
    let mut found = structure(connection)?;
    found.extend(schema::differences(connection)?);
    // Reading the file beside SQLite would drop the locks of this process on it; and a WAL may hold
    // a newer first page.
    if inner.access == Access::Frozen && !has_wal(&inner.database) {
        found.extend(header::faults(&inner.database)?);
    }
    Ok(found)
}

fn structure(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let text = format!("PRAGMA integrity_check({MESSAGES})");
    let mut statement = connection.prepare(&text).of("check")?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0));
    let messages = rows.and_then(|rows| rows.collect::<rusqlite::Result<Vec<_>>>());
    match messages.of("check") {
        // A file too damaged to be walked is an answer, not a failure.
        Err(StoreError::Corrupt(cause)) => Ok(vec![cause]),
        Err(error) => Err(error),
        Ok(messages) => Ok(messages
            .into_iter()
            .filter(|message| message != "ok")
            .map(|message| message.replace('\n', "; "))
            .collect()),
    }
}

/// Rows and bytes of each table and index.
pub(super) fn size(connection: &Connection) -> Result<Vec<TableSize>, StoreError> {
    let text = "SELECT name, pgsize FROM dbstat WHERE aggregate = TRUE ORDER BY name";
    let mut statement = connection.prepare(text).of("size")?;
    let rows = statement
        .query_map([], |row| Ok((row.get::<_, String>(0)?, unsigned(row, 1)?)))
        .of("size")?;
    let sizes: Vec<(String, u64)> = rows.collect::<rusqlite::Result<_>>().of("size")?;
    sizes
        .into_iter()
        .map(|(name, bytes)| {
            Ok(TableSize {
                rows: rows_of(connection, &name)?,
                name,
                bytes,
            })
        })
        .collect()
}

/// Rows of one of our tables; 0 for an index, which counts with its table.
fn rows_of(connection: &Connection, name: &str) -> Result<u64, StoreError> {
    let Some(text) = schema::counting(name) else {
        return Ok(0);
    };
    connection
        .query_row(text, [], |row| unsigned(row, 0))
        .of("size")
}
