//! Sessions: what a person who has signed in acts by. The text is shown once and kept as a keyed hash, as a key's is.

mod begin;
mod view;

use minicbor::{Decode, Encode};
use strongroom_auth::CredentialStatus;
use strongroom_auth::permission::{Operate, OwnAccount};
use strongroom_types::Classified;
use strongroom_types::id::{AnyId, ApiKeyId, Kind, SessionId, SubjectId, UserId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::users::{UserBody, UserStatus};

pub use begin::{LoginRefused, OpenSession, StepUp};
pub use view::SessionView;

/// Milliseconds without a request after which a session is over: half an hour.
pub const IDLE: i64 = 30 * 60_000;

/// Milliseconds after which it is over in any case: half a day.
pub const LONGEST: i64 = 12 * 3_600_000;

/// A session as stored.
#[derive(Clone)]
pub struct Session {
    pub body: SessionBody,
    /// Erased with the person.
    pub trace: Option<Trace>,
}

#[derive(Clone, Encode, Decode, Classified)]
#[part(business)]
pub struct SessionBody {
    #[n(0)]
    #[class(operational)]
    pub id: SessionId,
    #[n(1)]
    #[class(operational)]
    pub user: UserId,
    /// The line of the keys that holds his rights.
    #[n(2)]
    #[class(operational)]
    pub key: ApiKeyId,
    #[n(3)]
    #[class(operational)]
    pub subject: SubjectId,
    /// Keyed hash of the session's text.
    #[cbor(n(4), with = "minicbor::bytes")]
    #[class(highly_sensitive)]
    pub hash: [u8; 32],
    #[n(5)]
    #[class(operational)]
    pub status: CredentialStatus,
    /// The entry of the log that it is counted from: those that began before the person's `sessions_from` are over.
    #[n(6)]
    #[class(operational)]
    pub began_at: u64,
    #[n(7)]
    #[class(operational)]
    pub created_at: Timestamp,
    #[n(8)]
    #[class(operational)]
    pub authenticated_at: Timestamp,
    #[n(9)]
    #[class(operational)]
    pub second_factor_at: Option<Timestamp>,
    #[n(10)]
    #[class(operational)]
    pub last_used_at: Timestamp,
    /// Milliseconds.
    #[n(11)]
    #[class(operational)]
    pub idle: i64,
    #[n(12)]
    #[class(operational)]
    pub ends_at: Timestamp,
}

/// Where it was begun.
#[derive(Clone, Encode, Decode, Classified)]
#[part(personal)]
pub struct Trace {
    #[n(0)]
    #[class(personal)]
    pub address: String,
    #[n(1)]
    #[class(personal)]
    pub user_agent: String,
}

impl SessionBody {
    pub fn status_code(&self) -> u8 {
        match self.status {
            CredentialStatus::Active => 0,
            CredentialStatus::Revoked => 1,
        }
    }

    /// Whether it could still be used, as far as it and its person say.
    pub fn goes_on(&self, user: &UserBody, now: Timestamp) -> bool {
        self.user == user.id
            && user.status == UserStatus::Active
            && self.status == CredentialStatus::Active
            && self.began_at >= user.sessions_from
            && now < self.ends_at
    }
}

fn existing(facts: &Facts, id: SessionId) -> Result<&Session, Rejection> {
    let missing = || Rejection::new(Code::NotFound, "there is no such session");
    facts.session(id).ok_or_else(missing)
}

/// A person's session that nobody has ended. Asked again in the commit: it may have been ended since the request came.
pub(crate) fn going_on<'f>(
    facts: &'f Facts,
    id: SessionId,
    user: &UserBody,
) -> Result<&'f Session, Rejection> {
    let session = existing(facts, id)?;
    let is_on = session.body.status == CredentialStatus::Active
        && session.body.user == user.id
        && session.body.began_at >= user.sessions_from;
    match is_on {
        true => Ok(session),
        false => {
            let text = "the session is over";
            Err(Rejection::new(Code::SessionOver, text))
        }
    }
}

/// A decision about a session, and the event that tells of it.
fn told(facts: &Facts, action: Action, event: EventType, session: &Session) -> Decision {
    let about = session.body.id.any();
    let event = EventFact {
        event,
        about: Some(about),
    };
    Decision::new(facts, action, about, Movement::none(), vec![event])
        .detail("user", session.body.user.to_string())
}

/// `POST /v1/sessions/{id}/end`: one of one's own.
pub struct EndSession {
    pub id: SessionId,
    pub user: UserId,
}

impl Command for EndSession {
    type Permission = OwnAccount;

    fn action(&self) -> Action {
        Action::SessionEnded
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any())
    }

    fn decide(&self, facts: &Facts, _: &mut Moment) -> Result<Decision, Rejection> {
        let session = existing(facts, self.id)?;
        if session.body.user != self.user {
            return Err(Rejection::new(Code::NotFound, "there is no such session"));
        }
        if session.body.status == CredentialStatus::Revoked {
            return Err(Rejection::new(Code::SessionOver, "the session is over"));
        }

        // From here it must succeed.
        let mut ended = session.clone();
        ended.body.status = CredentialStatus::Revoked;
        let (action, event) = (Action::SessionEnded, EventType::SessionEnded);
        Ok(told(facts, action, event, &ended)
            .reply(Reply::Stored(b"{\"ended\":true}".to_vec()))
            .change(self.id.any(), Record::Session(ended)))
    }
}

/// Writes down when sessions were last used; issued by the server once a minute at most, so that a restart does not
/// wake one that had fallen asleep.
pub struct TouchSessions {
    pub used: Vec<(SessionId, Timestamp)>,
}

impl Command for TouchSessions {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::SessionsUsed
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        let keys = Keys::default();
        self.used
            .iter()
            .fold(keys, |keys, (id, _)| keys.record(id.any()))
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let about = AnyId {
            kind: Kind::Organization,
            raw: moment.scope.organization.0,
        };
        let none = Movement::none();
        let mut decision =
            Decision::new(facts, Action::SessionsUsed, about, none, Vec::new()).reply(Reply::Empty);
        for (id, time) in &self.used {
            if let Some(session) = facts.session(*id) {
                let mut used = session.clone();
                used.body.last_used_at = used.body.last_used_at.max(*time);
                decision = decision.change(id.any(), Record::Session(used));
            }
        }
        Ok(decision)
    }
}
