//! People in memory: found by the keyed hash of their address or of their invitation, and the sessions they act by.
//!
//! Holds no name, no address and no password: those are read from the books when somebody signs in.

use std::collections::HashMap;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, PoisonError};

use strongroom_auth::{CredentialStatus, Presence};
use strongroom_domain::api_keys::ApiKey;
use strongroom_domain::roles::RoleBody;
use strongroom_domain::sessions::SessionBody;
use strongroom_domain::users::{UserBody, UserStatus};
use strongroom_types::id::{ApiKeyId, RoleId, SessionId, UserId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::credentials::Attendance;
use crate::shared::Shared;

/// A person, in some organization's books.
pub(crate) type Account = (Scope, UserId);

/// Every person of the installation. Rebuilt at start, changed by each commit that touches one.
#[derive(Default)]
pub(crate) struct Directory(Mutex<People>);

#[derive(Default)]
struct People {
    by_login: HashMap<[u8; 16], Vec<Account>>,
    by_invitation: HashMap<[u8; 32], Account>,
    by_reset: HashMap<[u8; 32], Account>,
    /// By the number of their line of the keys.
    by_line: HashMap<(u32, ApiKeyId), Person>,
}

/// A person and his sessions that are not known to be over.
#[derive(Default)]
struct Person {
    line: Option<ApiKey>,
    active: bool,
    sessions_from: u64,
    invitation: Option<[u8; 32]>,
    reset: Option<[u8; 32]>,
    sessions: HashMap<SessionId, Attending>,
}

struct Attending {
    scope: Scope,
    body: SessionBody,
    last_used: Arc<AtomicI64>,
    /// What is on disk of it.
    written: Timestamp,
}

impl Attending {
    fn last_used(&self) -> Timestamp {
        Timestamp(self.last_used.load(std::sync::atomic::Ordering::Relaxed))
    }

    fn is_over(&self, person: &Person, now: Timestamp) -> bool {
        let SessionBody {
            status,
            began_at,
            idle,
            ends_at,
            ..
        } = self.body;
        !person.active
            || status != CredentialStatus::Active
            || began_at < person.sessions_from
            || ends_at <= now
            || now.0.saturating_sub(self.last_used().0) >= idle
    }
}

impl Directory {
    fn with<T>(&self, work: impl FnOnce(&mut People) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn put_line(&self, scope: Scope, line: ApiKey) {
        let id = line.id;
        self.with(|people| people.person(scope, id).line = Some(line));
    }

    pub fn put_user(&self, scope: Scope, user: &UserBody) {
        let account = (scope, user.id);
        let is_gone = user.status == UserStatus::Deactivated;
        self.with(|people| {
            let accounts = people.by_login.entry(user.login).or_default();
            accounts.retain(|known| *known != account);
            if !is_gone {
                accounts.push(account);
            }
            if accounts.is_empty() {
                people.by_login.remove(&user.login);
            }
            let invitation = user.invitation.as_ref().map(|invitation| invitation.hash);
            let person = people.person(scope, user.key);
            person.active = user.status == UserStatus::Active;
            person.sessions_from = user.sessions_from;
            let reset = user.reset.as_ref().map(|reset| reset.hash);
            let before = std::mem::replace(&mut person.invitation, invitation);
            let reset_before = std::mem::replace(&mut person.reset, reset);
            known_by(&mut people.by_invitation, before, invitation, account);
            known_by(&mut people.by_reset, reset_before, reset, account);
        });
    }

    pub fn put_session(&self, scope: Scope, session: &SessionBody) {
        self.with(|people| {
            let person = people.person(scope, session.key);
            let known = person.sessions.remove(&session.id);
            let last_used = known.map_or_else(
                || Arc::new(AtomicI64::new(session.last_used_at.0)),
                |known| known.last_used,
            );
            let attending = Attending {
                scope,
                body: session.clone(),
                last_used,
                written: session.last_used_at,
            };
            person.sessions.insert(session.id, attending);
        });
    }

    /// Does something with the line of a person who is there, and the entry of the log that what he lets others do is counted from.
    /// SECURITY: until it is done neither changes, and no role does ([`Shared::put_role`]): what is made by rights as they were read would
    /// outlive them.
    pub fn with_rights<T>(
        &self,
        scope: Scope,
        line: ApiKeyId,
        work: impl FnOnce(Option<(ApiKey, u64)>) -> T,
    ) -> T {
        self.with(|people| {
            let person = people.by_line.get(&(scope.number, line));
            let rights = person.and_then(|person| {
                let rights = person.line.clone().filter(|_| person.active)?;
                Some((rights, person.sessions_from))
            });
            work(rights)
        })
    }

    /// Who has this address, in whatever organization and mode.
    pub fn accounts(&self, login: &[u8; 16]) -> Vec<Account> {
        self.with(|people| people.by_login.get(login).cloned().unwrap_or_default())
    }

    pub fn invited(&self, hash: &[u8; 32]) -> Option<Account> {
        self.with(|people| people.by_invitation.get(hash).copied())
    }

    /// Who may choose another password by this text.
    pub fn resetting(&self, hash: &[u8; 32]) -> Option<Account> {
        self.with(|people| people.by_reset.get(hash).copied())
    }

    /// People of some books who hold a role and are not deactivated.
    pub fn holders(&self, scope: &Scope, role: RoleId) -> Vec<UserId> {
        let holds = |(number, person): (u32, &Person)| {
            let line = person.line.as_ref()?;
            let is_there = person.active || person.invitation.is_some();
            let holds = line.role_id == Some(role) && number == scope.number;
            line.user.filter(|_| is_there && holds)
        };
        self.with(|people| {
            let all = people.by_line.iter();
            all.filter_map(|((number, _), person)| holds((*number, person)))
                .collect()
        })
    }

    /// A person's sessions that go on.
    pub fn sessions(&self, scope: Scope, line: ApiKeyId, now: Timestamp) -> Vec<SessionId> {
        self.with(|people| {
            let person = people.person(scope, line);
            let on = person
                .sessions
                .iter()
                .filter(|(_, s)| !s.is_over(person, now));
            let mut ids: Vec<SessionId> = on.map(|(id, _)| *id).collect();
            ids.sort_unstable_by(|a, b| b.cmp(a));
            ids
        })
    }

    /// Whether a session goes on. What is known of it besides: when it began, and from when on the person's sessions count.
    pub fn goes_on(
        &self,
        (number, line): (u32, ApiKeyId),
        session: SessionId,
        (began_at, from): (Option<u64>, u64),
        now: Timestamp,
    ) -> bool {
        self.with(|people| {
            let person = people.by_line.get(&(number, line));
            let attending =
                person.and_then(|person| Some((person, person.sessions.get(&session)?)));
            attending.is_some_and(|(person, session)| {
                let began_at = began_at.unwrap_or(session.body.began_at);
                began_at >= from && !session.is_over(person, now)
            })
        })
    }

    /// Sessions whose last use is not on disk yet, by scope.
    pub fn take_used(&self, now: Timestamp) -> Vec<(Scope, Vec<(SessionId, Timestamp)>)> {
        let mut scopes: HashMap<u32, (Scope, Vec<(SessionId, Timestamp)>)> = HashMap::new();
        self.with(|people| {
            for person in people.by_line.values_mut() {
                let Person {
                    sessions,
                    active,
                    sessions_from,
                    ..
                } = person;
                for (id, session) in sessions {
                    let used = session.last_used();
                    let is_on = *active
                        && session.body.began_at >= *sessions_from
                        && now < session.body.ends_at;
                    if is_on && used > session.written {
                        session.written = used;
                        let entry = scopes.entry(session.scope.number);
                        let list = entry.or_insert_with(|| (session.scope, Vec::new()));
                        list.1.push((*id, used));
                    }
                }
            }
        });
        scopes.into_values().collect()
    }
}

/// Somebody who was found by one hash, and is by another.
fn known_by(
    all: &mut HashMap<[u8; 32], Account>,
    before: Option<[u8; 32]>,
    after: Option<[u8; 32]>,
    account: Account,
) {
    if let Some(hash) = before {
        all.remove(&hash);
    }
    all.extend(after.map(|hash| (hash, account)));
}

impl People {
    fn person(&mut self, scope: Scope, line: ApiKeyId) -> &mut Person {
        self.by_line.entry((scope.number, line)).or_default()
    }
}

impl Shared {
    /// A key, or the rights of a person.
    pub fn put_key(&self, scope: Scope, key: &ApiKey) {
        if key.till.is_some() {
            self.credentials.note_at_till(scope, key.id);
        }
        match (key.user, key.client) {
            (Some(_), _) => {
                self.directory.put_line(scope, key.clone());
                self.renew(scope, key.id);
            }
            (None, Some(_)) => {
                self.credentials.put(scope, key);
                self.grants.put_line(scope, key.clone());
                self.renew_tokens(scope, key.id);
            }
            (None, None) => self.credentials.put(scope, key),
        }
    }

    /// A role, and with it everybody who holds it. Beside the making of sessions' credentials, so that none is made by what
    /// the role was.
    pub fn put_role(&self, scope: Scope, role: &RoleBody) {
        self.directory
            .with(|_| self.credentials.put_role(scope, role));
    }

    /// Makes the credentials of a person's sessions anew, by what is known of him now; those that are over are forgotten.
    pub fn renew(&self, scope: Scope, line: ApiKeyId) {
        let now = self.now();
        self.directory.with(|people| {
            let person = people.person(scope, line);
            let sessions = std::mem::take(&mut person.sessions);
            let Some(rights) = &person.line else {
                person.sessions = sessions;
                return;
            };
            let mut on = HashMap::new();
            for (id, session) in sessions {
                if session.is_over(person, now) {
                    self.credentials.remove(&session.body.hash);
                    continue;
                }
                let attendance = self.attendance(&session);
                self.credentials
                    .put_session(scope, session.body.hash, rights, attendance);
                on.insert(id, session);
            }
            person.sessions = on;
        });
        self.renew_tokens(scope, line);
    }

    /// The same for everybody: at the start, and once a minute, so that memory holds no more than what goes on.
    pub fn renew_all(&self) {
        let lines = self.directory.with(|people| {
            let lines = people.by_line.iter();
            let with_sessions = lines.filter(|(_, person)| !person.sessions.is_empty());
            let keys: Vec<(u32, ApiKeyId)> = with_sessions.map(|(key, _)| *key).collect();
            keys
        });
        for (number, line) in lines {
            if let Some(scope) = self.scope(number) {
                self.renew(scope, line);
            }
        }
        self.renew_all_tokens();
    }

    fn attendance(&self, session: &Attending) -> Attendance {
        let SessionBody {
            id,
            user,
            hash,
            authenticated_at,
            second_factor_at,
            idle,
            ends_at,
            ..
        } = session.body;
        Attendance {
            presence: Presence {
                user,
                session: id,
                idle,
                authenticated_at,
                second_factor_at,
                csrf: self.csrf(&hash),
                last_used: Arc::clone(&session.last_used),
            },
            ends_at,
        }
    }

    /// What a page must send beside the cookie of a session: it follows from the session, and the session not from it.
    pub fn csrf(&self, hash: &[u8; 32]) -> String {
        let tag = self.credential_key.mac().short_fields(&[b"csrf", hash]);
        tag.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
