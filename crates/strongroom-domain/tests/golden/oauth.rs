//! Clients of OAuth and their tokens.

use strongroom_auth::{CredentialStatus, Direction, MoneyLimits, Scopes, Thumbprint};
use strongroom_domain::api_keys::ApiKey;
use strongroom_domain::oauth::{
    AuthorizationCode, ClientProof, ClientStatus, Constraint, Grants, OauthClient, OauthGrant,
    OauthToken, Profile, Secret,
};
use strongroom_domain::record::Record;
use strongroom_domain::users::{Mark, User};
use strongroom_types::id::{ApiKeyId, OauthClientId, OauthGrantId, OauthTokenId, UserId};
use strongroom_types::time::Timestamp;

use crate::people::user;
use crate::{api_key, php, raw};

pub fn records() -> Vec<(&'static str, Record)> {
    let line = ApiKey {
        client: Some(OauthClientId(raw(30))),
        ..api_key()
    };
    vec![
        ("oauth_client_s_key", Record::ApiKey(line)),
        ("oauth_client", Record::OauthClient(client())),
        ("oauth_token", Record::OauthToken(token())),
        ("oauth_grant", Record::OauthGrant(grant())),
        ("oauth_grant_of_limits", Record::OauthGrant(limited_grant())),
        ("user_with_grants", Record::User(user_with_grants())),
        ("oauth_token_of_limits", Record::OauthToken(limited_token())),
    ]
}

fn client() -> OauthClient {
    OauthClient {
        id: OauthClientId(raw(30)),
        key: ApiKeyId(raw(31)),
        name: "Shop".into(),
        profile: Profile::Oauth21,
        proof: ClientProof::ClientSecretPost,
        grants: Grants {
            client_credentials: true,
            authorization_code: false,
            refresh_token: true,
        },
        secrets: vec![
            Secret {
                hash: Mark([1; 32]),
                expires_at: None,
            },
            Secret {
                hash: Mark([2; 32]),
                expires_at: Some(Timestamp(9)),
            },
        ],
        redirect_uris: vec!["https://shop.example/cb".into()],
        keys: vec!["{}".into()],
        certificates: vec![Thumbprint([3; 32])],
        scopes: Scopes::parse("read webhooks").unwrap(),
        constraint: Some(Constraint::Mtls),
        status: ClientStatus::Deleted,
        created_at: Timestamp(5),
    }
}

fn grant() -> OauthGrant {
    OauthGrant {
        id: OauthGrantId(raw(34)),
        client: OauthClientId(raw(30)),
        user: UserId(raw(33)),
        key: ApiKeyId(raw(35)),
        scopes: Scopes::parse("read").unwrap(),
        status: CredentialStatus::Active,
        code: Some(AuthorizationCode {
            hash: Mark([7; 32]),
            expires_at: Timestamp(60_000),
            redirect_uri: "https://shop.example/cb".into(),
            redirect_was_named: true,
            challenge: Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into()),
            proof_key: Some(Mark([8; 32])),
        }),
        refresh: Some(Mark([9; 32])),
        proof_key: Some(Mark([10; 32])),
        tokens: vec![OauthTokenId(raw(32))],
        began_at: 78,
        created_at: Timestamp(5),
        ends_at: Timestamp(9),
        limits: None,
    }
}

fn limits() -> MoneyLimits {
    MoneyLimits {
        per_transaction: Some(500),
        per_day: Some(1_000),
        currencies: vec![php()],
        directions: vec![Direction::Out],
    }
}

fn user_with_grants() -> User {
    let mut user = user();
    user.body.grants = Some(vec![OauthGrantId(raw(34)), OauthGrantId(raw(36))]);
    user
}

fn limited_grant() -> OauthGrant {
    OauthGrant {
        limits: Some(limits()),
        ..grant()
    }
}

fn limited_token() -> OauthToken {
    OauthToken {
        limits: Some(limits()),
        grant: Some(OauthGrantId(raw(34))),
        ..token()
    }
}

fn token() -> OauthToken {
    OauthToken {
        id: OauthTokenId(raw(32)),
        client: OauthClientId(raw(30)),
        key: ApiKeyId(raw(31)),
        hash: [4; 32],
        scopes: Scopes::parse("write").unwrap(),
        status: CredentialStatus::Revoked,
        proof_key: Some(Mark([5; 32])),
        certificate: Some(Thumbprint([6; 32])),
        created_at: Timestamp(5),
        expires_at: Timestamp(605_000),
        person: Some(UserId(raw(33))),
        began_at: 77,
        limits: None,
        grant: None,
    }
}
