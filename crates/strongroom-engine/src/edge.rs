//! What the edge asks of the engine on a request's way: proving keys, hashing, and putting refusals on record.

use std::net::IpAddr;
use std::sync::Arc;

use strongroom_auth::permission::Operate;
use strongroom_auth::{Caller, Credential, KeyType, SystemActor, key_text};
use strongroom_crypto::random;
use strongroom_domain::action::Action;
use strongroom_domain::api_keys::{Minted, RevokeLeaked};
use strongroom_domain::command::Command;
use strongroom_domain::entry::{EntryActor, encode, tag};
use strongroom_domain::rejection::Rejection;
use strongroom_types::id::{AnyId, ApiKeyId, RawId, RequestId, RoleId, UserId, WebhookAttemptId};
use strongroom_types::mode::{Mode, Scope};
use strongroom_types::secret::SecretText;
use strongroom_types::time::Timestamp;
use tokio::sync::{oneshot, watch};

use crate::draft::ClearPart;
use crate::engine::Engine;
use crate::envelope::{Envelope, Failure, Idempotency};
use crate::item::{ActorLine, Attended, Carried, Pending};
use crate::journal::{AttemptLine, RequestLine};

impl Engine {
    /// The credential of an API key's text; `None` when it is unknown, malformed, revoked or expired.
    /// SECURITY: the text is always hashed and looked up, so every failure takes the same time.
    pub fn credential(&self, unverified_key: &str) -> Option<Arc<Credential>> {
        let hash = self.hash_of(unverified_key);
        let now = self.now();
        let credential = self
            .inner
            .shared
            .credentials
            .find(&hash)
            .filter(|c| c.is_usable(now))?;
        if let Some(presence) = &credential.presence {
            presence.used(now);
        }
        self.inner.shared.credentials.note_use(&credential, now);
        Some(credential)
    }

    /// A key of some books by its id, whatever its state.
    pub fn holder(&self, scope: &Scope, id: ApiKeyId) -> Option<Arc<Credential>> {
        self.inner.shared.credentials.holder(scope, id)
    }

    /// The keys of some books that are good and hold a permission, oldest first.
    pub fn holders(&self, scope: &Scope, permission: &str) -> Vec<Arc<Credential>> {
        let now = self.now();
        self.inner
            .shared
            .credentials
            .holders(scope, permission, now)
    }

    /// Who holds a role: keys that are not revoked, oldest first, then people who are not deactivated.
    pub fn role_holders(&self, scope: &Scope, role: RoleId) -> Vec<AnyId> {
        let shared = &self.inner.shared;
        let keys = shared.credentials.keys_of_role(scope, role).into_iter();
        let people = shared.directory.holders(scope, role).into_iter();
        let mut holders: Vec<AnyId> = keys
            .map(ApiKeyId::any)
            .chain(people.map(UserId::any))
            .collect();
        holders.sort_unstable();
        holders
    }

    /// Whether a key may stand at a till: what a till's key may not do need not be asked of any other.
    pub fn may_be_at_till(&self, scope: Scope, key: ApiKeyId) -> bool {
        let credentials = &self.inner.shared.credentials;
        credentials.may_be_at_till(scope, key)
    }

    pub(crate) fn hash_of(&self, key: &str) -> [u8; 32] {
        let mac = self.inner.shared.credential_key.mac();
        mac.tag_fields(&[key.as_bytes()])
    }

    /// Counts changes of keys, so that who found one knows whether to look again.
    pub fn key_changes(&self) -> u64 {
        self.inner.shared.credentials.changes()
    }

    /// A credential that is held for longer than a request, as it is now; `None` when it can no longer be used. `seen`
    /// remembers which changes were looked at.
    pub fn still(&self, held: &Arc<Credential>, seen: &mut u64) -> Option<Arc<Credential>> {
        let credentials = &self.inner.shared.credentials;
        let changes = credentials.changes();
        let current = if changes == *seen {
            Some(Arc::clone(held))
        } else {
            *seen = changes;
            credentials.current(held)
        };
        current.filter(|credential| credential.is_usable(self.now()))
    }

