//! The tables in memory: what a batch does to them, after a check that it may.
//!
//! Each table is shared with snapshots until it changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::{
    Batch, EntryRow, HeadRow, INDEX_LOAD_LIMIT, Id, IndexRow, JobRow, KeyRow, Loaded, LocatorRow,
    MAX_LOG, MAX_SEQ, RecordRow, Resealed, SegmentRow, StoreError, Wanted,
};

pub(super) type IndexKey = (u32, u16, [u8; 16], u8, Id);

type Table<K, V> = Arc<BTreeMap<K, V>>;

#[derive(Clone, Default)]
pub(super) struct State {
    pub entries: Table<(u32, u64), EntryRow>,
    pub records: Table<(u32, u8, Id), RecordRow>,
    pub locators: Table<(u32, Id), LocatorRow>,
    pub indexes: Table<IndexKey, IndexRow>,
    pub keys: Table<u32, KeyRow>,
    pub heads: Table<u32, HeadRow>,
    pub segments: Table<(u32, u8, u64), SegmentRow>,
    pub jobs: Table<(u32, u8, Id), JobRow>,
}

pub(super) fn index_key(row: &IndexRow) -> IndexKey {
    (row.scope, row.field, row.hash, row.kind, row.id)
}

impl State {
    pub fn load(&self, wanted: &Wanted) -> Loaded {
        Loaded {
            records: pick(&self.records, &wanted.records),
            locators: pick(&self.locators, &wanted.locators),
            entries: pick(&self.entries, &wanted.entries),
            indexes: wanted
                .indexes
                .iter()
                .flat_map(|(scope, field, hash)| {
                    self.index(*scope, *field, *hash).take(INDEX_LOAD_LIMIT)
                })
                .cloned()
                .collect(),
            keys: pick(&self.keys, &wanted.keys),
        }
    }

    /// Rows under a hash by kind and id.
    pub fn index(&self, scope: u32, field: u16, hash: [u8; 16]) -> impl Iterator<Item = &IndexRow> {
        let first = (scope, field, hash, 0, [0; 12]);
        let last = (scope, field, hash, u8::MAX, [0xff; 12]);
        self.indexes.range(first..=last).map(|(_, row)| row)
    }

    /// Refuses a batch that must not be applied.
    pub fn check(&self, batch: &Batch) -> Result<(), StoreError> {
        check_numbers(batch)?;
        let entries = batch.entries.iter().map(|row| (row.log, row.seq));
        only_new("log", entries, |key| self.entries.contains_key(key))?;
        let locators = batch.locators.iter().map(|row| (row.scope, row.id));
        only_new("locator", locators, |key| self.locators.contains_key(key))?;
        let keys = batch.keys.iter().map(|row| row.number);
        only_new("wrapped_key", keys, |key| {
            self.keys.contains_key(key) && !batch.removed_keys.contains(key)
        })?;
        let segments = batch.segments.iter();
        let segments = segments.map(|row| (row.scope, row.kind, row.number));
        only_new("segment", segments, |key| {
            self.segments.contains_key(key) && !batch.removed_segments.contains(key)
        })?;
        self.check_indexes(batch)
    }

    fn check_indexes(&self, batch: &Batch) -> Result<(), StoreError> {
        let removed: BTreeSet<IndexKey> = batch.removed_indexes.iter().map(index_key).collect();
        for (number, row) in batch.indexes.iter().enumerate() {
            let standing = self
                .index(row.scope, row.field, row.hash)
                .filter(|other| !removed.contains(&index_key(other)));
            let in_batch = batch.indexes.iter().take(number);
            let refused = standing.chain(in_batch).any(|other| refuses(other, row));
            if refused {
                return Err(StoreError::Duplicate("index_entry".to_owned()));
            }
        }
        Ok(())
    }

    /// Does what a checked batch says.
    pub fn apply(&mut self, batch: &Batch) {
        self.remove(batch);
        let b = batch;
        put(&mut self.entries, &b.entries, |row| (row.log, row.seq));
        put(&mut self.records, &b.records, |row| {
            (row.scope, row.kind, row.id)
        });
        put(&mut self.locators, &b.locators, |row| (row.scope, row.id));
        put(&mut self.indexes, &b.indexes, index_key);
        put(&mut self.keys, &b.keys, |row| row.number);
        put(&mut self.heads, &b.heads, |row| row.log);
        put(&mut self.segments, &b.segments, |row| {
            (row.scope, row.kind, row.number)
        });
        put(&mut self.jobs, &b.jobs, |row| (row.scope, row.kind, row.id));
        self.reseal(&b.resealed);
    }

