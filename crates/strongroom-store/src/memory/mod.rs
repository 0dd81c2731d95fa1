//! A store in memory, for tests and simulation: the same answers as the engines on disk, nothing
//! kept when the process ends.
//!
//! A simulator crashes it by dropping everything and restoring a snapshot: what was applied before
//! the snapshot is there, nothing else is.

mod reader;
mod state;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use self::reader::MemoryReader;
use self::state::State;
use crate::{Batch, Loaded, Reader, Store, StoreError, Wanted, Writer};

/// A store in memory.
#[derive(Default)]
pub struct MemoryStore {
    shared: Arc<RwLock<State>>,
    writer_taken: AtomicBool,
}

/// The whole content of a [`MemoryStore`] at one moment; shares what does not change afterwards.
#[derive(Clone, Default)]
pub struct MemorySnapshot {
    state: State,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What the store holds now.
    #[must_use]
    pub fn snapshot(&self) -> MemorySnapshot {
        MemorySnapshot {
            state: current(&self.shared),
        }
    }

    /// A new store that holds what the snapshot does, with its writer not yet handed out.
    #[must_use]
    pub fn restore(snapshot: &MemorySnapshot) -> Self {
        Self {
            shared: Arc::new(RwLock::new(snapshot.state.clone())),
            writer_taken: AtomicBool::new(false),
        }
    }
}

impl Store for MemoryStore {
    fn writer(&self) -> Result<Box<dyn Writer>, StoreError> {
        if self.writer_taken.swap(true, Ordering::SeqCst) {
            return Err(StoreError::WriterTaken);
        }
        Ok(Box::new(MemoryWriter {
            shared: Arc::clone(&self.shared),
        }))
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        Ok(Box::new(MemoryReader::new(Arc::clone(&self.shared))))
    }
}

struct MemoryWriter {
    shared: Arc<RwLock<State>>,
}

impl Writer for MemoryWriter {
    fn load(&mut self, wanted: &Wanted) -> Result<Loaded, StoreError> {
        let state = self.shared.read().unwrap_or_else(PoisonError::into_inner);
        Ok(state.load(wanted))
    }

    fn apply(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let mut state = self.shared.write().unwrap_or_else(PoisonError::into_inner);
        state.check(batch)?;
        state.apply(batch);
        Ok(())
    }
}

fn current(shared: &RwLock<State>) -> State {
    shared
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}
