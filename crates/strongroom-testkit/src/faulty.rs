//! A store that fails when told to, on a disk that outlives it.
//!
//! A [`Disk`] holds what is durable. The [`FaultyStore`]s opened on it, one after another like the runs of a server,
//! keep the contract of `strongroom-store` to the letter: an error that says "rolled back" rolled back, any other
//! leaves the outcome open and closes the writer, and what was not acknowledged as durable vanishes with the power.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use strongroom_store::{
    Batch, EntryRow, HeadRow, Id, IdRange, IndexRow, JobRow, KeyRow, Loaded, LocatorRow,
    MemorySnapshot, MemoryStore, Reader, RecordRow, SegmentRow, Store, StoreError, TableSize,
    Wanted, Writer,
};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The disk is full: rolled back cleanly.
    Full,
    /// Somebody else holds the store: rolled back cleanly.
    Locked,
    /// The batch did not reach the disk, and nobody can say so.
    LostBefore,
    /// The batch is on the disk, and nobody can say so.
    LostAfter,
}

/// Which operations bring a fault nearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    /// The writer's applies and all loads.
    All,
    /// The writer's applies.
    Commits,
}

#[derive(Default)]
struct Durable {
    content: MemorySnapshot,
    /// Operations until the fault, and which of them count.
    armed: Option<(u32, Fault, Counted)>,
    /// The last fault that struck.
    struck: Option<Fault>,
    /// Without power nothing answers.
    off: bool,
    applied: u64,
    /// How many reads may go on, where they are held.
    held: Option<u32>,
    /// Reads that wait for that.
    waiting: u32,
}

/// What is left when everything else is gone.
#[derive(Clone, Default)]
pub struct Disk(Arc<(Mutex<Durable>, Condvar)>);

impl Disk {
    fn lock(&self) -> MutexGuard<'_, Durable> {
        let (durable, _) = &*self.0;
        durable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on reads wait, but those of the writer.
    pub fn hold(&self) {
        self.lock().held = Some(0);
    }

    /// Lets one read go on that waits; says whether there was one.
    pub fn let_one(&self) -> bool {
        let mut disk = self.lock();
        let (waiting, held) = (disk.waiting, disk.held.get_or_insert(0));
        let is_due = waiting > *held;
        if is_due {
            *held += 1;
            self.0.1.notify_all();
        }
        is_due
    }

    /// Reads go on.
    pub fn release(&self) {
        self.lock().held = None;
        self.0.1.notify_all();
    }

    /// Waits until a read may go on.
    fn pass(&self) {
        let mut disk = self.lock();
        disk.waiting += 1;
        while disk.held == Some(0) {
            let woken = self.0.1.wait(disk);
            disk = woken.unwrap_or_else(PoisonError::into_inner);
        }
        disk.waiting -= 1;
        if let Some(held) = &mut disk.held {
            *held -= 1;
        }
    }

    /// Lets `fault` strike at the `n`-th operation from now, counted from 0.
    pub fn arm(&self, n: u32, fault: Fault) {
        self.arm_at((n, fault, Counted::All));
    }

    /// Lets `fault` strike at the `n`-th commit from now, counted from 0.
    pub fn arm_commit(&self, n: u32, fault: Fault) {
        self.arm_at((n, fault, Counted::Commits));
    }

    fn arm_at(&self, armed: (u32, Fault, Counted)) {
        let mut disk = self.lock();
        disk.armed = Some(armed);
        disk.struck = None;
    }

    /// Another disk that holds the same.
    pub fn copy(&self) -> Disk {
        let copy = Disk::default();
        copy.lock().content = self.lock().content.clone();
        copy
    }

    /// Takes a fault back that has not struck yet; says which one struck.
    pub fn disarm(&self) -> Option<Fault> {
        let mut disk = self.lock();
        disk.armed = None;
        disk.struck.take()
    }

    /// From now on every operation fails and changes nothing.
    pub fn cut_power(&self) {
        self.lock().off = true;
    }

    /// Batches that became durable since the beginning.
    pub fn applied(&self) -> u64 {
        self.lock().applied
    }

    /// A store with what was durable.
    pub fn open(&self) -> FaultyStore {
        let mut disk = self.lock();
        disk.off = false;
        disk.armed = None;
        FaultyStore {
            inner: Arc::new(MemoryStore::restore(&disk.content)),
            disk: self.clone(),
        }
    }

