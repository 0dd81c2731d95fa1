//! Whether who asked for something may still ask for it when its turn comes: between the edge and the commit thread lies a
//! queue, and the command before may be the one that takes his right.

use strongroom_auth::CredentialStatus;
use strongroom_domain::record::Record;
use strongroom_domain::users::UserStatus;
use strongroom_types::id::{AnyId, ApiKeyId, Kind};

use crate::commit::Commit;
use crate::item::{Attended, Carried, Pending};

impl Commit {
    /// Whether the key behind a command was revoked, its person deactivated, his session ended or its token revoked since it was queued.
    pub(crate) fn is_revoked(&self, pending: &Pending) -> bool {
        let number = pending.scope.number;
        let Some(credential) = pending.actor.credential else {
            return false;
        };
        let is_out = |attended| self.is_signed_out(number, attended);
        if pending.actor.attended.is_some_and(is_out) {
            return true;
        }
        let is_over = |carried: Carried| self.is_token_over(number, carried);
        if pending.actor.token.is_some_and(is_over) {
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

    /// SECURITY: in this batch its client may have been deleted, and its person signed out everywhere: neither changes the token.
    fn is_token_over(&self, number: u32, carried: Carried) -> bool {
        let now = self.shared.now();
        let is_revoked = match self.known(number, carried.token.any()) {
            Some(Record::OauthToken(token)) => token.is_over(now),
            _ => false,
        };
        let is_orphaned = match self.known(number, carried.client.any()) {
            Some(Record::OauthClient(client)) => !client.is_active(),
            _ => false,
        };
        let began_at = self.shared.grants.began_at(number, carried);
        let Some(began_at) = began_at.filter(|_| !is_revoked && !is_orphaned) else {
            return true;
        };
        let person = carried
            .person
            .and_then(|user| self.known(number, user.any()));
        match person {
            Some(Record::User(user)) => {
                let body = &user.body;
                body.status == UserStatus::Deactivated || began_at < body.sessions_from
            }
            _ => false,
        }
    }

    fn known(&self, number: u32, id: AnyId) -> Option<&Record> {
        self.cache.get((number, id)).map(|slot| &*slot.record)
    }
}
