//! Keeps the write-ahead log bounded without making commits wait.
//!
//! A thread with a connection of its own copies pages back while the writer goes on. It alone
//! never catches up under load, so past a size it works until little is left and calls the writer,
//! which copies that rest between two commits and starts the log over in place: from then on
//! commits overwrite a file that no longer grows. Only a reader that stays in one moment for long
//! can hold this up.
//!
//! A checkpoint that fails for anything but a full disk stops the writer: nothing is guessed.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, FileControl, MAIN_DB, Row};

use super::Tuning;
use super::fault::{self, Naming};
use crate::StoreError;

/// Bytes in front of each page in the WAL.
const FRAME_HEAD: u64 = 24;

/// The database file of a busy store grows by this much at a time, bytes.
const GROWTH: i32 = 16 << 20;

/// What the writer copies at most, bytes: a few milliseconds.
const REST: u64 = 1 << 20;

/// Rounds in which the background tries to get so near.
const ROUNDS: usize = 8;

/// Counts since the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    pub commits: u64,
    /// Rows sent to the database, removals included.
    pub rows: u64,
    /// Bytes written to the WAL.
    pub wal_bytes: u64,
    /// Bytes of the WAL in use.
    pub wal_length: u64,
    /// Checkpoints in the background.
    pub checkpoints: u64,
    /// Checkpoints by the writer.
    pub wraps: u64,
}

#[derive(Default)]
pub(super) struct Gauge {
    pub commits: AtomicU64,
    pub rows: AtomicU64,
    wal_bytes: AtomicU64,
    wal_length: AtomicU64,
    checkpoints: AtomicU64,
    wraps: AtomicU64,
    halted: AtomicBool,
}

/// The background thread; dropping it waits for the thread and closes its connection.
pub(super) struct Checkpointer {
    shared: Arc<Shared>,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    gauge: Gauge,
    /// Set when so little is left that the writer should finish.
    nearly_done: AtomicBool,
    /// Held by whoever runs a checkpoint.
    running: Mutex<()>,
}

impl Checkpointer {
    /// Takes a writing connection, which becomes the last one to close.
    pub fn start(
        connection: Connection,
        database: &Path,
        tuning: Tuning,
    ) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared::default());
        let (wake, woken) = sync_channel(1);
        let background = Background {
            frame: frame_length(&connection)?,
            wrap_at: tuning.wrap_at,
            shared: Arc::clone(&shared),
            connection,
            file: File::open(database).map_err(|error| fault::from_io(&error))?,
        };
        let thread = Builder::new()
            .name("checkpoint".to_owned())
            .spawn(move || background.run(&woken))
            .map_err(|error| fault::from_io(&error))?;
        Ok(Self {
            shared,
            wake: Some(wake),
            thread: Some(thread),
        })
    }

    pub fn gauge(&self) -> &Gauge {
        &self.shared.gauge
    }

    /// True once an error with unknown outcome was met.
    pub fn is_halted(&self) -> bool {
        self.shared.gauge.halted.load(Ordering::SeqCst)
    }

    /// Ends writing for good and leaves the files as they are.
    pub fn halt(&self) {
        self.shared.gauge.halted.store(true, Ordering::SeqCst);
    }

    pub fn activity(&self) -> Activity {
        let gauge = &self.shared.gauge;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Activity {
            commits: read(&gauge.commits),
            rows: read(&gauge.rows),
            wal_bytes: read(&gauge.wal_bytes),
            wal_length: read(&gauge.wal_length),
            checkpoints: read(&gauge.checkpoints),
            wraps: read(&gauge.wraps),
        }
    }

    fn wake(&self) {
        if let Some(wake) = &self.wake {
            // Full means that it is awake already.
            let _ = wake.try_send(());
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.wake.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the checkpoint thread panicked");
        }
    }
}

/// What the thread works with.
struct Background {
    frame: u64,
    wrap_at: u64,
    shared: Arc<Shared>,
    connection: Connection,
    /// The database file, to sync it. Dropped after the connection: closing any handle of a file
    /// ends the process's locks on it.
    file: File,
}

impl Background {
    fn run(self, woken: &Receiver<()>) {
        let halted = &self.shared.gauge.halted;
        while woken.recv().is_ok() && !halted.load(Ordering::SeqCst) {
            let running = self.shared.running.lock();
            let _running = running.unwrap_or_else(PoisonError::into_inner);
            report(&self.shared, self.catch_up());
        }
        if halted.load(Ordering::SeqCst) {
            // What the disk holds is unknown: the next start reads the WAL again as it finds it.
            let off = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
            let _ = self.connection.set_db_config(off, true);
        }
    }

    /// One checkpoint; of a WAL that is long enough to start over, as many as bring the end near.
    fn catch_up(&self) -> Result<(), StoreError> {
        for _ in 0..ROUNDS {
            let progress = checkpoint(&self.connection, Mode::Passive)?;
            self.sync()?;
            self.shared
                .gauge
                .checkpoints
                .fetch_add(1, Ordering::Relaxed);
            if progress.frames * self.frame < self.wrap_at {
                return Ok(());
            }
            if progress.left() * self.frame <= REST {
                self.shared.nearly_done.store(true, Ordering::SeqCst);
                return Ok(());
            }
        }
        Ok(())
    }

