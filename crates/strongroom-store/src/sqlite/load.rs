//! Set-sized reads by key, and how each table's columns become rows again.
//!
//! Each key is one run of a prepared statement.

use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::fault::Naming;
use super::numbers::{entry_at, entry_number, limit, unsigned};
use crate::{
    EntryRow, HeadRow, INDEX_LOAD_LIMIT, IndexRow, JobRow, KeyRow, Loaded, LocatorRow, MAX_LOG,
    MAX_SEQ, RecordRow, SegmentRow, StoreError, Wanted,
};

/// Everything the wanted keys name, as of one moment.
pub(super) fn load(connection: &Connection, wanted: &Wanted) -> Result<Loaded, StoreError> {
    in_one_moment(connection, || {
        let mut loaded = Loaded::default();
        load_records(connection, wanted, &mut loaded)?;
        load_locators(connection, wanted, &mut loaded)?;
        load_entries(connection, wanted, &mut loaded)?;
        load_indexes(connection, wanted, &mut loaded)?;
        load_keys(connection, wanted, &mut loaded)?;
        Ok(loaded)
    })
}

/// Runs several reads in one transaction, unless there is one already. Each statement alone would
/// see its own moment, and take and give back the file locks.
pub(super) fn in_one_moment<T>(
    connection: &Connection,
    read: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    if !connection.is_autocommit() {
        return read();
    }
    run(connection, "BEGIN").of("begin")?;
    let outcome = read();
    run(connection, "COMMIT").of("commit")?;
    outcome
}

/// Runs a statement without values or rows.
pub(super) fn run(connection: &Connection, text: &'static str) -> rusqlite::Result<usize> {
    connection.prepare_cached(text)?.execute([])
}

fn load_records(
    connection: &Connection,
    wanted: &Wanted,
    loaded: &mut Loaded,
) -> Result<(), StoreError> {
    if wanted.records.is_empty() {
        return Ok(());
    }
    let text = "SELECT scope, kind, id, version, seq, time, status, body FROM record
        WHERE scope = ?1 AND kind = ?2 AND id = ?3";
    let mut statement = connection.prepare_cached(text).of("record")?;
    for (scope, kind, id) in &wanted.records {
        let found = statement.query_row(params![scope, kind, id], record);
        loaded.records.extend(found.optional().of("record")?);
    }
    Ok(())
}

fn load_locators(
    connection: &Connection,
    wanted: &Wanted,
    loaded: &mut Loaded,
) -> Result<(), StoreError> {
    if wanted.locators.is_empty() {
        return Ok(());
    }
    let text = "SELECT scope, id, kind, seq FROM locator WHERE scope = ?1 AND id = ?2";
    let mut statement = connection.prepare_cached(text).of("locator")?;
    for (scope, id) in &wanted.locators {
        let found = statement.query_row(params![scope, id], locator);
        loaded.locators.extend(found.optional().of("locator")?);
    }
    Ok(())
}

fn load_entries(
    connection: &Connection,
    wanted: &Wanted,
    loaded: &mut Loaded,
) -> Result<(), StoreError> {
    if wanted.entries.is_empty() {
        return Ok(());
    }
    let text = "SELECT entry, time, action, first_event, event_count, spent, head, parts
        FROM log WHERE entry = ?1";
    let mut statement = connection.prepare_cached(text).of("log")?;
    for (log, seq) in &wanted.entries {
        if *log > MAX_LOG || *seq > MAX_SEQ {
            continue;
        }
        let found = statement.query_row([entry_number(*log, *seq)?], entry);
        loaded.entries.extend(found.optional().of("log")?);
    }
    Ok(())
}

fn load_indexes(
    connection: &Connection,
    wanted: &Wanted,
    loaded: &mut Loaded,
) -> Result<(), StoreError> {
    for (scope, field, hash) in &wanted.indexes {
        let values = params![scope, field, hash, limit(INDEX_LOAD_LIMIT)];
        loaded
            .indexes
            .extend(list(connection, "index_entry", INDEX, values, index)?);
    }
    Ok(())
}

