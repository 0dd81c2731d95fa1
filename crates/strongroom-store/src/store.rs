//! The interface every engine implements: set-sized loads, one durable apply, range scans.
//!
//! It is made for batches and carries no idea of one engine: no row number, no connection, no SQL.
//! Ranges are inclusive where they say so, lists come back in the stated order, and a limit of 0
//! gives nothing. `tests/conformance.rs` holds every engine to the same words.

use std::sync::Arc;

use crate::StoreError;
use crate::rows::{
    Batch, EntryRow, HeadRow, Id, IdRange, IndexRow, JobRow, KeyRow, Loaded, LocatorRow, RecordRow,
    SegmentRow, TableSize, Wanted,
};

/// Most index rows one wanted hash loads; more of them are read with [`Reader::index`].
pub const INDEX_LOAD_LIMIT: usize = 1_000;

/// Says at any time whether a store is still ours; asked often, so it never waits.
pub type Standing = Arc<dyn Fn() -> Result<(), StoreError> + Send + Sync>;

/// Gives a store up to whoever waits for it, though readers of it are still about.
pub type Release = Arc<dyn Fn() + Send + Sync>;

/// One opened store: hands out its only writer and any number of readers.
pub trait Store: Send + Sync {
    /// The writer, once.
    ///
    /// # Errors
    /// `WriterTaken` at the second call.
    fn writer(&self) -> Result<Box<dyn Writer>, StoreError>;

    /// A reader; each thread takes its own.
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError>;

    /// Tells `TakenOver` once another process has the store, though nobody wrote since, and `Unreachable` while another
    /// one may have it.
    fn standing(&self) -> Standing {
        Arc::new(|| Ok(()))
    }

    /// What ends all waiting for a server: from then on each call fails as if that were away.
    fn hurry(&self) -> Release {
        Arc::new(|| {})
    }

    /// What gives the store up once its writer has stopped; from then on `standing` tells `TakenOver`.
    fn release(&self) -> Release {
        Arc::new(|| ())
    }
}

/// The one path by which rows change.
pub trait Writer: Send {
    /// Reads what the wanted keys name, as of the last applied batch.
    fn load(&mut self, wanted: &Wanted) -> Result<Loaded, StoreError>;

    /// Writes the whole batch or nothing, in one transaction with one sync; `Ok` is durable.
    ///
    /// # Errors
    /// After `Full`, `Locked`, `Unreachable`, `Duplicate` and `Invalid` nothing was written and the writer goes on. After
    /// any other error the outcome may be unknown, and every later call answers `Closed`.
    fn apply(&mut self, batch: &Batch) -> Result<(), StoreError>;
}

/// Reads beside the writer; each call sees whole batches only.
pub trait Reader: Send {
    /// Makes every call up to [`Reader::release`] see one moment. Hold it briefly: the engine keeps
    /// what was overwritten meanwhile.
    fn snapshot(&mut self) -> Result<(), StoreError>;

    /// Ends the snapshot; nothing happens without one.
    fn release(&mut self) -> Result<(), StoreError>;

    fn load(&mut self, wanted: &Wanted) -> Result<Loaded, StoreError>;

    /// All heads by log number.
    fn heads(&mut self) -> Result<Vec<HeadRow>, StoreError>;

    /// All keys but those of data subjects, by number.
    fn keys(&mut self) -> Result<Vec<KeyRow>, StoreError>;

    /// The newest version of a subject's key.
    fn subject_key(&mut self, scope: u32, subject: &Id) -> Result<Option<KeyRow>, StoreError>;

    /// All versions of a subject's key, the newest first.
    fn subject_versions(&mut self, scope: u32, subject: &Id) -> Result<Vec<KeyRow>, StoreError>;

    /// Subject keys with a number above `after`, ascending; for rotation and verify.
    fn subject_keys(&mut self, after: u32, limit: usize) -> Result<Vec<KeyRow>, StoreError>;

