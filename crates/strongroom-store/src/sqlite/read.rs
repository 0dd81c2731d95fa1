//! The reader: range scans and look-ups on a connection that cannot write.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::Naming;
use super::load::{self, first, in_one_moment, list};
use super::numbers::{entry_at, entry_span, limit, signed, unsigned};
use super::{Inner, inspect, scan};
use crate::search::last_that_holds;
use crate::{
    EntryRow, HeadRow, Id, IdRange, IndexRow, JobRow, KeyRow, Loaded, LocatorRow, MAX_SEQ, Reader,
    RecordRow, SegmentRow, StoreError, TableSize, Wanted,
};

pub(super) struct SqliteReader {
    connection: Connection,
    /// After the connection, which must close first.
    inner: Arc<Inner>,
}

impl SqliteReader {
    pub fn new(connection: Connection, inner: Arc<Inner>) -> Self {
        Self { connection, inner }
    }

    /// Greatest sequence number of a log whose entry's time or first event is at most `bound`.
    fn last_entry(
        &self,
        log: u32,
        text: &'static str,
        bound: i64,
    ) -> Result<Option<u64>, StoreError> {
        let floor = |seq: u64| {
            let (from, to) = entry_span(log, 0, seq)?;
            let decode = |row: &Row<'_>| Ok((entry_at(row, 0)?.1, row.get::<_, i64>(1)?));
            let found = first(&self.connection, "log", text, params![from, to], decode)?;
            Ok(found.map(|(seq, value)| (seq, value <= bound)))
        };
        match floor(MAX_SEQ)? {
            Some((last, false)) => last_that_holds(last, floor),
            found => Ok(found.map(|(last, _)| last)),
        }
    }

    fn holder_of(&self, log: u32, event: u64) -> Result<Option<u64>, StoreError> {
        let floor = "SELECT entry, first_event FROM log
            WHERE entry BETWEEN ?1 AND ?2 ORDER BY entry DESC LIMIT 1";
        let Some(seq) = self.last_entry(log, floor, signed("event", event)?)? else {
            return Ok(None);
        };
        let text = "SELECT first_event, event_count FROM log WHERE entry = ?1";
        let (number, _) = entry_span(log, seq, seq)?;
        let end = first(&self.connection, "log", text, [number], |row| {
            Ok(unsigned(row, 0)?.saturating_add(unsigned(row, 1)?))
        })?;
        Ok(end.filter(|end| event < *end).map(|_| seq))
    }
}

/// Bounds of a range as values that every id lies between.
fn bounds(range: IdRange) -> (Vec<u8>, Vec<u8>) {
    let after = range.after.map_or(Vec::new(), |id| id.to_vec());
    let before = range.before.map_or(vec![0xff; 13], |id| id.to_vec());
    (after, before)
}

impl Reader for SqliteReader {
    fn snapshot(&mut self) -> Result<(), StoreError> {
        self.release()?;
        self.connection.execute_batch("BEGIN").of("snapshot")?;
        // A transaction sees the moment of its first read, not of its begin.
        let text = "SELECT 1 FROM head LIMIT 1";
        first(&self.connection, "snapshot", text, [], |_| Ok(())).map(|_| ())
    }

    fn release(&mut self) -> Result<(), StoreError> {
        if self.connection.is_autocommit() {
            return Ok(());
        }
        self.connection.execute_batch("COMMIT").of("snapshot")
    }

    fn load(&mut self, wanted: &Wanted) -> Result<Loaded, StoreError> {
        load::load(&self.connection, wanted)
    }

    fn heads(&mut self) -> Result<Vec<HeadRow>, StoreError> {
        let text = "SELECT log, organization, mode, seq, time, events, frontier FROM head
            ORDER BY log";
        list(&self.connection, "head", text, [], load::head)
    }

    fn keys(&mut self) -> Result<Vec<KeyRow>, StoreError> {
        let text = "SELECT number, scope, purpose, period, subject, version, parent, created,
            wrapped FROM wrapped_key WHERE purpose <> 10 ORDER BY number";
        list(&self.connection, "wrapped_key", text, [], load::key)
    }

    fn subject_key(&mut self, scope: u32, subject: &Id) -> Result<Option<KeyRow>, StoreError> {
        let text = "SELECT number, scope, purpose, period, subject, version, parent, created,
            wrapped FROM wrapped_key WHERE purpose = 10 AND scope = ?1 AND subject = ?2
            ORDER BY version DESC LIMIT 1";
        let values = params![scope, subject];
        first(&self.connection, "wrapped_key", text, values, load::key)
    }

