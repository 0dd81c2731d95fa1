//! The thread of a node that looks who decides, and takes the books up when nobody does.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use strongroom_crypto::{RootKeys, random};
use strongroom_engine::{Engine, StartError};
use strongroom_nodes::{NodeKey, Notice};
use strongroom_store::{PostgresOptions, PostgresStore, Sighting, StoreError, Watch};
use tokio::sync::mpsc::UnboundedSender;

use crate::fault::Fault;
use crate::place::Place;
use crate::running::give_up;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// What the thread tells.
pub(super) enum News {
    Seen(Sighting),
    /// The books are ours, and the others are told so.
    Took(Engine, Notice),
    Failed(Fault),
}

/// What the thread is to do.
#[derive(Clone, Default)]
pub(super) struct Wish(Arc<AtomicU8>);

impl Wish {
    /// Looks, and takes the books up when they are free.
    pub const STAND: u8 = 0;
    /// Has them.
    pub const HOLD: u8 = 1;
    /// Looks alone.
    pub const LOOK: u8 = 2;
    pub const END: u8 = 3;

    pub fn set(&self, wish: u8) {
        self.0.store(wish, Ordering::SeqCst);
    }

    fn get(&self) -> u8 {
        self.0.load(Ordering::SeqCst)
    }
}

/// All it needs to take the books up.
pub(super) struct Candidate {
    pub place: Arc<Place>,
    pub options: PostgresOptions,
    pub root: RootKeys,
    pub key: Arc<NodeKey>,
    pub journals: PathBuf,
    pub fingerprint: [u8; 32],
    pub address: SocketAddr,
    pub tell: UnboundedSender<News>,
    pub wish: Wish,
}

impl Candidate {
    /// Runs until it is told to end, or something is wrong that waiting does not mend.
    pub fn run(self, first: Watch) {
        let mut watch = Some(first);
        let mut last = None;
        loop {
            match self.wish.get() {
                Wish::END => return,
                Wish::HOLD => {}
                wish => {
                    if let Err(fault) = self.turn(&mut watch, &mut last, wish == Wish::STAND) {
                        drop(self.tell.send(News::Failed(fault)));
                        return;
                    }
                }
            }
            std::thread::park_timeout(LOOK);
        }
    }

    fn turn(
        &self,
        watch: &mut Option<Watch>,
        last: &mut Option<Sighting>,
        may_take: bool,
    ) -> Result<(), Fault> {
        let Some(seen) = self.look(watch)? else {
            return Ok(());
        };
        if seen.is_free && may_take {
            match self.take() {
                Ok((engine, notice)) => {
                    self.wish.set(Wish::HOLD);
                    *last = None;
                    drop(self.tell.send(News::Took(engine, notice)));
                    return Ok(());
                }
                // Somebody was faster.
                Err(StartError::Store(StoreError::Locked | StoreError::TakenOver)) => {}
                // Where nobody was seen to serve yet it is told at once.
                Err(StartError::Store(error)) if last.is_some() && passes(&error) => {
                    tracing::warn!(%error, "the books could not be taken up yet");
                }
                Err(error) => return Err(self.place.start_fault(&error)),
            }
            return Ok(());
        }
        if last.as_ref() != Some(&seen) {
            drop(self.tell.send(News::Seen(seen.clone())));
            *last = Some(seen);
        }
        Ok(())
    }

    /// Looks; `None` while the database is away.
    fn look(&self, watch: &mut Option<Watch>) -> Result<Option<Sighting>, Fault> {
        let fault = |error: &StoreError| self.place.store_fault(error);
        let outcome = match watch.take() {
            Some(open) => Ok(open),
            None => Watch::connect(&self.options),
        };
        match outcome.and_then(|mut open| open.look().map(|seen| (open, seen))) {
            Ok((open, seen)) => {
                *watch = Some(open);
                Ok(Some(seen))
            }
            Err(error) if passes(&error) => Ok(None),
            Err(error) => Err(fault(&error)),
        }
    }

    fn take(&self) -> Result<(Engine, Notice), StartError> {
        let store = PostgresStore::open(self.options.clone())?;
        let engine = self
            .place
            .try_start(&store, self.root.copy(), &self.journals)?;
        let notice = Notice {
            epoch: store.epoch(),
            instance: random(),
            fingerprint: self.fingerprint,
            address: self.address,
        };
        if let Err(error) = store.publish(&notice.encode(&self.key)) {
            give_up(&engine);
            return Err(error.into());
        }
        Ok((engine, notice))
    }
}

/// Whether a database that says so may be as it was in a moment: it fails over, or is restarted.
fn passes(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Unreachable(_)
            | StoreError::ReadOnly(_)
            | StoreError::Refused(_)
            | StoreError::Io(_)
            | StoreError::Full
    )
}
