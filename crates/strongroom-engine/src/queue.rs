//! The bounded queue in front of the commit thread, shared out among the organizations.
//!
//! The last eighth of its places is for those who wait with little: whoever holds more than an even share of the queue gets
//! none of them, so that one organization that floods it is told so before the others are. What is taken for a batch is taken
//! evenly as well, each organization's commands in their order.
//!
//! Clients come first. Once they come faster than one by one, what the server wants of itself – the next step of a payment, the
//! outcome of a delivery – goes with them, a few together every few batches, since what is due at one time lies on the same pages;
//! it has no batch of its own before they pause. That keeps the server's own work going, and once what is due has waited too long
//! nothing of it gives way any more ([`Queue::hold_back`]): a burst is taken first, a flood is not.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use strongroom_types::id::OrganizationId;

use crate::envelope::Failure;
use crate::item::{Item, Pending};

/// So many of the clients' commands make a place for one of the server's own, and so many places are taken together.
const CLIENTS_TO_ONE: usize = 32;
const TOGETHER: usize = 8;
/// So many clients in one batch, and they come faster than one by one, until as many batches after it had fewer.
const PRESSED: usize = 8;
const CALM_AFTER: usize = 8;
/// How long clients who come like that are waited for when only the server's own is left.
const PAUSE: Duration = Duration::from_millis(5);

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

/// Something of the server's own.
struct Own {
    item: Item,
    /// How many of the clients' had come before it.
    behind: u64,
}

#[derive(Default)]
struct Waiting {
    /// Commands that somebody outside of the server waits for.
    clients: Vec<Item>,
    /// Everything else. None of it overtakes another.
    own: VecDeque<Own>,
    /// How many of the clients' have come, and how many were taken.
    came: u64,
    gone: u64,
    /// How many of the clients' each organization's keys have asked for.
    held: HashMap<OrganizationId, usize>,
    /// Idempotency keys between `push` and the answer, with their scope.
    in_flight: HashSet<(u32, [u8; 16])>,
    /// How many of the clients' went since the server's own last had places with them.
    unmatched: usize,
    /// Batches in which many clients are still to be expected.
    pressed: usize,
    /// What everybody is told from then on.
    closed: Option<Failure>,
}

impl Waiting {
    fn len(&self) -> usize {
        self.clients.len() + self.own.len()
    }

    fn push(&mut self, item: Item) {
        if item.is_clients() {
            self.came += 1;
            self.clients.push(item);
        } else {
            let behind = self.came;
            self.own.push_back(Own { item, behind });
        }
    }

    /// The server's own for a batch of `most`: whatever has its turn, but fewer commands where they give way.
    fn take_own(&mut self, most: usize, gives_way: bool) -> Vec<Item> {
        let mut share = match gives_way && !self.clients.is_empty() {
            true => self.places(most),
            false => most,
        };
        let mut taken = Vec::new();
        while let Some(next) = self.own.front() {
            let before = usize::try_from(next.behind.saturating_sub(self.gone));
            let has_turn = before.is_ok_and(|before| before.saturating_add(taken.len()) < most);
            let is_command = matches!(next.item, Item::Command(_));
            if !has_turn || (is_command && share == 0) {
                break;
            }
            share -= usize::from(is_command);
            taken.extend(self.own.pop_front().map(|own| own.item));
        }
        taken
    }

    /// How many of the server's own go with the clients' that are taken now.
    fn places(&mut self, most: usize) -> usize {
        let unmatched = self.unmatched.saturating_add(self.clients.len().min(most));
        let places = unmatched / CLIENTS_TO_ONE;
        let (left, places) = match places < TOGETHER || self.own.is_empty() {
            true => (unmatched.min(TOGETHER * CLIENTS_TO_ONE), 0),
            false => (0, places),
        };
        self.unmatched = left;
        places
    }

    fn take_clients(&mut self, most: usize) -> Vec<Item> {
        let waiting = self.clients.len();
        let items = std::mem::take(&mut self.clients);
        let taken = if waiting <= most {
            self.held.clear();
            items
        } else {
            let (taken, rest) = shared_out(items, most, self.held.len());
            self.clients = rest;
            for organization in taken.iter().filter_map(Item::organization) {
                if let Some(held) = self.held.get_mut(&organization) {
                    *held = held.saturating_sub(1);
                }
            }
            self.held.retain(|_, held| *held > 0);
            taken
        };
        self.gone += u64::try_from(taken.len()).unwrap_or(0);
        taken
    }
}

