//! One endpoint's line: its lanes through the log, the events that wait for another attempt, and what is under way.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use strongroom_domain::webhooks::{Delivery, Lane, LaneKind};
use strongroom_engine::{Endpoint, OutEvent, RowId};
use strongroom_types::time::Timestamp;

use super::schedule::Breaker;

/// Deliveries to one endpoint at a time.
const WIDTH: usize = 16;

/// Events of one endpoint that wait for another attempt; while there are as many, its lanes stand still and the log
/// keeps the rest.
const MOST_PENDING: usize = 1_000;

/// Entries that a position moves on without anything to tell before it is stored all the same.
const STRIDE: u64 = 10_000;

/// Events read ahead of their turn.
const AHEAD: usize = 64;

/// A lane on its way.
pub(super) struct Walk {
    pub row: RowId,
    pub lane: Lane,
    /// The last entry that was read.
    pub read: u64,
    /// Read and not begun.
    pub ready: VecDeque<Arc<OutEvent>>,
    /// Begun and not ended.
    pub flying: BTreeSet<(u64, u16)>,
    /// Whether something was sent since the position was stored.
    pub told: bool,
}

impl Walk {
    pub fn new(row: RowId, lane: Lane) -> Walk {
        Walk {
            row,
            lane,
            read: lane.done,
            ready: VecDeque::new(),
            flying: BTreeSet::new(),
            told: false,
        }
    }

    /// Everything up to this entry is delivered, or stands as a delivery of its own.
    pub fn done(&self) -> u64 {
        let ready = self.ready.front().map(|event| event.sequence);
        let flying = self.flying.first().map(|(sequence, _)| *sequence);
        match ready.into_iter().chain(flying).min() {
            Some(first) => first.saturating_sub(1),
            None => self.read,
        }
    }

    /// Whether a replay has come to its end.
    pub fn is_over(&self) -> bool {
        self.lane.kind != LaneKind::Follow && self.done() >= self.lane.last
    }

    /// Whether there is something to read, with the log ending at `end`.
    pub fn wants_reading(&self, end: u64) -> bool {
        self.ready.len() < AHEAD && self.read < end.min(self.lane.last)
    }

    /// Takes in what was read; only what the endpoint is to be told.
    pub fn take(&mut self, endpoint: &Endpoint, events: Vec<Arc<OutEvent>>, reached: u64) {
        let last = self.lane.last;
        // What is for one endpoint alone has a delivery of its own.
        let wanted = events.into_iter().filter(|event| {
            event.sequence <= last
                && !event.event.is_private()
                && endpoint.webhook.wants(event.event)
        });
        self.ready.extend(wanted);
        self.read = reached.min(last);
    }
}

/// How far a lane is, and the row that says so.
pub(super) type Position = (RowId, Lane);

/// What to send next.
pub(super) enum Next {
    Event(RowId, Arc<OutEvent>),
    Again(RowId, Delivery),
}

pub(super) struct Line {
    pub endpoint: Arc<Endpoint>,
    pub walks: Vec<Walk>,
    /// Waiting for their time.
    pub pending: BTreeMap<(Timestamp, RowId), Delivery>,
    pub given_up: HashMap<RowId, Delivery>,
    pub flying: usize,
    pub breaker: Breaker,
}

impl Line {
    pub fn new(endpoint: Arc<Endpoint>) -> Line {
        Line {
            endpoint,
            walks: Vec::new(),
            pending: BTreeMap::new(),
            given_up: HashMap::new(),
            flying: 0,
            breaker: Breaker::default(),
        }
    }

    fn is_ordered(&self) -> bool {
        self.endpoint.webhook.ordered
    }

    /// Whether something may begin now.
    pub fn may_begin(&self, now: Timestamp) -> bool {
        self.endpoint.is_open()
            && self.breaker.opens_at() <= now
            && self.flying < self.breaker.width(self.most())
    }

    /// Whether its lanes may go on: in an ordered line nothing overtakes what failed.
    pub fn may_walk(&self) -> bool {
        match self.is_ordered() {
            _ if !self.endpoint.is_enabled() => false,
            true => self.pending.is_empty(),
            false => self.pending.len() < MOST_PENDING,
        }
    }

    /// The next thing to send, taken out. Retries come first; replays before what is new.
    pub fn next(&mut self, now: Timestamp) -> Option<Next> {
        if !self.may_begin(now) {
            return None;
        }
        if let Some(key) = self.due(now) {
            let delivery = self.pending.remove(&key)?;
            self.flying += 1;
            return Some(Next::Again(key.1, delivery));
        }
        if !self.may_walk() {
            return None;
        }
        let walk = self.walks.iter_mut().find(|walk| !walk.ready.is_empty())?;
        let event = walk.ready.pop_front()?;
        walk.flying.insert((event.sequence, event.index));
        self.flying += 1;
        Some(Next::Event(walk.row, event))
    }

    /// The retry to make next, if its time has come.
    fn due(&self, now: Timestamp) -> Option<(Timestamp, RowId)> {
        self.first_pending().filter(|(due, _)| *due <= now)
    }

    /// The retry to make next: in an ordered line the oldest event, and no other before it. An endpoint that has yet to
    /// answer its challenge is sent that alone.
    fn first_pending(&self) -> Option<(Timestamp, RowId)> {
        let first = match self.is_ordered() {
            _ if !self.endpoint.is_enabled() => self
                .pending
                .iter()
                .find(|(_, d)| self.endpoint.webhook.is_challenged_by(d)),
            true => self
                .pending
                .iter()
                .min_by_key(|(_, d)| (d.sequence, d.index)),
            false => self.pending.iter().next(),
        };
        first.map(|(key, _)| *key)
    }

