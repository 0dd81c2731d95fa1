//! One store's rows into another, empty one, as they are: nothing is opened, nothing made anew.
//!
//! The source must not be written meanwhile. What is compared at the end is the number of rows; what is in them is for
//! `verify`.

use crate::{Batch, KeyRow, MAX_SEQ, Reader, Store, StoreError, Writer};

/// Rows written at once.
const ROWS: usize = 500;

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

/// Copies every row; says how many entries there were.
///
/// # Errors
/// Those of either store; `Corrupt` when a table has more or fewer rows afterwards.
pub fn copy(from: &dyn Store, to: &dyn Store) -> Result<u64, StoreError> {
    let mut reader = from.reader()?;
    let mut sink = Sink {
        writer: to.writer()?,
        batch: Batch::default(),
        rows: 0,
        failed: None,
    };
    let heads = reader.heads()?;
    let mut entries = 0;
    for head in &heads {
        entries += copy_entries(&mut *reader, head.log, &mut sink)?;
    }
    keys(&mut *reader, &mut sink)?;
    reader.all_records(&mut |row| sink.put(row, |batch| &mut batch.records))?;
    reader.all_locators(&mut |row| sink.put(row, |batch| &mut batch.locators))?;
    reader.all_indexes(&mut |row| sink.put(row, |batch| &mut batch.indexes))?;
    let scopes = std::iter::once(0).chain(heads.iter().map(|head| head.log));
    for scope in scopes {
        segments(&mut *reader, scope, &mut sink)?;
    }
    for row in reader.jobs_due(i64::MAX, usize::MAX)? {
        sink.put(row, |batch| &mut batch.jobs);
    }
    for head in heads {
        sink.put(head, |batch| &mut batch.heads);
    }
    sink.end()?;
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

/// Gathers rows and writes them when there are enough.
struct Sink {
    writer: Box<dyn Writer>,
    batch: Batch,
    rows: usize,
    /// The first failure; after it nothing is written any more.
    failed: Option<StoreError>,
}

impl Sink {
    fn put<T>(&mut self, row: T, list: fn(&mut Batch) -> &mut Vec<T>) {
        if self.failed.is_some() {
            return;
        }
        list(&mut self.batch).push(row);
        self.rows += 1;
        if self.rows >= ROWS {
            self.write();
        }
    }

    fn write(&mut self) {
        self.rows = 0;
        let batch = std::mem::take(&mut self.batch);
        if let Err(error) = self.writer.apply(&batch) {
            self.failed = Some(error);
        }
    }

    /// Stops early once nothing more can be written.
    fn check(&self) -> Result<(), StoreError> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn end(mut self) -> Result<(), StoreError> {
        self.check()?;
        self.write();
        self.check()
    }
}

fn copy_entries(reader: &mut dyn Reader, log: u32, sink: &mut Sink) -> Result<u64, StoreError> {
    let (mut next, mut copied) = (1, 0);
    loop {
        let page = reader.entries(log, next, MAX_SEQ, false, ROWS)?;
        let Some(last) = page.last() else {
            return Ok(copied);
        };
        next = last.seq.saturating_add(1);
        for row in page {
            sink.put(row, |batch| &mut batch.entries);
            copied += 1;
        }
        sink.check()?;
    }
}

fn keys(reader: &mut dyn Reader, sink: &mut Sink) -> Result<(), StoreError> {
    let put = |rows: Vec<KeyRow>, sink: &mut Sink| {
        rows.into_iter()
            .for_each(|row| sink.put(row, |batch| &mut batch.keys));
    };
    put(reader.keys()?, sink);
    let mut after = 0;
    loop {
        let page = reader.subject_keys(after, ROWS)?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = last.number;
        put(page, sink);
        sink.check()?;
    }
}

/// Segments of a scope; their kinds are not listed anywhere, so each is asked for.
fn segments(reader: &mut dyn Reader, scope: u32, sink: &mut Sink) -> Result<(), StoreError> {
    for kind in 0..=u8::MAX {
        let mut next = 0;
        loop {
            let page = reader.segments(scope, kind, next, ROWS)?;
            let Some(last) = page.last() else {
                break;
            };
            next = last.number.saturating_add(1);
            for row in page {
                sink.put(row, |batch| &mut batch.segments);
            }
            sink.check()?;
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
