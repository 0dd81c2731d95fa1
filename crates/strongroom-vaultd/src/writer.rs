//! The one thread that changes the vault's store: what came while the last sync ran goes out with the next.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use strongroom_channel::message::Place;
use strongroom_crypto::Hierarchy;
use strongroom_store::{Batch, KeyRow, RecordRow, StoreError, Writer};
use strongroom_types::id::Kind;
use tokio::sync::oneshot;

use crate::cards::VaultError;

/// Most changes in one transaction.
const MOST: usize = 1_000;

pub(crate) enum Change {
    Put(RecordRow),
    Remove(Place),
    /// Stores what keys were made, and destroys these.
    Keys(Vec<u32>),
}

type Done = oneshot::Sender<Result<(), VaultError>>;

/// The way to the thread.
pub(crate) struct Writing {
    queue: Mutex<Option<Sender<(Change, Done)>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writing {
    pub fn start(
        mut writer: Box<dyn Writer>,
        hierarchy: Arc<Hierarchy>,
    ) -> Result<Writing, VaultError> {
        // The keys that were made at the start.
        apply(&mut *writer, &hierarchy, &mut Batch::default())?;
        let (queue, changes) = channel();
        let thread = std::thread::Builder::new()
            .name("vault-store".into())
            .spawn(move || run(&mut *writer, &hierarchy, &changes))
            .map_err(|error| StoreError::Io(error.to_string()))?;
        Ok(Writing {
            queue: Mutex::new(Some(queue)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Carries a change out; `Ok` is durable.
    pub async fn apply(&self, change: Change) -> Result<(), VaultError> {
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

fn run(writer: &mut dyn Writer, hierarchy: &Hierarchy, changes: &Receiver<(Change, Done)>) {
    while let Ok(first) = changes.recv() {
        let mut batch = Batch::default();
        let mut waiting = Vec::new();
        for (change, done) in std::iter::once(first).chain(changes.try_iter().take(MOST - 1)) {
            match change {
                Change::Put(row) => batch.records.push(row),
                Change::Keys(destroyed) => batch.removed_keys.extend(destroyed),
                Change::Remove(place) => {
                    let key = (place.scope, Kind::Token.code(), place.token.0.0);
                    batch.removed_records.push(key);
                }
            }
            waiting.push(done);
        }
        let outcome = apply(writer, hierarchy, &mut batch);
        for done in waiting {
            let outcome = outcome.clone().map_err(VaultError::Store);
            // Who asked may have stopped waiting.
            drop(done.send(outcome));
        }
        if let Err(error) = outcome {
            tracing::error!(error = %error, "the vault's store failed");
        }
    }
}

/// A batch, with the keys that something in it was sealed under.
fn apply(
    writer: &mut dyn Writer,
    hierarchy: &Hierarchy,
    batch: &mut Batch,
) -> Result<(), StoreError> {
    let rows = hierarchy.take_new_rows();
    batch.keys = rows.iter().cloned().map(store_key).collect();
    let applied = writer.apply(batch);
    if applied.is_err() {
        hierarchy.put_back_rows(rows);
    }
    applied
}

fn store_key(row: strongroom_crypto::KeyRow) -> KeyRow {
    let strongroom_crypto::KeyRow {
        number,
        scope,
        purpose,
        period,
        subject,
        version,
        parent,
        created,
        wrapped,
    } = row;
    KeyRow {
        number,
        scope,
        purpose,
        period,
        subject,
        version,
        parent,
        created,
        wrapped,
    }
}