    /// Counts an operation; gives the fault whose turn it is.
    fn turn(&self, is_commit: bool) -> Result<Option<Fault>, StoreError> {
        let mut disk = self.lock();
        if disk.off {
            return Err(StoreError::Io("no power".into()));
        }
        match disk.armed {
            Some((_, _, Counted::Commits)) if !is_commit => Ok(None),
            Some((0, fault, _)) => {
                disk.armed = None;
                disk.struck = Some(fault);
                Ok(Some(fault))
            }
            Some((n, fault, counted)) => {
                disk.armed = Some((n - 1, fault, counted));
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// A turn of an operation that reads: any fault but a lock is an error of the disk.
    fn read_turn(&self) -> Result<(), StoreError> {
        match self.turn(false)? {
            None => Ok(()),
            Some(Fault::Locked) => Err(StoreError::Locked),
            Some(_) => Err(StoreError::Io("a page could not be read".into())),
        }
    }
}

/// One run's view of the disk.
pub struct FaultyStore {
    inner: Arc<MemoryStore>,
    disk: Disk,
}

impl Store for FaultyStore {
    fn writer(&self) -> Result<Box<dyn Writer>, StoreError> {
        let inner = self.inner.writer()?;
        Ok(Box::new(FaultyWriter {
            inner,
            content: Arc::clone(&self.inner),
            disk: self.disk.clone(),
            closed: false,
        }))
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        Ok(Box::new(FaultyReader {
            inner: self.inner.reader()?,
            disk: self.disk.clone(),
        }))
    }
}

struct FaultyWriter {
    inner: Box<dyn Writer>,
    content: Arc<MemoryStore>,
    disk: Disk,
    closed: bool,
}

impl FaultyWriter {
    fn lost<T>(&mut self) -> Result<T, StoreError> {
        self.closed = true;
        Err(StoreError::Io("the outcome is unknown".into()))
    }

    fn durable(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.inner.apply(batch)?;
        let mut disk = self.disk.lock();
        disk.content = self.content.snapshot();
        disk.applied += 1;
        Ok(())
    }
}

impl Writer for FaultyWriter {
    fn load(&mut self, wanted: &Wanted) -> Result<Loaded, StoreError> {
        if self.closed {
            return Err(StoreError::Closed);
        }
        match self.disk.read_turn() {
            Ok(()) => self.inner.load(wanted),
            Err(StoreError::Locked) => Err(StoreError::Locked),
            Err(_) => self.lost(),
        }
    }

    fn apply(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if self.closed {
            return Err(StoreError::Closed);
        }
        match self.disk.turn(true) {
            Ok(None) => self.durable(batch),
            Ok(Some(Fault::Full)) => Err(StoreError::Full),
            Ok(Some(Fault::Locked)) => Err(StoreError::Locked),
            Ok(Some(Fault::LostAfter)) => {
                self.durable(batch)?;
                self.lost()
            }
            Ok(Some(Fault::LostBefore)) | Err(_) => self.lost(),
        }
    }
}

struct FaultyReader {
    inner: Box<dyn Reader>,
    disk: Disk,
}

/// Reads that count as operations, handed on.
macro_rules! reads {
    ($($name:ident($($arg:ident: $kind:ty),*) -> $out:ty;)*) => {
        $(fn $name(&mut self, $($arg: $kind),*) -> Result<$out, StoreError> {
            self.disk.pass();
            self.disk.read_turn()?;
            self.inner.$name($($arg),*)
        })*
    };
}

impl Reader for FaultyReader {
    reads! {
        snapshot() -> ();
        release() -> ();
        load(wanted: &Wanted) -> Loaded;
        heads() -> Vec<HeadRow>;
        keys() -> Vec<KeyRow>;
        subject_key(scope: u32, subject: &Id) -> Option<KeyRow>;
        subject_versions(scope: u32, subject: &Id) -> Vec<KeyRow>;
        subject_keys(after: u32, limit: usize) -> Vec<KeyRow>;
        entries(log: u32, from: u64, to: u64, descending: bool, limit: usize) -> Vec<EntryRow>;
        entry_heads(log: u32, from: u64, to: u64) -> Vec<(u64, i64, Vec<u8>)>;
        spent_tail(log: u32, after_seq: u64, each: &mut dyn FnMut(u64, i64, &[u8])) -> ();
        entry_at_time(log: u32, time: i64) -> Option<u64>;
        entry_of_event(log: u32, event: u64) -> Option<u64>;
        locator_floor(scope: u32, id: &Id) -> Option<LocatorRow>;
        locators(scope: u32, kinds: &[u8], range: IdRange, descending: bool, limit: usize) -> Vec<LocatorRow>;
        records(scope: u32, kind: u8, range: IdRange, descending: bool, limit: usize) -> Vec<RecordRow>;
        all_records(each: &mut dyn FnMut(RecordRow)) -> ();
        all_locators(each: &mut dyn FnMut(LocatorRow)) -> ();
        all_indexes(each: &mut dyn FnMut(IndexRow)) -> ();
        index(scope: u32, field: u16, hash: &[u8; 16], limit: usize) -> Vec<IndexRow>;
        segments(scope: u32, kind: u8, from: u64, limit: usize) -> Vec<SegmentRow>;
        segment(scope: u32, kind: u8, number: u64) -> Option<SegmentRow>;
        jobs_due(now: i64, limit: usize) -> Vec<JobRow>;
        next_job() -> Option<i64>;
        jobs(scope: u32, kind: u8, range: IdRange, limit: usize) -> Vec<JobRow>;
        check() -> Vec<String>;
        size() -> Vec<TableSize>;
    }
}
