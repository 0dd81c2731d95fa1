//! Whose the writing is: one row with an epoch, checked in every batch's transaction.
//!
//! A store that writes takes the next epoch and keeps its lease alive beside the batches. Another
//! one may take the next epoch only when the lease has run out; from then on no batch of the older
//! epoch can commit, so a process that was paused does no harm when it wakes. Nor does it read: by
//! its own clock its lease ran out no later than by the server's ([`Tenure`]).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::fault::Trouble;
use super::options::PostgresOptions;
use super::session::{Session, Step};
use crate::StoreError;

/// How long a lease holds after it was last renewed.
const LEASE: Duration = Duration::from_secs(6);
/// How often it is renewed, and looked at while somebody waits for it.
const RENEW: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(200);
/// How long a renewal's answer is waited for.
const ANSWER: Duration = Duration::from_secs(3);
/// How often it is tried again while the server is away.
const AGAIN: Duration = Duration::from_millis(250);

const STANDING: &str = "SELECT epoch, until,
    until <= CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)
    FROM strongroom.store WHERE one = 1";

/// Batches are counted from 0 in each epoch.
const TAKE: &str = "UPDATE strongroom.store SET epoch = epoch + 1, batch = 0,
    until = CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint) + 6000
    WHERE one = 1 AND epoch = $1 AND until = $2 RETURNING epoch";

const KEEP: &str = "UPDATE strongroom.store SET
    until = CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint) + 6000
    WHERE one = 1 AND epoch = $1 RETURNING epoch";

const RELEASE: &str = "UPDATE strongroom.store SET until = 0 WHERE one = 1 AND epoch = $1";

/// What is known here of a lease, asked at every read.
pub(super) struct Tenure {
    begun: Instant,
    /// When its newest renewal was asked for, in milliseconds after it began.
    renewed: AtomicU64,
    lost: AtomicBool,
}

impl Tenure {
    fn new(asked: Instant) -> Self {
        Self {
            begun: asked,
            renewed: AtomicU64::new(0),
            lost: AtomicBool::new(false),
        }
    }

    /// The row was ours at some moment after `asked`.
    pub fn renew(&self, asked: Instant) {
        let after = asked.saturating_duration_since(self.begun).as_millis();
        let after = u64::try_from(after).unwrap_or(u64::MAX);
        self.renewed.fetch_max(after, Ordering::SeqCst);
    }

    /// SECURITY: whoever was away for longer than its lease must not answer from what it knew: a
    /// key may have been revoked by its successor.
    pub fn check(&self) -> Result<(), StoreError> {
        if self.lost.load(Ordering::SeqCst) {
            return Err(StoreError::TakenOver);
        }
        let renewed = Duration::from_millis(self.renewed.load(Ordering::SeqCst));
        if self.begun.elapsed().saturating_sub(renewed) < LEASE {
            return Ok(());
        }
        let cause = "the lease ran out and is not renewed yet".to_owned();
        Err(StoreError::Unreachable(cause))
    }
}

/// The right to write, until dropped.
pub(super) struct Lease {
    pub epoch: i64,
    pub tenure: Arc<Tenure>,
    keeper: Mutex<Option<Keeper>>,
}

/// The thread that keeps it alive, and what stops it.
struct Keeper {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Lease {
    /// Takes the next epoch. Waits for the lease of one that is gone to run out.
    ///
    /// # Errors
    /// `Locked` when somebody keeps it alive.
    pub fn take(options: &PostgresOptions, mut session: Session) -> Result<Self, StoreError> {
        let (epoch, asked) = next_epoch(&mut session)?;
        let tenure = Arc::new(Tenure::new(asked));
        let (stop, stopped) = channel();
        let (options, told) = (options.clone(), Arc::clone(&tenure));
        session.limit = Some(ANSWER);
        let thread = std::thread::Builder::new()
            .name("lease".into())
            .spawn(move || keep(&options, session, epoch, &told, &stopped))
            .map_err(|error| StoreError::Io(error.to_string()))?;
        Ok(Self {
            epoch,
            tenure,
            keeper: Mutex::new(Some(Keeper { stop, thread })),
        })
    }

    /// Gives it up before its time: whoever still reads here is told that it is somebody else's.
    pub fn release(&self) {
        self.tenure.lost.store(true, Ordering::SeqCst);
        let keeper = self
            .keeper
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(Keeper { stop, thread }) = keeper {
            drop(stop);
            // A panic in there was told where it happened; the lease runs out by itself.
            drop(thread.join());
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.release();
    }
}

/// The new epoch, and when it was asked for.
fn next_epoch(session: &mut Session) -> Result<(i64, Instant), StoreError> {
    let mut first = None;
    let mut waited = Duration::ZERO;
    loop {
        let rows = session.one(Step::plain(STANDING))?;
        let Some(row) = rows.first() else {
            return Err(StoreError::Corrupt("the row of `store` is gone".to_owned()));
        };
        let (epoch, until, over): (i64, i64, bool) = (row.get(0), row.get(1), row.get(2));
        if over {
            let asked = Instant::now();
            match session.one(Step::plain(TAKE).with(epoch).with(until)) {
                Ok(rows) => {
                    if let Some(row) = rows.first() {
                        return Ok((row.get(0), asked));
                    }
                }
                Err(Trouble::Retry(_)) => {}
                Err(other) => return Err(other.into()),
            }
        }
        // It moved: somebody is alive.
        if *first.get_or_insert((epoch, until)) != (epoch, until) || waited > 2 * LEASE {
            return Err(StoreError::Locked);
        }
        session.wait(LOOK);
        waited += LOOK;
    }
}

fn keep(
    options: &PostgresOptions,
    session: Session,
    epoch: i64,
    tenure: &Tenure,
    stopped: &Receiver<()>,
) {
    let mut session = Some(session);
    let mut pause = RENEW;
    let mut away = false;
    while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
        let asked = Instant::now();
        let kept = renewed(options, &mut session, Step::plain(KEEP).with(epoch));
        match kept {
            // Every batch finds that out for itself.
            Some(false) => {
                tenure.lost.store(true, Ordering::SeqCst);
                return tracing::error!("another server took the store over");
            }
            Some(true) => tenure.renew(asked),
            None if away => {}
            None => tracing::warn!("the lease of the store could not be renewed"),
        }
        away = kept.is_none();
        // An answer that took long says little about now.
        pause = match away || asked.elapsed() > RENEW {
            true => AGAIN,
            false => RENEW,
        };
    }
    renewed(options, &mut session, Step::plain(RELEASE).with(epoch));
}

/// Whether the row was still ours; `None` when the server was not reached.
fn renewed(
    options: &PostgresOptions,
    session: &mut Option<Session>,
    step: Step<'_>,
) -> Option<bool> {
    if session.is_none() {
        *session = Session::connect(options).ok();
        if let Some(session) = session {
            session.limit = Some(ANSWER);
        }
    }
    match session.as_mut()?.one(step) {
        Ok(rows) => Some(!rows.is_empty()),
        Err(Trouble::Retry(_)) => None,
        Err(_) => {
            *session = None;
            None
        }
    }
}
