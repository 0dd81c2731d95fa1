//! The bounded queue in front of the commit thread, shared out among the organizations.
//!
//! The last eighth of its places is for those who wait with little: whoever holds more than an even share of the queue gets
//! none of them, so that one organization that floods it is told so before the others are. What is taken for a batch is taken
//! evenly as well, each organization's commands in their order.

use std::collections::{HashMap, HashSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

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
    fn organization(&self) -> Option<OrganizationId> {
        self.actor.credential.map(|_| self.scope.organization)
    }
}

impl Item {
    fn organization(&self) -> Option<OrganizationId> {
        match self {
            Item::Command(pending) => pending.organization(),
            _ => None,
        }
    }
}

/// One place of so many is kept for those who hold little.
const RESERVED: usize = 8;

/// Takes `most` items: an even share for each of so many organizations first, then what is oldest. What is not a key's
/// command stays behind everything that it was behind.
fn shared_out(items: Vec<Item>, most: usize, organizations: usize) -> (Vec<Item>, Vec<Item>) {
    let share = most / organizations.max(1);
    let mut counts: HashMap<OrganizationId, usize> = HashMap::new();
    let (mut taken, mut rest) = (Vec::with_capacity(most), Vec::new());
    for item in items {
        let is_due = match item.organization() {
            Some(organization) => {
                let count = counts.entry(organization).or_default();
                *count += 1;
                *count <= share
            }
            None => rest.is_empty(),
        };
        match is_due && taken.len() < most {
            true => taken.push(item),
            false => rest.push(item),
        }
    }
    let is_command = |item: &Item| item.organization().is_some();
    let more = most.saturating_sub(taken.len());
    let next = rest
        .iter()
        .take(more)
        .take_while(|item| is_command(item))
        .count();
    let left = rest.split_off(next);
    taken.append(&mut rest);
    (taken, left)
}

#[derive(Default)]
struct Waiting {
    items: Vec<Item>,
    /// How many of them each organization's keys have asked for.
    held: HashMap<OrganizationId, usize>,
    /// Idempotency keys between `push` and the answer, with their scope.
    in_flight: HashSet<(u32, [u8; 16])>,
    /// What everybody is told from then on.
    closed: Option<Failure>,
}

/// Items in order of arrival; `push` never waits.
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    limit: usize,
}

impl Queue {
    pub fn new(limit: usize) -> Queue {
        Queue {
            waiting: Mutex::default(),
            arrived: Condvar::new(),
            limit,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a command unless its idempotency key is in flight, the queue is full or the engine has stopped.
    pub fn push(&self, pending: Pending) -> Result<(), Failure> {
        let mut waiting = self.lock();
        if let Some(failure) = &waiting.closed {
            return Err(failure.clone());
        }
        if !self.has_room(&waiting, &pending) {
            return Err(Failure::Overloaded);
        }
        if let Some(idempotency) = pending.envelope.idempotency {
            let key = (pending.scope.number, idempotency.key);
            if !waiting.in_flight.insert(key) {
                return Err(Failure::KeyInUse);
            }
        }
        if let Some(organization) = pending.organization() {
            *waiting.held.entry(organization).or_default() += 1;
        }
        waiting.items.push(Item::Command(pending));
        self.arrived.notify_one();
        Ok(())
    }

    fn has_room(&self, waiting: &Waiting, pending: &Pending) -> bool {
        let free = self.limit.saturating_sub(waiting.items.len());
        let Some(organization) = pending.organization() else {
            return free > 0;
        };
        if free > self.limit / RESERVED {
            return true;
        }
        let held = waiting.held.get(&organization).copied().unwrap_or(0);
        let waits = waiting.held.len() + usize::from(held == 0);
        free > 0 && (self.limit < RESERVED || held < self.limit / (waits + 1))
    }

    /// Adds an item of the server's own.
    pub fn push_own(&self, item: Item) -> Result<(), Failure> {
        let mut waiting = self.lock();
        if let Some(failure) = &waiting.closed {
            return Err(failure.clone());
        }
        waiting.items.push(item);
        self.arrived.notify_one();
        Ok(())
    }

    /// Adds an item that may be lost, unless the queue is full.
    pub fn offer(&self, item: Item) {
        let mut waiting = self.lock();
        if waiting.closed.is_none() && waiting.items.len() < self.limit {
            waiting.items.push(item);
            self.arrived.notify_one();
        }
    }

    /// Waits for items and takes up to `most` of them, oldest first.
    pub fn take(&self, most: usize) -> Vec<Item> {
        let mut waiting = self.lock();
        while waiting.items.is_empty() {
            waiting = self
                .arrived
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if waiting.items.len() <= most {
            waiting.held.clear();
            return std::mem::take(&mut waiting.items);
        }
        let items = std::mem::take(&mut waiting.items);
        let (taken, rest) = shared_out(items, most, waiting.held.len());
        waiting.items = rest;
        for organization in taken.iter().filter_map(Item::organization) {
            if let Some(held) = waiting.held.get_mut(&organization) {
                *held = held.saturating_sub(1);
            }
        }
        waiting.held.retain(|_, held| *held > 0);
        taken
    }

    /// Frees idempotency keys once their requests are answered.
    pub fn settle(&self, keys: &[(u32, [u8; 16])]) {
        if keys.is_empty() {
            return;
        }
        let mut waiting = self.lock();
        for key in keys {
            waiting.in_flight.remove(key);
        }
    }

    /// Refuses everything from now on and gives back what was waiting.
    pub fn close(&self, failure: Failure) -> Vec<Item> {
        let mut waiting = self.lock();
        waiting.closed = Some(failure);
        waiting.held.clear();
        std::mem::take(&mut waiting.items)
    }

    pub fn len(&self) -> usize {
        self.lock().items.len()
    }
}
