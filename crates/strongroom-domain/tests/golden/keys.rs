//! Keys that are held to networks, client certificates and limits.

use strongroom_auth::{
    CredentialStatus, Dialect, Direction, KeyType, MoneyLimits, Networks, PermissionSet, Range,
    Role, SigningPolicy, Thumbprint,
};
use strongroom_domain::api_keys::{Allowance, ApiKey, Used};
use strongroom_types::id::ApiKeyId;
use strongroom_types::time::Timestamp;

use crate::{php, raw};

pub fn restricted_key() -> ApiKey {
    ApiKey {
        networks: Some(Networks {
            ranges: vec![Range::parse("203.0.113.0/24").unwrap()],
            report_only: true,
        }),
        limits: Some(MoneyLimits {
            per_transaction: Some(1_000),
            per_day: Some(5_000),
            currencies: vec![php()],
            directions: vec![Direction::Out],
        }),
        ..api_key()
    }
}

pub fn certified_key() -> ApiKey {
    ApiKey {
        certificates: Some(vec![Thumbprint([7; 32])]),
        ..api_key()
    }
}

pub fn allowance() -> Allowance {
    Allowance {
        day: 20_240_115,
        used: vec![Used {
            currency: php(),
            minor: 1_000,
        }],
    }
}

pub fn api_key() -> ApiKey {
    ApiKey {
        id: ApiKeyId(raw(9)),
        key_type: KeyType::Secret,
        name: Some("till".into()),
        hash: [3; 32],
        hint: "sk_test_…abcd".into(),
        role: Role::Custom,
        permissions: PermissionSet::new(vec!["read:*".into()]).unwrap(),
        dialect: Dialect::Nopos,
        signing: SigningPolicy::Sensitive,
        signing_secret: "sign_x".into(),
        status: CredentialStatus::Active,
        created_at: Timestamp(5),
        expires_at: Some(Timestamp(9)),
        last_used_at: Some(Timestamp(7)),
        rolled_from: Some(ApiKeyId(raw(8))),
        networks: None,
        limits: None,
        certificates: None,
        person: None,
        user: None,
        signed_by: None,
        client: None,
        role_id: None,
        others: None,
        till: None,
    }
}
