//! How long the roots are in use. Their time is told and not enforced: only who keeps them can replace them.

use strongroom_domain::action::Action;
use strongroom_store::MAX_SEQ;
use strongroom_types::time::Timestamp;

use crate::engine::Engine;
use crate::envelope::Failure;
use crate::rotation::DAY;
use crate::scopes::installation;

/// Entries read at once.
const PAGE: usize = 500;

/// The time of the roots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RootsAge {
    /// When they were replaced last, or made.
    pub since: Timestamp,
    /// When they should be replaced.
    pub due: Timestamp,
    pub is_due: bool,
}

impl Engine {
    /// Since when the roots are in use, by the installation's log.
    ///
    /// # Errors
    /// [`Failure`] of a read.
    pub async fn roots_age(&self) -> Result<RootsAge, Failure> {
        let now = self.now();
        let found = self.with_view(installation(), |view| {
            let (log, mut to, mut first) = (installation().number, MAX_SEQ, None);
            loop {
                let rows = view.reader.entries(log, 1, to, true, PAGE)?;
                let replaced = Action::RootsReplaced.code();
                let found = rows.iter().find(|row| row.action == replaced);
                first = found.or(rows.last()).map(|row| row.time).or(first);
                match rows.last() {
                    Some(last) if found.is_none() && last.seq > 1 => to = last.seq - 1,
                    _ => return Ok(first),
                }
            }
        });
        let since = found.await?.map_or(now, Timestamp);
        let due = since.plus(i64::from(self.inner.key_policy.root_days) * DAY);
        Ok(RootsAge {
            since,
            due,
            is_due: due <= now,
        })
    }
}
