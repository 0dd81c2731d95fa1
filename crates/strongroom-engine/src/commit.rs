//! The commit thread: takes what queued up, decides one after another, commits once, answers.
//!
//! It owns the only writer, the cache of opened records, the ends of all logs and the memory of spent hashes, so
//! nothing here is locked. A batch that the store rolled back cleanly leaves everything as it was; any other error of
//! the store halts the engine: nothing is acknowledged that is not known to be durable.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use strongroom_audit::TileWriter;
use strongroom_crypto::{Purpose, RandomPool};
use strongroom_domain::command::Moment;
use strongroom_domain::payments::LiveCards;
use strongroom_store::{Batch, Reader, StoreError, Writer};
use strongroom_types::id::{AnyId, Kind, RawId};
use strongroom_types::mode::{Mode, Scope};
use strongroom_types::time::Timestamp;
use tokio::sync::oneshot;

use crate::bases::Bases;
use crate::cache::Cache;
use crate::draft::{Draft, spent_hashes};
use crate::engine::EngineState;
use crate::envelope::Failure;
use crate::item::{Answer, Answers, Item, Outcome, Pending};
use crate::log::Log;
use crate::opened::Opener;
use crate::refusals::Refusals;
use crate::scopes::installation;
use crate::sealers::Sealers;
use crate::shared::{Counters, Shared};
use crate::spent::{BuiltRun, Spent};
use crate::watch::{Noticed, Watch};

/// Everything the commit thread owns.
pub(crate) struct Commit {
    pub(crate) shared: Arc<Shared>,
    pub(crate) writer: Box<dyn Writer>,
    pub(crate) reader: Box<dyn Reader>,
    pub(crate) opener: Opener,
    pub(crate) cache: Cache,
    pub(crate) logs: HashMap<u32, Log>,
    pub(crate) sealers: Sealers,
    pub(crate) random: RandomPool,
    pub(crate) bases: Bases,
    pub(crate) spent: Spent,
    pub(crate) refusals: Refusals,
    pub(crate) watch: Watch,
    /// Key numbers of subjects sealed for in this run of the server.
    pub(crate) subjects: HashMap<(u32, [u8; 12]), u32>,
    pub(crate) last: Timestamp,
    pub(crate) batch_limit: usize,
    pub(crate) live_cards: LiveCards,
    /// The logs' ends must be read back before anything is decided.
    pub(crate) stale: bool,
}

impl Commit {
    /// Runs until told to stop or until the store fails. A panic outside a decision halts the engine: on what does not
    /// hold any more nothing is built.
    pub fn run(self) {
        let shared = Arc::clone(&self.shared);
        if catch_unwind(AssertUnwindSafe(|| self.work())).is_err() {
            tracing::error!("the commit thread panicked: nothing more is acknowledged");
            shared.halt("the commit thread panicked".to_owned());
            // Whoever waits learns it as the items go.
            drop(shared.queue.close(Failure::Halted));
        }
    }

    fn work(mut self) {
        loop {
            let items = self.shared.queue.take(self.batch_limit);
            let mut commands = Vec::with_capacity(items.len());
            let (mut stop, mut noticed) = (false, Vec::new());
            for item in items {
                match item {
                    Item::Command(pending) => commands.push(pending),
                    Item::Derived(batch, answer) => {
                        let done = self.derived(batch);
                        // Whoever asked may have given up waiting.
                        let _ = answer.send(done);
                    }
                    Item::Run(run) => self.store_run(*run),
                    Item::Keys(order, answer) => {
                        let done = self.keys(order);
                        let _ = answer.send(done);
                    }
                    Item::Noticed(what) => noticed.push(what),
                    Item::Stop => stop = true,
                }
            }
            if !commands.is_empty() || !noticed.is_empty() {
                self.commit(commands, &noticed);
            }
            if stop || self.is_halted() {
                return self.refuse_waiting();
            }
        }
    }

    fn is_halted(&self) -> bool {
        matches!(
            self.shared.state(),
            EngineState::Halted(_) | EngineState::Replaced
        )
    }

