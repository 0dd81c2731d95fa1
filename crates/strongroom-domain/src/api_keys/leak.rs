//! A key that was found where it should not be.

use strongroom_auth::CredentialStatus;
use strongroom_auth::permission::Operate;
use strongroom_types::id::ApiKeyId;
use strongroom_types::mode::Scope;

use crate::action::Action;
use crate::api_keys::{ApiKey, existing, owners_changed, tenant, valid};
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::record::Record;
use crate::rejection::Rejection;
use crate::roles::holding::counted;
use crate::roles::with_rights;

/// `POST /leaks`: revokes a key whose text somebody sent in. Even the last owner's: whoever finds it can use it, and the
/// operator can make another at the command line.
pub struct RevokeLeaked {
    pub id: ApiKeyId,
}

impl Command for RevokeLeaked {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::ApiKeyLeaked
    }

    fn keys(&self, facts: &Facts, scope: Scope) -> Keys {
        let keys = Keys::default().record(scope.organization.any());
        with_rights(keys, facts, self.id.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let key = existing(facts, self.id)?;
        let tenant = tenant(facts, moment.scope)?;
        valid(key, moment.now)?;

        // From here it must succeed.
        let revoked = ApiKey {
            status: CredentialStatus::Revoked,
            ..key.clone()
        };
        let about = Some(self.id.any());
        let events = [EventType::ApiKeyLeaked, EventType::ApiKeyRevoked];
        let events = events.map(|event| EventFact { event, about });
        let decision = Decision::new(
            facts,
            Action::ApiKeyLeaked,
            self.id.any(),
            Movement::none(),
            events.to_vec(),
        )
        .reply(Reply::Empty)
        .change(self.id.any(), Record::ApiKey(revoked));
        let decision = counted(decision, facts, key.role_id, None);
        let change = -i32::from(key.is_lasting_owner());
        Ok(owners_changed(decision, tenant, change))
    }
}
