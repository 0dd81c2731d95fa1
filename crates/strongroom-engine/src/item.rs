//! What the commit thread is asked for: commands with who acts and who waits for the outcome, and the server's own rows.

use strongroom_domain::action::Action;
use strongroom_domain::command::{Command, Moment};
use strongroom_domain::decision::Decision;
use strongroom_domain::facts::{Facts, Keys};
use strongroom_domain::rejection::Rejection;
use strongroom_store::Batch;
use strongroom_types::id::{
    AnyId, ApiKeyId, OauthClientId, OauthTokenId, OrganizationId, SessionId, UserId,
};
use strongroom_types::mode::Scope;
use tokio::sync::oneshot;

use crate::draft::ClearPart;
use crate::envelope::{Committed, Envelope, Failure};
use crate::rotation::KeyOrder;
use crate::spent::BuiltRun;
use crate::watch::Noticed;

/// A [`Command`] without its permission type: that was checked when it was queued.
pub(crate) trait Decide: Send {
    fn action(&self) -> Action;
    fn keys(&self, facts: &Facts, scope: Scope) -> Keys;
    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection>;
}

impl<C: Command> Decide for C {
    fn action(&self) -> Action {
        Command::action(self)
    }

    fn keys(&self, facts: &Facts, scope: Scope) -> Keys {
        Command::keys(self, facts, scope)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        Command::decide(self, facts, moment)
    }
}

/// Who acts: for the budget of refusals, and as the log will say it.
pub(crate) struct ActorLine {
    pub credential: Option<AnyId>,
    /// A person who acts by a session.
    pub attended: Option<Attended>,
    /// An access token that somebody acts by.
    pub token: Option<Carried>,
    pub part: ClearPart,
}

/// An access token, the client that carries it, and the line that holds the rights of whoever it acts for.
#[derive(Clone, Copy)]
pub(crate) struct Carried {
    pub token: OauthTokenId,
    pub line: ApiKeyId,
    pub client: OauthClientId,
    pub person: Option<UserId>,
}

/// A session, its person, and the line of the keys that he acts by.
#[derive(Clone, Copy)]
pub(crate) struct Attended {
    pub session: SessionId,
    pub user: UserId,
    pub line: ApiKeyId,
}

pub(crate) type Answer = oneshot::Sender<Outcome>;

/// A command's outcome, held back until its batch is durable.
pub(crate) type Outcome = Result<Committed, Failure>;

/// The outcomes of a batch and who waits for them.
pub(crate) type Answers = Vec<(Answer, Outcome)>;

/// Wakes everyone who waits. A caller may have hung up; the act stands all the same.
pub(crate) fn answer(answers: Answers) {
    for (answer, outcome) in answers {
        drop(answer.send(outcome));
    }
}

/// A command waiting for its commit.
pub(crate) struct Pending {
    pub command: Box<dyn Decide>,
    pub scope: Scope,
    pub actor: ActorLine,
    pub envelope: Envelope,
    pub answer: Answer,
}

/// Anything the commit thread does.
pub(crate) enum Item {
    Command(Pending),
    /// Rows that follow from the log: checkpoints, runs of spent hashes, removed keys.
    Derived(Batch, oneshot::Sender<Result<(), Failure>>),
    Run(Box<BuiltRun>),
    /// Keys that are replaced or destroyed.
    Keys(KeyOrder, oneshot::Sender<Result<usize, Failure>>),
    /// Something that may raise an alert; nothing for what was counted before.
    Noticed(Option<Noticed>),
    Stop,
}

impl Pending {
    /// Whose key asks for it; nothing for the server's own commands, which nobody can flood it with.
    pub fn organization(&self) -> Option<OrganizationId> {
        self.actor.credential.map(|_| self.scope.organization)
    }
}

impl Item {
    pub fn organization(&self) -> Option<OrganizationId> {
        match self {
            Item::Command(pending) => pending.organization(),
            _ => None,
        }
    }

    /// Whether somebody outside of the server waits for it.
    pub fn is_clients(&self) -> bool {
        match self {
            Item::Command(Pending {
                actor, envelope, ..
            }) => actor.credential.is_some() || !envelope.is_internal(),
            _ => false,
        }
    }
}