    fn refuse_waiting(&mut self) {
        let failure = self.shared.not_begun();
        for item in self.shared.queue.close(failure.clone()) {
            match item {
                Item::Command(pending) => drop(pending.answer.send(Err(failure.clone()))),
                Item::Derived(_, answer) => drop(answer.send(Err(Failure::Halted))),
                Item::Keys(_, answer) => drop(answer.send(Err(Failure::Halted))),
                Item::Run(_) | Item::Noticed(_) | Item::Stop => {}
            }
        }
    }

    /// Rows that follow from the log, in a transaction of their own.
    fn derived(&mut self, mut batch: Batch) -> Result<(), Failure> {
        self.apply(&mut batch)?;
        // What memory holds of them carries ciphertext under the old key.
        for row in &batch.resealed.records {
            if let Some(kind) = Kind::from_code(row.kind) {
                let raw = RawId(row.id);
                self.cache.forget((row.scope, AnyId { kind, raw }));
            }
        }
        Ok(())
    }

    /// Commits a batch together with the keys made for it.
    pub(crate) fn apply(&mut self, batch: &mut Batch) -> Result<(), Failure> {
        self.reseal_late(batch);
        let keys = self.shared.hierarchy.take_new_rows();
        batch.keys.extend(keys.iter().cloned());
        // INVARIANT(ack-durable): nobody is answered before this returns.
        self.writer.apply(batch).map_err(|error| {
            // SECURITY: a key that is in use must be stored with the next batch, or what it sealed is lost. Those of
            // subjects are made anew with the records that name them: a subject has one key.
            let kept = keys
                .into_iter()
                .filter(|row| row.purpose != Purpose::Subject.number());
            self.shared.hierarchy.put_back_rows(kept.collect());
            self.failed(&error)
        })
    }

    fn store_run(&mut self, run: BuiltRun) {
        match self.writer.apply(&run.batch) {
            Ok(()) => self.spent.install(run),
            Err(error) => {
                self.spent.abandon();
                self.failed(&error);
            }
        }
    }

    /// Halts unless the store rolled back cleanly; says what callers are told.
    pub(crate) fn failed(&mut self, error: &StoreError) -> Failure {
        match error {
            StoreError::Full => Failure::StorageFull,
            StoreError::Locked | StoreError::Unreachable(_) => Failure::Overloaded,
            // SECURITY: nothing is guessed. Whoever takes the store up next, this server perhaps, reads what was written.
            StoreError::TakenOver | StoreError::Unresolved(_) => {
                tracing::error!(%error, "the store is given up: nothing more is acknowledged");
                self.shared.replaced();
                Failure::Halted
            }
            // What is left in the queue of one that was replaced.
            StoreError::Closed if self.is_halted() => Failure::Halted,
            other => {
                tracing::error!(error = %other, "the store failed: nothing more is acknowledged");
                self.shared.halt(other.to_string());
                Failure::Halted
            }
        }
    }

    /// The batch's time: the wall clock, but never before the log. While the clock is behind, each batch moves on by a
    /// millisecond, so that ids stay few per millisecond.
    fn tick(&mut self) -> Timestamp {
        let wall = self.shared.now();
        self.last = if wall < self.last {
            self.last.plus(1)
        } else {
            wall
        };
        self.last
    }

