//! The bounded queue in front of the commit thread, shared out among the organizations.
//!
//! The last eighth of its places is for those who wait with little: whoever holds more than an even share of the queue gets
//! none of them, so that one organization that floods it is told so before the others are. What is taken for a batch is taken
//! evenly as well, each organization's commands in their order.
//!
//! Clients come first: while they come, what the server wants of itself – the next step of a payment, the outcome of a
//! delivery – has a share of each batch, and the rest of it waits. A batch between two of clients is a small one: those who were
//! just answered ask again while it is under way. The share keeps the server's own work going, and once what is due has waited too
//! long nothing of it gives way any more ([`Queue::hold_back`]): a burst is taken first, a flood is not.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
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

    /// Whether somebody outside of the server waits for it.
    fn is_clients(&self) -> bool {
        match self {
            Item::Command(Pending {
                actor, envelope, ..
            }) => actor.credential.is_some() || !envelope.is_internal(),
            _ => false,
        }
    }
}

/// So many of the clients' commands let one of the server's own into their batch.
const CLIENTS_TO_ONE: usize = 4;
/// The most of those in a batch without clients, unless so many came before it that nobody is to be expected.
const OWN_BETWEEN: usize = 8;
const CALM_AFTER: usize = 8;

/// What comes now and what waits for another batch. The server's own things keep their order: none overtakes another.
fn clients_first(items: Vec<Item>, clients: usize, most: usize) -> (Vec<Item>, Vec<Item>) {
    let mut share = match clients {
        0 => OWN_BETWEEN,
        _ => clients.min(most).div_ceil(CLIENTS_TO_ONE),
    };
    let (mut now, mut later) = (Vec::with_capacity(items.len()), Vec::new());
    for item in items {
        if item.is_clients() {
            now.push(item);
            continue;
        }
        let is_command = matches!(item, Item::Command(_));
        let has_place = later.is_empty() && (share > 0 || !is_command);
        share -= usize::from(has_place && is_command);
        match has_place {
            true => now.push(item),
            false => later.push(item),
        }
    }
    (now, later)
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
    /// Batches in which clients are still to be expected.
    busy: usize,
    /// What everybody is told from then on.
    closed: Option<Failure>,
}

/// Items in order of arrival; `push` never waits.
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    limit: usize,
    /// Whether clients come first.
    holds_back: AtomicBool,
}

impl Queue {
    pub fn new(limit: usize) -> Queue {
        Queue {
            waiting: Mutex::default(),
            arrived: Condvar::new(),
            limit,
            holds_back: AtomicBool::new(true),
        }
    }

    /// Whether the server's own commands give way to those of clients from now on.
    pub fn hold_back(&self, gives_way: bool) {
        self.holds_back.store(gives_way, Ordering::Relaxed);
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

    /// Waits for items and takes up to `most` of them: clients first, each organization's oldest first.
    pub fn take(&self, most: usize) -> Vec<Item> {
        let mut waiting = self.lock();
        while waiting.items.is_empty() {
            waiting = self
                .arrived
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let items = std::mem::take(&mut waiting.items);
        let clients = items.iter().filter(|item| item.is_clients()).count();
        waiting.busy = match clients {
            0 => waiting.busy.saturating_sub(1),
            _ => CALM_AFTER,
        };
        let gives_way = waiting.busy > 0 && self.holds_back.load(Ordering::Relaxed);
        let (items, later) = match gives_way {
            true => clients_first(items, clients, most),
            false => (items, Vec::new()),
        };
        if items.len() <= most {
            waiting.held.clear();
            waiting.items = later;
            return items;
        }
        let (taken, mut rest) = shared_out(items, most, waiting.held.len());
        rest.extend(later);
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

#[cfg(test)]
mod tests {
    use strongroom_domain::housekeeping::Note;
    use strongroom_types::id::{Kind, RawId};
    use strongroom_types::mode::Mode;

    use super::*;

    const CLIENT: &str = "192.0.2.7";

    /// A command that came from an address, or the server's own.
    fn command(address: &str) -> Item {
        let note = Note {
            action: Action::ServerStarted,
            details: Vec::new(),
        };
        let id = AnyId {
            kind: Kind::ApiKey,
            raw: RawId([1; 12]),
        };
        let is_own = address.is_empty();
        Item::Command(Pending {
            command: Box::new(note),
            scope: Scope {
                organization: OrganizationId(RawId([7; 12])),
                mode: Mode::Test,
                number: 1,
            },
            actor: ActorLine {
                credential: (!is_own).then_some(id),
                attended: None,
                token: None,
                part: ClearPart::new(0, [0; 32], |_| {}),
            },
            envelope: Envelope {
                address: address.to_owned(),
                ..Envelope::internal()
            },
            answer: oneshot::channel().0,
        })
    }

    fn queue(items: impl IntoIterator<Item = Item>) -> Queue {
        let queue = Queue::new(10_000);
        queue.lock().items.extend(items);
        queue
    }

    fn many(count: usize, address: &str) -> impl Iterator<Item = Item> {
        std::iter::repeat_with(move || command(address)).take(count)
    }

    fn clients(items: &[Item]) -> usize {
        items.iter().filter(|item| item.is_clients()).count()
    }

    #[test]
    fn clients_come_first_and_the_server_has_its_share() {
        for (own, waiting, gives_way, taken) in [
            (100, 8, true, (8, 2)),
            (100, 200, true, (200, 50)),
            (10, 200, true, (200, 10)),
            (100, 1, true, (1, 1)),
            (100, 0, true, (0, 100)),
            (0, 5, true, (5, 0)),
            (100, 8, false, (8, 100)),
        ] {
            let queue = queue(many(own, "").chain(many(waiting, CLIENT)));
            queue.hold_back(gives_way);
            let first = queue.take(1_000);
            let found = (clients(&first), first.len() - clients(&first));
            assert_eq!(found, taken, "{own} and {waiting}");
            assert_eq!(queue.len(), own - taken.1, "what waits is not lost");
        }
    }

    #[test]
    fn between_two_batches_of_clients_is_a_small_one() {
        let queue = queue(many(100, "").chain(many(1, CLIENT)));
        assert_eq!(queue.take(1_000).len(), 2);
        for _ in 1..CALM_AFTER {
            assert_eq!(queue.take(1_000).len(), OWN_BETWEEN);
        }
        assert_eq!(queue.take(1_000).len(), 99 - 7 * OWN_BETWEEN, "calm again");
    }

    #[test]
    fn a_batch_never_holds_more_than_it_may() {
        let queue = queue(many(300, "").chain(many(300, CLIENT)));
        let (mut own, mut from_clients) = (0, 0);
        while own + from_clients < 600 {
            let taken = queue.take(100);
            assert!(taken.len() <= 100);
            from_clients += clients(&taken);
            own += taken.len() - clients(&taken);
        }
        assert_eq!((own, from_clients), (300, 300));
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn the_server_s_own_things_keep_their_order() {
        let stop = std::iter::once(Item::Stop);
        let queue = queue(many(20, "").chain(stop).chain(many(4, CLIENT)));
        let first = queue.take(1_000);
        assert_eq!(first.len(), 5, "4 of clients and one of its own");
        let is_stop = |item: &Item| matches!(item, Item::Stop);
        assert!(!first.iter().any(is_stop));
        let between: Vec<Item> = (0..2).flat_map(|_| queue.take(1_000)).collect();
        assert!(!between.iter().any(is_stop));
        let then = queue.take(1_000);
        assert_eq!(then.len(), 4);
        assert!(
            then.last().is_some_and(is_stop),
            "behind what it was behind"
        );
    }
}