    /// Is told of every commit that grows this scope's log, from now on.
    pub fn arrivals(&self, scope: &Scope) -> watch::Receiver<u64> {
        self.inner.shared.arrivals.subscribe(scope.number)
    }

    /// Makes a new key's texts and their hash.
    pub fn mint(&self, key_type: KeyType, mode: Mode) -> Minted {
        let key_text = loop {
            if let Some(text) = key_text::mint(key_type, mode, &random::<96>()) {
                break text;
            }
        };
        let signing = loop {
            if let Some(text) = key_text::mint(KeyType::Secret, mode, &random::<96>()) {
                break SecretText::new(format!(
                    "sign_{}",
                    text.expose().get(8..).unwrap_or_default()
                ));
            }
        };
        Minted {
            hash: self
                .inner
                .shared
                .credential_key
                .mac()
                .tag_fields(&[key_text.expose().as_bytes()]),
            hint: key_text::hint(&key_text),
            key_text,
            signing_secret: signing,
        }
    }

    /// A fresh id for a request.
    pub fn new_request(&self) -> RequestId {
        RequestId(line_id(self.now()))
    }

    /// A fresh id for an attempt at a delivery that begins at `time`.
    pub fn new_attempt(&self, time: Timestamp) -> WebhookAttemptId {
        WebhookAttemptId(line_id(time))
    }

    /// The keyed hashes of an idempotency key and of the request sent under it.
    pub fn idempotency(
        &self,
        scope: &Scope,
        method: &str,
        path: &str,
        key: &str,
        target: &str,
        body: &[u8],
    ) -> Idempotency {
        let mac = self.inner.shared.spent_key.mac();
        let number = scope.number.to_be_bytes();
        Idempotency {
            key: mac.short_fields(&[
                b"key",
                &number,
                method.as_bytes(),
                path.as_bytes(),
                key.as_bytes(),
            ]),
            request: mac.short_fields(&[
                b"request",
                &number,
                method.as_bytes(),
                target.as_bytes(),
                body,
            ]),
        }
    }

    /// The keyed hash of a request's signature.
    pub fn signature(&self, scope: &Scope, signature: &[u8; 32]) -> [u8; 16] {
        let number = scope.number.to_be_bytes();
        self.inner
            .shared
            .spent_key
            .mac()
            .short_fields(&[b"signature", &number, signature])
    }

    /// A network that failures are counted by, as a keyed hash: counters that are written down name no address.
    pub fn network_hash(&self, octets: &[u8; 16]) -> [u8; 16] {
        let mac = self.inner.shared.spent_key.mac();
        mac.short_fields(&[b"network", octets])
    }

    /// Puts on record that a proven credential was refused at the edge.
    pub async fn refuse(
        &self,
        credential: &Arc<Credential>,
        action: Action,
        rejection: Rejection,
        envelope: Envelope,
    ) {
        let (answer, outcome) = oneshot::channel();
        let rule = format!("role:{}:none", credential.role_name());
        let pending = Pending {
            command: Box::new(Refused { action, rejection }),
            scope: credential.scope,
            actor: actor_line(&Who::proven(credential), &rule, &envelope),
            envelope: Envelope {
                idempotency: None,
                ..envelope
            },
            answer,
        };
        if self.inner.shared.queue.push(pending).is_ok() {
            // The refusal stands whether or not it could be written down.
            drop(outcome.await);
        }
    }

