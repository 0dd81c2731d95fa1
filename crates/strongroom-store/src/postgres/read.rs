//! The reader: range scans and look-ups on a session that cannot write.
//!
//! A session that was lost is opened anew and asked again, but never within a snapshot: that was
//! one moment, and it is gone.

use std::sync::{Arc, PoisonError};

use tokio_postgres::Row;

use super::cells::{
    Cells, all, entry, head, index, job, key, limit, locator, record, segment, signed,
};
use super::fault::Trouble;
use super::inspect::{self, indexes_after, locators_after, records_after};
use super::load::{MOMENT, capped, load};
use super::session::{Session, Step, connect_reading};
use super::{Hold, Inner};
use crate::search::last_that_holds;
use crate::{
    EntryRow, HeadRow, Id, IdRange, IndexRow, JobRow, KeyRow, Loaded, LocatorRow, MAX_SEQ, Reader,
    RecordRow, SegmentRow, StoreError, TableSize, Wanted,
};

/// Entries of one page of a scan.
const PAGE: usize = 2_048;

pub(super) struct PostgresReader {
    /// None of its own where all readers share one.
    session: Option<Session>,
    /// Within a snapshot.
    still: bool,
    inner: Arc<Inner>,
}

impl PostgresReader {
    pub fn new(inner: Arc<Inner>) -> Result<Self, StoreError> {
        let session = match &inner.hold {
            Hold::Writing(_) => Some(connect_reading(&inner.options)?),
            Hold::Frozen(_) => None,
        };
        Ok(Self {
            session,
            still: false,
            inner,
        })
    }

    /// Asks, and once more on a new session when the old one was lost meanwhile.
    fn ask<T>(
        &mut self,
        mut work: impl FnMut(&mut Session, bool) -> Result<T, Trouble>,
    ) -> Result<T, StoreError> {
        self.inner.check()?;
        if let Hold::Frozen(shared) = &self.inner.hold {
            let mut session = shared.lock().unwrap_or_else(PoisonError::into_inner);
            return work(&mut session, true).map_err(StoreError::from);
        }
        let mut again = !self.still;
        loop {
            let outcome = self.with_session(&mut work);
            match outcome {
                Err(Trouble::Lost(_)) if again => drop(self.session.take()),
                Err(Trouble::Retry(_)) if again => {}
                Err(Trouble::Lost(cause)) => {
                    self.session = None;
                    return Err(StoreError::Unreachable(cause));
                }
                other => return other.map_err(Trouble::while_running),
            }
            again = false;
        }
    }

    fn with_session<T>(
        &mut self,
        work: &mut impl FnMut(&mut Session, bool) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let still = self.still;
        if let Some(session) = &mut self.session {
            return work(session, still);
        }
        if still {
            return Err(Trouble::Lost("the snapshot's session was lost".to_owned()));
        }
        let mut session = connect_reading(&self.inner.options)?;
        let outcome = work(&mut session, still);
        self.session = Some(session);
        outcome
    }

    fn list<T>(
        &mut self,
        step: impl Fn() -> Result<Step<'static>, StoreError>,
        decode: fn(&Cells<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let rows: Vec<Row> = self.ask(|session, _| session.one(step().map_err(Trouble::of)?))?;
        all(&rows, decode)
    }

    fn first<T>(
        &mut self,
        step: impl Fn() -> Result<Step<'static>, StoreError>,
        decode: fn(&Cells<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.list(step, decode)?.into_iter().next())
    }

    /// Greatest sequence number of a log whose entry's value in `text` is at most `bound`. Entries
    /// are only ever added and the value never falls, so the moments may differ.
    fn last_entry(
        &mut self,
        log: u32,
        text: &'static str,
        bound: i64,
    ) -> Result<Option<u64>, StoreError> {
        let mut floor = |seq: u64| {
            let step = || Ok(Step::plain(text).with(i64::from(log)).with(capped(seq)?));
            let found = self.first(step, |row| Ok((row.number::<u64>(0)?, row.get::<i64>(1)?)))?;
            Ok(found.map(|(seq, value)| (seq, value <= bound)))
        };
        match floor(MAX_SEQ)? {
            Some((last, false)) => last_that_holds(last, floor),
            found => Ok(found.map(|(last, _)| last)),
        }
    }

    /// Gives every row of a table, page after page.
    fn pages<T>(
        &mut self,
        each: &mut dyn FnMut(T),
        next: fn(&mut Session, Option<&T>) -> Result<Vec<T>, Trouble>,
    ) -> Result<(), StoreError> {
        let mut last: Option<T> = None;
        loop {
            let mut page = self.ask(|session, _| next(session, last.as_ref()))?;
            last.take().into_iter().for_each(&mut *each);
            last = page.pop();
            page.into_iter().for_each(&mut *each);
            if last.is_none() {
                return Ok(());
            }
        }
    }
}

/// Bounds of a range as values that every id lies between.
fn bounds(range: IdRange) -> (Vec<u8>, Vec<u8>) {
    let after = range.after.map_or(Vec::new(), |id| id.to_vec());
    let before = range.before.map_or(vec![0xff; 13], |id| id.to_vec());
    (after, before)
}

impl Reader for PostgresReader {
    fn snapshot(&mut self) -> Result<(), StoreError> {
        if matches!(self.inner.hold, Hold::Frozen(_)) {
            return Ok(());
        }
        self.release()?;
        // A transaction sees the moment of its first read, not of its begin.
        self.ask(|session, _| {
            let first = Step::plain("SELECT 1 FROM strongroom.store");
            session.run(&[Step::plain(MOMENT), first]).map(drop)
        })?;
        self.still = true;
        Ok(())
    }

