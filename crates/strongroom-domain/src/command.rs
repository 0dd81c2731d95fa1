//! The shape of every command.

use strongroom_auth::Permission;
use strongroom_types::id::{IdSource, RawId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::approvals::{Act, Parked};
use crate::decision::Decision;
use crate::facts::{Facts, Keys};
use crate::payments::LiveCards;
use crate::rejection::Rejection;

/// Something that changes the books. Its fields are checked values; shape faults are found before one exists.
pub trait Command: Send + Sync + 'static {
    /// What the caller must hold.
    type Permission: Permission;

    /// The act it would be, also when it is refused.
    fn action(&self) -> Action;

    /// The command as it waits for approvals where a policy asks for them, and nothing for what never waits.
    fn parked(&self, _facts: &Facts, _scope: Scope) -> Option<Parked> {
        None
    }

    /// Whether a policy could hold it up.
    fn act(&self) -> Option<Act> {
        None
    }

    /// What it needs to know, given what it knows. Asked again until nothing new is wanted, at most three times.
    fn keys(&self, facts: &Facts, scope: Scope) -> Keys;

    /// Decides. Order: identity, relations, limits; then "from here it must succeed"; then effects.
    ///
    /// # Errors
    /// The first [`Rejection`] in that order, always the same one for the same facts.
    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection>;
}

/// What the engine hands to a decision besides the facts.
#[derive(Clone, Debug)]
pub struct Moment {
    pub now: Timestamp,
    pub scope: Scope,
    /// The sequence the entry will have.
    pub sequence: u64,
    /// Fresh ids; those of one entry are consecutive.
    pub ids: IdSource,
    /// What live payments an acquirer takes.
    pub live_cards: LiveCards,
}

impl Moment {
    pub fn fresh(&mut self) -> RawId {
        self.ids.take()
    }
}
