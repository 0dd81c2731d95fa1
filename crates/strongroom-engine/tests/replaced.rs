//! An engine whose store another server took over: whatever is still in its queue, it was replaced and has not failed.
#![expect(clippy::unwrap_used, reason = "test")]

use std::sync::{Arc, Condvar, Mutex};
use std::thread::{scope, yield_now};

use strongroom_auth::{Caller, SystemActor};
use strongroom_crypto::RootKeys;
use strongroom_domain::action::Action;
use strongroom_domain::housekeeping::Note;
use strongroom_engine::{Engine, EngineState, Envelope, Failure, Settings};
use strongroom_store::{Batch, Loaded, MemoryStore, Reader, Store, StoreError, Wanted, Writer};
use strongroom_testkit::clock::FakeClock;

/// What the writer does with its next batch.
#[derive(Clone, Copy, Default, PartialEq)]
enum Next {
    #[default]
    Takes,
    Waits,
    /// It takes the one that it holds, and none after it.
    TakesALast,
    Fails,
    IsClosed,
}

#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<(Next, bool)>, Condvar)>);

impl Gate {
    fn set(&self, next: Next) {
        self.0.0.lock().unwrap().0 = next;
        self.0.1.notify_all();
    }

    fn until_held(&self) {
        while !self.0.0.lock().unwrap().1 {
            yield_now();
        }
    }

    /// Whether the batch is taken.
    fn pass(&self, error: &StoreError) -> Result<(), StoreError> {
        let mut state = self.0.0.lock().unwrap();
        while state.0 == Next::Waits {
            state.1 = true;
            state = self.0.1.wait(state).unwrap();
        }
        match state.0 {
            Next::TakesALast => {
                state.0 = Next::Fails;
                Ok(())
            }
            Next::Fails => {
                state.0 = Next::IsClosed;
                Err(error.clone())
            }
            Next::IsClosed => Err(StoreError::Closed),
            Next::Takes | Next::Waits => Ok(()),
        }
    }
}

struct Lent {
    inner: MemoryStore,
    gate: Gate,
    error: StoreError,
}

struct LentWriter {
    inner: Box<dyn Writer>,
    gate: Gate,
    error: StoreError,
}

impl Store for Lent {
    fn writer(&self) -> Result<Box<dyn Writer>, StoreError> {
        Ok(Box::new(LentWriter {
            inner: self.inner.writer()?,
            gate: self.gate.clone(),
            error: self.error.clone(),
        }))
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        self.inner.reader()
    }
}

impl Writer for LentWriter {
    fn load(&mut self, wanted: &Wanted) -> Result<Loaded, StoreError> {
        match self.gate.0.0.lock().unwrap().0 {
            Next::IsClosed => Err(StoreError::Closed),
            _ => self.inner.load(wanted),
        }
    }

    fn apply(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.gate.pass(&self.error)?;
        self.inner.apply(batch)
    }
}

/// Both a batch of rows and a command are in the queue when the store is lost: the first one meets the loss, the other
/// a writer that is closed.
fn lost_with(error: StoreError) {
    let gate = Gate::default();
    let store = Lent {
        inner: MemoryStore::new(),
        gate: gate.clone(),
        error,
    };
    let clock = Arc::new(FakeClock::default());
    let root = RootKeys::generate();
    let engine = Engine::start(&store, root, clock, Settings::default(), None).unwrap();
    let note = || {
        let scope = *engine.scopes().first().unwrap();
        let caller = Caller::system(SystemActor::Housekeeping, scope);
        let note = Note {
            action: Action::HeadsRecorded,
            details: Vec::new(),
        };
        engine.execute_blocking(&caller, note, Envelope::internal())
    };
    gate.set(Next::Waits);
    scope(|threads| {
        let first = threads.spawn(note);
        gate.until_held();
        let rows = threads.spawn(|| {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.build().unwrap().block_on(engine.checkpoint())
        });
        while engine.stats().queued < 1 {
            yield_now();
        }
        let second = threads.spawn(note);
        while engine.stats().queued < 2 {
            yield_now();
        }
        gate.set(Next::TakesALast);
        assert!(first.join().unwrap().is_ok());
        assert_eq!(rows.join().unwrap().err(), Some(Failure::Halted));
        assert_eq!(second.join().unwrap().err(), Some(Failure::Halted));
    });
    assert_eq!(engine.state(), EngineState::Replaced);
    assert_eq!(note().err(), Some(Failure::Stopped));
    engine.stop();
    assert_eq!(engine.state(), EngineState::Replaced);
}

#[test]
fn one_that_was_taken_over_has_not_failed() {
    lost_with(StoreError::TakenOver);
}

#[test]
fn one_whose_commit_has_no_known_outcome_gives_the_store_up() {
    lost_with(StoreError::Unresolved("nobody answers".to_owned()));
}
