//! The sender: takes what may be sent, sends it side by side, learns how it went, stores where each endpoint stands.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use strongroom_auth::permission::Operate;
use strongroom_auth::{Caller, SystemActor};
use strongroom_domain::command::Command;
use strongroom_domain::webhooks::{
    Delivery, DisableWebhook, LaneKind, LastAttempt, VerifyWebhook, WebhookStatus,
};
use strongroom_engine::{Engine, Envelope, Failure, RowId, WebhookWork};
use strongroom_outbound::Outbound;
use strongroom_types::id::WebhookId;
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;
use tokio::task::JoinSet;

use super::attempt::Verdict;
use super::feed::Feed;
use super::flight::{Ended, Flight, Outcome};
use super::line::Line;
use super::schedule::{KEPT, MINUTE, pause};

/// Deliveries at a time, to all endpoints together.
const MOST_FLYING: usize = 1_024;

/// An endpoint.
pub(super) type Key = (u32, WebhookId);
type Row = (Scope, RowId, WebhookWork);

/// What is to be put on record about an endpoint.
enum Act {
    Disable(WebhookId, WebhookStatus),
    /// It answered this challenge.
    Verify(Delivery),
}

/// Sends to all endpoints of an installation.
pub struct Courier {
    engine: Engine,
    outbound: Outbound,
    lines: HashMap<Key, Line>,
    /// The last entry of each log that has endpoints.
    ends: HashMap<u32, u64>,
    feed: Feed,
    flying: JoinSet<Ended>,
    kept: HashMap<(u32, RowId), Row>,
    done: HashMap<(u32, RowId), Row>,
    acts: Vec<(Scope, Act)>,
    attempts: usize,
    /// Milliseconds of the first pause.
    retry: i64,
    loaded: bool,
    broken: bool,
}

impl Courier {
    pub fn new(engine: Engine, outbound: Outbound) -> Courier {
        Courier {
            engine,
            outbound,
            lines: HashMap::new(),
            ends: HashMap::new(),
            feed: Feed::default(),
            flying: JoinSet::new(),
            kept: HashMap::new(),
            done: HashMap::new(),
            acts: Vec::new(),
            attempts: 0,
            retry: MINUTE,
            loaded: false,
            broken: false,
        }
    }

    /// With another first pause, in milliseconds; the later ones grow with it.
    #[must_use]
    pub fn retrying(self, retry: i64) -> Courier {
        Courier { retry, ..self }
    }

    pub(super) fn is_loaded(&self) -> bool {
        self.loaded
    }

    /// Attempts that ended so far.
    pub fn attempts(&self) -> usize {
        self.attempts
    }

    pub(super) fn is_busy(&self) -> bool {
        !self.flying.is_empty()
    }

    /// Takes up what is stored.
    ///
    /// # Errors
    /// [`Failure`] of the reads.
    pub async fn load(&mut self) -> Result<(), Failure> {
        // What is scheduled from here on is news; what both bring is one and the same.
        self.ends = self.engine.log_ends().await?.into_iter().collect();
        self.endpoints();
        for (scope, row, work) in self.engine.webhook_work().await? {
            let id = work.endpoint();
            // Of an endpoint that was made just now there will be news.
            if self.lines.contains_key(&(scope.number, id))
                || self.engine.webhook_is_deleted(scope, id).await?
            {
                self.take(scope, row, work);
            }
        }
        // Challenges that do not count any more.
        self.endpoints();
        self.loaded = true;
        Ok(())
    }

    /// Takes in what commits brought.
    ///
    /// # Errors
    /// [`Failure`] of the reads.
    pub async fn refresh(&mut self) -> Result<(), Failure> {
        let news = self.engine.webhook_news();
        if news.endpoints {
            self.endpoints();
        }
        for (log, end) in news.heads {
            let known = self.ends.entry(log).or_default();
            *known = end.max(*known);
        }
        for (scope, row, work) in news.work {
            self.take(scope, row, work);
        }
        self.read_ahead().await
    }

