//! People: invited, let in by a password and further factors, given a role, sent away.
//!
//! What a person may do stands in a line of the keys ([`ApiKey`] with `user` set) that changes in the same commit as he
//! does. It has no text that anybody could present: his sessions act by it. So whatever holds for keys – approvals, limits,
//! rights asked again at the moment of an act – holds for people by the same code.
//! Never here: what a password is hashed with, how a passkey is verified; the commands take what was found.

mod change;
mod factors;
mod invite;
mod reset;
mod staff;
mod view;

use minicbor::{Decode, Encode};
use strongroom_auth::{CredentialStatus, Dialect, KeyType, PermissionSet, Role, SigningPolicy};
use strongroom_types::Classified;
use strongroom_types::id::{ApiKeyId, OauthGrantId, RoleId, SubjectId, UserId};
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::api_keys::ApiKey;
use crate::decision::{Decision, Movement};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::Facts;
use crate::rejection::{Code, Rejection};

pub use change::{ChangePassword, DeactivateUser, EndSessionsOf, UpdateUser};
pub use factors::{
    AddPasskey, BeginTotp, ConfirmTotp, Factor, NewRecoveryCodes, RECOVERY_CODES, RemovePasskey,
    RemoveTotp,
};
pub use invite::{AcceptInvitation, InviteUser, Minted};
pub use reset::{CompleteReset, Reset, StartReset};
pub use staff::{MOST_PEOPLE, Staff, staff_key};
pub use view::UserView;

/// Where a person stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum UserStatus {
    #[n(0)]
    Invited,
    #[n(1)]
    Active,
    /// For good: who comes back is invited anew.
    #[n(2)]
    Deactivated,
}

impl UserStatus {
    pub const fn code(self) -> u8 {
        match self {
            UserStatus::Invited => 0,
            UserStatus::Active => 1,
            UserStatus::Deactivated => 2,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            UserStatus::Invited => "invited",
            UserStatus::Active => "active",
            UserStatus::Deactivated => "deactivated",
        }
    }
}

/// A person as stored.
#[derive(Clone)]
pub struct User {
    pub body: UserBody,
    /// Who that is; erased with him.
    pub profile: Option<Profile>,
}

#[derive(Clone, Encode, Decode, Classified)]
#[part(business)]
pub struct UserBody {
    #[n(0)]
    #[class(operational)]
    pub id: UserId,
    /// The line of the keys that holds his rights.
    #[n(1)]
    #[class(operational)]
    pub key: ApiKeyId,
    #[n(2)]
    #[class(operational)]
    pub subject: SubjectId,
    #[n(3)]
    #[class(operational)]
    pub status: UserStatus,
    #[n(4)]
    #[class(operational)]
    pub role: Role,
    #[n(5)]
    #[class(operational)]
    pub permissions: PermissionSet,
    /// Keyed hash of his e-mail address, by which he is found when he signs in.
    #[cbor(n(6), with = "minicbor::bytes")]
    #[class(highly_sensitive)]
    pub login: [u8; 16],
    #[n(7)]
    #[class(highly_sensitive)]
    pub invitation: Option<Invitation>,
    #[n(8)]
    #[class(highly_sensitive)]
    pub password: Option<Password>,
    #[n(9)]
    #[class(operational)]
    pub password_changed_at: Option<Timestamp>,
    #[n(10)]
    #[class(highly_sensitive)]
    pub totp: Option<Totp>,
    /// One that is not confirmed yet.
    #[n(11)]
    #[class(highly_sensitive)]
    pub totp_offered: Option<Totp>,
    /// Keyed hashes of the recovery codes that are left.
    #[n(12)]
    #[class(highly_sensitive)]
    pub recovery: Vec<Mark>,
    #[n(13)]
    #[class(sensitive)]
    pub passkeys: Vec<Passkey>,
    /// Keyed hashes of the networks that he signed in from lately, the newest last.
    #[n(14)]
    #[class(highly_sensitive)]
    pub known_networks: Vec<Mark>,
    /// Sessions that began before this entry of the log are over.
    #[n(15)]
    #[class(operational)]
    pub sessions_from: u64,
    #[n(16)]
    #[class(operational)]
    pub invited_by: Option<ApiKeyId>,
    #[n(17)]
    #[class(operational)]
    pub last_login_at: Option<Timestamp>,
    #[n(18)]
    #[class(operational)]
    pub created_at: Timestamp,
    /// The role that he holds by its id: then what he may do is what that says, and `permissions` are none.
    #[n(24)]
    #[class(operational)]
    pub role_id: Option<RoleId>,
    /// What lets him choose another password.
    #[n(25)]
    #[class(highly_sensitive)]
    pub reset: Option<Reset>,
    /// What he lets clients of OAuth do, and has not taken back as far as was known when he allowed the last of it; the newest last.
    #[n(60)]
    #[class(operational)]
    pub grants: Option<Vec<OauthGrantId>>,
}

