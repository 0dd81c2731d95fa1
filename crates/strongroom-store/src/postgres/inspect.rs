//! Whether the tables are what this program made, and what each takes.

use super::cells::{Cells, limit};
use super::fault::Trouble;
use super::schema;
use super::session::{Session, Step};
use crate::{IndexRow, LocatorRow, RecordRow, StoreError, TableSize};

use super::cells::{all, index, locator, record};

/// Rows of one page of a scan.
const PAGE: usize = 2_048;

const TABLES: &str = "SELECT c.relname::text, pg_table_size(c.oid), c.relkind::text
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'strongroom' AND c.relkind IN ('r', 'i') ORDER BY c.relname";

const RECORDS: &str = "SELECT scope, kind, id, version, seq, time, status, body
    FROM strongroom.record WHERE (scope, kind, id) > ($1, $2, $3)
    ORDER BY scope, kind, id LIMIT $4";

const LOCATORS: &str = "SELECT scope, id, kind, seq FROM strongroom.locator
    WHERE (scope, id) > ($1, $2) ORDER BY scope, id LIMIT $3";

const INDEXES: &str = "SELECT scope, field, hash, kind, id, sole FROM strongroom.index_entry
    WHERE (scope, field, hash, kind, id) > ($1, $2, $3, $4, $5)
    ORDER BY scope, field, hash, kind, id LIMIT $6";

/// What differs from what this program makes; the server checks its own files.
pub(super) fn check(session: &mut Session) -> Result<Vec<String>, Trouble> {
    schema::differences(session)
}

/// Rows and bytes of each table and index.
pub(super) fn size(session: &mut Session) -> Result<Vec<TableSize>, Trouble> {
    let rows = session.one(Step::plain(TABLES))?;
    let mut sizes = Vec::with_capacity(rows.len());
    for row in &rows {
        let row = Cells(row);
        let name: String = row.get(0).map_err(Trouble::of)?;
        let bytes = row.number(1).map_err(Trouble::of)?;
        let rows = match counting(&name) {
            Some(text) => counted(session, text)?,
            None => 0,
        };
        sizes.push(TableSize { name, rows, bytes });
    }
    Ok(sizes)
}

fn counted(session: &mut Session, text: &'static str) -> Result<u64, Trouble> {
    let rows = session.one(Step::plain(text))?;
    let count = rows.first().map(|row| Cells(row).number(0));
    count.unwrap_or(Ok(0)).map_err(Trouble::of)
}

/// Statement that counts the rows of one of our tables.
fn counting(table: &str) -> Option<&'static str> {
    match table {
        "head" => Some("SELECT count(*) FROM strongroom.head"),
        "index_entry" => Some("SELECT count(*) FROM strongroom.index_entry"),
        "job" => Some("SELECT count(*) FROM strongroom.job"),
        "locator" => Some("SELECT count(*) FROM strongroom.locator"),
        "log" => Some("SELECT count(*) FROM strongroom.log"),
        "record" => Some("SELECT count(*) FROM strongroom.record"),
        "segment" => Some("SELECT count(*) FROM strongroom.segment"),
        "wrapped_key" => Some("SELECT count(*) FROM strongroom.wrapped_key"),
        _ => None,
    }
}

/// The page of records after one, or the first.
pub(super) fn records_after(
    session: &mut Session,
    last: Option<&RecordRow>,
) -> Result<Vec<RecordRow>, Trouble> {
    let id = last.map_or([0; 12], |row| row.id);
    let step = Step::plain(RECORDS)
        .with(last.map_or(-1, |row| i64::from(row.scope)))
        .with(last.map_or(0, |row| i16::from(row.kind)))
        .with(id.to_vec())
        .with(limit(PAGE));
    page(session, step, record)
}

/// The page of locators after one, or the first.
pub(super) fn locators_after(
    session: &mut Session,
    last: Option<&LocatorRow>,
) -> Result<Vec<LocatorRow>, Trouble> {
    let id = last.map_or([0; 12], |row| row.id);
    let step = Step::plain(LOCATORS)
        .with(last.map_or(-1, |row| i64::from(row.scope)))
        .with(id.to_vec())
        .with(limit(PAGE));
    page(session, step, locator)
}

/// The page of index rows after one, or the first.
pub(super) fn indexes_after(
    session: &mut Session,
    last: Option<&IndexRow>,
) -> Result<Vec<IndexRow>, Trouble> {
    let step = Step::plain(INDEXES)
        .with(last.map_or(-1, |row| i64::from(row.scope)))
        .with(last.map_or(0, |row| i32::from(row.field)))
        .with(last.map_or([0; 16], |row| row.hash).to_vec())
        .with(last.map_or(0, |row| i16::from(row.kind)))
        .with(last.map_or([0; 12], |row| row.id).to_vec())
        .with(limit(PAGE));
    page(session, step, index)
}

fn page<T>(
    session: &mut Session,
    step: Step<'_>,
    decode: fn(&Cells<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, Trouble> {
    let rows = session.one(step)?;
    all(&rows, decode).map_err(Trouble::of)
}
