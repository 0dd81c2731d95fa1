//! Reading a store in memory; ranges walk the ordered tables.

use std::ops::Bound::{Excluded, Included};
use std::sync::{Arc, RwLock};

use super::current;
use super::state::State;
use crate::search::last_that_holds;
use crate::{
    EntryRow, HeadRow, Id, IdRange, IndexRow, JobRow, KeyRow, Loaded, LocatorRow, Reader,
    RecordRow, SUBJECT_PURPOSE, SegmentRow, StoreError, TableSize, Wanted,
};

pub(super) struct MemoryReader {
    shared: Arc<RwLock<State>>,
    snapshot: Option<State>,
}

impl MemoryReader {
    pub fn new(shared: Arc<RwLock<State>>) -> Self {
        Self {
            shared,
            snapshot: None,
        }
    }

    fn state(&self) -> State {
        self.snapshot
            .clone()
            .unwrap_or_else(|| current(&self.shared))
    }

    fn last_entry(
        &self,
        log: u32,
        holds: impl Fn(&EntryRow) -> bool,
    ) -> Result<Option<u64>, StoreError> {
        let state = self.state();
        let floor = |seq: u64| {
            let found = state.entries.range((log, 0)..=(log, seq)).next_back();
            Ok(found.map(|((_, seq), row)| (*seq, holds(row))))
        };
        match floor(u64::MAX)? {
            Some((last, false)) => last_that_holds(last, floor),
            found => Ok(found.map(|(last, _)| last)),
        }
    }
}

fn within(range: IdRange, id: &Id) -> bool {
    range.after.is_none_or(|after| *id > after) && range.before.is_none_or(|before| *id < before)
}

fn in_order<'a, T: Clone + 'a>(
    rows: impl DoubleEndedIterator<Item = &'a T>,
    descending: bool,
    limit: usize,
) -> Vec<T> {
    if descending {
        rows.rev().take(limit).cloned().collect()
    } else {
        rows.take(limit).cloned().collect()
    }
}

impl Reader for MemoryReader {
    fn snapshot(&mut self) -> Result<(), StoreError> {
        self.snapshot = Some(current(&self.shared));
        Ok(())
    }

    fn release(&mut self) -> Result<(), StoreError> {
        self.snapshot = None;
        Ok(())
    }

    fn load(&mut self, wanted: &Wanted) -> Result<Loaded, StoreError> {
        Ok(self.state().load(wanted))
    }

    fn heads(&mut self) -> Result<Vec<HeadRow>, StoreError> {
        Ok(self.state().heads.values().cloned().collect())
    }

    fn keys(&mut self) -> Result<Vec<KeyRow>, StoreError> {
        let state = self.state();
        let keys = state.keys.values();
        Ok(keys
            .filter(|row| row.purpose != SUBJECT_PURPOSE)
            .cloned()
            .collect())
    }

    fn subject_key(&mut self, scope: u32, subject: &Id) -> Result<Option<KeyRow>, StoreError> {
        let state = self.state();
        let keys = state.keys.values().filter(|row| {
            row.purpose == SUBJECT_PURPOSE && row.scope == scope && row.subject == *subject
        });
        Ok(keys.max_by_key(|row| row.version).cloned())
    }

    fn subject_versions(&mut self, scope: u32, subject: &Id) -> Result<Vec<KeyRow>, StoreError> {
        let state = self.state();
        let keys = state.keys.values().filter(|row| {
            row.purpose == SUBJECT_PURPOSE && row.scope == scope && row.subject == *subject
        });
        let mut keys: Vec<KeyRow> = keys.cloned().collect();
        keys.sort_by_key(|row| std::cmp::Reverse(row.version));
        Ok(keys)
    }

    fn subject_keys(&mut self, after: u32, limit: usize) -> Result<Vec<KeyRow>, StoreError> {
        let state = self.state();
        let keys = state.keys.range((Excluded(after), Included(u32::MAX)));
        Ok(keys
            .map(|(_, row)| row)
            .filter(|row| row.purpose == SUBJECT_PURPOSE)
            .take(limit)
            .cloned()
            .collect())
    }

    fn entries(
        &mut self,
        log: u32,
        from: u64,
        to: u64,
        descending: bool,
        limit: usize,
    ) -> Result<Vec<EntryRow>, StoreError> {
        if from > to {
            return Ok(Vec::new());
        }
        let state = self.state();
        let rows = state.entries.range((log, from)..=(log, to));
        Ok(in_order(rows.map(|(_, row)| row), descending, limit))
    }

    fn entry_heads(
        &mut self,
        log: u32,
        from: u64,
        to: u64,
    ) -> Result<Vec<(u64, i64, Vec<u8>)>, StoreError> {
        let rows = self.entries(log, from, to, false, usize::MAX)?;
        Ok(rows
            .into_iter()
            .map(|row| (row.seq, row.time, row.head))
            .collect())
    }

    fn spent_tail(
        &mut self,
        log: u32,
        after_seq: u64,
        each: &mut dyn FnMut(u64, i64, &[u8]),
    ) -> Result<(), StoreError> {
        let state = self.state();
        let rows = state
            .entries
            .range((Excluded((log, after_seq)), Included((log, u64::MAX))));
        for (_, row) in rows.filter(|(_, row)| !row.spent.is_empty()) {
            each(row.seq, row.time, &row.spent);
        }
        Ok(())
    }