    fn reseal(&mut self, resealed: &Resealed) {
        for row in &resealed.entries {
            if let Some(entry) = Arc::make_mut(&mut self.entries).get_mut(&(row.log, row.seq)) {
                entry.parts.clone_from(&row.parts);
            }
        }
        for row in &resealed.records {
            let records = Arc::make_mut(&mut self.records);
            match records.get_mut(&(row.scope, row.kind, row.id)) {
                Some(record) if record.version == row.version => record.body.clone_from(&row.body),
                _ => {}
            }
        }
        for row in &resealed.jobs {
            let jobs = Arc::make_mut(&mut self.jobs);
            match jobs.get_mut(&(row.scope, row.kind, row.id)) {
                Some(job) if job.body == row.old => job.body.clone_from(&row.body),
                _ => {}
            }
        }
    }

    fn remove(&mut self, batch: &Batch) {
        let indexes: Vec<IndexKey> = batch.removed_indexes.iter().map(index_key).collect();
        take(&mut self.records, &batch.removed_records);
        take(&mut self.indexes, &indexes);
        take(&mut self.keys, &batch.removed_keys);
        take(&mut self.segments, &batch.removed_segments);
        take(&mut self.jobs, &batch.removed_jobs);
    }
}

fn pick<K: Ord, V: Clone>(table: &BTreeMap<K, V>, wanted: &[K]) -> Vec<V> {
    wanted
        .iter()
        .filter_map(|key| table.get(key))
        .cloned()
        .collect()
}

fn put<K: Ord + Clone, V: Clone>(table: &mut Table<K, V>, rows: &[V], key: impl Fn(&V) -> K) {
    if rows.is_empty() {
        return;
    }
    let rows = rows.iter().map(|row| (key(row), row.clone()));
    Arc::make_mut(table).extend(rows);
}

fn take<K: Ord + Clone, V: Clone>(table: &mut Table<K, V>, keys: &[K]) {
    if keys.is_empty() {
        return;
    }
    let table = Arc::make_mut(table);
    for key in keys {
        table.remove(key);
    }
}

fn only_new<K: Ord>(
    table: &str,
    keys: impl Iterator<Item = K>,
    stands: impl Fn(&K) -> bool,
) -> Result<(), StoreError> {
    let mut seen = BTreeSet::new();
    for key in keys {
        if stands(&key) || !seen.insert(key) {
            return Err(StoreError::Duplicate(table.to_owned()));
        }
    }
    Ok(())
}

fn refuses(standing: &IndexRow, new: &IndexRow) -> bool {
    let same_hash =
        (standing.scope, standing.field, standing.hash) == (new.scope, new.field, new.hash);
    let same_resource = (standing.kind, standing.id) == (new.kind, new.id);
    same_hash && !same_resource && (standing.unique || new.unique)
}

fn check_numbers(batch: &Batch) -> Result<(), StoreError> {
    for row in &batch.entries {
        at_most("log", row.log.into(), MAX_LOG.into())?;
        at_most("seq", row.seq, MAX_SEQ)?;
        fits("first_event", row.first_event)?;
    }
    for row in &batch.records {
        fits("version", row.version)?;
        fits("seq", row.seq)?;
    }
    for row in &batch.locators {
        fits("seq", row.seq)?;
    }
    for row in &batch.heads {
        fits("seq", row.seq)?;
        fits("events", row.events)?;
    }
    for row in &batch.segments {
        fits("number", row.number)?;
    }
    batch
        .removed_segments
        .iter()
        .try_for_each(|(_, _, number)| fits("number", *number))
}

fn fits(column: &str, number: u64) -> Result<(), StoreError> {
    at_most(column, number, i64::MAX.unsigned_abs())
}

fn at_most(column: &str, number: u64, greatest: u64) -> Result<(), StoreError> {
    if number > greatest {
        return Err(StoreError::Invalid(format!(
            "`{column}` {number} is too large"
        )));
    }
    Ok(())
}
