//! Scans of whole tables in pages, so that none holds one moment of the database for long.
//!
//! A page goes on after the key of the last row; `verify` wraps a scan in a snapshot to see one
//! moment.

use rusqlite::{Connection, params};

use super::fault::Naming;
use super::load::{index, list, locator, record};
use super::numbers::{limit, split_entry};
use crate::{IndexRow, LocatorRow, RecordRow, StoreError};

/// Rows of one page.
const PAGE: usize = 2_048;

const RECORDS: &str = "SELECT scope, kind, id, version, seq, time, status, body FROM record
    WHERE (scope, kind, id) > (?1, ?2, ?3) ORDER BY scope, kind, id LIMIT ?4";

const LOCATORS: &str = "SELECT scope, id, kind, seq FROM locator
    WHERE (scope, id) > (?1, ?2) ORDER BY scope, id LIMIT ?3";

const INDEXES: &str = "SELECT scope, field, hash, kind, id, sole FROM index_entry
    WHERE (scope, field, hash, kind, id) > (?1, ?2, ?3, ?4, ?5)
    ORDER BY scope, field, hash, kind, id LIMIT ?6";

/// Every record.
pub(super) fn records(
    connection: &Connection,
    each: &mut dyn FnMut(RecordRow),
) -> Result<(), StoreError> {
    let mut after = (-1, 0, [0; 12]);
    loop {
        let values = params![after.0, after.1, after.2, limit(PAGE)];
        let page = list(connection, "record", RECORDS, values, record)?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = (i64::from(last.scope), last.kind, last.id);
        page.into_iter().for_each(&mut *each);
    }
}

/// Every locator.
pub(super) fn locators(
    connection: &Connection,
    each: &mut dyn FnMut(LocatorRow),
) -> Result<(), StoreError> {
    let mut after = (-1, [0; 12]);
    loop {
        let values = params![after.0, after.1, limit(PAGE)];
        let page = list(connection, "locator", LOCATORS, values, locator)?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = (i64::from(last.scope), last.id);
        page.into_iter().for_each(&mut *each);
    }
}

/// Every index row.
pub(super) fn indexes(
    connection: &Connection,
    each: &mut dyn FnMut(IndexRow),
) -> Result<(), StoreError> {
    let mut after = (-1, 0, [0; 16], 0, [0; 12]);
    loop {
        let values = params![after.0, after.1, after.2, after.3, after.4, limit(PAGE)];
        let page = list(connection, "index_entry", INDEXES, values, index)?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = (
            i64::from(last.scope),
            last.field,
            last.hash,
            last.kind,
            last.id,
        );
        page.into_iter().for_each(&mut *each);
    }
}

/// Sequence number, time and spent hashes of the entries between two row numbers that have some.
pub(super) fn spent(
    connection: &Connection,
    (from, to): (i64, i64),
    each: &mut dyn FnMut(u64, i64, &[u8]),
) -> Result<(), StoreError> {
    let text = "SELECT entry, time, spent FROM log WHERE entry BETWEEN ?1 AND ?2 ORDER BY entry";
    let mut statement = connection.prepare_cached(text).of("log")?;
    let mut rows = statement.query(params![from, to]).of("log")?;
    while let Some(row) = rows.next().of("log")? {
        let number: i64 = row.get(0).of("log")?;
        let hashes = row.get_ref(2).of("log")?.as_blob();
        let (Some((_, seq)), Ok(hashes)) = (split_entry(number), hashes) else {
            return Err(StoreError::Corrupt(format!(
                "`log` entry {number} is not one"
            )));
        };
        if !hashes.is_empty() {
            each(seq, row.get(1).of("log")?, hashes);
        }
    }
    Ok(())
}