    fn entry_at_time(&mut self, log: u32, time: i64) -> Result<Option<u64>, StoreError> {
        self.last_entry(log, |row| row.time <= time)
    }

    fn entry_of_event(&mut self, log: u32, event: u64) -> Result<Option<u64>, StoreError> {
        let Some(seq) = self.last_entry(log, |row| row.first_event <= event)? else {
            return Ok(None);
        };
        let state = self.state();
        let end = state
            .entries
            .get(&(log, seq))
            .map(|row| row.first_event.saturating_add(row.event_count.into()));
        Ok(end.filter(|end| event < *end).map(|_| seq))
    }

    fn locator_floor(&mut self, scope: u32, id: &Id) -> Result<Option<LocatorRow>, StoreError> {
        let state = self.state();
        let mut rows = state.locators.range((scope, [0; 12])..=(scope, *id));
        Ok(rows.next_back().map(|(_, row)| row.clone()))
    }

    fn locators(
        &mut self,
        scope: u32,
        kinds: &[u8],
        range: IdRange,
        descending: bool,
        limit: usize,
    ) -> Result<Vec<LocatorRow>, StoreError> {
        let state = self.state();
        let rows = state.locators.range((scope, [0; 12])..=(scope, [0xff; 12]));
        let rows = rows.map(|(_, row)| row).filter(|row| {
            within(range, &row.id) && (kinds.is_empty() || kinds.contains(&row.kind))
        });
        Ok(in_order(rows, descending, limit))
    }

    fn records(
        &mut self,
        scope: u32,
        kind: u8,
        range: IdRange,
        descending: bool,
        limit: usize,
    ) -> Result<Vec<RecordRow>, StoreError> {
        let state = self.state();
        let span = (scope, kind, [0; 12])..=(scope, kind, [0xff; 12]);
        let rows = state.records.range(span).map(|(_, row)| row);
        let rows = rows.filter(|row| within(range, &row.id));
        Ok(in_order(rows, descending, limit))
    }

    fn all_records(&mut self, each: &mut dyn FnMut(RecordRow)) -> Result<(), StoreError> {
        self.state().records.values().cloned().for_each(each);
        Ok(())
    }

    fn all_locators(&mut self, each: &mut dyn FnMut(LocatorRow)) -> Result<(), StoreError> {
        self.state().locators.values().cloned().for_each(each);
        Ok(())
    }

    fn all_indexes(&mut self, each: &mut dyn FnMut(IndexRow)) -> Result<(), StoreError> {
        self.state().indexes.values().cloned().for_each(each);
        Ok(())
    }

    fn index(
        &mut self,
        scope: u32,
        field: u16,
        hash: &[u8; 16],
        limit: usize,
    ) -> Result<Vec<IndexRow>, StoreError> {
        let state = self.state();
        Ok(state
            .index(scope, field, *hash)
            .take(limit)
            .cloned()
            .collect())
    }

    fn segments(
        &mut self,
        scope: u32,
        kind: u8,
        from: u64,
        limit: usize,
    ) -> Result<Vec<SegmentRow>, StoreError> {
        let state = self.state();
        let rows = state
            .segments
            .range((scope, kind, from)..=(scope, kind, u64::MAX));
        Ok(rows.map(|(_, row)| row).take(limit).cloned().collect())
    }

    fn segment(
        &mut self,
        scope: u32,
        kind: u8,
        number: u64,
    ) -> Result<Option<SegmentRow>, StoreError> {
        Ok(self.state().segments.get(&(scope, kind, number)).cloned())
    }

    fn jobs_due(&mut self, now: i64, limit: usize) -> Result<Vec<JobRow>, StoreError> {
        let state = self.state();
        let mut due: Vec<&JobRow> = state.jobs.values().filter(|row| row.due <= now).collect();
        due.sort_by_key(|row| (row.due, row.scope, row.kind, row.id));
        Ok(due.into_iter().take(limit).cloned().collect())
    }

    fn next_job(&mut self) -> Result<Option<i64>, StoreError> {
        Ok(self.state().jobs.values().map(|row| row.due).min())
    }

    fn jobs(
        &mut self,
        scope: u32,
        kind: u8,
        range: IdRange,
        limit: usize,
    ) -> Result<Vec<JobRow>, StoreError> {
        let state = self.state();
        let span = (scope, kind, [0; 12])..=(scope, kind, [0xff; 12]);
        let rows = state.jobs.range(span).map(|(_, row)| row);
        let rows = rows.filter(|row| within(range, &row.id));
        Ok(in_order(rows, false, limit))
    }

    fn check(&mut self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    fn size(&mut self) -> Result<Vec<TableSize>, StoreError> {
        let state = self.state();
        let rows = [
            ("head", state.heads.len()),
            ("index_entry", state.indexes.len()),
            ("job", state.jobs.len()),
            ("locator", state.locators.len()),
            ("log", state.entries.len()),
            ("record", state.records.len()),
            ("segment", state.segments.len()),
            ("wrapped_key", state.keys.len()),
        ];
        Ok(rows
            .map(|(name, rows)| TableSize {
                name: name.to_owned(),
                rows: u64::try_from(rows).unwrap_or(u64::MAX),
                bytes: 0,
            })
            .into())
    }
}
