//! When keys were last used.

use strongroom_auth::permission::Operate;
use strongroom_types::id::{AnyId, ApiKeyId, RawId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::api_keys::ApiKey;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::facts::{Facts, Keys};
use crate::record::Record;
use crate::rejection::Rejection;

/// Writes down when keys were last used; issued by the server once a minute at most.
pub struct TouchApiKeys {
    pub used: Vec<(ApiKeyId, Timestamp)>,
}

impl Command for TouchApiKeys {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::ApiKeysUsed
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        self.used
            .iter()
            .fold(Keys::default(), |keys, (id, _)| keys.record(id.any()))
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let about = AnyId {
            kind: strongroom_types::id::Kind::Organization,
            raw: organization(moment),
        };
        let mut decision = Decision::new(
            facts,
            Action::ApiKeysUsed,
            about,
            Movement::none(),
            Vec::new(),
        )
        .reply(Reply::Empty);
        for (id, time) in &self.used {
            if let Some(key) = facts.api_key(id.any()) {
                let used = ApiKey {
                    last_used_at: key.last_used_at.max(Some(*time)),
                    ..key.clone()
                };
                decision = decision.change(id.any(), Record::ApiKey(used));
            }
        }
        Ok(decision)
    }
}

fn organization(moment: &Moment) -> RawId {
    moment.scope.organization.0
}
