//! Looking who writes: the lease and what its holder told of itself, for a node that follows and may take over.

use std::time::Duration;

use super::fault::Trouble;
use super::options::PostgresOptions;
use super::session::{Session, Step};
use super::{connect, schema};
use crate::StoreError;

/// How long an answer is waited for.
const ANSWER: Duration = Duration::from_secs(3);

const LOOK: &str = "SELECT s.epoch, s.version,
    s.until <= CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint), h.epoch, h.notice
    FROM strongroom.store s LEFT JOIN strongroom.holder h ON h.one = s.one WHERE s.one = 1";

/// The same before there were notices.
const FORMERLY: &str = "SELECT epoch, version,
    until <= CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)
    FROM strongroom.store WHERE one = 1";

const PUBLISH: &str = "INSERT INTO strongroom.holder (one, epoch, notice) VALUES (1, $1, $2)
    ON CONFLICT (one) DO UPDATE SET epoch = excluded.epoch, notice = excluded.notice
    WHERE strongroom.holder.epoch <= excluded.epoch";

/// The schema that has notices.
const NOTICES: u32 = 2;

/// What one look shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    pub epoch: i64,
    /// Nobody has the lease.
    pub is_free: bool,
    /// Whoever has it is of a version that tells nothing of itself.
    pub is_silent: bool,
    /// What it told; as good as whoever can write into the database.
    pub notice: Option<Vec<u8>>,
}

/// A session that looks.
pub struct Watch {
    session: Session,
    version: u32,
}

impl Watch {
    /// Connects for looking.
    ///
    /// # Errors
    /// `NotFound`, `Foreign`, `TooNew`, `Unfinished`, `Refused`, `Unreachable`, `ReadOnly`.
    pub fn connect(options: &PostgresOptions) -> Result<Watch, StoreError> {
        let mut session = connect(options)?;
        session.limit = Some(ANSWER);
        let version = schema::version(&mut session)?.ok_or(StoreError::NotFound)?;
        schema::require_known(&mut session, version)?;
        schema::require_whole(&mut session)?;
        Ok(Watch { session, version })
    }

    /// Looks once.
    ///
    /// # Errors
    /// `TooNew` once a newer program has made the schema its own; `Unreachable` and its like while the server is away,
    /// after which another session is needed.
    pub fn look(&mut self) -> Result<Sighting, StoreError> {
        let tells = self.version >= NOTICES;
        let text = if tells { LOOK } else { FORMERLY };
        let rows = self.session.one(Step::plain(text))?;
        let row = rows
            .first()
            .ok_or_else(|| StoreError::Corrupt("the row of `store` is gone".to_owned()))?;
        let (epoch, version): (i64, i32) = (row.get(0), row.get(1));
        let version = u32::try_from(version).unwrap_or(0);
        if version != self.version {
            schema::require_known(&mut self.session, version)?;
            self.version = version;
        }
        let told: Option<i64> = if tells { row.get(3) } else { None };
        Ok(Sighting {
            epoch,
            is_free: row.get(2),
            is_silent: !tells,
            notice: match told == Some(epoch) {
                true => row.get(4),
                false => None,
            },
        })
    }
}

/// Leaves a notice beside the lease; an older epoch's never replaces a newer one's.
pub(super) fn publish(session: &mut Session, epoch: i64, notice: &[u8]) -> Result<(), Trouble> {
    let step = Step::plain(PUBLISH).with(epoch).with(notice);
    session.one(step).map(drop)
}