    fn endpoints(&mut self) {
        let mut gone: Vec<Key> = self.lines.keys().copied().collect();
        for endpoint in self.engine.endpoints() {
            let key = (endpoint.scope.number, endpoint.webhook.id);
            gone.retain(|other| *other != key);
            match self.lines.get_mut(&key) {
                Some(line) => line.renew(endpoint),
                None => drop(self.lines.insert(key, Line::new(endpoint))),
            }
        }
        let stale: Vec<_> = self
            .lines
            .values_mut()
            .filter_map(|line| Some((line.endpoint.scope, line.take_stale_challenge()?)))
            .collect();
        for (scope, (row, delivery)) in stale {
            self.remove(scope, row, WebhookWork::Delivery(delivery));
        }
        for key in gone {
            if let Some(line) = self.lines.remove(&key) {
                self.forget(&line);
            }
        }
    }

    /// Removes the rows of a deleted endpoint.
    fn forget(&mut self, line: &Line) {
        let scope = line.endpoint.scope;
        let lanes = line
            .walks
            .iter()
            .map(|w| (w.row, WebhookWork::Lane(w.lane)));
        let pending = line.pending.iter().map(|((_, row), d)| (*row, *d));
        let given_up = line.given_up.iter().map(|(row, d)| (*row, *d));
        let deliveries = pending.chain(given_up);
        let deliveries = deliveries.map(|(row, d)| (row, WebhookWork::Delivery(d)));
        for (row, work) in lanes.chain(deliveries).collect::<Vec<_>>() {
            self.remove(scope, row, work);
        }
    }

    fn take(&mut self, scope: Scope, row: RowId, work: WebhookWork) {
        let Some(line) = self.lines.get_mut(&(scope.number, work.endpoint())) else {
            return self.remove(scope, row, work);
        };
        match work {
            WebhookWork::Lane(lane) if lane.kind == LaneKind::GivenUp => {
                let again = line.begin_anew(self.engine.now());
                for (row, delivery) in again {
                    self.keep(scope, row, WebhookWork::Delivery(delivery));
                }
                self.remove(scope, row, work);
            }
            WebhookWork::Lane(lane) => line.follow(row, lane),
            WebhookWork::Delivery(delivery) => {
                line.wait(row, delivery);
                // Its row is as the commit left it.
                self.done.remove(&(scope.number, row));
                self.kept.remove(&(scope.number, row));
            }
        }
    }

    /// Reads on for the lanes that run out.
    async fn read_ahead(&mut self) -> Result<(), Failure> {
        let now = self.engine.now();
        for line in self.lines.values_mut() {
            let scope = line.endpoint.scope;
            let end = self.ends.get(&scope.number).copied().unwrap_or(0);
            if !line.may_begin(now) || !line.may_walk() {
                continue;
            }
            for walk in &mut line.walks {
                while walk.wants_reading(end) {
                    let last = end.min(walk.lane.last);
                    let feed = self.feed.behind(&self.engine, scope, walk.read, last);
                    let (events, reached) = feed.await?;
                    if reached <= walk.read {
                        break;
                    }
                    walk.take(&line.endpoint, events, reached);
                }
            }
        }
        Ok(())
    }

    /// Begins everything that may begin now, turn by turn, so that no endpoint waits for another.
    ///
    /// # Errors
    /// [`Failure`] of the reads.
    pub async fn start_due(&mut self) -> Result<(), Failure> {
        let now = self.engine.now();
        loop {
            let mut begun = false;
            for (key, line) in &mut self.lines {
                if self.flying.len() >= MOST_FLYING {
                    return Ok(());
                }
                let Some(next) = line.next(now) else { continue };
                begun = true;
                let flight = Flight {
                    engine: self.engine.clone(),
                    outbound: self.outbound.clone(),
                    endpoint: Arc::clone(&line.endpoint),
                    key: *key,
                };
                self.flying.spawn(flight.run(next));
            }
            if !begun {
                return Ok(());
            }
            self.read_ahead().await?;
        }
    }

