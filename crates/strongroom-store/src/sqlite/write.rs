//! The writer: one immediate transaction per batch, rows in key order, one per step of a prepared
//! statement. Many rows per statement were tried: no faster, and replacing ones slower, for they
//! keep a copy of each page they touch.
//!
//! Removals come first, then inserts and upserts. After an error that may have left the outcome
//! unknown the writer is closed for good.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rusqlite::{Connection, Params, Statement, params};

use super::Inner;
use super::checkpoint::{Checkpointer, WalWatch};
use super::fault::Naming;
use super::load::{load, run};
use super::numbers::{entry_number, signed};
use super::table::{Binder, Table, Texts};
use crate::{Batch, IndexRow, Loaded, Resealed, StoreError, Wanted, Writer};

pub(super) struct SqliteWriter {
    connection: Connection,
    texts: Texts,
    watch: WalWatch,
    /// After the connection, which must close first.
    inner: Arc<Inner>,
}

impl SqliteWriter {
    pub fn new(connection: Connection, inner: Arc<Inner>) -> Result<Self, StoreError> {
        Ok(Self {
            watch: WalWatch::new(&connection, inner.tuning)?,
            texts: Texts::default(),
            connection,
            inner,
        })
    }

    fn transact(&self, batch: &Batch, checkpointer: &Checkpointer) -> Result<(), StoreError> {
        run(&self.connection, "BEGIN IMMEDIATE").of("begin")?;
        let mut changes = Changes {
            connection: &self.connection,
            texts: &self.texts,
            rows: 0,
        };
        let outcome = changes
            .write(batch)
            .and_then(|()| run(&self.connection, "COMMIT").of("commit"));
        if let Err(error) = outcome {
            // Some errors have rolled back already; one that cannot be is worse than its cause.
            if !self.connection.is_autocommit() {
                run(&self.connection, "ROLLBACK").of("rollback")?;
            }
            return Err(error);
        }
        let gauge = checkpointer.gauge();
        gauge.commits.fetch_add(1, Ordering::Relaxed);
        gauge.rows.fetch_add(changes.rows, Ordering::Relaxed);
        Ok(())
    }
}

impl Writer for SqliteWriter {
    fn load(&mut self, wanted: &Wanted) -> Result<Loaded, StoreError> {
        self.inner.open_checkpointer()?;
        load(&self.connection, wanted)
    }

    fn apply(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.inner);
        let checkpointer = inner.open_checkpointer()?;
        let outcome = self.transact(batch, checkpointer);
        match &outcome {
            Ok(()) => self.watch.after_commit(&self.connection, checkpointer),
            Err(error) if error.leaves_writer_open() => {}
            Err(error) => {
                checkpointer.halt();
                tracing::error!(%error, "the batch's outcome is unknown, writing stops");
            }
        }
        outcome
    }
}

/// The inside of one transaction.
struct Changes<'a> {
    connection: &'a Connection,
    texts: &'a Texts,
    rows: u64,
}

