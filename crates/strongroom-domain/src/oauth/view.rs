//! How clients look on the wire.

use serde::Serialize;
use serde_json::Value;
use strongroom_auth::{Scopes, Thumbprint};
use strongroom_types::id::{ApiKeyId, OauthClientId};
use strongroom_types::mode::Mode;
use strongroom_types::time::Timestamp;

use crate::oauth::{ClientProof, ClientStatus, Constraint, MintedSecret, OauthClient, Profile};

/// A client; its secret only in the reply that makes it.
#[derive(Serialize)]
pub struct OauthClientView<'a> {
    pub id: OauthClientId,
    pub object: &'static str,
    pub mode: Mode,
    pub name: &'a str,
    pub profile: Profile,
    pub token_endpoint_auth_method: ClientProof,
    pub grant_types: Vec<&'static str>,
    pub redirect_uris: &'a [String],
    pub jwks: Keys,
    pub client_certificates: &'a [Thumbprint],
    pub scopes: Scopes,
    pub sender_constraint: Option<Constraint>,
    /// By which approvals, limits and the log know it.
    pub key_id: ApiKeyId,
    pub status: ClientStatus,
    /// When the secret before the newest ends, where there is one.
    pub old_secret_expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<&'a str>,
}

/// A set of keys (RFC 7517).
#[derive(Serialize)]
pub struct Keys {
    pub keys: Vec<Value>,
}

impl<'a> OauthClientView<'a> {
    pub fn new(client: &'a OauthClient, mode: Mode) -> OauthClientView<'a> {
        let OauthClient {
            id,
            key,
            name,
            profile,
            proof,
            grants,
            secrets,
            redirect_uris,
            keys,
            certificates,
            scopes,
            constraint,
            status,
            created_at,
        } = client;
        // They were read before they were stored.
        let keys = keys.iter().filter_map(|key| serde_json::from_str(key).ok());
        OauthClientView {
            id: *id,
            object: "oauth_client",
            mode,
            name,
            profile: *profile,
            token_endpoint_auth_method: *proof,
            grant_types: grants.names(),
            redirect_uris,
            jwks: Keys {
                keys: keys.collect(),
            },
            client_certificates: certificates,
            scopes: *scopes,
            sender_constraint: *constraint,
            key_id: *key,
            status: *status,
            old_secret_expires_at: secrets.iter().find_map(|secret| secret.expires_at),
            created_at: *created_at,
            client_secret: None,
        }
    }

    pub fn with_secret(
        client: &'a OauthClient,
        mode: Mode,
        secret: &'a Option<MintedSecret>,
    ) -> OauthClientView<'a> {
        OauthClientView {
            client_secret: secret.as_ref().map(|secret| secret.text.expose()),
            ..OauthClientView::new(client, mode)
        }
    }

    pub fn rotated(
        client: &'a OauthClient,
        mode: Mode,
        secret: &'a MintedSecret,
    ) -> OauthClientView<'a> {
        OauthClientView {
            client_secret: Some(secret.text.expose()),
            ..OauthClientView::new(client, mode)
        }
    }
}