    /// Revokes a secret key whose text somebody found; says nothing of whether there was one.
    ///
    /// # Errors
    /// [`Failure`] of the commit.
    pub async fn revoke_leaked(
        &self,
        unverified_key: &str,
        envelope: Envelope,
    ) -> Result<(), Failure> {
        // Not as a use of it: when it was used last is what its owner asks now.
        let hash = self.hash_of(unverified_key);
        let found = self.inner.shared.credentials.find(&hash);
        let found = found.filter(|key| key.is_usable(self.now()));
        if let Some(token) = found.as_ref().filter(|found| found.access.is_some()) {
            return self.revoke_leaked_token(token, envelope).await;
        }
        // A publishable key is made to be seen.
        let is_key = |key: &Arc<Credential>| key.key_type == KeyType::Secret && key.is_key();
        let Some(key) = found.filter(is_key) else {
            return Ok(());
        };
        let caller = Caller::system(SystemActor::Leaks, key.scope);
        match self
            .execute(&caller, RevokeLeaked { id: key.id }, envelope)
            .await
        {
            // Its owner was faster.
            Ok(_) | Err(Failure::Rejected { .. }) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// Counts what failed before a credential was proven.
    pub fn count_failure(&self, reason: &'static str, address: IpAddr) {
        self.inner.shared.failures.count(reason, address);
    }

    /// Adds a line to the request log; never waits.
    pub fn log_request(&self, line: RequestLine) {
        if let Some(journals) = &self.inner.journals {
            journals.requests.add(line);
        }
    }

    /// Adds a line to the journal of webhook deliveries; never waits.
    pub fn log_attempt(&self, line: AttemptLine) {
        if let Some(journals) = &self.inner.journals {
            journals.attempts.add(line);
        }
    }
}

/// An id of a line: its time, and a random number.
fn line_id(time: Timestamp) -> RawId {
    let milliseconds = u64::try_from(time.0).unwrap_or(0);
    RawId::from_parts(milliseconds, u64::from_le_bytes(random::<8>()))
}

/// Who acts, as the log names him.
#[derive(Default)]
pub(crate) struct Who {
    pub credential: Option<AnyId>,
    pub system: Option<&'static str>,
    pub user: Option<UserId>,
    pub token: Option<Carried>,
    pub attended: Option<Attended>,
}

impl Who {
    /// A key, a person by his session, or whoever an access token acts for.
    pub fn proven(credential: &Credential) -> Who {
        let presence = credential.presence.as_ref();
        let session = presence.map(|presence| presence.session.any());
        let token = credential.access.as_ref().map(|access| Carried {
            token: access.token,
            line: credential.id,
            client: access.client,
            person: access.person,
        });
        let carried = token.map(|carried| carried.token.any());
        Who {
            credential: session.or(carried).or(Some(credential.id.any())),
            system: None,
            user: credential.person(),
            token,
            attended: presence.map(|presence| Attended {
                session: presence.session,
                user: presence.user,
                line: credential.id,
            }),
        }
    }

    pub fn server(name: &'static str) -> Who {
        Who {
            system: Some(name),
            ..Who::default()
        }
    }

    /// Whom refusals are counted for: a person's are one's, whatever session they came by, and so are a client's.
    fn subject(&self) -> Option<AnyId> {
        let line = self.token.map(|carried| carried.line.any());
        self.user.map(UserId::any).or(line).or(self.credential)
    }
}

/// Writes down who acts; done by the caller's thread, so that the commit thread need not.
pub(crate) fn actor_line(who: &Who, rule: &str, envelope: &Envelope) -> ActorLine {
    let actor = EntryActor {
        credential: who.credential,
        system: who.system.map(str::to_owned),
        request: envelope.request.0,
        address: envelope.address.clone(),
        user_agent: envelope.user_agent.clone(),
        rule: rule.to_owned(),
        signed: envelope.signature.is_some(),
        user: who.user,
    };
    ActorLine {
        credential: who.subject(),
        attended: who.attended,
        token: who.token,
        part: ClearPart::new(tag::ACTOR, random(), |out| encode(&actor, out)),
    }
}

/// A refusal at the edge, on its way into the log.
struct Refused {
    action: Action,
    rejection: Rejection,
}

impl Command for Refused {
    type Permission = Operate;

    fn action(&self) -> Action {
        self.action
    }

    fn keys(
        &self,
        _: &strongroom_domain::facts::Facts,
        _: Scope,
    ) -> strongroom_domain::facts::Keys {
        strongroom_domain::facts::Keys::default()
    }

    fn decide(
        &self,
        _: &strongroom_domain::facts::Facts,
        _: &mut strongroom_domain::command::Moment,
    ) -> Result<strongroom_domain::decision::Decision, Rejection> {
        Err(self.rejection.clone())
    }
}
