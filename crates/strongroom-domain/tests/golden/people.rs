//! A person, his line of the keys, a session of his, and the count of people.

use strongroom_auth::{CredentialStatus, PermissionSet, Role};
use strongroom_domain::api_keys::ApiKey;
use strongroom_domain::entry::EntryActor;
use strongroom_domain::sessions::{Session, SessionBody, Trace};
use strongroom_domain::users::{
    Invitation, KeyAlgorithm, Mark, Passkey, Password, Profile, Staff, Totp, User, UserBody,
    UserStatus,
};
use strongroom_types::id::{ApiKeyId, SessionId, SubjectId, UserId};
use strongroom_types::time::Timestamp;

use crate::{actor, api_key, raw};

fn totp(step: u64) -> Totp {
    Totp {
        secret: vec![1; 20],
        last_step: step,
        created_at: Timestamp(7),
    }
}

pub fn user() -> User {
    let body = UserBody {
        id: UserId(raw(31)),
        key: ApiKeyId(raw(32)),
        subject: SubjectId(raw(33)),
        status: UserStatus::Active,
        role: Role::Custom,
        permissions: PermissionSet::new(vec!["read:wallets".into()]).unwrap(),
        login: [2; 16],
        invitation: Some(Invitation {
            hash: [3; 32],
            expires_at: Timestamp(8),
        }),
        password: Some(Password {
            salt: [4; 16],
            memory_kib: 19_456,
            passes: 2,
            lanes: 1,
            tag: [5; 32],
        }),
        password_changed_at: Some(Timestamp(9)),
        totp: Some(totp(10)),
        totp_offered: Some(totp(0)),
        recovery: vec![Mark([6; 32])],
        passkeys: vec![Passkey {
            credential: vec![7; 16],
            algorithm: KeyAlgorithm::EdDsa,
            public_key: vec![8; 32],
            counter: 11,
            name: "laptop".into(),
            created_at: Timestamp(12),
        }],
        known_networks: vec![Mark([9; 32])],
        sessions_from: 13,
        invited_by: Some(ApiKeyId(raw(34))),
        last_login_at: Some(Timestamp(14)),
        created_at: Timestamp(15),
        role_id: None,
        reset: None,
        grants: None,
    };
    let profile = Some(Profile {
        name: "Ana Cruz".into(),
        email: "ana@example.org".into(),
    });
    User { body, profile }
}

pub fn person_s_key() -> ApiKey {
    ApiKey {
        user: Some(UserId(raw(31))),
        ..api_key()
    }
}

pub fn session() -> Session {
    let body = SessionBody {
        id: SessionId(raw(35)),
        user: UserId(raw(31)),
        key: ApiKeyId(raw(32)),
        subject: SubjectId(raw(33)),
        hash: [1; 32],
        status: CredentialStatus::Active,
        began_at: 16,
        created_at: Timestamp(17),
        authenticated_at: Timestamp(18),
        second_factor_at: Some(Timestamp(19)),
        last_used_at: Timestamp(20),
        idle: 1_800_000,
        ends_at: Timestamp(21),
    };
    let trace = Some(Trace {
        address: "192.0.2.7".into(),
        user_agent: "till 7".into(),
    });
    Session { body, trace }
}

pub fn staff() -> Staff {
    Staff {
        people: 3,
        owners: 1,
    }
}

/// An entry's actor who is a person.
pub fn person() -> EntryActor {
    EntryActor {
        credential: Some(SessionId(raw(35)).any()),
        user: Some(UserId(raw(31))),
        ..actor()
    }
}
