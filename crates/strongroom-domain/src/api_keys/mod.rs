//! API keys: made, changed, rolled with an overlap, revoked. The key's text is shown once and kept as a keyed hash only.

mod allowance;
mod change;
mod held;
mod leak;
mod touch;
mod waiting;

use minicbor::{Decode, Encode};
use strongroom_auth::permission::{CreateKeys, ManageKeys};
use strongroom_auth::{
    CredentialStatus, Dialect, KeyType, MoneyLimits, Networks, PermissionSet, Role, SignedBy,
    SigningPolicy, Thumbprint,
};
use strongroom_types::Classified;
use strongroom_types::id::{ApiKeyId, OauthClientId, RoleId, TillId, UserId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::approvals::{Act, Parked};
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::organizations::Tenant;
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::roles::holding::{counted, given, permissions, role_key};
use crate::roles::with_rights;
use crate::tills;
use crate::view;

pub use allowance::{Allowance, Limited, Used};
pub(crate) use allowance::{admitted, allowance_keys, bounded, direction, moved};
pub use change::UpdateApiKey;
pub use held::Held;
pub use leak::RevokeLeaked;
pub use touch::TouchApiKeys;
pub(crate) use waiting::{makers, with_maker, with_role};

/// A key as stored.
#[derive(Clone, Encode, Decode, Classified)]
#[part(business)]
pub struct ApiKey {
    #[n(0)]
    #[class(operational)]
    pub id: ApiKeyId,
    #[n(1)]
    #[class(operational)]
    pub key_type: KeyType,
    #[n(2)]
    #[class(sensitive)]
    pub name: Option<String>,
    /// Keyed hash of the key's text.
    #[cbor(n(3), with = "minicbor::bytes")]
    #[class(highly_sensitive)]
    pub hash: [u8; 32],
    /// What may be shown: `sk_test_…abcd`.
    #[n(4)]
    #[class(sensitive)]
    pub hint: String,
    #[n(5)]
    #[class(operational)]
    pub role: Role,
    #[n(6)]
    #[class(operational)]
    pub permissions: PermissionSet,
    #[n(7)]
    #[class(operational)]
    pub dialect: Dialect,
    #[n(8)]
    #[class(operational)]
    pub signing: SigningPolicy,
    #[n(9)]
    #[class(highly_sensitive)]
    pub signing_secret: String,
    #[n(10)]
    #[class(operational)]
    pub status: CredentialStatus,
    #[n(11)]
    #[class(operational)]
    pub created_at: Timestamp,
    #[n(12)]
    #[class(operational)]
    pub expires_at: Option<Timestamp>,
    #[n(13)]
    #[class(operational)]
    pub last_used_at: Option<Timestamp>,
    /// The key it replaced.
    #[n(14)]
    #[class(operational)]
    pub rolled_from: Option<ApiKeyId>,
    /// Where it may be used from, if not from everywhere.
    #[n(15)]
    #[class(operational)]
    pub networks: Option<Networks>,
    /// What money it may move, if not all that there is.
    #[n(16)]
    #[class(operational)]
    pub limits: Option<MoneyLimits>,
    /// The client certificates it may be used with, if it needs one.
    #[n(17)]
    #[class(operational)]
    pub certificates: Option<Vec<Thumbprint>>,
    /// Whose it is, as far as approvals go: the key that it was made with, and knows its text. `None` for one that was made
    /// at the command line, or that others agreed to: it is a person of its own.
    #[n(18)]
    #[class(operational)]
    pub person: Option<ApiKeyId>,
    /// Set when it is no key but the line that holds a person's rights: it has no text, and changes with him alone.
    #[n(19)]
    #[class(operational)]
    pub user: Option<UserId>,
    /// How its requests are signed, where they are; in any way there is by the signing secret, if nothing is said.
    #[n(20)]
    #[class(operational)]
    pub signed_by: Option<SignedBy>,
    /// Set when it is no key but the line that holds a client's rights: it has no text, and changes with it alone.
    #[n(21)]
    #[class(operational)]
    pub client: Option<OauthClientId>,
    /// The role that it holds by its id: then what it may do is what that says, and `permissions` are none.
    #[n(24)]
    #[class(operational)]
    pub role_id: Option<RoleId>,
    /// For whom it stands besides, as far as approvals go: who has had its text in hand, or widened what it may do.
    #[n(60)]
    #[class(operational)]
    pub others: Option<Vec<ApiKeyId>>,
    /// The till that it acts for alone, also once that has another key or is retired.
    #[n(61)]
    #[class(operational)]
    pub till: Option<TillId>,
}

impl ApiKey {
    pub fn status_code(&self) -> u8 {
        match self.status {
            CredentialStatus::Active => 0,
            CredentialStatus::Revoked => 1,
        }
    }

    /// The role's name in the log: the built-in one's, or the id of one that somebody made.
    pub(crate) fn role_name(&self) -> String {
        let id = self.role_id.map(|id| id.to_string());
        id.unwrap_or_else(|| self.role.as_str().to_owned())
    }

    /// Whether it counts as an owner the organization can rely on: one that is held to something makes no keys, and may not
    /// even get in.
    fn is_lasting_owner(&self) -> bool {
        self.role == Role::Owner
            && self.status == CredentialStatus::Active
            && self.expires_at.is_none()
            && self.networks.as_ref().is_none_or(|all| all.report_only)
            && self.limits.is_none()
            && self.certificates.is_none()
            && self.is_key()
    }

    /// Whether it is a key, and no line that holds the rights of a person or a client.
    pub fn is_key(&self) -> bool {
        self.user.is_none() && self.client.is_none()
    }
}

/// A freshly minted key: what is kept, and the texts that are shown once.
pub struct Minted {
    pub hash: [u8; 32],
    pub hint: String,
    pub key_text: strongroom_types::secret::SecretText,
    pub signing_secret: strongroom_types::secret::SecretText,
}

/// `POST /v1/api-keys`.
pub struct CreateApiKey {
    pub key_type: KeyType,
    pub name: Option<String>,
    pub role: Role,
    pub permissions: PermissionSet,
    /// A role in their place.
    pub role_id: Option<RoleId>,
    pub dialect: Dialect,
    pub signing: SigningPolicy,
    pub expires_at: Option<Timestamp>,
    pub networks: Option<Networks>,
    pub limits: Option<MoneyLimits>,
    pub certificates: Option<Vec<Thumbprint>>,
    pub signed_by: SignedBy,
    pub minted: Minted,
    /// What the creator holds; `None` for the operator at the command line.
    pub held: Option<Held>,
}

impl Command for CreateApiKey {
    type Permission = CreateKeys;

    fn action(&self) -> Action {
        Action::ApiKeyCreated
    }

    fn act(&self) -> Option<Act> {
        Some(Act::ApiKeyCreate)
    }

    fn parked(&self, _: &Facts, _: Scope) -> Option<Parked> {
        Some(Parked::again(Act::ApiKeyCreate, &self.asked()))
    }

    fn keys(&self, facts: &Facts, scope: Scope) -> Keys {
        let keys = with_maker(facts, self.held.as_ref()).record(scope.organization.any());
        role_key(keys, self.role_id)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        given(facts, self.role_id)?;
        if let Some(held) = &self.held {
            held.covers(permissions(facts, self.role_id, &self.permissions))?;
        }
        if self.expires_at.is_some_and(|end| end <= moment.now) {
            return Err(Rejection::at(
                Code::InvalidField,
                "/expires_at",
                "lies in the past",
            ));
        }
        let tenant = tenant(facts, moment.scope)?;

        // From here it must succeed.
        let key = self.key(ApiKeyId(moment.fresh()), moment.now);
        let key = key.made_by(makers(facts, self.held.as_ref()));
        let change = i32::from(key.is_lasting_owner());
        let event = EventFact {
            event: EventType::ApiKeyCreated,
            about: Some(key.id.any()),
        };
        let reply = view::json(&view::ApiKeyView::with_secrets(
            &key.shown(facts),
            moment.scope.mode,
            &self.minted,
        ));
        let decision = Decision::new(
            facts,
            Action::ApiKeyCreated,
            key.id.any(),
            Movement::none(),
            vec![event],
        )
        .detail("role", key.role_name())
        .reply(Reply::Secret(reply))
        .change(
            moment.scope.organization.any(),
            Record::Tenant(with_owners(tenant, change)),
        )
        .change(key.id.any(), Record::ApiKey(key));
        Ok(counted(decision, facts, None, self.role_id))
    }
}

impl CreateApiKey {
    fn key(&self, id: ApiKeyId, now: Timestamp) -> ApiKey {
        ApiKey {
            id,
            key_type: self.key_type,
            name: self.name.clone(),
            hash: self.minted.hash,
            hint: self.minted.hint.clone(),
            role: self.role,
            permissions: self.permissions.clone(),
            dialect: self.dialect,
            signing: self.signing,
            signing_secret: self.minted.signing_secret.expose().to_owned(),
            status: CredentialStatus::Active,
            created_at: now,
            expires_at: self.expires_at,
            last_used_at: None,
            rolled_from: None,
            till: None,
            networks: self.networks.clone(),
            limits: self.limits.clone(),
            certificates: self.certificates.clone(),
            person: None,
            user: None,
            client: None,
            role_id: self.role_id,
            others: None,
            signed_by: Some(self.signed_by.clone()).filter(|by| *by != SignedBy::default()),
        }
    }
}

fn tenant(facts: &Facts, scope: Scope) -> Result<&Tenant, Rejection> {
    facts
        .tenant(scope.organization)
        .ok_or_else(|| Rejection::new(Code::NotFound, "the books are not open yet"))
}

fn with_owners(tenant: &Tenant, change: i32) -> Tenant {
    let mut tenant = tenant.clone();
    tenant.owner_keys = tenant.owner_keys.saturating_add_signed(change);
    tenant
}

/// The same, with a key less, or more, that the organization can rely on.
fn owners_changed(decision: Decision, tenant: &Tenant, change: i32) -> Decision {
    match change {
        0 => decision,
        _ => decision.change(tenant.id.any(), Record::Tenant(with_owners(tenant, change))),
    }
}

/// Refuses what no longer opens anything.
fn valid(key: &ApiKey, now: Timestamp) -> Result<(), Rejection> {
    if key.status == CredentialStatus::Revoked || key.expires_at.is_some_and(|end| end <= now) {
        let text = format!("`{}` is no longer valid", key.id);
        return Err(Rejection::new(Code::KeyRevoked, text));
    }
    Ok(())
}

fn existing(facts: &Facts, id: ApiKeyId) -> Result<&ApiKey, Rejection> {
    facts
        .api_key(id.any())
        // SECURITY: a person's or a client's line is not to be rolled into a key of its own.
        .filter(|key| key.is_key())
        .ok_or_else(|| Rejection::new(Code::NotFound, "there is no such key"))
}

/// `POST /v1/api-keys/{id}/roll`: a new key with the same rights; the old one works on for the overlap.
pub struct RollApiKey {
    pub id: ApiKeyId,
    /// Milliseconds the old key stays valid.
    pub overlap: i64,
    pub minted: Minted,
    pub held: Option<Held>,
}

impl Command for RollApiKey {
    type Permission = ManageKeys;

    fn action(&self) -> Action {
        Action::ApiKeyRolled
    }

    fn act(&self) -> Option<Act> {
        Some(Act::ApiKeyRoll)
    }

    fn parked(&self, _: &Facts, _: Scope) -> Option<Parked> {
        Some(Parked::again(Act::ApiKeyRoll, &self.asked()))
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        let keys = with_rights(with_maker(facts, self.held.as_ref()), facts, self.id.any());
        tills::key_facts(facts, keys, self.id)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let old = existing(facts, self.id)?;
        valid(old, moment.now)?;
        if let Some(held) = &self.held {
            held.covers(old.may(facts))?;
        }

        // From here it must succeed.
        let overlap_end = moment.now.plus(self.overlap);
        let till = tills::till_of(facts, self.id);
        let retired = ApiKey {
            till,
            expires_at: Some(
                old.expires_at
                    .map_or(overlap_end, |end| end.min(overlap_end)),
            ),
            ..old.clone()
        };
        let key = ApiKey {
            id: ApiKeyId(moment.fresh()),
            hash: self.minted.hash,
            hint: self.minted.hint.clone(),
            signing_secret: self.minted.signing_secret.expose().to_owned(),
            created_at: moment.now,
            last_used_at: None,
            rolled_from: Some(self.id),
            till,
            ..old.clone()
        };
        // SECURITY: whoever rolls it knows the new text, and whoever had the old one is given it.
        let key = match makers(facts, self.held.as_ref()) {
            makers if makers.is_empty() => key.made_by(old.persons(facts)),
            makers => key.made_by(makers).known_to(old.persons(facts)),
        };
        let event = EventFact {
            event: EventType::ApiKeyRolled,
            about: Some(self.id.any()),
        };
        let reply = view::json(&view::ApiKeyView::with_secrets(
            &key.shown(facts),
            moment.scope.mode,
            &self.minted,
        ));
        let role = key.role_id;
        let decision = Decision::new(
            facts,
            Action::ApiKeyRolled,
            self.id.any(),
            Movement::none(),
            vec![event],
        )
        .detail("new_key", key.id.to_string());
        let decision = tills::with_key(decision, facts, self.id, key.id)
            .reply(Reply::Secret(reply))
            .change(self.id.any(), Record::ApiKey(retired))
            .change(key.id.any(), Record::ApiKey(key));
        Ok(counted(decision, facts, None, role))
    }
}

/// `POST /v1/api-keys/{id}/revoke`: at once and for good.
pub struct RevokeApiKey {
    pub id: ApiKeyId,
    /// What the caller holds; `None` for the operator at the command line.
    pub held: Option<Held>,
}

impl Command for RevokeApiKey {
    type Permission = ManageKeys;

    fn action(&self) -> Action {
        Action::ApiKeyRevoked
    }

    fn keys(&self, facts: &Facts, scope: Scope) -> Keys {
        let keys = Keys::default().record(scope.organization.any());
        with_rights(keys, facts, self.id.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let key = existing(facts, self.id)?;
        let tenant = tenant(facts, moment.scope)?;
        if key.status == CredentialStatus::Revoked {
            return Err(Rejection::new(
                Code::KeyRevoked,
                format!("`{}` is revoked already", self.id),
            ));
        }
        let is_held = |held: &Held| held.is_restricted && held.id != self.id;
        if self.held.as_ref().is_some_and(is_held) {
            let text =
                "a key that is held to networks, certificates or limits revokes itself alone";
            return Err(Rejection::new(Code::PermissionNotHeld, text));
        }
        if key.may(facts).is_everything()
            && self
                .held
                .as_ref()
                .is_some_and(|held| !held.permissions.is_everything())
        {
            let text = "only an owner changes owners";
            return Err(Rejection::new(Code::PermissionNotHeld, text));
        }
        let owner = key.is_lasting_owner();
        if owner && tenant.owner_keys <= 1 {
            let text = "it is the last owner key: make another one first";
            return Err(Rejection::new(Code::LastOwner, text));
        }

        // From here it must succeed.
        let revoked = ApiKey {
            status: CredentialStatus::Revoked,
            ..key.clone()
        };
        let event = EventFact {
            event: EventType::ApiKeyRevoked,
            about: Some(self.id.any()),
        };
        let shown = revoked.shown(facts);
        let reply = view::json(&view::ApiKeyView::new(&shown, moment.scope.mode));
        let decision = Decision::new(
            facts,
            Action::ApiKeyRevoked,
            self.id.any(),
            Movement::none(),
            vec![event],
        )
        .reply(Reply::Stored(reply))
        .change(self.id.any(), Record::ApiKey(revoked));
        let decision = counted(decision, facts, key.role_id, None);
        Ok(owners_changed(decision, tenant, -i32::from(owner)))
    }
}