    fn release(&mut self) -> Result<(), StoreError> {
        if !std::mem::take(&mut self.still) {
            return Ok(());
        }
        if let Some(session) = &mut self.session
            && session.one(Step::plain("COMMIT")).is_err()
        {
            // It only read, so nothing is lost with it.
            self.session = None;
        }
        Ok(())
    }

    fn load(&mut self, wanted: &Wanted) -> Result<Loaded, StoreError> {
        self.ask(|session, still| load(session, wanted, still))
    }

    fn heads(&mut self) -> Result<Vec<HeadRow>, StoreError> {
        let text = "SELECT log, organization, mode, seq, time, events, frontier
            FROM strongroom.head ORDER BY log";
        self.list(|| Ok(Step::plain(text)), head)
    }

    fn keys(&mut self) -> Result<Vec<KeyRow>, StoreError> {
        let text = "SELECT number, scope, purpose, period, subject, version, parent, created,
            wrapped FROM strongroom.wrapped_key WHERE purpose <> 10 ORDER BY number";
        self.list(|| Ok(Step::plain(text)), key)
    }

    fn subject_key(&mut self, scope: u32, subject: &Id) -> Result<Option<KeyRow>, StoreError> {
        let text = "SELECT number, scope, purpose, period, subject, version, parent, created,
            wrapped FROM strongroom.wrapped_key
            WHERE purpose = 10 AND scope = $1 AND subject = $2 ORDER BY version DESC LIMIT 1";
        let step = || {
            let step = Step::plain(text).with(i64::from(scope));
            Ok(step.with(subject.to_vec()))
        };
        self.first(step, key)
    }

    fn subject_versions(&mut self, scope: u32, subject: &Id) -> Result<Vec<KeyRow>, StoreError> {
        let text = "SELECT number, scope, purpose, period, subject, version, parent, created,
            wrapped FROM strongroom.wrapped_key
            WHERE purpose = 10 AND scope = $1 AND subject = $2 ORDER BY version DESC";
        let step = || {
            let step = Step::plain(text).with(i64::from(scope));
            Ok(step.with(subject.to_vec()))
        };
        self.list(step, key)
    }

    fn subject_keys(&mut self, after: u32, rows: usize) -> Result<Vec<KeyRow>, StoreError> {
        let text = "SELECT number, scope, purpose, period, subject, version, parent, created,
            wrapped FROM strongroom.wrapped_key
            WHERE number > $1 AND purpose = 10 ORDER BY number LIMIT $2";
        let step = || Ok(Step::plain(text).with(i64::from(after)).with(limit(rows)));
        self.list(step, key)
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
            "SELECT log, seq, time, action, first_event, event_count, spent, head, parts
                FROM strongroom.log WHERE log = $1 AND seq BETWEEN $2 AND $3
                ORDER BY seq DESC LIMIT $4"
        } else {
            "SELECT log, seq, time, action, first_event, event_count, spent, head, parts
                FROM strongroom.log WHERE log = $1 AND seq BETWEEN $2 AND $3
                ORDER BY seq LIMIT $4"
        };
        let step = || {
            let step = Step::plain(text).with(i64::from(log)).with(capped(from)?);
            Ok(step.with(capped(to)?).with(limit(rows)))
        };
        self.list(step, entry)
    }