    fn commit(&mut self, commands: Vec<Pending>, noticed: &[Option<Noticed>]) {
        if self.stale {
            self.restore();
        }
        if self.stale {
            return self.answer_all(commands, &Failure::Overloaded);
        }
        let now = self.tick();
        let mut draft = Draft::new(now);
        if let Err(error) = self.prefetch(&mut draft, &commands) {
            let failure = self.failed(&error);
            return self.answer_all(commands, &failure);
        }
        let mut waiting: Answers = Vec::with_capacity(commands.len());
        let mut keys = Vec::new();
        let count = commands.len();
        for pending in commands {
            if let Some(idempotency) = pending.envelope.idempotency {
                keys.push((pending.scope.number, idempotency.key));
            }
            let (answer, outcome) = self.one(&mut draft, pending);
            waiting.push((answer, outcome));
        }
        for what in noticed {
            match what {
                Some(noticed) => self.noticed(&mut draft, noticed),
                None => self.raise_overdue(&mut draft),
            }
        }
        let stored = self.store(&mut draft);
        self.watch.settle(stored.is_ok());
        self.refusals.settle(stored.is_ok());
        match stored {
            Ok(()) => self.publish(&draft, count),
            Err(failure) => {
                self.restore();
                for (_, outcome) in &mut waiting {
                    *outcome = Err(failure.clone());
                }
            }
        }
        self.cache.settle();
        self.shared.queue.settle(&keys);
        self.shared.answer(waiting);
        self.hand_over_run();
    }

    fn answer_all(&mut self, commands: Vec<Pending>, failure: &Failure) {
        let keys: Vec<_> = commands
            .iter()
            .filter_map(|p| p.envelope.idempotency.map(|i| (p.scope.number, i.key)))
            .collect();
        self.shared.queue.settle(&keys);
        for pending in commands {
            drop(pending.answer.send(Err(failure.clone())));
        }
    }

    /// Decides one command over what the ones before it left.
    fn one(&mut self, draft: &mut Draft, pending: Pending) -> (Answer, Outcome) {
        let outcome = match self.replayed(draft, &pending) {
            _ if self.is_revoked(&pending) => Err(Failure::KeyRevoked),
            Ok(Some(outcome)) => outcome,
            Ok(None) => self.decide(draft, &pending),
            Err(error) => Err(self.failed(&error)),
        };
        self.watch(draft, &pending, &outcome);
        (pending.answer, outcome)
    }

    fn decide(&mut self, draft: &mut Draft, pending: &Pending) -> Outcome {
        let facts = match self.facts(draft, pending) {
            Ok(Some(facts)) => facts,
            Ok(None) => return Err(self.panicked(pending)),
            Err(error) => return Err(self.failed(&error)),
        };
        let Some((mut moment, base)) = self.moment(draft, pending.scope) else {
            return Err(Failure::Internal);
        };
        // A panic inside one decision is that command's alone: it has changed nothing.
        let decided = catch_unwind(AssertUnwindSafe(|| {
            pending.command.decide(&facts, &mut moment)
        }));
        match decided {
            Ok(Ok(decision)) => Ok(self.accept(draft, pending, decision, base)),
            Ok(Err(rejection)) => Err(self.refuse(draft, pending, rejection, base)),
            Err(_) => Err(self.panicked(pending)),
        }
    }

    /// What a decision is handed besides the facts, and the base of its entry's ids.
    pub(crate) fn moment(&mut self, draft: &Draft, scope: Scope) -> Option<(Moment, RawId)> {
        let sequence = self.logs.get(&scope.number)?.sequence + 1;
        let mut ids = self.bases.next(draft.now, &mut self.random);
        let base = ids.take();
        let moment = Moment {
            now: draft.now,
            scope,
            sequence,
            ids,
            live_cards: self.live_cards.clone(),
        };
        Some((moment, base))
    }

    pub(crate) fn panicked(&self, pending: &Pending) -> Failure {
        Counters::add(&self.shared.counters.panics, 1);
        tracing::error!(
            action = pending.command.action().as_str(),
            "a decision panicked"
        );
        Failure::Internal
    }

    /// Seals what is left to seal and commits.
    fn store(&mut self, draft: &mut Draft) -> Result<(), Failure> {
        // A read that failed while the batch was decided has halted the engine: nothing of it is acknowledged.
        if self.is_halted() {
            return Err(Failure::Halted);
        }
        if draft.batch.entries.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.seal_records(draft) {
            return Err(self.failed(&error));
        }
        draft.batch.heads = draft
            .touched
            .iter()
            .filter_map(|number| self.logs.get(number))
            .map(Log::head)
            .collect();
        self.apply(&mut draft.batch)
    }

