//! Telling the rest of the engine what a durable batch changed: keys, people, endpoints, organizations.

use std::sync::Arc;

use strongroom_domain::record::Record;
use strongroom_types::id::{AnyId, Kind, RawId};
use strongroom_types::mode::{Mode, Scope};

use crate::commit::Commit;
use crate::draft::Draft;

impl Commit {
    /// Changed records that others keep a copy of.
    pub(crate) fn known_changes(&self, draft: &Draft) -> Vec<((u32, AnyId), Arc<Record>)> {
        draft
            .batch
            .records
            .iter()
            .filter(|row| {
                [
                    Kind::ApiKey,
                    Kind::Organization,
                    Kind::Webhook,
                    Kind::User,
                    Kind::Session,
                    Kind::OauthClient,
                    Kind::OauthToken,
                    Kind::Role,
                    Kind::RateLimits,
                ]
                .iter()
                .any(|kind| kind.code() == row.kind)
            })
            .filter_map(|row| {
                let kind = Kind::from_code(row.kind)?;
                let id = AnyId {
                    kind,
                    raw: RawId(row.id),
                };
                let key = (row.scope, id);
                self.cache
                    .get(key)
                    .map(|slot| (key, Arc::clone(&slot.record)))
            })
            .collect()
    }

    pub(crate) fn announce(&mut self, number: u32, record: &Record) {
        match record {
            Record::ApiKey(key) => {
                if let Some(scope) = self.shared.scope(number) {
                    self.shared.put_key(scope, key);
                }
            }
            Record::User(user) => {
                if let Some(scope) = self.shared.scope(number) {
                    self.shared.directory.put_user(scope, &user.body);
                    self.shared.renew(scope, user.body.key);
                }
            }
            Record::Session(session) => {
                if let Some(scope) = self.shared.scope(number) {
                    self.shared.directory.put_session(scope, &session.body);
                    self.shared.renew(scope, session.body.key);
                }
            }
            Record::OauthClient(client) => {
                if let Some(scope) = self.shared.scope(number) {
                    self.shared.put_client(scope, client);
                }
            }
            Record::OauthToken(token) => {
                if let Some(scope) = self.shared.scope(number) {
                    self.shared.put_token(scope, token);
                }
            }
            Record::Role(role) => {
                if let Some(scope) = self.shared.scope(number) {
                    self.shared.put_role(scope, role);
                }
            }
            Record::Till(till) => {
                if let (Some(scope), Some(key)) = (self.shared.scope(number), till.key) {
                    self.shared.credentials.note_at_till(scope, key);
                }
            }
            Record::RateLimits(limits) => self.shared.rates.put(number, limits),
            Record::Webhook(webhook) => {
                if let Some(scope) = self.shared.scope(number) {
                    self.shared.webhooks.put(scope, webhook);
                }
            }
            Record::Organization(organization) => {
                let mut scopes = self
                    .shared
                    .scopes
                    .write()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                for (number, mode) in [
                    (organization.test_scope, Mode::Test),
                    (organization.live_scope, Mode::Live),
                ] {
                    scopes.insert(Scope {
                        number,
                        organization: organization.id,
                        mode,
                    });
                }
            }
            _ => {}
        }
    }
}