    fn entry_heads(
        &mut self,
        log: u32,
        from: u64,
        to: u64,
    ) -> Result<Vec<(u64, i64, Vec<u8>)>, StoreError> {
        let text = "SELECT seq, time, head FROM strongroom.log
            WHERE log = $1 AND seq BETWEEN $2 AND $3 ORDER BY seq";
        let step = || {
            let step = Step::plain(text).with(i64::from(log)).with(capped(from)?);
            Ok(step.with(capped(to)?))
        };
        self.list(step, |row| Ok((row.number(0)?, row.get(1)?, row.get(2)?)))
    }

    fn spent_tail(
        &mut self,
        log: u32,
        after_seq: u64,
        each: &mut dyn FnMut(u64, i64, &[u8]),
    ) -> Result<(), StoreError> {
        let text = "SELECT seq, time, spent FROM strongroom.log
            WHERE log = $1 AND seq > $2 ORDER BY seq LIMIT $3";
        let mut after = after_seq;
        while after < MAX_SEQ {
            let step = || {
                let step = Step::plain(text).with(i64::from(log)).with(capped(after)?);
                Ok(step.with(limit(PAGE)))
            };
            let page: Vec<(u64, i64, Vec<u8>)> =
                self.list(step, |row| Ok((row.number(0)?, row.get(1)?, row.get(2)?)))?;
            let Some((last, _, _)) = page.last() else {
                return Ok(());
            };
            after = *last;
            for (seq, time, hashes) in &page {
                if !hashes.is_empty() {
                    each(*seq, *time, hashes);
                }
            }
        }
        Ok(())
    }

    fn entry_at_time(&mut self, log: u32, time: i64) -> Result<Option<u64>, StoreError> {
        let text = "SELECT seq, time FROM strongroom.log
            WHERE log = $1 AND seq <= $2 ORDER BY seq DESC LIMIT 1";
        self.last_entry(log, text, time)
    }

    fn entry_of_event(&mut self, log: u32, event: u64) -> Result<Option<u64>, StoreError> {
        let floor = "SELECT seq, first_event FROM strongroom.log
            WHERE log = $1 AND seq <= $2 ORDER BY seq DESC LIMIT 1";
        let Some(seq) = self.last_entry(log, floor, signed("event", event)?)? else {
            return Ok(None);
        };
        let text = "SELECT first_event + event_count FROM strongroom.log
            WHERE log = $1 AND seq = $2";
        let step = || Ok(Step::plain(text).with(i64::from(log)).with(capped(seq)?));
        let end = self.first(step, |row| row.number::<u64>(0))?;
        Ok(end.filter(|end| event < *end).map(|_| seq))
    }

