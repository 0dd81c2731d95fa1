//! What the server itself puts on record: starts and stops, heads of the logs, summaries of refused traffic.

use strongroom_auth::permission::Operate;
use strongroom_types::id::{AnyId, Kind};
use strongroom_types::mode::Scope;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::facts::{Facts, Keys};
use crate::rejection::Rejection;

/// An entry that moves nothing and changes no record: an act of the server with its particulars.
pub struct Note {
    pub action: Action,
    /// Never personal or highly sensitive.
    pub details: Vec<(String, String)>,
}

impl Command for Note {
    type Permission = Operate;

    fn action(&self) -> Action {
        self.action
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default()
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let about = AnyId {
            kind: Kind::Organization,
            raw: moment.scope.organization.0,
        };
        let mut decision = Decision::new(facts, self.action, about, Movement::none(), Vec::new())
            .reply(Reply::Empty);
        decision.details = self.details.clone();
        Ok(decision)
    }
}
