//! The embedded engine: SQLite in WAL mode, one writer connection, readers and a checkpointer
//! beside it, in one directory that one process at a time holds.
//!
//! `connection.rs` sets every switch a connection needs, `schema.rs` has tables and migrations,
//! `write.rs` the transaction, `load.rs` set-sized reads, `read.rs` and `scan.rs` the rest,
//! `checkpoint.rs` keeps the WAL bounded, `fault.rs` names what went wrong.
//! Only constants become SQL here; values are always bound.

mod checkpoint;
mod connection;
mod fault;
mod header;
mod inspect;
mod load;
mod numbers;
#[cfg(test)]
mod plans;
mod read;
mod scan;
mod schema;
mod table;
mod write;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;

use self::checkpoint::Checkpointer;
use self::connection::Access;
use self::read::SqliteReader;
use self::write::SqliteWriter;
use crate::{Reader, Store, StoreError, Writer};

pub use self::checkpoint::Activity;
pub use self::schema::{COLUMNS, Class};

const DATABASE: &str = "strongroom.db";
const LOCK: &str = "lock";

/// Sizes of one opened store; the defaults are the measured ones.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// Bytes of a page of a new database: a power of two from 512 to 65,536.
    pub page_size: u32,
    /// Bytes of page cache of the writer.
    pub writer_cache: u32,
    /// Bytes of page cache of each reader.
    pub reader_cache: u32,
    /// Bytes of WAL after which the background checkpoint runs again.
    pub checkpoint_every: u64,
    /// Bytes of WAL after which the background works towards its end, so that the writer can
    /// finish and start the WAL over.
    pub wrap_at: u64,
    /// Bytes of WAL after which the writer finishes whatever is left and waits for readers in
    /// the way, up to 100 ms.
    pub wait_at: u64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            page_size: 4096,
            writer_cache: 64 << 20,
            reader_cache: 8 << 20,
            checkpoint_every: 16 << 20,
            wrap_at: 64 << 20,
            wait_at: 256 << 20,
        }
    }
}

/// A store in a directory: `strongroom.db`, its WAL, and `lock`.
pub struct SqliteStore {
    inner: Arc<Inner>,
    writer_taken: AtomicBool,
}

/// What every connection keeps alive: the lock outlives the last of them.
pub(crate) struct Inner {
    database: PathBuf,
    access: Access,
    tuning: Tuning,
    /// None when opened for reading only. Its connection is the last to close.
    checkpointer: Option<Checkpointer>,
    /// Held for life; dropped after the checkpointer.
    _lock: Option<File>,
}

impl SqliteStore {
    /// Makes a new store in `dir`, which is made if missing.
    ///
    /// # Errors
    /// `AlreadyThere`, `Locked`, `Io`, `Full`.
    pub fn create(dir: &Path) -> Result<Self, StoreError> {
        Self::create_tuned(dir, Tuning::default())
    }

    /// Like [`SqliteStore::create`], with other sizes.
    pub fn create_tuned(dir: &Path, tuning: Tuning) -> Result<Self, StoreError> {
        fs::create_dir_all(dir).map_err(|e| fault::from_io(&e))?;
        let lock = lock(dir, true)?;
        let database = dir.join(DATABASE);
        if database.exists() {
            return Err(StoreError::AlreadyThere);
        }
        Self::start(database, lock, tuning)
    }

