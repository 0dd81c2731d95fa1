//! Whether who asked for something may still ask for it when its turn comes: between the edge and the commit thread lies a
//! queue, and the command before may be the one that takes his right.

use strongroom_auth::CredentialStatus;
use strongroom_domain::record::Record;
use strongroom_domain::users::UserStatus;
use strongroom_types::id::{AnyId, ApiKeyId, Kind};

use crate::commit::Commit;
use crate::queue::{Attended, Pending};

impl Commit {
    /// Whether the key behind a command was revoked, its person deactivated or his session ended since it was queued.
    pub(crate) fn is_revoked(&self, pending: &Pending) -> bool {
        let number = pending.scope.number;
        let Some(credential) = pending.actor.credential else {
            return false;
        };
        let is_out = |attended| self.is_signed_out(number, attended);
        if pending.actor.attended.is_some_and(is_out) {
            return true;
        }
        match self.known(number, credential) {
            Some(Record::ApiKey(key)) => key.status == CredentialStatus::Revoked,
            Some(Record::User(user)) => user.body.status == UserStatus::Deactivated,
            _ if credential.kind != Kind::ApiKey => false,
            _ => {
                let key = ApiKeyId(credential.raw);
                self.shared.credentials.is_revoked(number, key)
            }
        }
    }

    /// What the commands before in this batch changed is in memory here and not announced yet; what batches before changed
    /// is in the directory.
    fn is_signed_out(&self, number: u32, attended: Attended) -> bool {
        let Attended {
            session,
            user,
            line,
        } = attended;
        let changed = match self.known(number, session.any()) {
            Some(Record::Session(session)) => Some(&session.body),
            _ => None,
        };
        if changed.is_some_and(|body| body.status != CredentialStatus::Active) {
            return true;
        }
        let began_at = changed.map(|body| body.began_at);
        let from = match self.known(number, user.any()) {
            Some(Record::User(user)) => user.body.sessions_from,
            _ => 0,
        };
        let directory = &self.shared.directory;
        !directory.goes_on((number, line), session, (began_at, from), self.shared.now())
    }

    fn known(&self, number: u32, id: AnyId) -> Option<&Record> {
        self.cache.get((number, id)).map(|slot| &*slot.record)
    }
}
