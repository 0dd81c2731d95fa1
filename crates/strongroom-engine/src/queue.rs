//! The bounded queue in front of the commit thread.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use strongroom_domain::action::Action;
use strongroom_domain::command::{Command, Moment};
use strongroom_domain::decision::Decision;
use strongroom_domain::facts::{Facts, Keys};
use strongroom_domain::rejection::Rejection;
use strongroom_store::Batch;
use strongroom_types::id::AnyId;
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
    pub part: ClearPart,
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

#[derive(Default)]
struct Waiting {
    items: Vec<Item>,
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
        if waiting.items.len() >= self.limit {
            return Err(Failure::Overloaded);
        }
        if let Some(idempotency) = pending.envelope.idempotency {
            let key = (pending.scope.number, idempotency.key);
            if !waiting.in_flight.insert(key) {
                return Err(Failure::KeyInUse);
            }
        }
        waiting.items.push(Item::Command(pending));
        self.arrived.notify_one();
        Ok(())
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
            return std::mem::take(&mut waiting.items);
        }
        let rest = waiting.items.split_off(most);
        std::mem::replace(&mut waiting.items, rest)
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
        std::mem::take(&mut waiting.items)
    }

    pub fn len(&self) -> usize {
        self.lock().items.len()
    }
}
