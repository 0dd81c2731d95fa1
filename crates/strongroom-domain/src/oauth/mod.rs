//! Programs that act by OAuth: registered here, and what they are given to act by.
//!
//! A client has a line of the keys, as a person has: its rights stand there, approvals and limits treat it as they treat a key, and
//! no text opens it. What a client shows – a secret, a signed assertion, a certificate – was checked before any of these commands is
//! made. Codes and tokens are kept as keyed hashes.

mod change;
mod grants;
mod leave;
mod own;
mod redeem;
mod register;
mod tokens;
mod view;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use strongroom_auth::{
    CredentialStatus, Dialect, KeyType, PermissionSet, Role, Scopes, SigningPolicy, Thumbprint,
};
use strongroom_types::Classified;
use strongroom_types::id::{ApiKeyId, OauthClientId};
use strongroom_types::secret::SecretText;
use strongroom_types::time::{SECOND, Timestamp};

use crate::action::Action;
use crate::api_keys::ApiKey;
use crate::decision::{Decision, Movement};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::Facts;
use crate::rejection::{Code, Rejection};
use crate::users::Mark;

pub use change::{DeleteOauthClient, RotateOauthSecret, UpdateOauthClient};
pub use grants::{AuthorizationCode, GrantAccess, NotePushed, OauthGrant, RevokeGrant};
pub use leave::Leave;
pub use own::{OauthGrantView, TakeBackGrant};
pub use redeem::{RedeemGrant, Redeemed, ShownGrant};
pub use register::{CreateOauthClient, Wanted};
pub use tokens::{NewToken, NoteIntrospection, OauthToken, OpenToken, RevokeToken};
pub use view::OauthClientView;

/// The longest that an access token lives, in milliseconds: what is older than this need not be looked for.
pub const LONGEST_TOKEN: i64 = 3_600 * SECOND;

/// Which rules a client is held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// FAPI 2.0 Security Profile: keys instead of secrets, tokens that are bound to one.
    #[n(0)]
    Fapi2,
    /// OAuth 2.1.
    #[n(1)]
    Oauth21,
    /// The plain flow of the documents (CONTRACT 1).
    #[n(2)]
    Classic,
}

impl Profile {
    pub const NAMES: &'static [&'static str] = &["fapi2", "oauth21", "classic"];

    pub fn parse(text: &str) -> Option<Profile> {
        match text {
            "fapi2" => Some(Profile::Fapi2),
            "oauth21" => Some(Profile::Oauth21),
            "classic" => Some(Profile::Classic),
            _ => None,
        }
    }

    /// Milliseconds that its access tokens live.
    pub const fn token_life(self) -> i64 {
        match self {
            Profile::Fapi2 | Profile::Oauth21 => 600 * SECOND,
            Profile::Classic => LONGEST_TOKEN,
        }
    }
}

/// How a client shows who it is, by the names of the registry (RFC 7591, RFC 8705).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum ClientProof {
    /// Not at all: what runs on a user's machine keeps no secret.
    #[n(0)]
    None,
    #[n(1)]
    ClientSecretBasic,
    #[n(2)]
    ClientSecretPost,
    #[n(3)]
    PrivateKeyJwt,
    /// By one of the certificates that were registered.
    #[n(4)]
    TlsClientAuth,
}

impl ClientProof {
    pub fn parse(text: &str) -> Option<ClientProof> {
        match text {
            "none" => Some(ClientProof::None),
            "client_secret_basic" => Some(ClientProof::ClientSecretBasic),
            "client_secret_post" => Some(ClientProof::ClientSecretPost),
            "private_key_jwt" => Some(ClientProof::PrivateKeyJwt),
            "tls_client_auth" => Some(ClientProof::TlsClientAuth),
            _ => None,
        }
    }

    /// Whether it shows a secret that both sides know.
    pub const fn is_secret(self) -> bool {
        matches!(
            self,
            ClientProof::ClientSecretBasic | ClientProof::ClientSecretPost
        )
    }
}

/// What tokens are bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum Constraint {
    /// A key that each request is proven with (RFC 9449).
    #[n(0)]
    Dpop,
    /// The client's certificate (RFC 8705).
    #[n(1)]
    Mtls,
}

impl Constraint {
    pub const NAMES: &'static [&'static str] = &["dpop", "mtls"];

    pub fn parse(text: &str) -> Option<Constraint> {
        match text {
            "dpop" => Some(Constraint::Dpop),
            "mtls" => Some(Constraint::Mtls),
            _ => None,
        }
    }
}

/// How a client comes by tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Grants {
    /// For itself.
    #[n(0)]
    pub client_credentials: bool,
    /// For people who let it.
    #[n(1)]
    pub authorization_code: bool,
    #[n(2)]
    pub refresh_token: bool,
}

impl Grants {
    pub fn names(self) -> Vec<&'static str> {
        [
            ("client_credentials", self.client_credentials),
            ("authorization_code", self.authorization_code),
            ("refresh_token", self.refresh_token),
        ]
        .into_iter()
        .filter_map(|(name, has)| has.then_some(name))
        .collect()
    }
}

