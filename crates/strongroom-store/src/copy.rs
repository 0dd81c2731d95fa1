//! All rows of a store, one after another, and rows put into another, empty one: as they are, nothing opened, nothing
//! made anew.
//!
//! The source must not be written meanwhile, or be read within a snapshot. What is compared at the end of a copy is the
//! number of rows; what is in them is for `verify`.

use crate::{
    Batch, EntryRow, HeadRow, IndexRow, JobRow, KeyRow, LocatorRow, MAX_SEQ, Reader, RecordRow,
    SegmentRow, Store, StoreError, Writer,
};

/// Rows written at once.
const ROWS: usize = 500;

/// Segments read at once: one may have megabytes.
const SEGMENTS: usize = 16;

/// Bytes of bodies written at once, roughly.
const BYTES: usize = 4 << 20;

/// The tables that hold rows of ours, in every engine.
const TABLES: [&str; 8] = [
    "head",
    "index_entry",
    "job",
    "locator",
    "log",
    "record",
    "segment",
    "wrapped_key",
];

/// A row of any table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    Entry(EntryRow),
    Key(KeyRow),
    Record(RecordRow),
    Locator(LocatorRow),
    Index(IndexRow),
    Segment(SegmentRow),
    Job(JobRow),
    /// After all else, so that a store without its heads was not copied whole.
    Head(HeadRow),
}

/// Copies every row; says how many entries there were.
///
/// # Errors
/// Those of either store; `Corrupt` when a table has more or fewer rows afterwards.
pub fn copy(from: &dyn Store, to: &dyn Store) -> Result<u64, StoreError> {
    let mut reader = from.reader()?;
    let mut filler = Filler::new(to)?;
    let mut entries = 0;
    each_row(&mut *reader, &mut |row| {
        entries += u64::from(matches!(row, Row::Entry(_)));
        filler.put(row)
    })?;
    filler.end()?;
    compare(&mut *reader, &mut *to.reader()?)?;
    Ok(entries)
}