/// Items in order of arrival, clients before the server's own; `push` never waits.
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
        waiting.push(Item::Command(pending));
        self.arrived.notify_one();
        Ok(())
    }

    fn has_room(&self, waiting: &Waiting, pending: &Pending) -> bool {
        let free = self.limit.saturating_sub(waiting.len());
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
        waiting.push(item);
        self.arrived.notify_one();
        Ok(())
    }

    /// Adds an item that may be lost, unless the queue is full.
    pub fn offer(&self, item: Item) {
        let mut waiting = self.lock();
        if waiting.closed.is_none() && waiting.len() < self.limit {
            waiting.push(item);
            self.arrived.notify_one();
        }
    }

    /// Waits for items and takes up to `most` commands: clients first, each organization's oldest first.
    pub fn take(&self, most: usize) -> Vec<Item> {
        let mut waiting = self.await_clients(self.await_any());
        waiting.pressed = match waiting.clients.len() {
            // None in time: they pause.
            0 => 0,
            clients if clients >= PRESSED => CALM_AFTER,
            _ => waiting.pressed.saturating_sub(1),
        };
        let gives_way = self.gives_way(&waiting);
        let own = waiting.take_own(most, gives_way);
        let commands = own.iter().filter(|item| matches!(item, Item::Command(_)));
        let left = most.saturating_sub(commands.count());
        let mut taken = waiting.take_clients(left);
        taken.extend(own);
        taken
    }

    fn gives_way(&self, waiting: &Waiting) -> bool {
        waiting.pressed > 0 && self.holds_back.load(Ordering::Relaxed)
    }

    fn await_any(&self) -> MutexGuard<'_, Waiting> {
        let mut waiting = self.lock();
        while waiting.len() == 0 {
            waiting = self
                .arrived
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
        waiting
    }

    /// Those who were just answered ask again at once: a batch of the server's own would make them wait.
    fn await_clients<'q>(&'q self, waiting: MutexGuard<'q, Waiting>) -> MutexGuard<'q, Waiting> {
        let none = |waiting: &mut Waiting| waiting.clients.is_empty() && self.gives_way(waiting);
        let waited = self.arrived.wait_timeout_while(waiting, PAUSE, none);
        waited.unwrap_or_else(PoisonError::into_inner).0
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
        let clients = std::mem::take(&mut waiting.clients);
        let own = waiting.own.drain(..).map(|own| own.item);
        clients.into_iter().chain(own).collect()
    }

    pub fn len(&self) -> usize {
        self.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use strongroom_domain::action::Action;
    use strongroom_domain::housekeeping::Note;
    use strongroom_types::id::{AnyId, Kind, RawId};
    use strongroom_types::mode::{Mode, Scope};
    use tokio::sync::oneshot;

    use super::*;
    use crate::draft::ClearPart;
    use crate::envelope::Envelope;
    use crate::item::ActorLine;

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
        come(&queue, items);
        queue
    }

    fn come(queue: &Queue, items: impl IntoIterator<Item = Item>) {
        let mut waiting = queue.lock();
        items.into_iter().for_each(|item| waiting.push(item));
    }

    fn many(count: usize, address: &str) -> impl Iterator<Item = Item> {
        std::iter::repeat_with(move || command(address)).take(count)
    }

    /// How many of a batch are clients', and how many the server's own.
    fn taken(queue: &Queue, most: usize) -> (usize, usize) {
        let items = queue.take(most);
        let clients = items.iter().filter(|item| item.is_clients()).count();
        (clients, items.len() - clients)
    }

    #[test]
    fn clients_come_first_and_the_server_has_its_share() {
        for (own, clients, gives_way, expected) in [
            (100, 8, true, (8, 0)),
            (100, 255, true, (255, 0)),
            (100, 256, true, (256, 8)),
            (100, 800, true, (800, 25)),
            (5, 800, true, (800, 5)),
            (100, 7, true, (7, 100)),
            (100, 0, true, (0, 100)),
            (0, 9, true, (9, 0)),
            (100, 8, false, (8, 100)),
        ] {
            let queue = queue(many(own, "").chain(many(clients, CLIENT)));
            queue.hold_back(gives_way);
            assert_eq!(taken(&queue, 1_000), expected, "{own} and {clients}");
            assert_eq!(queue.len(), own - expected.1, "what waits is not lost");
        }
    }

    #[test]
    fn clients_who_come_in_numbers_are_waited_for_until_they_pause() {
        let queue = queue(many(100, "").chain(many(248, CLIENT)));
        assert_eq!(taken(&queue, 1_000), (248, 0));
        come(&queue, many(8, CLIENT));
        assert_eq!(taken(&queue, 1_000), (8, 8), "with whoever is back first");
        let began = Instant::now();
        assert_eq!(taken(&queue, 1_000), (0, 92), "nobody came");
        assert!(began.elapsed() >= PAUSE);
        come(&queue, many(1, CLIENT).chain(many(50, "")));
        assert_eq!(taken(&queue, 1_000), (1, 50), "one by one again");
    }

    #[test]
    fn a_few_clients_after_many_hold_nothing_back_for_long() {
        let queue = queue(many(100, "").chain(many(8, CLIENT)));
        assert_eq!(taken(&queue, 1_000), (8, 0));
        for _ in 1..CALM_AFTER {
            come(&queue, many(1, CLIENT));
            assert_eq!(taken(&queue, 1_000), (1, 0));
        }
        come(&queue, many(1, CLIENT));
        assert_eq!(taken(&queue, 1_000), (1, 100));
    }

    #[test]
    fn places_that_nobody_wants_are_kept_for_one_turn() {
        let queue = queue(many(900, CLIENT));
        assert_eq!(taken(&queue, 1_000), (900, 0));
        come(&queue, many(50, "").chain(many(32, CLIENT)));
        assert_eq!(taken(&queue, 1_000), (32, 9), "as many as are together");
        come(&queue, many(32, CLIENT));
        assert_eq!(taken(&queue, 1_000), (32, 0), "anew");
    }

    #[test]
    fn a_batch_never_holds_more_than_it_may() {
        for gives_way in [true, false] {
            let queue = queue(many(300, "").chain(many(600, CLIENT)));
            queue.hold_back(gives_way);
            let (mut clients, mut own) = (0, 0);
            let (mut batches, mut with_own) = (0, 0);
            while clients + own < 900 {
                let batch = taken(&queue, 100);
                assert!((1..=100).contains(&(batch.0 + batch.1)), "{batch:?}");
                batches += usize::from(own < 300);
                with_own += usize::from(batch.1 > 0);
                clients += batch.0;
                own += batch.1;
            }
            assert_eq!((clients, own), (600, 300));
            assert!(with_own * 3 >= batches, "{with_own} of {batches}");
            assert_eq!(queue.len(), 0);
        }
    }

    #[test]
    fn where_nothing_gives_way_all_go_in_the_order_in_which_they_came() {
        let items = many(4, CLIENT).chain(many(1, "")).chain(many(2, CLIENT));
        let queue = queue(items.chain(many(3, "")));
        let batches: Vec<_> = (0..4).map(|_| taken(&queue, 3)).collect();
        assert_eq!(batches, [(3, 0), (2, 1), (1, 2), (0, 1)]);
    }

    #[test]
    fn what_is_no_command_takes_nobody_s_place_and_waits_for_its_turn() {
        let notices = std::iter::repeat_with(|| Item::Noticed(None)).take(5);
        let stop = std::iter::once(Item::Stop);
        let queue = queue(notices.chain(many(4, CLIENT)).chain(stop));
        let batches: Vec<_> = (0..3).map(|_| taken(&queue, 3)).collect();
        assert_eq!(batches, [(3, 3), (1, 2), (0, 1)], "the stop is the last");
    }

    #[test]
    fn the_server_s_own_things_keep_their_order() {
        let stop = std::iter::once(Item::Stop);
        let queue = queue(many(20, "").chain(stop).chain(many(256, CLIENT)));
        let first = queue.take(1_000);
        assert_eq!(first.len(), 264, "256 of clients and 8 of its own");
        let is_stop = |item: &Item| matches!(item, Item::Stop);
        assert!(!first.iter().any(is_stop));
        let then = queue.take(1_000);
        assert_eq!(then.len(), 13);
        let last = then.last();
        assert!(last.is_some_and(is_stop), "behind what it was behind");
    }
}