    fn subject_versions(&mut self, scope: u32, subject: &Id) -> Result<Vec<KeyRow>, StoreError> {
        let text = "SELECT number, scope, purpose, period, subject, version, parent, created,
            wrapped FROM wrapped_key WHERE purpose = 10 AND scope = ?1 AND subject = ?2
            ORDER BY version DESC";
        let values = params![scope, subject];
        list(&self.connection, "wrapped_key", text, values, load::key)
    }

    fn subject_keys(&mut self, after: u32, rows: usize) -> Result<Vec<KeyRow>, StoreError> {
        let text = "SELECT number, scope, purpose, period, subject, version, parent, created,
            wrapped FROM wrapped_key WHERE number > ?1 AND purpose = 10 ORDER BY number LIMIT ?2";
        let values = params![after, limit(rows)];
        list(&self.connection, "wrapped_key", text, values, load::key)
    }

    fn entries(
        &mut self,
        log: u32,
        from: u64,
        to: u64,
        descending: bool,
        rows: usize,
    ) -> Result<Vec<EntryRow>, StoreError> {
        let text = if descending {
            "SELECT entry, time, action, first_event, event_count, spent, head, parts FROM log
                WHERE entry BETWEEN ?1 AND ?2 ORDER BY entry DESC LIMIT ?3"
        } else {
            "SELECT entry, time, action, first_event, event_count, spent, head, parts FROM log
                WHERE entry BETWEEN ?1 AND ?2 ORDER BY entry LIMIT ?3"
        };
        let (from, to) = entry_span(log, from, to)?;
        let values = params![from, to, limit(rows)];
        list(&self.connection, "log", text, values, load::entry)
    }

    fn entry_heads(
        &mut self,
        log: u32,
        from: u64,
        to: u64,
    ) -> Result<Vec<(u64, i64, Vec<u8>)>, StoreError> {
        let text = "SELECT entry, time, head FROM log
            WHERE entry BETWEEN ?1 AND ?2 ORDER BY entry";
        let (from, to) = entry_span(log, from, to)?;
        list(&self.connection, "log", text, params![from, to], |row| {
            Ok((entry_at(row, 0)?.1, row.get(1)?, row.get(2)?))
        })
    }

    fn spent_tail(
        &mut self,
        log: u32,
        after_seq: u64,
        each: &mut dyn FnMut(u64, i64, &[u8]),
    ) -> Result<(), StoreError> {
        if after_seq >= MAX_SEQ {
            return Ok(());
        }
        let span = entry_span(log, after_seq + 1, MAX_SEQ)?;
        scan::spent(&self.connection, span, each)
    }

    fn entry_at_time(&mut self, log: u32, time: i64) -> Result<Option<u64>, StoreError> {
        let text = "SELECT entry, time FROM log
            WHERE entry BETWEEN ?1 AND ?2 ORDER BY entry DESC LIMIT 1";
        in_one_moment(&self.connection, || self.last_entry(log, text, time))
    }

    fn entry_of_event(&mut self, log: u32, event: u64) -> Result<Option<u64>, StoreError> {
        in_one_moment(&self.connection, || self.holder_of(log, event))
    }

    fn locator_floor(&mut self, scope: u32, id: &Id) -> Result<Option<LocatorRow>, StoreError> {
        let text = "SELECT scope, id, kind, seq FROM locator
            WHERE scope = ?1 AND id <= ?2 ORDER BY id DESC LIMIT 1";
        first(
            &self.connection,
            "locator",
            text,
            params![scope, id],
            load::locator,
        )
    }

    fn locators(
        &mut self,
        scope: u32,
        kinds: &[u8],
        range: IdRange,
        descending: bool,
        rows: usize,
    ) -> Result<Vec<LocatorRow>, StoreError> {
        let text = if descending {
            "SELECT scope, id, kind, seq FROM locator
                WHERE scope = ?1 AND id > ?2 AND id < ?3 ORDER BY id DESC"
        } else {
            "SELECT scope, id, kind, seq FROM locator
                WHERE scope = ?1 AND id > ?2 AND id < ?3 ORDER BY id"
        };
        let (after, before) = bounds(range);
        let mut statement = self.connection.prepare_cached(text).of("locator")?;
        let found = statement
            .query_map(params![scope, after, before], load::locator)
            .of("locator")?;
        let wanted = |row: &rusqlite::Result<LocatorRow>| match row {
            Ok(row) => kinds.is_empty() || kinds.contains(&row.kind),
            Err(_) => true,
        };
        found
            .filter(wanted)
            .take(rows)
            .collect::<rusqlite::Result<_>>()
            .of("locator")
    }

