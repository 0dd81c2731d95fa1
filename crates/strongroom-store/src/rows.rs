//! The rows every engine stores, and the sets in which they travel.
//!
//! A row is plain data: ids, kinds, times (milliseconds since 1970), statuses, numbers, hashes and
//! ciphertext. Nothing here knows what a body means; sealing and opening happen above.
//! Numbers of 64 bits must fit in 63, which every engine checks. The row of a key is the key hierarchy's own.

pub use strongroom_crypto::KeyRow;

/// A 12-byte resource id; all zero where a row has none.
pub type Id = [u8; 12];

/// Greatest log number a store takes.
pub const MAX_LOG: u32 = (1 << 23) - 1;

/// Greatest sequence number of an entry in a log.
pub const MAX_SEQ: u64 = (1 << 40) - 1;

/// The purpose of keys that belong to one data subject: many, so they are read one by one.
pub const SUBJECT_PURPOSE: u8 = 10;

/// One log entry; never changed once written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryRow {
    /// At most [`MAX_LOG`].
    pub log: u32,
    /// Dense from 1, at most [`MAX_SEQ`].
    pub seq: u64,
    /// Milliseconds; never less than that of the entry before.
    pub time: i64,
    pub action: u16,
    /// Number of its first event; the number the next event will get if it has none, so that it
    /// never falls along a log.
    pub first_event: u64,
    pub event_count: u16,
    /// 0 to 4 hashes of 16 bytes: idempotency key, request, signature.
    pub spent: Vec<u8>,
    /// Part commitments, in clear for ever.
    pub head: Vec<u8>,
    /// Sealed parts.
    pub parts: Vec<u8>,
}

/// The sealed current version of one resource or aggregate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRow {
    pub scope: u32,
    pub kind: u8,
    pub id: Id,
    pub version: u64,
    /// The entry that wrote this version.
    pub seq: u64,
    /// Created, milliseconds.
    pub time: i64,
    pub status: u8,
    pub body: Vec<u8>,
}

/// Which entry made a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocatorRow {
    pub scope: u32,
    /// Rises with `seq` within a scope, so rows are appended.
    pub id: Id,
    pub kind: u8,
    pub seq: u64,
}

/// A blind index row: a keyed hash of a field's value and the resource that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexRow {
    pub scope: u32,
    pub field: u16,
    pub hash: [u8; 16],
    pub kind: u8,
    pub id: Id,
    /// A unique row stands alone under its scope, field and hash.
    pub unique: bool,
}

/// The end of one log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadRow {
    pub log: u32,
    pub organization: Id,
    pub mode: u8,
    pub seq: u64,
    pub time: i64,
    /// Events given so far.
    pub events: u64,
    /// Hashes of the tree's frontier.
    pub frontier: Vec<u8>,
}

/// An append-only block derived from the log: tree tiles, runs of spent hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentRow {
    pub scope: u32,
    pub kind: u8,
    pub number: u64,
    pub body: Vec<u8>,
}

/// Work that is due after a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRow {
    pub scope: u32,
    pub kind: u8,
    pub id: Id,
    /// Milliseconds.
    pub due: i64,
    pub attempt: u32,
    /// Ciphertext, or empty.
    pub body: Vec<u8>,
}

/// Everything one commit changes. Removals come first; a removed row need not exist, and may be put anew.
/// Of two rows with one key in an upserted list the later one stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Inserted; an existing sequence number is refused.
    pub entries: Vec<EntryRow>,
    /// Upserted.
    pub records: Vec<RecordRow>,
    pub removed_records: Vec<(u32, u8, Id)>,
    /// Inserted; an existing id is refused.
    pub locators: Vec<LocatorRow>,
    /// Upserted; a second resource where one of the two rows is unique is refused.
    pub indexes: Vec<IndexRow>,
    pub removed_indexes: Vec<IndexRow>,
    /// Inserted; an existing number is refused.
    pub keys: Vec<KeyRow>,
    pub removed_keys: Vec<u32>,
    /// Upserted.
    pub heads: Vec<HeadRow>,
    /// Inserted; an existing number is refused.
    pub segments: Vec<SegmentRow>,
    pub removed_segments: Vec<(u32, u8, u64)>,
    /// Upserted.
    pub jobs: Vec<JobRow>,
    pub removed_jobs: Vec<(u32, u8, Id)>,
    /// Other ciphertext in rows that stay as they are; last of all.
    pub resealed: Resealed,
}

/// Ciphertext that takes the place of other ciphertext of the same plaintext. A row that is gone, or is not any more
/// what was read, is left alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Sealed parts of entries.
    pub entries: Vec<ResealedEntry>,
    /// Bodies of records, if they still have that version.
    pub records: Vec<ResealedRecord>,
    /// Bodies of jobs, if they still have the old one.
    pub jobs: Vec<ResealedJob>,
}

impl Resealed {
    /// How many rows.
    pub fn len(&self) -> usize {
        self.entries.len() + self.records.len() + self.jobs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An entry's parts, sealed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResealedEntry {
    pub log: u32,
    pub seq: u64,
    pub parts: Vec<u8>,
}

/// A record's body, sealed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResealedRecord {
    pub scope: u32,
    pub kind: u8,
    pub id: Id,
    /// The version that was read.
    pub version: u64,
    pub body: Vec<u8>,
}

/// A job's body, sealed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResealedJob {
    pub scope: u32,
    pub kind: u8,
    pub id: Id,
    /// The body that was read.
    pub old: Vec<u8>,
    pub body: Vec<u8>,
}

/// The keys of a set-sized read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Scope, kind, id.
    pub records: Vec<(u32, u8, Id)>,
    /// Scope, id.
    pub locators: Vec<(u32, Id)>,
    /// Log, sequence number.
    pub entries: Vec<(u32, u64)>,
    /// Scope, field, hash: all rows under it, at most [`crate::INDEX_LOAD_LIMIT`].
    pub indexes: Vec<(u32, u16, [u8; 16])>,
    /// Key numbers.
    pub keys: Vec<u32>,
}

/// What a set-sized read found: only what exists, in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    pub records: Vec<RecordRow>,
    pub locators: Vec<LocatorRow>,
    pub entries: Vec<EntryRow>,
    pub indexes: Vec<IndexRow>,
    pub keys: Vec<KeyRow>,
}

/// Ids strictly between two bounds; a missing bound is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdRange {
    pub after: Option<Id>,
    pub before: Option<Id>,
}

/// What one table takes on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSize {
    /// Table or index.
    pub name: String,
    pub rows: u64,
    pub bytes: u64,
}
