//! The end of one log, in the commit thread's memory: sequence, time, events, and the tree's frontier.

use strongroom_audit::{
    EntryHead, Frontier, Tile, TileError, TileSource, TileWriter, decode_parts, leaf_hash,
};
use strongroom_store::{EntryRow, HeadRow, Reader, SegmentRow, StoreError};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

/// Segment kinds. Stored, never reused.
pub(crate) mod segment {
    /// Tiles of level 0; level `n` is `TILE + n`.
    pub const TILE: u8 = 16;
    /// The filter and reach of a run of spent hashes.
    pub const SPENT_FILTER: u8 = 1;
    /// A 256th of a run of spent hashes.
    pub const SPENT_RUN: u8 = 2;
}

pub(crate) struct Log {
    pub scope: Scope,
    pub sequence: u64,
    pub time: Timestamp,
    pub events: u64,
    pub frontier: Frontier,
    tiles: TileWriter,
}

impl Log {
    /// A log without entries.
    pub fn empty(scope: Scope, tiles: TileWriter) -> Log {
        Log {
            scope,
            sequence: 0,
            time: Timestamp(0),
            events: 0,
            frontier: Frontier::default(),
            tiles,
        }
    }

    /// Takes a log up where its stored head says.
    pub fn restore(
        scope: Scope,
        head: &HeadRow,
        reader: &mut dyn Reader,
    ) -> Result<Log, StoreError> {
        let damage =
            |what: &str| StoreError::Corrupt(format!("the head of log {}: {what}", head.log));
        let frontier = Frontier::decode(&head.frontier).map_err(|d| damage(&d.to_string()))?;
        if frontier.size() != head.seq {
            return Err(damage("the frontier is of another size"));
        }
        let tiles = with_hashes(reader, &scope, |source| {
            TileWriter::restore(source, head.seq)
        })?
        .map_err(|error| match unread(error) {
            StoreError::Corrupt(what) => damage(&what),
            other => other,
        })?;
        Ok(Log {
            scope,
            sequence: head.seq,
            time: Timestamp(head.time),
            events: head.events,
            frontier,
            tiles,
        })
    }

    /// Appends an entry: gives its leaf a place in the tree and returns the tiles that became full.
    pub fn append(
        &mut self,
        entry: &EntryRow,
        parts: &[strongroom_audit::PartHead],
    ) -> Vec<SegmentRow> {
        let leaf = leaf_hash(&EntryHead {
            organization: &self.scope.organization.0.0,
            mode: self.scope.mode.code(),
            seq: entry.seq,
            time: entry.time,
            parts,
        });
        // INVARIANT(log-dense): an entry's sequence is one more than its predecessor's.
        assert_eq!(
            entry.seq,
            self.sequence + 1,
            "log {} skips a sequence",
            self.scope.number
        );
        self.sequence = entry.seq;
        self.time = Timestamp(entry.time);
        self.events = self.events.saturating_add(u64::from(entry.event_count));
        self.frontier.push(leaf);
        let number = self.scope.number;
        self.tiles
            .push(leaf)
            .into_iter()
            .map(|tile| tile_row(number, tile))
            .collect()
    }

    pub fn head(&self) -> HeadRow {
        HeadRow {
            log: self.scope.number,
            organization: self.scope.organization.0.0,
            mode: self.scope.mode.code(),
            seq: self.sequence,
            time: self.time.0,
            events: self.events,
            frontier: self.frontier.encode(),
        }
    }
}

fn tile_row(log: u32, tile: Tile) -> SegmentRow {
    SegmentRow {
        scope: log,
        kind: segment::TILE.saturating_add(tile.level),
        number: tile.index,
        body: tile.hashes,
    }
}

/// The leaf hash of a stored entry's head.
pub(crate) fn stored_leaf(
    scope: &Scope,
    seq: u64,
    time: i64,
    head: &[u8],
) -> Result<[u8; 32], StoreError> {
    let parts = decode_parts(head)
        .map_err(|d| StoreError::Corrupt(format!("the head of entry {seq}: {d}")))?;
    Ok(leaf_hash(&EntryHead {
        organization: &scope.organization.0.0,
        mode: scope.mode.code(),
        seq,
        time,
        parts: &parts,
    }))
}

/// What the tile source reads through.
pub(crate) type Hashes<'a> = TileSource<
    Box<dyn Fn(u8, u64) -> Result<Option<Vec<u8>>, StoreError> + 'a>,
    Box<dyn Fn(u64) -> Result<[u8; 32], StoreError> + 'a>,
>;

/// Why a log's tree could not be read: the store's own word, or damage.
pub(crate) fn unread(error: TileError<StoreError>) -> StoreError {
    match error {
        TileError::Source(error) => error,
        damaged @ TileError::Damaged { .. } => StoreError::Corrupt(damaged.to_string()),
    }
}

/// Lends a log's tree hashes, from its tiles and, where they are not full yet, from its entries.
pub(crate) fn with_hashes<T>(
    reader: &mut dyn Reader,
    scope: &Scope,
    work: impl FnOnce(&Hashes<'_>) -> T,
) -> Result<T, StoreError> {
    let reader = std::cell::RefCell::new(reader);
    let tail: std::cell::RefCell<Option<(u64, Vec<[u8; 32]>)>> = std::cell::RefCell::new(None);
    let log = scope.number;
    let tiles = |level: u8, index: u64| {
        let row = reader
            .borrow_mut()
            .segment(log, segment::TILE.saturating_add(level), index)?;
        Ok(row.map(|row| row.body))
    };
    let leaf = |index: u64| {
        let mut tail = tail.borrow_mut();
        let held = tail.as_ref().and_then(|(from, leaves)| {
            let at = usize::try_from(index.checked_sub(*from)?).ok()?;
            leaves.get(at).copied()
        });
        if let Some(leaf) = held {
            return Ok(leaf);
        }
        let from = index - index % 256;
        let mut leaves = Vec::new();
        for (seq, time, head) in reader.borrow_mut().entry_heads(log, from + 1, from + 256)? {
            leaves.push(stored_leaf(scope, seq, time, &head)?);
        }
        let at = usize::try_from(index - from).unwrap_or(usize::MAX);
        let leaf = leaves.get(at).copied();
        *tail = Some((from, leaves));
        leaf.ok_or_else(|| {
            StoreError::Corrupt(format!("entry {} of log {log} is missing", index + 1))
        })
    };
    let source: Hashes<'_> = TileSource::new(Box::new(tiles), Box::new(leaf));
    Ok(work(&source))
}
