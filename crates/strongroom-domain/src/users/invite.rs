//! Inviting somebody, and his coming. Sending the mail is not ours: the inviter is shown the invitation's text once.

use serde_json::{Value, json};
use strongroom_auth::CredentialStatus;
use strongroom_auth::permission::{CreateUsers, Operate};
use strongroom_auth::{PermissionSet, Role};
use strongroom_types::id::{ApiKeyId, RoleId, SubjectId, UserId};
use strongroom_types::mode::Scope;
use strongroom_types::secret::SecretText;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::api_keys::{ApiKey, Held, makers, with_maker, with_role};
use crate::approvals::{Act, Parked};
use crate::command::{Command, Moment};
use crate::decision::{Decision, Reply};
use crate::event::EventType;
use crate::facts::{Facts, Field, Keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::roles::holding::{counted, given, permissions, role_key};
use crate::users::staff::staff;
use crate::users::{
    Invitation, MOST_PEOPLE, Password, Profile, User, UserBody, UserStatus, UserView, existing,
    line_of, staff_key, told,
};
use crate::view;

/// What is drawn for a new person: the invitation, and what his line of the keys has in place of a text.
pub struct Minted {
    pub invitation: SecretText,
    /// Keyed hash of the invitation's text.
    pub hash: [u8; 32],
    /// Random, and the hash of no text.
    pub line_hash: [u8; 32],
    pub line_secret: SecretText,
}

/// `POST /v1/users`.
pub struct InviteUser {
    pub name: String,
    pub email: String,
    /// Keyed hash of the address.
    pub login: [u8; 16],
    pub role: Role,
    pub permissions: PermissionSet,
    /// A role in their place.
    pub role_id: Option<RoleId>,
    /// Milliseconds that the invitation is good.
    pub lasts: i64,
    pub minted: Minted,
    /// What the inviter holds; `None` for the operator at the command line.
    pub held: Option<Held>,
}

impl Command for InviteUser {
    type Permission = CreateUsers;

    fn action(&self) -> Action {
        Action::UserInvited
    }

    fn act(&self) -> Option<Act> {
        Some(Act::ApiKeyCreate)
    }

    fn parked(&self, _: &Facts, _: Scope) -> Option<Parked> {
        Some(Parked::Invitation(self.asked().to_string()))
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        let keys = with_maker(facts, self.held.as_ref())
            .record(staff_key())
            .holder(Field::UserEmail, &self.email);
        role_key(keys, self.role_id)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        given(facts, self.role_id)?;
        if let Some(held) = &self.held {
            held.covers(permissions(facts, self.role_id, &self.permissions))?;
        }
        if let Some(holder) = facts.holder(Field::UserEmail, &self.email) {
            let text = format!("the address belongs to `{holder}`");
            return Err(Rejection::at(Code::UserExists, "/email", text));
        }
        let staff = staff(facts);
        if staff.people >= MOST_PEOPLE {
            let text = format!("there are {MOST_PEOPLE} people already");
            return Err(Rejection::new(Code::LimitReached, text));
        }

        // From here it must succeed.
        let user = self.user(moment);
        let id = user.body.id;
        let secret = self.minted.line_secret.expose().to_owned();
        let line = user.body.line(self.minted.line_hash, secret);
        let line = line.made_by(makers(facts, self.held.as_ref()));
        let shown = user.shown(facts);
        let reply = view::json(&UserView::invited(&shown, &self.minted.invitation));
        let (role, staff_key) = (line.role_name(), staff_key());
        let staff = staff.after(None, Some(&user.body));
        let decision = told(facts, Action::UserInvited, EventType::UserInvited, id)
            .detail("role", role)
            .reply(Reply::Secret(reply))
            .claim(Field::UserEmail, Some(&self.email), id.any())
            .change(staff_key, Record::Staff(staff))
            .change(line.id.any(), Record::ApiKey(line))
            .change(id.any(), Record::User(user));
        Ok(counted(decision, facts, None, self.role_id))
    }
}

impl InviteUser {
    fn user(&self, moment: &mut Moment) -> User {
        let body = UserBody {
            id: UserId(moment.fresh()),
            key: ApiKeyId(moment.fresh()),
            subject: SubjectId(moment.fresh()),
            status: UserStatus::Invited,
            role: self.role,
            permissions: self.permissions.clone(),
            login: self.login,
            invitation: Some(Invitation {
                hash: self.minted.hash,
                expires_at: moment.now.plus(self.lasts),
            }),
            password: None,
            password_changed_at: None,
            totp: None,
            totp_offered: None,
            recovery: Vec::new(),
            passkeys: Vec::new(),
            known_networks: Vec::new(),
            sessions_from: 0,
            invited_by: self.held.as_ref().map(|held| held.id),
            last_login_at: None,
            created_at: moment.now,
            role_id: self.role_id,
            reset: None,
            grants: None,
        };
        let profile = Some(Profile {
            name: self.name.clone(),
            email: self.email.clone(),
        });
        User { body, profile }
    }

    /// As others see it who are to agree.
    fn asked(&self) -> Value {
        let mut asked = json!({
            "name": self.name,
            "email": self.email,
            "role": self.role,
            "permissions": self.permissions,
            "expires_in": self.lasts / 1_000,
        });
        with_role(&mut asked, self.role_id);
        asked
    }
}

/// `POST /v1/invitations/accept`, by whoever has the invitation's text.
pub struct AcceptInvitation {
    pub user: UserId,
    /// Keyed hash of the text that was shown.
    pub hash: [u8; 32],
    pub password: Password,
}

impl Command for AcceptInvitation {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::UserJoined
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        let keys = Keys::default().record(self.user.any()).record(staff_key());
        match facts.user(self.user) {
            Some(user) => role_key(keys.record(user.body.key.any()), user.body.role_id),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let user = existing(facts, self.user)?;
        if !self.is_good(&user.body, moment.now) {
            let text = "the invitation was accepted, has expired, or never was";
            return Err(Rejection::new(Code::InvitationInvalid, text));
        }
        let line = line_of(facts, user)?;

        // From here it must succeed.
        let line = ApiKey {
            status: CredentialStatus::Active,
            ..line.clone()
        };
        let body = UserBody {
            status: UserStatus::Active,
            invitation: None,
            password: Some(self.password.clone()),
            password_changed_at: Some(moment.now),
            ..user.body.clone()
        };
        let staff = staff(facts).after(Some(&user.body), Some(&body));
        let profile = user.profile.clone();
        let joined = User { body, profile };
        let reply = view::json(&UserView::new(&joined.shown(facts)));
        Ok(
            told(facts, Action::UserJoined, EventType::UserJoined, self.user)
                .reply(Reply::Stored(reply))
                .change(staff_key(), Record::Staff(staff))
                .change(line.id.any(), Record::ApiKey(line))
                .change(self.user.any(), Record::User(joined)),
        )
    }
}

impl AcceptInvitation {
    fn is_good(&self, body: &UserBody, now: Timestamp) -> bool {
        let invitation = body.invitation.as_ref();
        body.status == UserStatus::Invited
            && invitation.is_some_and(|i| i.hash == self.hash && now < i.expires_at)
    }
}