    /// Waits for an attempt to end; for ever when none is under way.
    pub async fn finish_next(&mut self) {
        match self.flying.join_next().await {
            Some(Ok(ended)) => self.finish(ended),
            Some(Err(error)) => self.broke(&error),
            None => std::future::pending().await,
        }
    }

    /// Takes in every attempt that has ended.
    pub fn finish_ready(&mut self) {
        while let Some(ended) = self.flying.try_join_next() {
            match ended {
                Ok(ended) => self.finish(ended),
                Err(error) => self.broke(&error),
            }
        }
    }

    /// What it was about is not known any more: the sender begins anew from what is stored.
    fn broke(&mut self, error: &tokio::task::JoinError) {
        tracing::error!(error = %error, "an attempt panicked");
        self.broken = true;
    }

    fn finish(&mut self, ended: Ended) {
        let Ended {
            key,
            lane,
            row,
            delivery,
            endpoint,
            challenge,
            outcome,
        } = ended;
        self.attempts += 1;
        let now = self.engine.now();
        let Some(line) = self.lines.get_mut(&key) else {
            return;
        };
        line.landed(lane, &delivery);
        let scope = line.endpoint.scope;
        let work = WebhookWork::Delivery(delivery);
        if challenge && !line.endpoint.webhook.is_challenged_by(&delivery) {
            // Another challenge took its place; or none is asked for any more, and nothing is left of this one.
            if line.endpoint.webhook.status != WebhookStatus::Unverified {
                self.remove(scope, row, work);
            }
            return;
        }
        // What another address answers says nothing of this one.
        let moved = endpoint.webhook.url != line.endpoint.webhook.url;
        let shadow = line.endpoint.webhook.is_shadow();
        let gone = matches!(outcome, Outcome::Tried(Verdict::Gone, _)) && !moved;
        let (status, asked) = match outcome {
            Outcome::Tried(Verdict::Delivered, _) => {
                line.breaker.succeeded();
                if challenge {
                    self.acts.push((scope, Act::Verify(delivery)));
                }
                return self.settle(scope, lane, row, work);
            }
            Outcome::Lost => return self.settle(scope, lane, row, work),
            Outcome::Tried(_, _) if shadow && !challenge => {
                return self.settle(scope, lane, row, work);
            }
            Outcome::Tried(_, status) if moved => (status, None),
            Outcome::Unread => (None, None),
            Outcome::Tried(Verdict::Failed(asked), status) => (status, asked),
            Outcome::Tried(Verdict::Gone, status) => {
                let act = Act::Disable(key.1, WebhookStatus::Gone);
                self.acts.push((scope, act));
                (status, None)
            }
        };
        if !shadow && !moved {
            line.breaker.failed(now);
        }
        if line.breaker.is_lost(now) {
            let act = Act::Disable(key.1, WebhookStatus::Failing);
            self.acts.push((scope, act));
        }
        let attempts = delivery.attempts.saturating_add(1);
        let pause = pause(attempts, row, asked, self.retry);
        // Whoever wants nothing more is not challenged again, unless it is asked for.
        let pause = pause.filter(|_| !(challenge && gone));
        let delivery = failed(delivery, LastAttempt { at: now, status }, pause);
        line.put(row, delivery);
        self.keep(scope, row, WebhookWork::Delivery(delivery));
    }

    /// A delivery is done with: nothing is left of it but its line in the journal.
    fn settle(&mut self, scope: Scope, lane: Option<RowId>, row: RowId, work: WebhookWork) {
        if lane.is_none() {
            self.remove(scope, row, work);
        }
    }