    /// Makes a durable batch known.
    fn publish(&mut self, draft: &Draft, count: usize) {
        for (hash, position) in &draft.spent {
            self.spent.insert(*hash, *position, draft.now);
        }
        let counters = &self.shared.counters;
        Counters::add(&counters.commits, 1);
        Counters::add(&counters.commands, count);
        let largest = u64::try_from(count).unwrap_or(u64::MAX);
        counters
            .largest_batch
            .fetch_max(largest, std::sync::atomic::Ordering::Relaxed);
        for number in &draft.erased_keys {
            self.shared.hierarchy.forget(*number);
        }
        if !draft.batch.jobs.is_empty() {
            self.shared.jobs.notify_one();
        }
        for ((number, _), record) in self.known_changes(draft) {
            self.announce(number, &record);
        }
        self.tell_sender(draft);
        // After the keys: who is woken looks whether its own still holds.
        self.shared.arrivals.ring(&draft.batch.heads);
    }

    /// Wakes the sender of webhooks, if there is anybody to send to.
    fn tell_sender(&self, draft: &Draft) {
        if draft.webhook_work.is_empty() && self.shared.webhooks.is_empty() {
            return;
        }
        self.shared.webhooks.tell(|news| {
            let told = draft.batch.entries.iter().filter(|e| e.event_count > 0);
            for entry in told {
                news.heads.insert(entry.log, entry.seq);
            }
            news.work.extend(draft.webhook_work.iter().copied());
        });
    }

    /// Goes back to what the store holds, after a batch that it did not take.
    fn restore(&mut self) {
        self.cache.clear();
        self.sealers.clear();
        self.subjects.clear();
        if self.is_halted() {
            return;
        }
        match self.restore_logs() {
            Ok(()) => self.stale = false,
            // A server that is away now may be there for the next batch.
            Err(StoreError::Unreachable(_)) => self.stale = true,
            Err(StoreError::TakenOver) => self.shared.replaced(),
            Err(error) => self.shared.halt(error.to_string()),
        }
    }

    fn restore_logs(&mut self) -> Result<(), StoreError> {
        let heads = self.reader.heads()?;
        let known: HashSet<u32> = heads.iter().map(|head| head.log).collect();
        self.logs.retain(|number, _| known.contains(number));
        let own = installation();
        self.logs
            .entry(own.number)
            .or_insert_with(|| Log::empty(own, TileWriter::default()));
        for head in heads {
            if let Some(scope) = self.logs.get(&head.log).map(|log| log.scope) {
                self.logs
                    .insert(head.log, Log::restore(scope, &head, &mut *self.reader)?);
            }
        }
        Ok(())
    }

    /// Begins the books of a new organization.
    pub(crate) fn open_logs(
        &mut self,
        organization: &strongroom_domain::organizations::Organization,
    ) {
        for (number, mode) in [
            (organization.test_scope, Mode::Test),
            (organization.live_scope, Mode::Live),
        ] {
            let scope = Scope {
                number,
                organization: organization.id,
                mode,
            };
            self.logs
                .insert(number, Log::empty(scope, TileWriter::default()));
        }
    }

    fn hand_over_run(&mut self) {
        let Some((number, newest, frozen)) = self.spent.freeze() else {
            return;
        };
        let shared = Arc::clone(&self.shared);
        let built = std::thread::Builder::new()
            .name("spent-run".into())
            .spawn(move || {
                let run = crate::spent::build(number, newest, &frozen);
                drop(shared.queue.push_own(Item::Run(Box::new(run))));
            });
        if built.is_err() {
            self.spent.abandon();
        }
        if let Some(batch) = self.spent.expire(self.last) {
            let (answer, _) = oneshot::channel();
            drop(self.shared.queue.push_own(Item::Derived(batch, answer)));
        }
    }

    /// Hashes spent in this batch so far, for the check of the next command.
    pub(crate) fn spends(draft: &mut Draft, column: &[u8], position: u64) {
        draft
            .spent
            .extend(spent_hashes(column).map(|hash| (hash, position)));
    }
}
