//! What others change about a person, and the password, which he alone does.

use serde_json::json;
use strongroom_auth::CredentialStatus;
use strongroom_auth::permission::{ManageUsers, OwnAccount};
use strongroom_types::id::{SessionId, UserId};
use strongroom_types::mode::Scope;

use crate::action::Action;
use crate::api_keys::{ApiKey, Held, makers, with_role};
use crate::approvals::{Act, Parked};
use crate::command::{Command, Moment};
use crate::decision::{Decision, Reply};
use crate::event::EventType;
use crate::facts::{Facts, Field, Keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::roles::holding::{conditions, counted, given, role_key};
use crate::roles::{Grant, with_rights};
use crate::sessions::{Session, SessionBody};
use crate::users::staff::staff;
use crate::users::{
    Password, Profile, User, UserBody, UserStatus, UserView, active, existing, line_of, staff_key,
    told,
};
use crate::view;

pub(super) fn keys_of(facts: &Facts, id: UserId) -> Keys {
    let keys = Keys::default().record(id.any()).record(staff_key());
    match facts.user(id) {
        Some(user) => role_key(keys.record(user.body.key.any()), user.body.role_id),
        None => keys,
    }
}

/// A person whom whoever holds `held` may change.
pub(super) fn changeable<'f>(
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
        held.covers(user.body.may(facts))?;
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
    pub rights: Option<Grant>,
    pub held: Option<Held>,
}

impl Command for UpdateUser {
    type Permission = ManageUsers;

    fn action(&self) -> Action {
        Action::UserUpdated
    }

    fn act(&self) -> Option<Act> {
        Some(Act::RoleChange)
    }

    /// The rights alone are asked for: what somebody is called is nobody's right.
    fn parked(&self, _: &Facts, _: Scope) -> Option<Parked> {
        let grant = self.rights.as_ref()?;
        let mut asked = json!({
            "user_id": self.id,
            "role": grant.role,
            "permissions": grant.permissions,
        });
        with_role(&mut asked, grant.role_id);
        Some(Parked::again(Act::RoleChange, &asked))
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        let keys = keys_of(facts, self.id);
        let keys = role_key(keys, self.rights.as_ref().and_then(|grant| grant.role_id));
        match &self.held {
            Some(held) => with_rights(keys, facts, held.id.any()),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, _: &mut Moment) -> Result<Decision, Rejection> {
        let user = changeable(facts, self.id, self.held.as_ref())?;
        let line = line_of(facts, user)?;
        let mut body = user.body.clone();
        if let Some(grant) = &self.rights {
            given(facts, grant.role_id)?;
            body.role = grant.role;
            body.permissions.clone_from(&grant.permissions);
            body.role_id = grant.role_id;
        }
        if let Some(held) = self.held.as_ref().filter(|_| self.rights.is_some()) {
            held.covers(body.may(facts))?;
        }
        keeps_an_owner(facts, &user.body, &body)?;

        // From here it must succeed.
        // SECURITY: whoever widens what somebody may do answers for it: he is no second pair of eyes for him, even if others agreed to
        // the invitation. Whoever has seen the invitation stays: he could be him, and another who widens does not wash him clean.
        let answering = match widens(facts, &user.body, &body) {
            true => makers(facts, self.held.as_ref()),
            false => Vec::new(),
        };
        let line = ApiKey {
            role: body.role,
            permissions: body.permissions.clone(),
            role_id: body.role_id,
            ..line.clone()
        };
        let line = line.known_to(answering);
        let staff = staff(facts).after(Some(&user.body), Some(&body));
        let mut profile = user.profile.clone();
        if let (Some(profile), Some(name)) = (&mut profile, &self.name) {
            profile.name.clone_from(name);
        }
        let changed = User { body, profile };
        let reply = view::json(&UserView::new(&changed.shown(facts)));
        let (before, after) = (user.body.role_id, line.role_id);
        let decision = told(facts, Action::UserUpdated, EventType::UserUpdated, self.id)
            .detail("role", line.role_name())
            .reply(Reply::Stored(reply))
            .change(staff_key(), Record::Staff(staff))
            .change(line.id.any(), Record::ApiKey(line))
            .change(self.id.any(), Record::User(changed));
        Ok(counted(decision, facts, before, after))
    }
}

/// Whether he may do more by the new than by the old.
fn widens(facts: &Facts, old: &UserBody, new: &UserBody) -> bool {
    let more = new.may(facts).beyond(old.may(facts)).next().is_some();
    let bound = |body: &UserBody| conditions(facts, body.role_id).cloned();
    let loosened = bound(old).is_some() && bound(old) != bound(new);
    more || loosened
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
            reset: None,
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
        let reply = view::json(&UserView::new(&gone.shown(facts)));
        let (action, event) = (Action::UserDeactivated, EventType::UserDeactivated);
        let decision = told(facts, action, event, self.id)
            .reply(Reply::Stored(reply))
            .release(Field::UserEmail, email.as_deref(), self.id.any())
            .change(staff_key(), Record::Staff(staff))
            .change(line.id.any(), Record::ApiKey(line))
            .change(self.id.any(), Record::User(gone));
        Ok(counted(decision, facts, user.body.role_id, None))
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
        let reply = view::json(&UserView::new(&ended.shown(facts)));
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

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        let keys = Keys::default()
            .record(self.user.any())
            .record(self.session.any());
        role_key(
            keys,
            facts.user(self.user).and_then(|user| user.body.role_id),
        )
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
            reset: None,
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
        let reply = view::json(&UserView::new(&changed.shown(facts)));
        let (action, event) = (Action::UserPasswordChanged, EventType::UserPasswordChanged);
        Ok(told(facts, action, event, self.user)
            .reply(Reply::Stored(reply))
            .change(self.user.any(), Record::User(changed))
            .change(self.session.any(), Record::Session(session)))
    }
}