    fn records(
        &mut self,
        scope: u32,
        kind: u8,
        range: IdRange,
        descending: bool,
        rows: usize,
    ) -> Result<Vec<RecordRow>, StoreError> {
        let text = if descending {
            "SELECT scope, kind, id, version, seq, time, status, body FROM record
                WHERE scope = ?1 AND kind = ?2 AND id > ?3 AND id < ?4 ORDER BY id DESC LIMIT ?5"
        } else {
            "SELECT scope, kind, id, version, seq, time, status, body FROM record
                WHERE scope = ?1 AND kind = ?2 AND id > ?3 AND id < ?4 ORDER BY id LIMIT ?5"
        };
        let (after, before) = bounds(range);
        let values = params![scope, kind, after, before, limit(rows)];
        list(&self.connection, "record", text, values, load::record)
    }

    fn all_records(&mut self, each: &mut dyn FnMut(RecordRow)) -> Result<(), StoreError> {
        scan::records(&self.connection, each)
    }

    fn all_locators(&mut self, each: &mut dyn FnMut(LocatorRow)) -> Result<(), StoreError> {
        scan::locators(&self.connection, each)
    }

    fn all_indexes(&mut self, each: &mut dyn FnMut(IndexRow)) -> Result<(), StoreError> {
        scan::indexes(&self.connection, each)
    }

    fn index(
        &mut self,
        scope: u32,
        field: u16,
        hash: &[u8; 16],
        rows: usize,
    ) -> Result<Vec<IndexRow>, StoreError> {
        let values = params![scope, field, hash, limit(rows)];
        list(
            &self.connection,
            "index_entry",
            load::INDEX,
            values,
            load::index,
        )
    }

    fn segments(
        &mut self,
        scope: u32,
        kind: u8,
        from: u64,
        rows: usize,
    ) -> Result<Vec<SegmentRow>, StoreError> {
        let text = "SELECT scope, kind, number, body FROM segment
            WHERE scope = ?1 AND kind = ?2 AND number >= ?3 ORDER BY number LIMIT ?4";
        let values = params![scope, kind, signed("number", from)?, limit(rows)];
        list(&self.connection, "segment", text, values, load::segment)
    }

    fn segment(
        &mut self,
        scope: u32,
        kind: u8,
        number: u64,
    ) -> Result<Option<SegmentRow>, StoreError> {
        let text = "SELECT scope, kind, number, body FROM segment
            WHERE scope = ?1 AND kind = ?2 AND number = ?3";
        let values = params![scope, kind, signed("number", number)?];
        first(&self.connection, "segment", text, values, load::segment)
    }

    fn jobs_due(&mut self, now: i64, rows: usize) -> Result<Vec<JobRow>, StoreError> {
        let text = "SELECT scope, kind, id, due, attempt, body FROM job
            WHERE due <= ?1 ORDER BY due, scope, kind, id LIMIT ?2";
        let values = params![now, limit(rows)];
        list(&self.connection, "job", text, values, load::job)
    }

    fn next_job(&mut self) -> Result<Option<i64>, StoreError> {
        let text = "SELECT due FROM job ORDER BY due LIMIT 1";
        let mut statement = self.connection.prepare_cached(text).of("job")?;
        statement
            .query_row([], |row| row.get(0))
            .optional()
            .of("job")
    }

    fn jobs(
        &mut self,
        scope: u32,
        kind: u8,
        range: IdRange,
        rows: usize,
    ) -> Result<Vec<JobRow>, StoreError> {
        let text = "SELECT scope, kind, id, due, attempt, body FROM job
            WHERE scope = ?1 AND kind = ?2 AND id > ?3 AND id < ?4 ORDER BY id LIMIT ?5";
        let (after, before) = bounds(range);
        let values = params![scope, kind, after, before, limit(rows)];
        list(&self.connection, "job", text, values, load::job)
    }

    fn check(&mut self) -> Result<Vec<String>, StoreError> {
        inspect::check(&self.connection, &self.inner)
    }

    fn size(&mut self) -> Result<Vec<TableSize>, StoreError> {
        inspect::size(&self.connection)
    }
}
