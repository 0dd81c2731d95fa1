//! The second engine: the same rows on a PostgreSQL server, or on one that speaks its protocol.
//!
//! `options.rs` says where the server is and how it is spoken to, `session.rs` is one connection,
//! `schema.rs` has tables and migrations, `lease.rs` lets one store write at a time, `watch.rs` looks who does, `write.rs` has
//! the transaction, `load.rs` set-sized reads, `read.rs` and `inspect.rs` the rest, `cells.rs` turns
//! rows into columns and back, `fault.rs` names what went wrong, `hurry.rs` ends all waiting.
//! Only constants become SQL here; values are always bound.

mod cells;
mod fault;
mod hurry;
mod inspect;
mod lease;
mod load;
mod options;
mod read;
mod reseal;
mod schema;
mod session;
mod watch;
mod write;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use self::lease::Lease;
use self::read::PostgresReader;
use self::session::{Session, Step};
use self::write::PostgresWriter;
use crate::copy::continues;
use crate::{Reader, Release, Standing, Store, StoreError, Writer};

pub use self::options::{PostgresOptions, PostgresSecrets};
pub use self::schema::POSTGRES_COLUMNS;
pub use self::watch::{Sighting, Watch};

/// A store in a database: one that it alone writes, or one moment of it that is only read.
pub struct PostgresStore {
    inner: Arc<Inner>,
    writer_taken: AtomicBool,
}

/// What every session keeps alive.
struct Inner {
    options: PostgresOptions,
    hold: Hold,
    /// Differs between processes, so that those in each other's way do not stay in step.
    spread: u32,
}

/// What a store may do.
enum Hold {
    Writing(Lease),
    /// One session for all readers, so that they see one moment, whoever writes beside them.
    Frozen(Box<Mutex<Session>>),
}

impl Inner {
    fn epoch(&self) -> i64 {
        match &self.hold {
            Hold::Writing(lease) => lease.epoch,
            Hold::Frozen(_) => 0,
        }
    }

    /// A batch that was asked for then has renewed the lease.
    fn renew(&self, asked: Instant) {
        if let Hold::Writing(lease) = &self.hold {
            lease.tenure.renew(asked);
        }
    }

    /// Whether what is read may be given to anybody now.
    fn check(&self) -> Result<(), StoreError> {
        match &self.hold {
            Hold::Writing(lease) => lease.tenure.check(),
            Hold::Frozen(_) => Ok(()),
        }
    }
}

impl PostgresStore {
    /// Makes a new store in a database without one.
    ///
    /// # Errors
    /// `AlreadyThere`, `Locked`, `Foreign`, `Refused`, `Unreachable`, `ReadOnly`.
    pub fn create(options: PostgresOptions) -> Result<Self, StoreError> {
        let mut session = connect(&options)?;
        let found = schema::version(&mut session)?;
        schema::migrate(&mut session, found)?;
        schema::require_whole(&mut session)?;
        // A first start that did not get to its first commit has left nothing behind.
        let text = "SELECT 1 FROM strongroom.log UNION ALL
            SELECT 1 FROM strongroom.wrapped_key LIMIT 1";
        if !session.one(Step::plain(text))?.is_empty() {
            return Err(StoreError::AlreadyThere);
        }
        Self::start(options, session)
    }

    /// Opens the store for this process alone and migrates it to the newest schema.
    ///
    /// # Errors
    /// `NotFound`, `Locked`, `Foreign`, `TooNew`, `Refused`, `Unreachable`, `ReadOnly`.
    pub fn open(options: PostgresOptions) -> Result<Self, StoreError> {
        let options = options.unhurried();
        let mut session = connect(&options)?;
        let found = schema::version(&mut session)?.ok_or(StoreError::NotFound)?;
        schema::require_known(&mut session, found)?;
        schema::require_whole(&mut session)?;
        let store = Self::start(options, session)?;
        let mut session = connect(&store.inner.options)?;
        // Only once nobody else writes: a copy may have been begun and left, an older program been at work until now.
        schema::require_whole(&mut session)?;
        schema::migrate(&mut session, Some(found))?;
        Ok(store)
    }

    /// Opens one moment of a store for reading alone: beside whoever writes it, and on a copy that follows the server.
    ///
    /// # Errors
    /// `NotFound`, `Foreign`, `TooNew`, `TooOld`, `Refused`, `Unreachable`.
    pub fn open_read_only(options: PostgresOptions) -> Result<Self, StoreError> {
        let mut session = Session::connect_to_any(&options)?;
        schema::require_version(session.version)?;
        let found = schema::version(&mut session)?.ok_or(StoreError::NotFound)?;
        schema::require_known(&mut session, found)?;
        let known = schema::newest();
        if found < known {
            return Err(StoreError::TooOld { found, known });
        }
        schema::require_whole(&mut session)?;
        session.freeze()?;
        Ok(Self::of(
            options,
            Hold::Frozen(Box::new(Mutex::new(session))),
            0,
        ))
    }