    /// When there is something to do next, if nothing happens before.
    pub fn wakes_at(&self, now: Timestamp) -> Option<Timestamp> {
        let most = self.breaker.width(self.most());
        if !self.endpoint.is_open() || self.flying >= most {
            return None;
        }
        let first = self.first_pending().map(|(due, _)| due);
        // Only a rest ends by itself; all else that lanes wait for is news, or an attempt that ends.
        let opens = self.breaker.opens_at();
        let opens = Some(opens).filter(|opens| *opens > now && self.may_walk());
        let next = first.into_iter().chain(opens).min()?;
        Some(next.max(self.breaker.opens_at()))
    }

    fn most(&self) -> usize {
        if self.is_ordered() { 1 } else { WIDTH }
    }

    /// Goes on with the endpoint as it is now. Its new filter counts for what was read ahead, too.
    pub fn renew(&mut self, endpoint: Arc<Endpoint>) {
        let stepped_out = self.endpoint.webhook.is_shadow() && !endpoint.webhook.is_shadow();
        // What failed before counts for nothing now.
        if !endpoint.is_enabled() || !self.endpoint.is_enabled() || stepped_out {
            self.breaker.succeeded();
        }
        for walk in &mut self.walks {
            walk.ready
                .retain(|event| endpoint.webhook.wants(event.event));
        }
        self.endpoint = endpoint;
    }

    /// Goes along a lane; replays before what is new.
    pub fn follow(&mut self, row: RowId, lane: Lane) {
        if self.walks.iter().all(|walk| walk.row != row) {
            let place = match lane.kind {
                LaneKind::Follow => self.walks.len(),
                _ => self.walks.len().saturating_sub(1),
            };
            self.walks.insert(place, Walk::new(row, lane));
        }
    }

    /// Takes in a delivery that a commit scheduled, once. A later challenge takes the place of an earlier one, and what is
    /// asked for now the place of the same event's later try.
    pub fn wait(&mut self, row: RowId, delivery: Delivery) {
        if !delivery.given_up {
            // Given up, and asked for again by itself.
            self.given_up.remove(&row);
        }
        let known = self.pending.iter().find(|((_, other), _)| *other == row);
        let known = known.map(|(key, known)| (*key, known.sequence));
        let gives_way = |((due, _), sequence): &((Timestamp, RowId), u64)| {
            *sequence < delivery.sequence || *due > delivery.due
        };
        if let Some((key, _)) = known.filter(gives_way) {
            self.pending.remove(&key);
        } else if known.is_some() {
            return;
        }
        self.put(row, delivery);
    }

    /// The challenge that waits and does not count any more, taken out.
    pub fn take_stale_challenge(&mut self) -> Option<(RowId, Delivery)> {
        let (row, webhook) = (self.endpoint.webhook.id.0, &self.endpoint.webhook);
        let is_stale = |d: &Delivery| !webhook.is_challenged_by(d);
        let waiting = self.pending.iter();
        let waiting = waiting.filter(|((_, other), _)| *other == row);
        let key = waiting
            .filter(|(_, d)| is_stale(d))
            .map(|(key, _)| *key)
            .next();
        let given_up = self.given_up.get(&row).copied().filter(is_stale);
        let found = match key {
            Some(key) => self.pending.remove(&key),
            None => self.given_up.remove(&row).filter(|_| given_up.is_some()),
        };
        found.map(|delivery| (row, delivery))
    }

    pub fn put(&mut self, row: RowId, delivery: Delivery) {
        match delivery.given_up {
            true => drop(self.given_up.insert(row, delivery)),
            false => drop(self.pending.insert((delivery.due, row), delivery)),
        }
    }

    /// Takes up again everything that was given up.
    pub fn begin_anew(&mut self, now: Timestamp) -> Vec<(RowId, Delivery)> {
        let again = self.given_up.drain().map(|(row, delivery)| {
            let delivery = Delivery {
                attempts: 0,
                due: now,
                given_up: false,
                ..delivery
            };
            (row, delivery)
        });
        let again: Vec<_> = again.collect();
        for (row, delivery) in &again {
            self.pending.insert((now, *row), *delivery);
        }
        again
    }

    /// An attempt is no longer under way.
    pub fn landed(&mut self, lane: Option<RowId>, delivery: &Delivery) {
        self.flying = self.flying.saturating_sub(1);
        let walk = self.walks.iter_mut().find(|walk| Some(walk.row) == lane);
        if let Some(walk) = walk {
            walk.flying.remove(&(delivery.sequence, delivery.index));
            walk.told = true;
        }
    }

    /// Whether a position is worth storing: something was told, or much was passed over.
    pub fn has_moved(&self) -> bool {
        self.walks.iter().any(|walk| {
            let step = walk.done().saturating_sub(walk.lane.done);
            walk.is_over() || (step > 0 && (walk.told || step >= STRIDE))
        })
    }

    /// The positions to store, and the replays that are over.
    pub fn positions(&mut self) -> (Vec<Position>, Vec<Position>) {
        let (mut moved, mut over) = (Vec::new(), Vec::new());
        self.walks.retain_mut(|walk| {
            if walk.is_over() {
                over.push((walk.row, walk.lane));
                return false;
            }
            let done = walk.done();
            if done > walk.lane.done {
                walk.lane.done = done;
                walk.told = false;
                moved.push((walk.row, walk.lane));
            }
            true
        });
        (moved, over)
    }
}
