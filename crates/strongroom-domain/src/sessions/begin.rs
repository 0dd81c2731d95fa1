//! Signing in, being refused, and stepping up within a session.

use strongroom_auth::CredentialStatus;
use strongroom_auth::permission::{Operate, OwnAccount};
use strongroom_types::id::{SessionId, UserId};
use strongroom_types::mode::Scope;
use strongroom_types::secret::SecretText;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Reply};
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::sessions::{IDLE, LONGEST, Session, SessionBody, SessionView, Trace, going_on, told};
use crate::users::{Factor, Mark, User, UserBody, active};
use crate::view;

/// Networks of a person that are remembered.
const MOST_KNOWN: usize = 8;

/// `POST /v1/sessions`, once the password was found to be right.
pub struct OpenSession {
    pub user: UserId,
    /// The tag of the password that was shown, as it was read: another one has been set if it is not that any more.
    pub verified: [u8; 32],
    pub factor: Option<Factor>,
    pub token: SecretText,
    /// Keyed hash of the token.
    pub hash: [u8; 32],
    pub csrf: String,
    /// Whether the token goes into a cookie, so that the reply does not show it.
    pub by_cookie: bool,
    /// Keyed hash of the network it comes from.
    pub network: [u8; 32],
    pub trace: Trace,
}

impl Command for OpenSession {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::UserSignedIn
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.user.any())
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
        let body = match (&self.factor, user.body.has_factor()) {
            (Some(factor), true) => factor.spent(&user.body, moment.now)?,
            (None, true) => {
                let text = "a second factor is enrolled";
                return Err(Rejection::new(Code::SecondFactorRequired, text));
            }
            (_, false) => user.body.clone(),
        };

        // From here it must succeed.
        let used = self.factor.as_ref().filter(|_| user.body.has_factor());
        let session = self.session(&body, used.is_some(), moment);
        let mut body = UserBody {
            last_login_at: Some(moment.now),
            ..body
        };
        body.known_networks.retain(|known| known.0 != self.network);
        body.known_networks.push(Mark(self.network));
        let over = body.known_networks.len().saturating_sub(MOST_KNOWN);
        body.known_networks.drain(..over);
        let reply = view::json(&SessionView::begun(&session, self, moment.scope.mode));
        let decision = told(
            facts,
            Action::UserSignedIn,
            EventType::SessionCreated,
            &session,
        );
        let profile = user.profile.clone();
        Ok(decision
            .detail("factor", used.map_or("none", Factor::name))
            .reply(Reply::Secret(reply))
            .change(self.user.any(), Record::User(User { body, profile }))
            .change(session.body.id.any(), Record::Session(session)))
    }
}

impl OpenSession {
    fn session(&self, user: &UserBody, stepped_up: bool, moment: &mut Moment) -> Session {
        let now = moment.now;
        let body = SessionBody {
            id: SessionId(moment.fresh()),
            user: user.id,
            key: user.key,
            subject: user.subject,
            hash: self.hash,
            status: CredentialStatus::Active,
            began_at: moment.sequence,
            created_at: now,
            authenticated_at: now,
            second_factor_at: stepped_up.then_some(now),
            last_used_at: now,
            idle: IDLE,
            ends_at: now.plus(LONGEST),
        };
        Session {
            body,
            trace: Some(self.trace.clone()),
        }
    }
}

/// A login on a known account that was refused before its command could be decided: it is on record, and nothing more.
pub struct LoginRefused;

impl Command for LoginRefused {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::UserSignedIn
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default()
    }

    fn decide(&self, _: &Facts, _: &mut Moment) -> Result<Decision, Rejection> {
        let text = "the e-mail address or the password is not right";
        Err(Rejection::new(Code::LoginRefused, text))
    }
}

/// `POST /v1/me/step-up`: a second factor again, for what is dangerous.
pub struct StepUp {
    pub user: UserId,
    pub session: SessionId,
    pub factor: Factor,
}

impl Command for StepUp {
    type Permission = OwnAccount;

    fn action(&self) -> Action {
        Action::UserSteppedUp
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default()
            .record(self.user.any())
            .record(self.session.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let user = active(facts, self.user)?;
        let session = going_on(facts, self.session, &user.body)?;
        let body = self.factor.spent(&user.body, moment.now)?;

        // From here it must succeed.
        let mut session = session.clone();
        session.body.second_factor_at = Some(moment.now);
        let reply = view::json(&SessionView::new(&session, Some(self.session)));
        let decision = told(
            facts,
            Action::UserSteppedUp,
            EventType::SessionSteppedUp,
            &session,
        );
        let profile = user.profile.clone();
        Ok(decision
            .detail("factor", self.factor.name())
            .reply(Reply::Stored(reply))
            .change(self.user.any(), Record::User(User { body, profile }))
            .change(self.session.any(), Record::Session(session)))
    }
}
