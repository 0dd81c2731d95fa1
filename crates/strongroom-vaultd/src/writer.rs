//! The one thread that changes the vault's store: what came while the last sync ran goes out with the next.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use strongroom_channel::message::Place;
use strongroom_crypto::Hierarchy;
use strongroom_store::{
    Batch, JobRow, Reader, RecordRow, ResealedRecord, StoreError, Wanted, Writer,
};
use strongroom_types::id::Kind;
use strongroom_types::time::Timestamp;
use tokio::sync::oneshot;

use crate::cards::VaultError;
use crate::replace::{Spot, resealed};

/// Most changes in one transaction.
const MOST: usize = 1_000;

pub(crate) enum Change {
    Put(RecordRow),
    Remove(Place),
    /// Stores what keys were made, and destroys these.
    Keys(Vec<u32>),
    /// Counts of uses, and those of keys that are gone.
    Uses(Vec<JobRow>, Vec<Spot>),
    /// Seals these rows again, as far as they are under superseded keys then.
    Reseal(Vec<Spot>),
    /// A new key above others, of the vault or of some books: they are wrapped again.
    Wrap(Option<u32>, Timestamp),
}

/// Says how many rows it was about, where that is asked.
type Done = oneshot::Sender<Result<usize, VaultError>>;

/// The way to the thread.
pub(crate) struct Writing {
    queue: Mutex<Option<Sender<(Change, Done)>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writing {
    pub fn start(
        writer: Box<dyn Writer>,
        reader: Box<dyn Reader>,
        hierarchy: Arc<Hierarchy>,
    ) -> Result<Writing, VaultError> {
        let mut hands = Hands {
            writer,
            reader,
            hierarchy,
        };
        // The keys that were made at the start.
        hands.apply(Batch::default())?;
        let (queue, changes) = channel();
        let thread = std::thread::Builder::new()
            .name("vault-store".into())
            .spawn(move || hands.run(&changes))
            .map_err(|error| StoreError::Io(error.to_string()))?;
        Ok(Writing {
            queue: Mutex::new(Some(queue)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Carries a change out; `Ok` is durable.
    pub async fn apply(&self, change: Change) -> Result<(), VaultError> {
        self.counted(change).await.map(drop)
    }

    /// Replaces a wrapping key; says how many keys were wrapped again.
    pub async fn wrap(&self, scope: Option<u32>, now: Timestamp) -> Result<usize, VaultError> {
        self.counted(Change::Wrap(scope, now)).await
    }

    async fn counted(&self, change: Change) -> Result<usize, VaultError> {
        let (done, outcome) = oneshot::channel();
        match self.send(change, done) {
            true => outcome.await.unwrap_or(Err(VaultError::Stopped)),
            false => Err(VaultError::Stopped),
        }
    }

    fn send(&self, change: Change, done: Done) -> bool {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue
            .as_ref()
            .is_some_and(|queue| queue.send((change, done)).is_ok())
    }

    /// Ends the thread, after what it was given.
    pub fn stop(&self) {
        drop(
            self.queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // A panic in there was told where it happened.
            drop(thread.join());
        }
    }
}

/// What the thread owns.
struct Hands {
    writer: Box<dyn Writer>,
    reader: Box<dyn Reader>,
    hierarchy: Arc<Hierarchy>,
}

impl Hands {
    fn run(mut self, changes: &Receiver<(Change, Done)>) {
        while let Ok(first) = changes.recv() {
            let mut batch = Batch::default();
            let (mut waiting, mut apart) = (Vec::new(), Vec::new());
            for (change, done) in std::iter::once(first).chain(changes.try_iter().take(MOST - 1)) {
                match change {
                    Change::Put(row) => batch.records.push(row),
                    Change::Keys(destroyed) => batch.removed_keys.extend(destroyed),
                    Change::Remove(place) => {
                        let key = (place.scope, Kind::Token.code(), place.token.0.0);
                        batch.removed_records.push(key);
                    }
                    Change::Uses(rows, gone) => {
                        batch.jobs.extend(rows);
                        batch.removed_jobs.extend(gone);
                    }
                    // What they are about is what the batch leaves.
                    change @ (Change::Reseal(_) | Change::Wrap(..)) => {
                        apart.push((change, done));
                        continue;
                    }
                }
                waiting.push(done);
            }
            if !waiting.is_empty() {
                let outcome = told(self.apply(batch).map(|()| 0));
                // Who asked may have stopped waiting.
                waiting
                    .into_iter()
                    .for_each(|done| drop(done.send(outcome.clone().map_err(VaultError::Store))));
            }
            for (change, done) in apart {
                let outcome = match change {
                    Change::Reseal(spots) => self.reseal(spots),
                    Change::Wrap(scope, now) => self.wrap(scope, now),
                    _ => Ok(0),
                };
                drop(done.send(told(outcome).map_err(VaultError::Store)));
            }
        }
    }

    /// A batch, with the keys that something in it was sealed under.
    fn apply(&mut self, mut batch: Batch) -> Result<(), StoreError> {
        self.reseal_late(&mut batch);
        let rows = self.hierarchy.take_new_rows();
        batch.keys.clone_from(&rows);
        let applied = self.writer.apply(&batch);
        if applied.is_err() {
            self.hierarchy.put_back_rows(rows);
        }
        applied
    }

    /// Rows that were sealed just before their key was superseded. With this nothing is ever written under an old version,
    /// so what a scan found empty stays empty.
    fn reseal_late(&self, batch: &mut Batch) {
        if !self.hierarchy.has_superseded() {
            return;
        }
        for row in &mut batch.records {
            match resealed(&self.hierarchy, row) {
                Ok(Some(body)) => row.body = body,
                Ok(None) => {}
                Err(error) => tracing::error!(error = %error, "a row could not be sealed again"),
            }
        }
    }

    fn reseal(&mut self, spots: Vec<Spot>) -> Result<usize, StoreError> {
        let wanted = Wanted {
            records: spots,
            ..Wanted::default()
        };
        let mut batch = Batch::default();
        for row in self.writer.load(&wanted)?.records {
            match resealed(&self.hierarchy, &row) {
                Ok(Some(body)) => batch.resealed.records.push(ResealedRecord {
                    scope: row.scope,
                    kind: row.kind,
                    id: row.id,
                    version: row.version,
                    body,
                }),
                Ok(None) => {}
                // It stays, and its key with it.
                Err(error) => tracing::error!(error = %error, "a row could not be sealed again"),
            }
        }
        let rows = batch.resealed.len();
        self.apply(batch)?;
        Ok(rows)
    }

    fn wrap(&mut self, scope: Option<u32>, now: Timestamp) -> Result<usize, StoreError> {
        let stored = self.reader.keys()?;
        let Some(planned) = self.hierarchy.plan_wrapping(scope, &stored, now.0) else {
            return Ok(0);
        };
        let is_stored = |number: &u32| stored.iter().any(|row| row.number == *number);
        let again = planned.rows.iter().map(|row| row.number);
        let again: Vec<u32> = again.filter(is_stored).collect();
        let count = again.len();
        let batch = Batch {
            removed_keys: again.into_iter().chain(planned.retired).collect(),
            keys: planned.rows.clone(),
            ..Batch::default()
        };
        match self.writer.apply(&batch) {
            Ok(()) => {
                self.hierarchy.install(planned);
                Ok(count)
            }
            Err(error) => {
                self.hierarchy.put_back_rows(planned.waiting);
                Err(error)
            }
        }
    }
}

fn told(outcome: Result<usize, StoreError>) -> Result<usize, StoreError> {
    if let Err(error) = &outcome {
        tracing::error!(error = %error, "the vault's store failed");
    }
    outcome
}