    /// Entries `from..=to`, ascending, or descending from `to`.
    fn entries(
        &mut self,
        log: u32,
        from: u64,
        to: u64,
        descending: bool,
        limit: usize,
    ) -> Result<Vec<EntryRow>, StoreError>;

    /// Sequence number, time and head of the entries `from..=to`, ascending.
    fn entry_heads(
        &mut self,
        log: u32,
        from: u64,
        to: u64,
    ) -> Result<Vec<(u64, i64, Vec<u8>)>, StoreError>;

    /// Sequence number, time and spent hashes of every entry above `after_seq` that has some,
    /// ascending.
    fn spent_tail(
        &mut self,
        log: u32,
        after_seq: u64,
        each: &mut dyn FnMut(u64, i64, &[u8]),
    ) -> Result<(), StoreError>;

    /// Greatest sequence number whose entry is not later than `time`.
    fn entry_at_time(&mut self, log: u32, time: i64) -> Result<Option<u64>, StoreError>;

    /// Sequence number of the entry that holds an event.
    fn entry_of_event(&mut self, log: u32, event: u64) -> Result<Option<u64>, StoreError>;

    /// The locator with the greatest id not above the given one.
    fn locator_floor(&mut self, scope: u32, id: &Id) -> Result<Option<LocatorRow>, StoreError>;

    /// Locators of the given kinds, or of all when none is given, by id. Other kinds in the range
    /// are stepped over one by one: give a range.
    fn locators(
        &mut self,
        scope: u32,
        kinds: &[u8],
        range: IdRange,
        descending: bool,
        limit: usize,
    ) -> Result<Vec<LocatorRow>, StoreError>;

    /// Records of one kind by id.
    fn records(
        &mut self,
        scope: u32,
        kind: u8,
        range: IdRange,
        descending: bool,
        limit: usize,
    ) -> Result<Vec<RecordRow>, StoreError>;

    /// Every record by scope, kind and id; of one moment only within a snapshot.
    fn all_records(&mut self, each: &mut dyn FnMut(RecordRow)) -> Result<(), StoreError>;

    /// Every locator by scope and id; of one moment only within a snapshot.
    fn all_locators(&mut self, each: &mut dyn FnMut(LocatorRow)) -> Result<(), StoreError>;

    /// Every index row by scope, field, hash, kind and id; of one moment only within a snapshot.
    fn all_indexes(&mut self, each: &mut dyn FnMut(IndexRow)) -> Result<(), StoreError>;

    /// Index rows under a hash by kind and id.
    fn index(
        &mut self,
        scope: u32,
        field: u16,
        hash: &[u8; 16],
        limit: usize,
    ) -> Result<Vec<IndexRow>, StoreError>;

    /// Segments numbered `from` and above, ascending.
    fn segments(
        &mut self,
        scope: u32,
        kind: u8,
        from: u64,
        limit: usize,
    ) -> Result<Vec<SegmentRow>, StoreError>;

    fn segment(
        &mut self,
        scope: u32,
        kind: u8,
        number: u64,
    ) -> Result<Option<SegmentRow>, StoreError>;

    /// Jobs due at `now` or before, by due time, then scope, kind and id.
    fn jobs_due(&mut self, now: i64, limit: usize) -> Result<Vec<JobRow>, StoreError>;

    /// When the next job is due.
    fn next_job(&mut self) -> Result<Option<i64>, StoreError>;

    /// Jobs of a scope and kind by id.
    fn jobs(
        &mut self,
        scope: u32,
        kind: u8,
        range: IdRange,
        limit: usize,
    ) -> Result<Vec<JobRow>, StoreError>;

    /// The engine's own check of its files; each message names one damage, none is good.
    fn check(&mut self) -> Result<Vec<String>, StoreError>;

    /// Rows and bytes of each table and index; reads everything.
    fn size(&mut self) -> Result<Vec<TableSize>, StoreError>;
}
