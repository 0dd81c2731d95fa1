//! Leases: for how long, and how much, a till may sell without a connection.

use minicbor::{Decode, Encode};
use strongroom_auth::permission::ManageTills;
use strongroom_types::id::TillId;
use strongroom_types::mode::Scope;
use strongroom_types::money::Money;
use strongroom_types::time::{DAY, Timestamp};

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::tills::{TillBody, TillView, existing, not_retired};
use crate::view::json;

/// The longest lease, in milliseconds.
pub const MOST_LEASE: i64 = 31 * DAY;

/// Leases that are remembered: what was sold under an older one is not taken any more.
const KEPT: usize = 8;

/// A lease. What was sold under it may come later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Lease {
    #[n(0)]
    pub starts_at: Timestamp,
    #[n(1)]
    pub ends_at: Timestamp,
    /// The most of one transaction, in minor units.
    #[n(2)]
    pub floor_limit: i64,
    /// The most of all of them.
    #[n(3)]
    pub total_limit: i64,
    /// What was sold under it so far.
    #[n(4)]
    pub used: i64,
}

/// `POST /v1/tills/{id}/lease`.
pub struct LeaseTill {
    pub id: TillId,
    pub floor_limit: Money,
    pub total_limit: Money,
    /// Now when absent; may lie in the past.
    pub starts_at: Option<Timestamp>,
    pub ends_at: Timestamp,
}

impl Command for LeaseTill {
    type Permission = ManageTills;

    fn action(&self) -> Action {
        Action::TillLeased
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let old = existing(facts, self.id)?;
        not_retired(old)?;
        let lease = self.lease(old, moment.now)?;

        // From here it must succeed.
        let mut next = old.clone();
        next.leases.push(lease);
        let surplus = next.leases.len().saturating_sub(KEPT);
        next.leases.drain(..surplus);
        let id = self.id.any();
        let events = vec![EventFact::new(EventType::TillLeased, id)];
        let none = Movement::none();
        Ok(Decision::new(facts, Action::TillLeased, id, none, events)
            .reply(Reply::Stored(json(&TillView::new(&next, moment.now))))
            .change(id, Record::Till(next)))
    }
}

impl LeaseTill {
    fn lease(&self, till: &TillBody, now: Timestamp) -> Result<Lease, Rejection> {
        let currencies = [self.floor_limit.currency, self.total_limit.currency];
        if currencies != [till.currency; 2] {
            let text = format!("`{}` sells in {}", till.id, till.currency);
            return Err(Rejection::at(Code::CurrencyMismatch, "/currency", text));
        }
        if self.floor_limit.minor > self.total_limit.minor {
            let text = "one transaction may not be more than all of them";
            return Err(Rejection::at(Code::AmountInvalid, "/floor_limit", text));
        }
        if till.public_key.is_none() {
            let text = "the till has no public key: what it sells offline could not be checked";
            return Err(Rejection::new(Code::InvalidState, text));
        }
        let starts_at = self.starts_at.unwrap_or(now);
        let length = self.ends_at.0.saturating_sub(starts_at.0);
        if !(1..=MOST_LEASE).contains(&length) || self.ends_at <= now {
            let text = "must lie ahead, and at most 31 days after the start";
            return Err(Rejection::at(Code::InvalidField, "/ends_at", text));
        }
        Ok(Lease {
            starts_at,
            ends_at: self.ends_at,
            floor_limit: self.floor_limit.minor,
            total_limit: self.total_limit.minor,
            used: 0,
        })
    }
}

impl TillBody {
    /// The till once it sold `minor` at a time, under the newest lease that covers it.
    ///
    /// # Errors
    /// [`Code::LeaseEnded`] or [`Code::FloorLimitExceeded`].
    pub(crate) fn leased(&self, sold_at: Timestamp, minor: i64) -> Result<TillBody, Rejection> {
        let mut next = self.clone();
        let covers = |lease: &&mut Lease| (lease.starts_at..=lease.ends_at).contains(&sold_at);
        let Some(lease) = next.leases.iter_mut().rev().find(covers) else {
            let text = format!("`{}` had no lease for that time", self.id);
            return Err(Rejection::at(Code::LeaseEnded, "/payload", text));
        };
        let used = lease.used.saturating_add(minor);
        if minor > lease.floor_limit || used > lease.total_limit {
            let text = format!(
                "{minor} minor units, where {} at once and {} more in all are allowed",
                lease.floor_limit,
                lease.total_limit.saturating_sub(lease.used)
            );
            return Err(Rejection::at(Code::FloorLimitExceeded, "/payload", text));
        }
        lease.used = used;
        Ok(next)
    }
}