    /// Opens the store in `dir` for this process alone and migrates it to the newest schema.
    ///
    /// # Errors
    /// `NotFound`, `Locked`, `Foreign`, `TooNew`, `Corrupt`, `Io`, `Full`.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Self::open_tuned(dir, Tuning::default())
    }

    /// Like [`SqliteStore::open`], with other sizes.
    pub fn open_tuned(dir: &Path, tuning: Tuning) -> Result<Self, StoreError> {
        let database = dir.join(DATABASE);
        if !database.exists() {
            return Err(StoreError::NotFound);
        }
        let lock = lock(dir, true)?;
        Self::start(database, lock, tuning)
    }

    /// Opens a store nobody writes, without changing one byte of it, WAL included in what is
    /// read. For `verify` on a copy or a stopped store; there is no writer.
    ///
    /// # Errors
    /// `NotFound`, `Locked` while a process has it open, `Foreign`, `TooNew`, `TooOld`.
    pub fn open_read_only(dir: &Path) -> Result<Self, StoreError> {
        let database = dir.join(DATABASE);
        if !database.exists() {
            return Err(StoreError::NotFound);
        }
        let lock = shared_lock(dir)?;
        let connection = connection::open(&database, Access::Frozen, &Tuning::default())?;
        schema::require_current(&connection)?;
        Ok(Self::with(Inner {
            database,
            access: Access::Frozen,
            tuning: Tuning::default(),
            checkpointer: None,
            _lock: lock,
        }))
    }

    /// Opens a store for reading beside another process that writes it, which goes on. Each reader sees one moment only
    /// within a snapshot, and while it lasts the writer's WAL is not started over.
    ///
    /// # Errors
    /// `NotFound`, `Foreign`, `TooNew`, `TooOld`.
    pub fn open_beside(dir: &Path) -> Result<Self, StoreError> {
        let database = dir.join(DATABASE);
        if !database.exists() {
            return Err(StoreError::NotFound);
        }
        let tuning = Tuning::default();
        let connection = connection::open(&database, Access::Read, &tuning)?;
        schema::require_current(&connection)?;
        Ok(Self::with(Inner {
            database,
            access: Access::Read,
            tuning,
            checkpointer: None,
            _lock: None,
        }))
    }

    /// What writer and checkpointer did since the store was opened.
    #[must_use]
    pub fn activity(&self) -> Activity {
        self.inner
            .checkpointer
            .as_ref()
            .map(Checkpointer::activity)
            .unwrap_or_default()
    }

    fn start(database: PathBuf, lock: File, tuning: Tuning) -> Result<Self, StoreError> {
        let mut connection = connection::open(&database, Access::Write, &tuning)?;
        schema::migrate(&mut connection)?;
        let checkpointer = Checkpointer::start(connection, &database, tuning)?;
        Ok(Self::with(Inner {
            database,
            access: Access::Read,
            tuning,
            checkpointer: Some(checkpointer),
            _lock: Some(lock),
        }))
    }

    fn with(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
            writer_taken: AtomicBool::new(false),
        }
    }
}

impl Store for SqliteStore {
    fn writer(&self) -> Result<Box<dyn Writer>, StoreError> {
        if self.inner.checkpointer.is_none() {
            return Err(StoreError::ReadOnly("it was opened for reading".to_owned()));
        }
        if self.writer_taken.swap(true, Ordering::SeqCst) {
            return Err(StoreError::WriterTaken);
        }
        let connection = self.inner.connect(Access::Write)?;
        Ok(Box::new(SqliteWriter::new(
            connection,
            Arc::clone(&self.inner),
        )?))
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        let connection = self.inner.connect(self.inner.access)?;
        Ok(Box::new(SqliteReader::new(
            connection,
            Arc::clone(&self.inner),
        )))
    }
}

impl Inner {
    fn connect(&self, access: Access) -> Result<Connection, StoreError> {
        connection::open(&self.database, access, &self.tuning)
    }

    /// What writing needs, until an unknown outcome stops it.
    fn open_checkpointer(&self) -> Result<&Checkpointer, StoreError> {
        self.checkpointer
            .as_ref()
            .filter(|checkpointer| !checkpointer.is_halted())
            .ok_or(StoreError::Closed)
    }
}

fn lock(dir: &Path, create: bool) -> Result<File, StoreError> {
    let file = File::options()
        .write(true)
        .create(create)
        .truncate(false)
        .open(dir.join(LOCK))
        .map_err(|e| fault::from_io(&e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked),
        Err(TryLockError::Error(error)) => Err(fault::from_io(&error)),
    }
}

/// A copy may come without its lock file: then nobody can hold it.
fn shared_lock(dir: &Path) -> Result<Option<File>, StoreError> {
    let Ok(file) = File::open(dir.join(LOCK)) else {
        return Ok(None);
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked),
        Err(TryLockError::Error(error)) => Err(fault::from_io(&error)),
    }
}
