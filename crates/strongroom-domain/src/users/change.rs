//! What others change about a person, and the password, which he alone does.

use strongroom_auth::permission::{ManageUsers, OwnAccount};
use strongroom_auth::{CredentialStatus, PermissionSet, Role};
use strongroom_types::id::{SessionId, UserId};
use strongroom_types::mode::Scope;

use crate::action::Action;
use crate::api_keys::{ApiKey, Held, person_of};
use crate::command::{Command, Moment};
use crate::decision::{Decision, Reply};
use crate::event::EventType;
use crate::facts::{Facts, Field, Keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::sessions::{Session, SessionBody};
use crate::users::staff::staff;
use crate::users::{
    Password, Profile, User, UserBody, UserStatus, UserView, active, existing, line_of, staff_key,
    told,
};
use crate::view;

fn keys_of(facts: &Facts, id: UserId) -> Keys {
    let keys = Keys::default().record(id.any()).record(staff_key());
    match facts.user(id) {
        Some(user) => keys.record(user.body.key.any()),
        None => keys,
    }
}

/// A person whom whoever holds `held` may change.
fn changeable<'f>(
    facts: &'f Facts,
    id: UserId,
    held: Option<&Held>,
) -> Result<&'f User, Rejection> {
    let user = existing(facts, id)?;
    if user.body.status == UserStatus::Deactivated {
        let text = format!("`{id}` is deactivated");
        return Err(Rejection::new(Code::InvalidState, text));
    }
    // SECURITY: who has more than oneself is not to be cut down, or taken over, from below.
    if let Some(held) = held {
        held.covers(&user.body.permissions)?;
    }
    Ok(user)
}

/// Refuses to leave the organization without an owner who signs in.
fn keeps_an_owner(facts: &Facts, old: &UserBody, new: &UserBody) -> Result<(), Rejection> {
    let lost = old.is_standing_owner() && !new.is_standing_owner();
    match lost && staff(facts).owners <= 1 {
        true => {
            let text = "it is the last person who owns the organization: make another owner first";
            Err(Rejection::new(Code::LastOwner, text))
        }
        false => Ok(()),
    }
}

/// `PATCH /v1/users/{id}`. What is `None` stays.
pub struct UpdateUser {
    pub id: UserId,
    pub name: Option<String>,
    pub rights: Option<(Role, PermissionSet)>,
    pub held: Option<Held>,
}

impl Command for UpdateUser {
    type Permission = ManageUsers;

    fn action(&self) -> Action {
        Action::UserUpdated
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        let keys = keys_of(facts, self.id);
        match &self.held {
            Some(held) => keys.record(held.id.any()),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, _: &mut Moment) -> Result<Decision, Rejection> {
        let user = changeable(facts, self.id, self.held.as_ref())?;
        if let (Some(held), Some((_, permissions))) = (&self.held, &self.rights) {
            held.covers(permissions)?;
        }
        let line = line_of(facts, user)?;
        let mut body = user.body.clone();
        if let Some((role, permissions)) = &self.rights {
            body.role = *role;
            body.permissions.clone_from(permissions);
        }
        keeps_an_owner(facts, &user.body, &body)?;

        // From here it must succeed.
        // SECURITY: whoever widens what somebody may do answers for it: he is no second pair of eyes for him, even if others agreed to
        // the invitation.
        let widened = body
            .permissions
            .beyond(&user.body.permissions)
            .next()
            .is_some();
        let person = match widened {
            true => person_of(facts, self.held.as_ref()),
            false => line.person,
        };
        let line = ApiKey {
            role: body.role,
            permissions: body.permissions.clone(),
            person,
            ..line.clone()
        };
        let staff = staff(facts).after(Some(&user.body), Some(&body));
        let mut profile = user.profile.clone();
        if let (Some(profile), Some(name)) = (&mut profile, &self.name) {
            profile.name.clone_from(name);
        }
        let role = body.role.as_str();
        let changed = User { body, profile };
        let reply = view::json(&UserView::new(&changed));
        Ok(
            told(facts, Action::UserUpdated, EventType::UserUpdated, self.id)
                .detail("role", role)
                .reply(Reply::Stored(reply))
                .change(staff_key(), Record::Staff(staff))
                .change(line.id.any(), Record::ApiKey(line))
                .change(self.id.any(), Record::User(changed)),
        )
    }
}

/// `POST /v1/users/{id}/deactivate`: his sessions end with it, and his address is free for another invitation.
pub struct DeactivateUser {
    pub id: UserId,
    pub held: Option<Held>,
}

impl Command for DeactivateUser {
    type Permission = ManageUsers;