    /// Empties a database for a copy of `from`, which it then is not opened before [`PostgresStore::finish`]. What it may
    /// hold is what an earlier copy of the same left: anything of its own is kept, and refused.
    ///
    /// # Errors
    /// As [`PostgresStore::create`].
    pub fn receive(options: PostgresOptions, from: &dyn Store) -> Result<Self, StoreError> {
        Self::emptied(options, |store| continues(from, store))
    }

    /// The same for rows that are in no store. The database holds nothing, or what such a copy left that did not come
    /// to its end.
    ///
    /// # Errors
    /// As [`PostgresStore::create`].
    pub fn receive_anew(options: PostgresOptions) -> Result<Self, StoreError> {
        Self::emptied(options, |store| {
            let mut reader = store.reader()?;
            Ok(reader.heads()?.is_empty() && reader.keys()?.is_empty())
        })
    }

    fn emptied(
        options: PostgresOptions,
        may_go: impl FnOnce(&Self) -> Result<bool, StoreError>,
    ) -> Result<Self, StoreError> {
        let mut session = connect(&options)?;
        let found = schema::version(&mut session)?;
        schema::migrate(&mut session, found)?;
        let unfinished = schema::require_whole(&mut session).is_err();
        let store = Self::start(options, session)?;
        if !unfinished && !may_go(&store)? {
            return Err(StoreError::AlreadyThere);
        }
        let mut session = connect(&store.inner.options)?;
        schema::empty(&mut session, store.inner.epoch())?;
        Ok(store)
    }

    /// Lets a received copy be opened from now on.
    ///
    /// # Errors
    /// `TakenOver`, `Unreachable`.
    pub fn finish(&self) -> Result<(), StoreError> {
        let mut session = connect(&self.inner.options)?;
        Ok(schema::finish(&mut session, self.inner.epoch())?)
    }

    /// Number of the time that this store writes; it grows with each store that takes the writing over.
    pub fn epoch(&self) -> i64 {
        self.inner.epoch()
    }

    /// Tells the other nodes where this one is found.
    ///
    /// # Errors
    /// `Unreachable`, `Refused`.
    pub fn publish(&self, notice: &[u8]) -> Result<(), StoreError> {
        let mut session = connect(&self.inner.options)?;
        session.limit = Some(write::ANSWER);
        Ok(watch::publish(&mut session, self.inner.epoch(), notice)?)
    }

    fn start(options: PostgresOptions, session: Session) -> Result<Self, StoreError> {
        let spread = session.backend.unsigned_abs();
        let lease = Lease::take(&options, session)?;
        Ok(Self::of(options, Hold::Writing(lease), spread))
    }

    fn of(options: PostgresOptions, hold: Hold, spread: u32) -> Self {
        Self {
            inner: Arc::new(Inner {
                options,
                hold,
                spread,
            }),
            writer_taken: AtomicBool::new(false),
        }
    }
}

impl Store for PostgresStore {
    fn writer(&self) -> Result<Box<dyn Writer>, StoreError> {
        if matches!(self.inner.hold, Hold::Frozen(_)) {
            return Err(StoreError::ReadOnly("it was opened for reading".to_owned()));
        }
        if self.writer_taken.swap(true, Ordering::SeqCst) {
            return Err(StoreError::WriterTaken);
        }
        Ok(Box::new(PostgresWriter::new(Arc::clone(&self.inner))))
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        Ok(Box::new(PostgresReader::new(Arc::clone(&self.inner))?))
    }

    fn standing(&self) -> Standing {
        match &self.inner.hold {
            Hold::Writing(lease) => {
                let tenure = Arc::clone(&lease.tenure);
                Arc::new(move || tenure.check())
            }
            Hold::Frozen(_) => Arc::new(|| Ok(())),
        }
    }

    fn hurry(&self) -> Release {
        let hurry = self.inner.options.hurry();
        Arc::new(move || hurry.begin())
    }

    fn release(&self) -> Release {
        let inner = Arc::clone(&self.inner);
        Arc::new(move || {
            if let Hold::Writing(lease) = &inner.hold {
                lease.release();
            }
        })
    }
}

fn connect(options: &PostgresOptions) -> Result<Session, StoreError> {
    let session = Session::connect(options)?;
    schema::require_version(session.version)?;
    Ok(session)
}

/// Waits without a session.
fn rest(time: Duration) {
    let (_kept, never) = channel::<()>();
    // Nobody sends, so it is the time that ends it.
    let _ = never.recv_timeout(time);
}