/// Whether `other` holds no entry that `from` lacks: it is an earlier copy, or as much of one as was made.
///
/// # Errors
/// Those of either store.
pub fn continues(from: &dyn Store, other: &dyn Store) -> Result<bool, StoreError> {
    let (mut from, mut other) = (from.reader()?, other.reader()?);
    for head in other.heads()? {
        // Entries are sealed with fresh salts, so two that were made apart never look the same.
        let newest =
            |reader: &mut Box<dyn Reader>| reader.entries(head.log, head.seq, head.seq, false, 1);
        let theirs = newest(&mut other)?;
        if theirs.is_empty() || theirs != newest(&mut from)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Hands every row to `each`, until it fails.
///
/// # Errors
/// Those of the store, and what `each` failed with.
pub fn each_row<E: From<StoreError>>(
    reader: &mut dyn Reader,
    each: &mut dyn FnMut(Row) -> Result<(), E>,
) -> Result<(), E> {
    let heads = reader.heads()?;
    for head in &heads {
        entries(reader, head.log, each)?;
    }
    keys(reader, each)?;
    let mut failed = None;
    let mut put = |row: Row| {
        if failed.is_none() {
            failed = each(row).err();
        }
    };
    reader.all_records(&mut |row| put(Row::Record(row)))?;
    reader.all_locators(&mut |row| put(Row::Locator(row)))?;
    reader.all_indexes(&mut |row| put(Row::Index(row)))?;
    failed.map_or(Ok(()), Err)?;
    for scope in std::iter::once(0).chain(heads.iter().map(|head| head.log)) {
        segments(reader, scope, each)?;
    }
    for row in reader.jobs_due(i64::MAX, usize::MAX)? {
        each(Row::Job(row))?;
    }
    heads.into_iter().try_for_each(|head| each(Row::Head(head)))
}

/// Gathers rows for an empty store and writes them when there are enough.
pub struct Filler {
    writer: Box<dyn Writer>,
    batch: Batch,
    rows: usize,
    bytes: usize,
}

impl Filler {
    /// Takes the store's writer.
    ///
    /// # Errors
    /// `WriterTaken`, `ReadOnly`.
    pub fn new(store: &dyn Store) -> Result<Filler, StoreError> {
        Ok(Filler {
            writer: store.writer()?,
            batch: Batch::default(),
            rows: 0,
            bytes: 0,
        })
    }

    /// Takes a row; written with others, later.
    ///
    /// # Errors
    /// Those of the store.
    pub fn put(&mut self, row: Row) -> Result<(), StoreError> {
        let batch = &mut self.batch;
        self.rows += 1;
        self.bytes += match row {
            Row::Entry(row) => kept(row, &mut batch.entries, |row| row.parts.len()),
            Row::Key(row) => kept(row, &mut batch.keys, |row| row.wrapped.len()),
            Row::Record(row) => kept(row, &mut batch.records, |row| row.body.len()),
            Row::Locator(row) => kept(row, &mut batch.locators, |_| 0),
            Row::Index(row) => kept(row, &mut batch.indexes, |_| 0),
            Row::Segment(row) => kept(row, &mut batch.segments, |row| row.body.len()),
            Row::Job(row) => kept(row, &mut batch.jobs, |row| row.body.len()),
            Row::Head(row) => kept(row, &mut batch.heads, |row| row.frontier.len()),
        };
        match self.rows >= ROWS || self.bytes >= BYTES {
            true => self.write(),
            false => Ok(()),
        }
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// Those of the store.
    pub fn end(mut self) -> Result<(), StoreError> {
        self.write()
    }

    fn write(&mut self) -> Result<(), StoreError> {
        (self.rows, self.bytes) = (0, 0);
        let batch = std::mem::take(&mut self.batch);
        self.writer.apply(&batch)
    }
}

/// Adds a row to its list; says how many bytes of body it has.
fn kept<T>(row: T, list: &mut Vec<T>, bytes: fn(&T) -> usize) -> usize {
    let bytes = bytes(&row);
    list.push(row);
    bytes
}

fn entries<E: From<StoreError>>(
    reader: &mut dyn Reader,
    log: u32,
    each: &mut dyn FnMut(Row) -> Result<(), E>,
) -> Result<(), E> {
    let mut next = 1;
    loop {
        let page = reader.entries(log, next, MAX_SEQ, false, ROWS)?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        next = last.seq.saturating_add(1);
        page.into_iter().try_for_each(|row| each(Row::Entry(row)))?;
    }
}

fn keys<E: From<StoreError>>(
    reader: &mut dyn Reader,
    each: &mut dyn FnMut(Row) -> Result<(), E>,
) -> Result<(), E> {
    for row in reader.keys()? {
        each(Row::Key(row))?;
    }
    let mut after = 0;
    loop {
        let page = reader.subject_keys(after, ROWS)?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = last.number;
        page.into_iter().try_for_each(|row| each(Row::Key(row)))?;
    }
}

/// Segments of a scope; their kinds are not listed anywhere, so each is asked for.
fn segments<E: From<StoreError>>(
    reader: &mut dyn Reader,
    scope: u32,
    each: &mut dyn FnMut(Row) -> Result<(), E>,
) -> Result<(), E> {
    for kind in 0..=u8::MAX {
        let mut next = 0;
        loop {
            let page = reader.segments(scope, kind, next, SEGMENTS)?;
            let Some(last) = page.last() else {
                break;
            };
            next = last.number.saturating_add(1);
            page.into_iter()
                .try_for_each(|row| each(Row::Segment(row)))?;
        }
    }
    Ok(())
}

fn compare(from: &mut dyn Reader, to: &mut dyn Reader) -> Result<(), StoreError> {
    let (from, to) = (from.size()?, to.size()?);
    for table in TABLES {
        let rows = |sizes: &[crate::TableSize]| {
            let found = sizes.iter().find(|size| size.name == table);
            found.map_or(0, |size| size.rows)
        };
        let (before, after) = (rows(&from), rows(&to));
        if before != after {
            return Err(StoreError::Corrupt(format!(
                "`{table}` has {before} rows, its copy {after}"
            )));
        }
    }
    Ok(())
}
