//! What the server knows of a credential once it is proven.

use std::borrow::Cow;
use std::sync::Arc;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use strongroom_crypto::MacKey;
use strongroom_types::id::{AnyId, ApiKeyId, RoleId, UserId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::access::Access;
use crate::conditions::Conditions;
use crate::message_signing::SignedBy;
use crate::permission::{PermissionSet, Role};
use crate::presence::Presence;
use crate::restrictions::{Networks, Thumbprint};

/// Secret keys act for the organization; publishable keys may only make card tokens and read a payment link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum KeyType {
    #[n(0)]
    Secret,
    #[n(1)]
    Publishable,
}

/// How a key's JSON numbers are read: minor units, or major units from the raw text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    #[default]
    #[n(0)]
    Nextapi,
    #[n(1)]
    Nopos,
}

/// Which requests of a key must be signed. A signature that is present is always checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum SigningPolicy {
    #[n(0)]
    Never,
    #[n(1)]
    Sensitive,
    #[n(2)]
    Always,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum CredentialStatus {
    #[n(0)]
    Active,
    #[n(1)]
    Revoked,
}

/// What somebody may do, and within what: of the role that he holds by name, or his own.
#[derive(Clone, PartialEq, Eq)]
pub struct Rights {
    pub permissions: Arc<PermissionSet>,
    /// What binds him beside, where something does.
    pub conditions: Option<Arc<Conditions>>,
}

/// A proven API key, session or access token, as the edge and the policy see it. Holds no key text.
#[derive(Clone)]
pub struct Credential {
    pub id: ApiKeyId,
    pub scope: Scope,
    pub key_type: KeyType,
    pub role: Role,
    /// The role that it holds by name, if it is none of the built-in ones; then it is `custom`.
    pub role_id: Option<RoleId>,
    /// As the role has them now: whoever changes the role changes every credential that holds it.
    pub permissions: Arc<PermissionSet>,
    pub conditions: Option<Arc<Conditions>>,
    pub dialect: Dialect,
    pub signing: SigningPolicy,
    /// How its requests are signed, where they are.
    pub signed_by: SignedBy,
    /// Keyed with the UTF-8 text of the signing secret.
    pub signing_key: Arc<MacKey>,
    pub expires_at: Option<Timestamp>,
    pub status: CredentialStatus,
    /// Where it may be used from, if not from everywhere.
    pub networks: Option<Networks>,
    /// The client certificates it may be used with, if not with any and none.
    pub certificates: Option<Vec<Thumbprint>>,
    /// Whether its record bounds what money it may move.
    pub is_limited: bool,
    /// Set when it is no key but a person who has signed in; then `id` is of the line that holds his rights.
    pub presence: Option<Presence>,
    /// Set when it is no key but an access token; then `id` is of the line that holds the rights of whoever it acts for.
    pub access: Option<Access>,
}

impl Credential {
    /// Whether it may be used from an address, which must not be one of IPv4 in the form of IPv6.
    pub fn admits(&self, address: impl Into<ipnet::IpNet>) -> bool {
        let networks = self.networks.as_ref();
        networks.is_none_or(|networks| networks.report_only || networks.hold(address))
    }

    /// Whether it may be used on a connection that proved `certificate`, or none.
    pub fn knows(&self, certificate: Option<Thumbprint>) -> bool {
        match (&self.certificates, certificate) {
            (None, _) => true,
            (Some(known), Some(shown)) => known.contains(&shown),
            (Some(_), None) => false,
        }
    }

    /// Whether it could hand on more than it has, if it made keys.
    pub fn is_restricted(&self) -> bool {
        let is_bound = self.networks.is_some() || self.certificates.is_some();
        self.is_limited || is_bound || self.conditions.is_some()
    }

    /// The role's name in rules: the built-in one's, or the id of one that somebody made.
    pub fn role_name(&self) -> Cow<'static, str> {
        match self.role_id {
            Some(id) => Cow::Owned(id.to_string()),
            None => Cow::Borrowed(self.role.as_str()),
        }
    }

    /// Whether some condition of its role follows from the books.
    pub fn asks_books(&self) -> bool {
        self.conditions
            .as_ref()
            .is_some_and(|conditions| conditions.asks_books())
    }

    /// The same with what its role is changed to.
    #[must_use]
    pub fn with(&self, rights: &Rights) -> Credential {
        let Rights {
            permissions,
            conditions,
        } = rights.clone();
        // SECURITY: an access token never holds more than its scopes.
        let permissions = match &self.access {
            Some(access) => Arc::new(access.scopes.within(&permissions)),
            None => permissions,
        };
        Credential {
            permissions,
            conditions,
            ..self.clone()
        }
    }

    /// Whether the key may be used at `now`.
    pub fn is_usable(&self, now: Timestamp) -> bool {
        let present = self.presence.as_ref();
        self.status == CredentialStatus::Active
            && self.expires_at.is_none_or(|end| now < end)
            && present.is_none_or(|presence| presence.is_awake(now))
    }

    /// Whether it is a key, with a text and a secret of its own.
    pub fn is_key(&self) -> bool {
        self.presence.is_none() && self.access.is_none()
    }

    /// The person behind it, if there is one.
    pub fn person(&self) -> Option<UserId> {
        let present = self.presence.as_ref().map(|presence| presence.user);
        present.or_else(|| self.access.as_ref()?.person)
    }

    /// Whom the log names: the person, else the key.
    pub fn subject(&self) -> AnyId {
        self.person().map_or(self.id.any(), UserId::any)
    }
}