/// A secret as it is kept.
#[derive(Clone, Encode, Decode)]
pub struct Secret {
    #[n(0)]
    pub hash: Mark,
    /// When it ends, once another took its place.
    #[n(1)]
    pub expires_at: Option<Timestamp>,
}

/// A client as stored.
#[derive(Clone, Encode, Decode, Classified)]
#[part(business)]
pub struct OauthClient {
    #[n(0)]
    #[class(operational)]
    pub id: OauthClientId,
    /// The line of the keys that holds its rights.
    #[n(1)]
    #[class(operational)]
    pub key: ApiKeyId,
    #[n(2)]
    #[class(sensitive)]
    pub name: String,
    #[n(3)]
    #[class(operational)]
    pub profile: Profile,
    #[n(4)]
    #[class(operational)]
    pub proof: ClientProof,
    #[n(5)]
    #[class(operational)]
    pub grants: Grants,
    /// The newest first; an older one ends after its overlap.
    #[n(6)]
    #[class(highly_sensitive)]
    pub secrets: Vec<Secret>,
    #[n(7)]
    #[class(sensitive)]
    pub redirect_uris: Vec<String>,
    /// Public keys, each as JSON.
    #[n(8)]
    #[class(sensitive)]
    pub keys: Vec<String>,
    #[n(9)]
    #[class(operational)]
    pub certificates: Vec<Thumbprint>,
    #[n(10)]
    #[class(operational)]
    pub scopes: Scopes,
    #[n(11)]
    #[class(operational)]
    pub constraint: Option<Constraint>,
    #[n(12)]
    #[class(operational)]
    pub status: ClientStatus,
    #[n(13)]
    #[class(operational)]
    pub created_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum ClientStatus {
    #[n(0)]
    Active,
    #[n(1)]
    Deleted,
}

/// What is drawn for a client: its secret, if it has one, and what its line of the keys has in place of a text.
pub struct MintedClient {
    pub secret: Option<MintedSecret>,
    /// Random, and the hash of no text.
    pub line_hash: [u8; 32],
    pub line_secret: SecretText,
}

/// A secret, shown once.
pub struct MintedSecret {
    pub text: SecretText,
    /// Keyed hash of the text.
    pub hash: [u8; 32],
}

impl OauthClient {
    pub fn is_active(&self) -> bool {
        self.status == ClientStatus::Active
    }

    pub fn status_code(&self) -> u8 {
        match self.status {
            ClientStatus::Active => 0,
            ClientStatus::Deleted => 1,
        }
    }

    /// Whether it keeps something that shows who it is.
    pub fn is_confidential(&self) -> bool {
        self.proof != ClientProof::None
    }

    /// The secrets that are good.
    pub fn secrets_at(&self, now: Timestamp) -> impl Iterator<Item = &Mark> {
        let is_good = move |secret: &&Secret| secret.expires_at.is_none_or(|end| now < end);
        self.secrets
            .iter()
            .filter(is_good)
            .map(|secret| &secret.hash)
    }

    /// What it may do for itself.
    fn own_permissions(&self) -> PermissionSet {
        match self.grants.client_credentials {
            true => self.scopes.permissions(),
            false => Scopes::default().permissions(),
        }
    }

    /// The line of the keys that holds its rights, as it is made. SECURITY: its hash is random, so no text opens it.
    fn line(&self, minted: &MintedClient) -> ApiKey {
        ApiKey {
            id: self.key,
            key_type: KeyType::Secret,
            name: None,
            hash: minted.line_hash,
            hint: String::new(),
            role: Role::Custom,
            permissions: self.own_permissions(),
            dialect: Dialect::Nextapi,
            signing: SigningPolicy::Never,
            signing_secret: minted.line_secret.expose().to_owned(),
            status: CredentialStatus::Active,
            created_at: self.created_at,
            expires_at: None,
            last_used_at: None,
            rolled_from: None,
            till: None,
            networks: None,
            limits: None,
            certificates: None,
            person: None,
            user: None,
            signed_by: None,
            client: Some(self.id),
            role_id: None,
            others: None,
        }
    }
}

/// A client that was not deleted.
fn existing(facts: &Facts, id: OauthClientId) -> Result<&OauthClient, Rejection> {
    let client = facts.oauth_client(id).filter(|client| client.is_active());
    client.ok_or_else(|| Rejection::new(Code::NotFound, "there is no such client"))
}

fn line_of<'f>(facts: &'f Facts, client: &OauthClient) -> Result<&'f ApiKey, Rejection> {
    let line = facts.api_key(client.key.any());
    line.ok_or_else(|| Rejection::new(Code::NotFound, "there is no such client"))
}

/// A decision about a client, and the event that tells of it.
fn told(facts: &Facts, action: Action, event: EventType, client: OauthClientId) -> Decision {
    let about = Some(client.any());
    let event = EventFact { event, about };
    Decision::new(facts, action, client.any(), Movement::none(), vec![event])
}