    /// SQLite syncs the database only where a checkpoint reaches the end of the WAL, which is in
    /// the writer: without this, commits would wait for all that was copied since.
    fn sync(&self) -> Result<(), StoreError> {
        self.file
            .sync_data()
            .map_err(|error| fault::from_io(&error))
    }
}

fn report<T>(shared: &Shared, outcome: Result<T, StoreError>) {
    match outcome {
        Ok(_) | Err(StoreError::Locked) => {}
        Err(error @ StoreError::Full) => tracing::warn!(%error, "checkpoint put off"),
        Err(error) => {
            shared.gauge.halted.store(true, Ordering::SeqCst);
            tracing::error!(%error, "checkpoint failed, writing stops");
        }
    }
}

#[derive(Clone, Copy)]
enum Mode {
    /// Only measures.
    None,
    /// Copies what it can.
    Passive,
    /// Waits for readers, so that the next commit starts the WAL over.
    Restart,
}

/// Frames in the WAL, and how many of them are copied back.
#[derive(Clone, Copy)]
struct Progress {
    frames: u64,
    copied: u64,
}

impl Progress {
    fn left(self) -> u64 {
        self.frames.saturating_sub(self.copied)
    }
}

fn checkpoint(connection: &Connection, mode: Mode) -> Result<Progress, StoreError> {
    if !matches!(mode, Mode::None) {
        grow_in_chunks(connection)?;
    }
    let text = match mode {
        Mode::None => "PRAGMA wal_checkpoint(NOOP)",
        Mode::Passive => "PRAGMA wal_checkpoint(PASSIVE)",
        Mode::Restart => "PRAGMA wal_checkpoint(RESTART)",
    };
    // Both are -1 where the writer was changing the WAL's index at that instant.
    let read = |row: &Row<'_>| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
    let (frames, copied) = connection
        .prepare_cached(text)
        .and_then(|mut statement| statement.query_row([], read))
        .of("checkpoint")?;
    match (u64::try_from(frames), u64::try_from(copied)) {
        (Ok(frames), Ok(copied)) => Ok(Progress { frames, copied }),
        _ => Err(StoreError::Locked),
    }
}

/// A file that grows page by page makes every sync write its new length too. All connections must
/// say the same, for the last to copy cuts the file to a multiple of it.
fn grow_in_chunks(connection: &Connection) -> Result<(), StoreError> {
    let mut chunk = GROWTH;
    connection
        .file_control(Some(MAIN_DB), FileControl::ChunkSize(&mut chunk))
        .of("checkpoint")
}

/// The writer's side: watches the WAL grow and acts between commits.
pub(super) struct WalWatch {
    tuning: Tuning,
    frame: u64,
    length: u64,
    next_checkpoint: u64,
    next_wait: u64,
}

impl WalWatch {
    pub fn new(connection: &Connection, tuning: Tuning) -> Result<Self, StoreError> {
        Ok(Self {
            tuning,
            frame: frame_length(connection)?,
            length: 0,
            next_checkpoint: tuning.checkpoint_every,
            next_wait: tuning.wait_at,
        })
    }

    /// To be called after each commit; what fails here never undoes the commit.
    pub fn after_commit(&mut self, connection: &Connection, checkpointer: &Checkpointer) {
        match checkpoint(connection, Mode::None) {
            Ok(progress) => self.note(progress.frames * self.frame, checkpointer),
            Err(error) => return report::<()>(&checkpointer.shared, Err(error)),
        }
        let shared = &checkpointer.shared;
        if self.length >= self.next_wait {
            self.next_wait = self.length + self.tuning.checkpoint_every;
            finish(connection, shared, Mode::Restart);
        } else if shared.nearly_done.swap(false, Ordering::SeqCst) {
            finish(connection, shared, Mode::Passive);
        } else if self.length >= self.next_checkpoint {
            self.next_checkpoint = self.length + self.tuning.checkpoint_every;
            checkpointer.wake();
        }
    }

    fn note(&mut self, length: u64, checkpointer: &Checkpointer) {
        if length < self.length {
            self.next_checkpoint = self.tuning.checkpoint_every;
            self.next_wait = self.tuning.wait_at;
            self.length = 0;
        }
        let gauge = checkpointer.gauge();
        let written = length - self.length;
        gauge.wal_bytes.fetch_add(written, Ordering::Relaxed);
        gauge.wal_length.store(length, Ordering::Relaxed);
        self.length = length;
    }
}

/// The writer's own checkpoint; the next commit then starts the WAL over, unless a reader is in
/// the way.
fn finish(connection: &Connection, shared: &Shared, mode: Mode) {
    let running = shared.running.lock();
    let _running = running.unwrap_or_else(PoisonError::into_inner);
    report(shared, checkpoint(connection, mode));
    shared.gauge.wraps.fetch_add(1, Ordering::Relaxed);
}

fn frame_length(connection: &Connection) -> Result<u64, StoreError> {
    let page: u32 = connection
        .pragma_query_value(None, "page_size", |row| row.get(0))
        .of("page")?;
    Ok(u64::from(page) + FRAME_HEAD)
}
