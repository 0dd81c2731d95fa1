//! The thread of a node that looks who decides, and takes the books up when nobody does.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use strongroom_crypto::{RootKeys, random};
use strongroom_engine::{Engine, StartError};
use strongroom_nodes::{NodeKey, Notice};
use strongroom_store::{PostgresOptions, PostgresStore, Sighting, Store, StoreError, Watch};
use tokio::sync::mpsc::UnboundedSender;

use crate::fault::Fault;
use crate::place::Place;
use crate::running::give_up;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// Looks of a rest: five seconds.
const RESTS: u32 = 50;

/// What the thread tells.
pub(super) enum News {
    Seen(Sighting),
    /// The database is not reached, or not as it must be; until it is seen again.
    Away,
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
    /// Looks alone for a while, so that another one may take the books up; then stands again.
    pub const REST: u8 = 4;

    pub fn set(&self, wish: u8) {
        self.0.store(wish, Ordering::SeqCst);
    }

    /// Stands again, unless something else is wished by now.
    fn stand_after_rest(&self) {
        // Whatever it is now is what is wished.
        let _ =
            self.0
                .compare_exchange(Wish::REST, Wish::STAND, Ordering::SeqCst, Ordering::SeqCst);
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
        let mut known = Known {
            watch: Some(first),
            ..Known::default()
        };
        let mut rests = 0;
        loop {
            match self.wish.get() {
                Wish::END => return,
                Wish::HOLD => {}
                wish => {
                    if let Err(fault) = self.turn(&mut known, wish == Wish::STAND) {
                        drop(self.tell.send(News::Failed(fault)));
                        return;
                    }
                    rests = if wish == Wish::REST { rests + 1 } else { 0 };
                    if rests == RESTS {
                        self.wish.stand_after_rest();
                    }
                }
            }
            std::thread::park_timeout(LOOK);
        }
    }

    fn turn(&self, known: &mut Known, may_take: bool) -> Result<(), Fault> {
        let Some(seen) = self.look(known)? else {
            if !std::mem::replace(&mut known.is_away, true) {
                drop(self.tell.send(News::Away));
            }
            return Ok(());
        };
        if std::mem::take(&mut known.is_away) {
            known.last = None;
        }
        if seen.is_free && may_take {
            match self.take() {
                Ok((engine, notice)) => {
                    self.wish.set(Wish::HOLD);
                    known.is_good = true;
                    known.last = None;
                    drop(self.tell.send(News::Took(engine, notice)));
                    return Ok(());
                }
                // Somebody was faster.
                Err(StartError::Store(StoreError::Locked | StoreError::TakenOver)) => {}
                // Where nobody was seen to serve yet it is told at once.
                Err(StartError::Store(error)) if known.is_good && passes(&error) => {
                    known.wait_out(&error);
                }
                Err(error) => return Err(self.place.start_fault(&error)),
            }
            return Ok(());
        }
        known.is_good |= !seen.is_free;
        if known.last.as_ref() != Some(&seen) {
            drop(self.tell.send(News::Seen(seen.clone())));
            known.last = Some(seen);
        }
        Ok(())
    }

    /// Looks; `None` while the database is away.
    fn look(&self, known: &mut Known) -> Result<Option<Sighting>, Fault> {
        let outcome = match known.watch.take() {
            Some(open) => Ok(open),
            None => Watch::connect(&self.options),
        };
        match outcome.and_then(|mut open| open.look().map(|seen| (open, seen))) {
            Ok((open, seen)) => {
                known.watch = Some(open);
                known.waits_out = None;
                Ok(Some(seen))
            }
            Err(StoreError::Unreachable(_)) => Ok(None),
            Err(error) if passes(&error) || (known.is_good && is_emptied(&error)) => {
                known.wait_out(&error);
                Ok(None)
            }
            Err(error) => Err(self.place.store_fault(&error)),
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

/// What is known of the database.
#[derive(Default)]
struct Known {
    watch: Option<Watch>,
    last: Option<Sighting>,
    /// Somebody decided on it, this node perhaps: what is wrong with it now is waited out.
    is_good: bool,
    is_away: bool,
    /// What is waited out, as it was last told.
    waits_out: Option<StoreError>,
}

impl Known {
    fn wait_out(&mut self, error: &StoreError) {
        if self.waits_out.as_ref() != Some(error) {
            tracing::warn!(%error, "the books cannot be taken up yet");
            self.waits_out = Some(error.clone());
        }
    }
}

/// Whether somebody restores into the database, or has led this node to another one for a moment.
fn is_emptied(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::NotFound
            | StoreError::Unfinished
            | StoreError::Foreign
            | StoreError::Corrupt(_)
    )
}

/// Whether a database that says so may be as it was in a moment: it fails over, or is restarted.
fn passes(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Unreachable(_)
            | StoreError::Unresolved(_)
            | StoreError::ReadOnly(_)
            | StoreError::Refused(_)
            | StoreError::Io(_)
            | StoreError::Full
    )
}

/// Refuses a keyring that is another installation's, before anything is served.
pub(super) fn require_same_root(
    place: &Place,
    options: &PostgresOptions,
    root: &RootKeys,
) -> Result<(), Fault> {
    let rows =
        PostgresStore::open_read_only(options.clone()).and_then(|store| store.reader()?.keys());
    let rows = match rows {
        Ok(rows) => rows,
        // Nothing is there yet, or an older version serves: told when it is taken up.
        Err(StoreError::TooOld { .. } | StoreError::NotFound) => return Ok(()),
        Err(error) => return Err(place.store_fault(&error)),
    };
    if rows.is_empty() {
        return Ok(());
    }
    strongroom_engine::require_root(root.copy(), &rows).map_err(|error| place.start_fault(&error))
}
