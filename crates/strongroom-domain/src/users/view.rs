//! How people look on the wire.

use serde::Serialize;
use strongroom_auth::{PermissionSet, Role};
use strongroom_types::id::{ApiKeyId, RoleId, UserId};
use strongroom_types::secret::SecretText;
use strongroom_types::time::Timestamp;

use crate::users::{User, UserBody};

/// A person. Of his factors only which there are.
#[derive(Serialize)]
pub struct UserView<'a> {
    pub id: UserId,
    pub object: &'static str,
    pub name: Option<&'a str>,
    pub email: Option<&'a str>,
    pub role: Role,
    pub role_id: Option<RoleId>,
    pub permissions: &'a PermissionSet,
    pub status: &'static str,
    /// Who he is among the keys: what approvals and alerts name.
    pub key_id: ApiKeyId,
    pub second_factors: Vec<&'static str>,
    pub recovery_codes_left: usize,
    pub invited_by: Option<ApiKeyId>,
    pub invitation_expires_at: Option<Timestamp>,
    pub last_login_at: Option<Timestamp>,
    pub password_changed_at: Option<Timestamp>,
    pub password_reset_expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_token: Option<&'a str>,
    /// Shown once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invitation_token: Option<&'a str>,
}

impl<'a> UserView<'a> {
    pub fn new(user: &'a User) -> UserView<'a> {
        let UserBody {
            id,
            key,
            subject: _,
            status,
            role,
            permissions,
            login: _,
            invitation,
            password: _,
            password_changed_at,
            totp,
            totp_offered: _,
            recovery,
            passkeys,
            known_networks: _,
            sessions_from: _,
            invited_by,
            last_login_at,
            created_at,
            role_id,
            reset,
            grants: _,
        } = &user.body;
        let profile = user.profile.as_ref();
        let factors = [("totp", totp.is_some()), ("passkey", !passkeys.is_empty())];
        UserView {
            id: *id,
            object: "user",
            name: profile.map(|profile| profile.name.as_str()),
            email: profile.map(|profile| profile.email.as_str()),
            role: *role,
            role_id: *role_id,
            permissions,
            status: status.as_str(),
            key_id: *key,
            second_factors: factors
                .iter()
                .filter(|(_, has)| *has)
                .map(|(name, _)| *name)
                .collect(),
            recovery_codes_left: recovery.len(),
            invited_by: *invited_by,
            invitation_expires_at: invitation.as_ref().map(|i| i.expires_at),
            last_login_at: *last_login_at,
            password_changed_at: *password_changed_at,
            created_at: *created_at,
            password_reset_expires_at: reset.as_ref().map(|reset| reset.expires_at),
            invitation_token: None,
            reset_token: None,
        }
    }

    /// With the text of a reset, which is shown once.
    pub fn resetting(user: &'a User, token: &'a SecretText) -> UserView<'a> {
        UserView {
            reset_token: Some(token.expose()),
            ..UserView::new(user)
        }
    }

    /// With the text that is shown once.
    pub fn invited(user: &'a User, token: &'a SecretText) -> UserView<'a> {
        UserView {
            invitation_token: Some(token.expose()),
            ..UserView::new(user)
        }
    }
}