impl Changes<'_> {
    fn write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.remove(batch)?;
        let texts = self.texts;
        self.put(&texts.entries, &batch.entries)?;
        self.put(&texts.records, &batch.records)?;
        self.put(&texts.locators, &batch.locators)?;
        self.put_indexes(&batch.indexes)?;
        self.put(&texts.keys, &batch.keys)?;
        self.put(&texts.heads, &batch.heads)?;
        self.put(&texts.segments, &batch.segments)?;
        self.put(&texts.jobs, &batch.jobs)?;
        self.reseal(&batch.resealed)
    }

    /// In the order of each table's key, so that neighbours share a page.
    fn reseal(&mut self, resealed: &Resealed) -> Result<(), StoreError> {
        let entry = "UPDATE log SET parts = ?2 WHERE entry = ?1";
        for row in &resealed.entries {
            let number = entry_number(row.log, row.seq)?;
            self.change("log", entry, params![number, row.parts])?;
        }
        let record = "UPDATE record SET body = ?5
            WHERE scope = ?1 AND kind = ?2 AND id = ?3 AND version = ?4";
        for row in &resealed.records {
            let version = signed("version", row.version)?;
            let values = params![row.scope, row.kind, row.id, version, row.body];
            self.change("record", record, values)?;
        }
        let job =
            "UPDATE job SET body = ?5 WHERE scope = ?1 AND kind = ?2 AND id = ?3 AND body = ?4";
        for row in &resealed.jobs {
            self.change(
                "job",
                job,
                params![row.scope, row.kind, row.id, row.old, row.body],
            )?;
        }
        Ok(())
    }

    fn remove(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let record = "DELETE FROM record WHERE scope = ?1 AND kind = ?2 AND id = ?3";
        for (scope, kind, id) in &batch.removed_records {
            self.change("record", record, params![scope, kind, id])?;
        }
        let index = "DELETE FROM index_entry
            WHERE scope = ?1 AND field = ?2 AND hash = ?3 AND kind = ?4 AND id = ?5";
        for row in &batch.removed_indexes {
            let key = params![row.scope, row.field, row.hash, row.kind, row.id];
            self.change("index_entry", index, key)?;
        }
        for number in &batch.removed_keys {
            let key = "DELETE FROM wrapped_key WHERE number = ?1";
            self.change("wrapped_key", key, params![number])?;
        }
        let segment = "DELETE FROM segment WHERE scope = ?1 AND kind = ?2 AND number = ?3";
        for (scope, kind, number) in &batch.removed_segments {
            let number = signed("number", *number)?;
            self.change("segment", segment, params![scope, kind, number])?;
        }
        let job = "DELETE FROM job WHERE scope = ?1 AND kind = ?2 AND id = ?3";
        for (scope, kind, id) in &batch.removed_jobs {
            self.change("job", job, params![scope, kind, id])?;
        }
        Ok(())
    }

    fn change(
        &mut self,
        table: &'static str,
        text: &'static str,
        values: impl Params,
    ) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(text).of(table)?;
        statement.execute(values).of(table)?;
        self.count(1);
        Ok(())
    }

    fn put<T: Table>(&mut self, text: &str, rows: &[T]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        // Stable, so of two rows with one key the later one stands.
        let mut sorted: Vec<&T> = rows.iter().collect();
        sorted.sort_by(|a, b| a.by_key(b));
        let mut statement = self.connection.prepare_cached(text).of(T::NAME)?;
        for row in sorted {
            insert(&mut statement, row)?;
        }
        self.count(rows.len());
        Ok(())
    }

    fn put_indexes(&mut self, rows: &[IndexRow]) -> Result<(), StoreError> {
        let mut sorted: Vec<&IndexRow> = rows.iter().collect();
        sorted.sort_by(|a, b| a.by_key(b));
        let text = &self.texts.indexes;
        let mut statement = self.connection.prepare_cached(text).of(IndexRow::NAME)?;
        for row in sorted {
            self.refuse_second(row)?;
            insert(&mut statement, row)?;
        }
        self.count(rows.len());
        Ok(())
    }

    /// A unique row stands alone under its hash, so looking at two rows is enough.
    fn refuse_second(&self, row: &IndexRow) -> Result<(), StoreError> {
        let text = "SELECT kind, id, sole FROM index_entry
            WHERE scope = ?1 AND field = ?2 AND hash = ?3 LIMIT 2";
        let mut statement = self.connection.prepare_cached(text).of("index_entry")?;
        let mut standing = statement
            .query(params![row.scope, row.field, row.hash])
            .of("index_entry")?;
        while let Some(found) = standing.next().of("index_entry")? {
            let same = found.get::<_, u8>(0).of("index_entry")? == row.kind
                && found.get::<_, crate::Id>(1).of("index_entry")? == row.id;
            if !same && (row.unique || found.get(2).of("index_entry")?) {
                return Err(StoreError::Duplicate("index_entry".to_owned()));
            }
        }
        Ok(())
    }

    fn count(&mut self, rows: usize) {
        self.rows += u64::try_from(rows).unwrap_or(u64::MAX);
    }
}

fn insert<T: Table>(statement: &mut Statement<'_>, row: &T) -> Result<(), StoreError> {
    row.bind(&mut Binder::new(statement, T::NAME))?;
    statement.raw_execute().of(T::NAME).map(|_| ())
}