/// Who a person is.
#[derive(Clone, Encode, Decode, Classified)]
#[part(personal)]
pub struct Profile {
    #[n(0)]
    #[class(personal)]
    pub name: String,
    #[n(1)]
    #[class(personal)]
    pub email: String,
}

/// What lets an invited person choose a password.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Invitation {
    /// Keyed hash of its text.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub hash: [u8; 32],
    #[n(1)]
    pub expires_at: Timestamp,
}

/// A password as it is kept; the figures are what one guess at it costs.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Password {
    #[cbor(n(0), with = "minicbor::bytes")]
    pub salt: [u8; 16],
    #[n(1)]
    pub memory_kib: u32,
    #[n(2)]
    pub passes: u32,
    #[n(3)]
    pub lanes: u32,
    #[cbor(n(4), with = "minicbor::bytes")]
    pub tag: [u8; 32],
}

/// An authenticator.
#[derive(Clone, Encode, Decode)]
pub struct Totp {
    #[cbor(n(0), with = "minicbor::bytes")]
    pub secret: Vec<u8>,
    /// The step of the last code that was taken: it and all before it are spent.
    #[n(1)]
    pub last_step: u64,
    #[n(2)]
    pub created_at: Timestamp,
}

/// A passkey, by what its authenticator gave when it was registered.
#[derive(Clone, Encode, Decode)]
pub struct Passkey {
    /// The authenticator's id for it.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub credential: Vec<u8>,
    #[n(1)]
    pub algorithm: KeyAlgorithm,
    #[cbor(n(2), with = "minicbor::bytes")]
    pub public_key: Vec<u8>,
    /// How often it was used, where its authenticator counts; zero where it does not.
    #[n(3)]
    pub counter: u32,
    #[n(4)]
    pub name: String,
    #[n(5)]
    pub created_at: Timestamp,
}

/// What a public key verifies with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum KeyAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    #[n(0)]
    Es256,
    #[n(1)]
    EdDsa,
}

/// A keyed hash.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Mark(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

impl UserBody {
    /// Whether a password alone does not let him in.
    pub fn has_factor(&self) -> bool {
        self.totp.is_some() || !self.passkeys.is_empty()
    }

    /// An owner whom the organization can rely on.
    pub fn is_standing_owner(&self) -> bool {
        self.role == Role::Owner && self.status == UserStatus::Active
    }

    /// The line of the keys that holds his rights, as it is made. SECURITY: its hash is random, so no text opens it.
    fn line(&self, hash: [u8; 32], signing_secret: String) -> ApiKey {
        ApiKey {
            id: self.key,
            key_type: KeyType::Secret,
            name: None,
            hash,
            hint: String::new(),
            role: self.role,
            permissions: self.permissions.clone(),
            dialect: Dialect::Nextapi,
            signing: SigningPolicy::Never,
            signing_secret,
            status: CredentialStatus::Revoked,
            created_at: self.created_at,
            expires_at: None,
            last_used_at: None,
            rolled_from: None,
            till: None,
            networks: None,
            limits: None,
            certificates: None,
            person: None,
            user: Some(self.id),
            role_id: self.role_id,
            signed_by: None,
            others: None,
            client: None,
        }
    }
}

pub(crate) fn existing(facts: &Facts, id: UserId) -> Result<&User, Rejection> {
    let missing = || Rejection::new(Code::NotFound, "there is no such person");
    facts.user(id).ok_or_else(missing)
}

/// A person who may act.
pub(crate) fn active(facts: &Facts, id: UserId) -> Result<&User, Rejection> {
    let user = existing(facts, id)?;
    match user.body.status {
        UserStatus::Active => Ok(user),
        _ => Err(Rejection::new(
            Code::LoginRefused,
            "the account is not active",
        )),
    }
}

fn line_of<'f>(facts: &'f Facts, user: &User) -> Result<&'f ApiKey, Rejection> {
    let missing = || Rejection::new(Code::NotFound, "there is no such person");
    facts.api_key(user.body.key.any()).ok_or_else(missing)
}

/// A decision about a person, and the event that tells of it.
pub(crate) fn told(facts: &Facts, action: Action, event: EventType, user: UserId) -> Decision {
    let about = Some(user.any());
    let event = EventFact { event, about };
    Decision::new(facts, action, user.any(), Movement::none(), vec![event])
}
