//! A store whose writes wait at a gate or fail, as the test says; reads go through.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use strongroom_store::{Batch, Loaded, MemoryStore, Reader, Store, StoreError, Wanted, Writer};

#[derive(Default)]
struct State {
    closed: bool,
    /// Writes that wait.
    waiting: usize,
    fails: Option<StoreError>,
    /// Whether the error comes after the write was done.
    after: bool,
    /// Entries of each batch that was written.
    batches: Vec<usize>,
}

/// Steers a [`GatedStore`].
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<State>, Condvar)>);

impl Gate {
    /// Lets no write through until [`Gate::open`].
    pub fn close(&self) {
        self.0.0.lock().unwrap().closed = true;
    }

    pub fn open(&self) {
        self.0.0.lock().unwrap().closed = false;
        self.0.1.notify_all();
    }

    /// Waits until a write stands at the gate.
    pub fn await_write(&self) {
        let state = self.0.0.lock().unwrap();
        let patience = Duration::from_secs(120);
        let (state, late) = self
            .0
            .1
            .wait_timeout_while(state, patience, |state| state.waiting == 0)
            .unwrap();
        drop(state);
        assert!(!late.timed_out(), "no write came");
    }

    /// Every write that brings log entries fails before it does anything; `None` ends that.
    pub fn fail(&self, error: Option<StoreError>) {
        let mut state = self.0.0.lock().unwrap();
        (state.fails, state.after) = (error, false);
    }

    /// Every write is done, and then its sync is said to have failed.
    pub fn fail_after(&self, error: StoreError) {
        let mut state = self.0.0.lock().unwrap();
        (state.fails, state.after) = (Some(error), true);
    }

    /// Entries per batch so far.
    pub fn batches(&self) -> Vec<usize> {
        self.0.0.lock().unwrap().batches.clone()
    }

    /// Passes, or says what error to answer and whether the write is to be done all the same.
    fn pass(&self) -> Option<(StoreError, bool)> {
        let mut state = self.0.0.lock().unwrap();
        state.waiting += 1;
        self.0.1.notify_all();
        let mut state = self.0.1.wait_while(state, |state| state.closed).unwrap();
        state.waiting -= 1;
        state.fails.clone().map(|error| (error, state.after))
    }
}

/// A store in memory behind a gate.
#[derive(Default)]
pub struct GatedStore {
    inner: MemoryStore,
    pub gate: Gate,
}

impl Store for GatedStore {
    fn writer(&self) -> Result<Box<dyn Writer>, StoreError> {
        Ok(Box::new(GatedWriter {
            inner: self.inner.writer()?,
            gate: self.gate.clone(),
        }))
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        self.inner.reader()
    }
}

struct GatedWriter {
    inner: Box<dyn Writer>,
    gate: Gate,
}

impl Writer for GatedWriter {
    fn load(&mut self, wanted: &Wanted) -> Result<Loaded, StoreError> {
        self.inner.load(wanted)
    }

    fn apply(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let fails = if batch.entries.is_empty() {
            None
        } else {
            self.gate.pass()
        };
        match fails {
            Some((error, false)) => Err(error),
            Some((error, true)) => self.inner.apply(batch).and(Err(error)),
            None => {
                self.inner.apply(batch)?;
                // What keeps house in between brings no entry.
                if !batch.entries.is_empty() {
                    let mut state = self.gate.0.0.lock().unwrap();
                    state.batches.push(batch.entries.len());
                }
                Ok(())
            }
        }
    }
}