    fn locator_floor(&mut self, scope: u32, id: &Id) -> Result<Option<LocatorRow>, StoreError> {
        let text = "SELECT scope, id, kind, seq FROM strongroom.locator
            WHERE scope = $1 AND id <= $2 ORDER BY id DESC LIMIT 1";
        let step = || Ok(Step::plain(text).with(i64::from(scope)).with(id.to_vec()));
        self.first(step, locator)
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
            "SELECT scope, id, kind, seq FROM strongroom.locator
                WHERE scope = $1 AND id > $2 AND id < $3 AND ($4 OR kind = ANY ($5))
                ORDER BY id DESC LIMIT $6"
        } else {
            "SELECT scope, id, kind, seq FROM strongroom.locator
                WHERE scope = $1 AND id > $2 AND id < $3 AND ($4 OR kind = ANY ($5))
                ORDER BY id LIMIT $6"
        };
        let (after, before) = bounds(range);
        let kinds: Vec<i16> = kinds.iter().map(|kind| i16::from(*kind)).collect();
        let step = || {
            let step = Step::plain(text)
                .with(i64::from(scope))
                .with(after.clone())
                .with(before.clone());
            Ok(step
                .with(kinds.is_empty())
                .with(kinds.clone())
                .with(limit(rows)))
        };
        self.list(step, locator)
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
            "SELECT scope, kind, id, version, seq, time, status, body FROM strongroom.record
                WHERE scope = $1 AND kind = $2 AND id > $3 AND id < $4 ORDER BY id DESC LIMIT $5"
        } else {
            "SELECT scope, kind, id, version, seq, time, status, body FROM strongroom.record
                WHERE scope = $1 AND kind = $2 AND id > $3 AND id < $4 ORDER BY id LIMIT $5"
        };
        self.list(|| Ok(ranged(text, scope, kind, range, rows)), record)
    }

    fn all_records(&mut self, each: &mut dyn FnMut(RecordRow)) -> Result<(), StoreError> {
        self.pages(each, records_after)
    }

    fn all_locators(&mut self, each: &mut dyn FnMut(LocatorRow)) -> Result<(), StoreError> {
        self.pages(each, locators_after)
    }

    fn all_indexes(&mut self, each: &mut dyn FnMut(IndexRow)) -> Result<(), StoreError> {
        self.pages(each, indexes_after)
    }

    fn index(
        &mut self,
        scope: u32,
        field: u16,
        hash: &[u8; 16],
        rows: usize,
    ) -> Result<Vec<IndexRow>, StoreError> {
        let text = "SELECT scope, field, hash, kind, id, sole FROM strongroom.index_entry
            WHERE scope = $1 AND field = $2 AND hash = $3 ORDER BY kind, id LIMIT $4";
        let step = || {
            let step = Step::plain(text)
                .with(i64::from(scope))
                .with(i32::from(field));
            Ok(step.with(hash.to_vec()).with(limit(rows)))
        };
        self.list(step, index)
    }

    fn segments(
        &mut self,
        scope: u32,
        kind: u8,
        from: u64,
        rows: usize,
    ) -> Result<Vec<SegmentRow>, StoreError> {
        let text = "SELECT scope, kind, number, body FROM strongroom.segment
            WHERE scope = $1 AND kind = $2 AND number >= $3 ORDER BY number LIMIT $4";
        let step = || {
            let step = Step::plain(text)
                .with(i64::from(scope))
                .with(i16::from(kind));
            Ok(step.with(signed("number", from)?).with(limit(rows)))
        };
        self.list(step, segment)
    }

    fn segment(
        &mut self,
        scope: u32,
        kind: u8,
        number: u64,
    ) -> Result<Option<SegmentRow>, StoreError> {
        let text = "SELECT scope, kind, number, body FROM strongroom.segment
            WHERE scope = $1 AND kind = $2 AND number = $3";
        let step = || {
            let step = Step::plain(text)
                .with(i64::from(scope))
                .with(i16::from(kind));
            Ok(step.with(signed("number", number)?))
        };
        self.first(step, segment)
    }

    fn jobs_due(&mut self, now: i64, rows: usize) -> Result<Vec<JobRow>, StoreError> {
        let text = "SELECT scope, kind, id, due, attempt, body FROM strongroom.job
            WHERE due <= $1 ORDER BY due, scope, kind, id LIMIT $2";
        let step = || Ok(Step::plain(text).with(now).with(limit(rows)));
        self.list(step, job)
    }

    fn next_job(&mut self) -> Result<Option<i64>, StoreError> {
        let text = "SELECT due FROM strongroom.job ORDER BY due LIMIT 1";
        self.first(|| Ok(Step::plain(text)), |row| row.get(0))
    }

    fn jobs(
        &mut self,
        scope: u32,
        kind: u8,
        range: IdRange,
        rows: usize,
    ) -> Result<Vec<JobRow>, StoreError> {
        let text = "SELECT scope, kind, id, due, attempt, body FROM strongroom.job
            WHERE scope = $1 AND kind = $2 AND id > $3 AND id < $4 ORDER BY id LIMIT $5";
        self.list(|| Ok(ranged(text, scope, kind, range, rows)), job)
    }

    fn check(&mut self) -> Result<Vec<String>, StoreError> {
        self.ask(|session, _| inspect::check(session))
    }

    fn size(&mut self) -> Result<Vec<TableSize>, StoreError> {
        self.ask(|session, _| inspect::size(session))
    }
}

/// A statement over a scope, a kind and a range of ids, with a limit.
fn ranged(text: &'static str, scope: u32, kind: u8, range: IdRange, rows: usize) -> Step<'static> {
    let (after, before) = bounds(range);
    Step::plain(text)
        .with(i64::from(scope))
        .with(i16::from(kind))
        .with(after)
        .with(before)
        .with(limit(rows))
}