    fn action(&self) -> Action {
        Action::UserDeactivated
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        keys_of(facts, self.id)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let user = changeable(facts, self.id, self.held.as_ref())?;
        let line = line_of(facts, user)?;
        let body = UserBody {
            status: UserStatus::Deactivated,
            invitation: None,
            password: None,
            totp: None,
            totp_offered: None,
            recovery: Vec::new(),
            passkeys: Vec::new(),
            known_networks: Vec::new(),
            sessions_from: moment.sequence,
            ..user.body.clone()
        };
        keeps_an_owner(facts, &user.body, &body)?;

        // From here it must succeed.
        let line = ApiKey {
            status: CredentialStatus::Revoked,
            ..line.clone()
        };
        let staff = staff(facts).after(Some(&user.body), None);
        let email = user
            .profile
            .as_ref()
            .map(|profile: &Profile| profile.email.clone());
        let gone = User {
            body,
            profile: user.profile.clone(),
        };
        let reply = view::json(&UserView::new(&gone));
        let (action, event) = (Action::UserDeactivated, EventType::UserDeactivated);
        Ok(told(facts, action, event, self.id)
            .reply(Reply::Stored(reply))
            .release(Field::UserEmail, email.as_deref(), self.id.any())
            .change(staff_key(), Record::Staff(staff))
            .change(line.id.any(), Record::ApiKey(line))
            .change(self.id.any(), Record::User(gone)))
    }
}

/// `POST /v1/users/{id}/end-sessions`.
pub struct EndSessionsOf {
    pub id: UserId,
    pub held: Option<Held>,
}

impl Command for EndSessionsOf {
    type Permission = ManageUsers;

    fn action(&self) -> Action {
        Action::UserSessionsEnded
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        keys_of(facts, self.id)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let user = changeable(facts, self.id, self.held.as_ref())?;

        // From here it must succeed.
        let mut ended = user.clone();
        ended.body.sessions_from = moment.sequence;
        let reply = view::json(&UserView::new(&ended));
        let (action, event) = (Action::UserSessionsEnded, EventType::UserSessionsEnded);
        Ok(told(facts, action, event, self.id)
            .reply(Reply::Stored(reply))
            .change(self.id.any(), Record::User(ended)))
    }
}

/// `POST /v1/me/password`: all other sessions end.
pub struct ChangePassword {
    pub user: UserId,
    pub session: SessionId,
    /// The tag of the password that was shown, as it was read.
    pub verified: [u8; 32],
    pub password: Password,
}

impl Command for ChangePassword {
    type Permission = OwnAccount;

    fn action(&self) -> Action {
        Action::UserPasswordChanged
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default()
            .record(self.user.any())
            .record(self.session.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let user = active(facts, self.user)?;
        let same = user
            .body
            .password
            .as_ref()
            .is_some_and(|p| p.tag == self.verified);
        if !same {
            let text = "the password was changed meanwhile";
            return Err(Rejection::new(Code::LoginRefused, text));
        }
        let session = crate::sessions::going_on(facts, self.session, &user.body)?;

        // From here it must succeed.
        let body = UserBody {
            password: Some(self.password.clone()),
            password_changed_at: Some(moment.now),
            sessions_from: moment.sequence,
            ..user.body.clone()
        };
        let profile = user.profile.clone();
        let changed = User { body, profile };
        let session = Session {
            body: SessionBody {
                began_at: moment.sequence,
                authenticated_at: moment.now,
                ..session.body.clone()
            },
            trace: session.trace.clone(),
        };
        let reply = view::json(&UserView::new(&changed));
        let (action, event) = (Action::UserPasswordChanged, EventType::UserPasswordChanged);
        Ok(told(facts, action, event, self.user)
            .reply(Reply::Stored(reply))
            .change(self.user.any(), Record::User(changed))
            .change(self.session.any(), Record::Session(session)))
    }
}