    /// Puts on record which endpoints are left alone from now on, and which have answered their challenge.
    ///
    /// # Errors
    /// [`Failure`] of the commit.
    pub async fn act(&mut self) -> Result<(), Failure> {
        if std::mem::take(&mut self.broken) {
            return Err(Failure::Internal);
        }
        for (scope, act) in std::mem::take(&mut self.acts) {
            match act {
                Act::Disable(id, status) if self.is_enabled(scope, id) => {
                    self.execute(scope, DisableWebhook { id, status }).await?;
                }
                Act::Disable(..) => {}
                Act::Verify(answered) => self.execute(scope, VerifyWebhook { answered }).await?,
            }
        }
        Ok(())
    }

    fn is_enabled(&self, scope: Scope, id: WebhookId) -> bool {
        let line = self.lines.get(&(scope.number, id));
        line.is_some_and(|line| line.endpoint.is_enabled())
    }

    async fn execute(
        &mut self,
        scope: Scope,
        command: impl Command<Permission = Operate>,
    ) -> Result<(), Failure> {
        let caller: Caller<Operate> = Caller::system(SystemActor::Webhooks, scope);
        let done = self.engine.execute(&caller, command, Envelope::internal());
        match done.await {
            // Where it was refused, its owner was faster.
            Ok(_) | Err(Failure::Rejected { .. }) => {
                self.endpoints();
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }

    fn keep(&mut self, scope: Scope, row: RowId, work: WebhookWork) {
        self.done.remove(&(scope.number, row));
        self.kept.insert((scope.number, row), (scope, row, work));
    }

    fn remove(&mut self, scope: Scope, row: RowId, work: WebhookWork) {
        self.kept.remove(&(scope.number, row));
        self.done.insert((scope.number, row), (scope, row, work));
    }

    /// Whether something is to be stored.
    pub fn is_dirty(&self) -> bool {
        !self.kept.is_empty() || !self.done.is_empty() || self.lines.values().any(Line::has_moved)
    }

    /// Stores where every endpoint stands. INVARIANT(webhook-at-least-once): positions and deliveries are one transaction,
    /// so that no lane is past an event that is neither delivered nor stored.
    ///
    /// # Errors
    /// [`Failure`] of the commit.
    pub async fn store(&mut self) -> Result<(), Failure> {
        self.drop_old();
        let mut kept: Vec<Row> = self.kept.values().copied().collect();
        let mut done: Vec<Row> = self.done.values().copied().collect();
        for line in self.lines.values_mut() {
            let scope = line.endpoint.scope;
            let (moved, over) = line.positions();
            let row = |(row, lane)| (scope, row, WebhookWork::Lane(lane));
            kept.extend(moved.into_iter().map(row));
            done.extend(over.into_iter().map(row));
        }
        if kept.is_empty() && done.is_empty() {
            return Ok(());
        }
        self.engine.save_webhook_work(&kept, &done).await?;
        self.kept.clear();
        self.done.clear();
        Ok(())
    }

    /// Forgets what was given up long ago.
    fn drop_old(&mut self) {
        let now = self.engine.now();
        let mut old = Vec::new();
        for line in self.lines.values_mut() {
            let scope = line.endpoint.scope;
            let past = line.given_up.extract_if(|_, delivery| delivery.due <= now);
            old.extend(past.map(|(row, delivery)| (scope, row, delivery)));
        }
        for (scope, row, delivery) in old {
            self.remove(scope, row, WebhookWork::Delivery(delivery));
        }
    }

    /// How long there is nothing to do unless something happens.
    pub(super) fn nap(&self, now: Timestamp) -> Duration {
        let next = self
            .lines
            .values()
            .filter_map(|line| line.wakes_at(now))
            .min();
        let wait = next.map_or(i64::MAX, |next| next.0.saturating_sub(now.0));
        Duration::from_millis(u64::try_from(wait).unwrap_or(1).max(1))
    }
}

/// A delivery after an attempt that failed: to be tried again after a pause, or given up.
fn failed(delivery: Delivery, last: LastAttempt, pause: Option<i64>) -> Delivery {
    Delivery {
        attempts: delivery.attempts.saturating_add(1),
        due: last.at.plus(pause.unwrap_or(KEPT)),
        given_up: pause.is_none(),
        last: Some(last),
        ..delivery
    }
}