fn load_keys(
    connection: &Connection,
    wanted: &Wanted,
    loaded: &mut Loaded,
) -> Result<(), StoreError> {
    let text = "SELECT number, scope, purpose, period, subject, version, parent, created, wrapped
        FROM wrapped_key WHERE number = ?1";
    for number in &wanted.keys {
        loaded
            .keys
            .extend(first(connection, "wrapped_key", text, [number], key)?);
    }
    Ok(())
}

/// Index rows under a hash, with a limit.
pub(super) const INDEX: &str = "SELECT scope, field, hash, kind, id, sole FROM index_entry
    WHERE scope = ?1 AND field = ?2 AND hash = ?3 ORDER BY kind, id LIMIT ?4";

/// All rows of a statement.
pub(super) fn list<T>(
    connection: &Connection,
    table: &str,
    text: &'static str,
    values: impl Params,
    decode: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare_cached(text).of(table)?;
    let rows = statement.query_map(values, decode).of(table)?;
    rows.collect::<rusqlite::Result<Vec<T>>>().of(table)
}

/// The first row of a statement.
pub(super) fn first<T>(
    connection: &Connection,
    table: &str,
    text: &'static str,
    values: impl Params,
    decode: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, StoreError> {
    let mut statement = connection.prepare_cached(text).of(table)?;
    statement.query_row(values, decode).optional().of(table)
}

pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<EntryRow> {
    let (log, seq) = entry_at(row, 0)?;
    Ok(EntryRow {
        log,
        seq,
        time: row.get(1)?,
        action: row.get(2)?,
        first_event: unsigned(row, 3)?,
        event_count: row.get(4)?,
        spent: row.get(5)?,
        head: row.get(6)?,
        parts: row.get(7)?,
    })
}

pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<RecordRow> {
    Ok(RecordRow {
        scope: row.get(0)?,
        kind: row.get(1)?,
        id: row.get(2)?,
        version: unsigned(row, 3)?,
        seq: unsigned(row, 4)?,
        time: row.get(5)?,
        status: row.get(6)?,
        body: row.get(7)?,
    })
}

pub(super) fn locator(row: &Row<'_>) -> rusqlite::Result<LocatorRow> {
    Ok(LocatorRow {
        scope: row.get(0)?,
        id: row.get(1)?,
        kind: row.get(2)?,
        seq: unsigned(row, 3)?,
    })
}

pub(super) fn index(row: &Row<'_>) -> rusqlite::Result<IndexRow> {
    Ok(IndexRow {
        scope: row.get(0)?,
        field: row.get(1)?,
        hash: row.get(2)?,
        kind: row.get(3)?,
        id: row.get(4)?,
        unique: row.get(5)?,
    })
}

pub(super) fn key(row: &Row<'_>) -> rusqlite::Result<KeyRow> {
    Ok(KeyRow {
        number: row.get(0)?,
        scope: row.get(1)?,
        purpose: row.get(2)?,
        period: row.get(3)?,
        subject: row.get(4)?,
        version: row.get(5)?,
        parent: row.get(6)?,
        created: row.get(7)?,
        wrapped: row.get(8)?,
    })
}

pub(super) fn head(row: &Row<'_>) -> rusqlite::Result<HeadRow> {
    Ok(HeadRow {
        log: row.get(0)?,
        organization: row.get(1)?,
        mode: row.get(2)?,
        seq: unsigned(row, 3)?,
        time: row.get(4)?,
        events: unsigned(row, 5)?,
        frontier: row.get(6)?,
    })
}

pub(super) fn segment(row: &Row<'_>) -> rusqlite::Result<SegmentRow> {
    Ok(SegmentRow {
        scope: row.get(0)?,
        kind: row.get(1)?,
        number: unsigned(row, 2)?,
        body: row.get(3)?,
    })
}

pub(super) fn job(row: &Row<'_>) -> rusqlite::Result<JobRow> {
    Ok(JobRow {
        scope: row.get(0)?,
        kind: row.get(1)?,
        id: row.get(2)?,
        due: row.get(3)?,
        attempt: row.get(4)?,
        body: row.get(5)?,
    })
}
