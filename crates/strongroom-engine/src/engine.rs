//! The engine's face: execute, read, and what the edge asks on the way.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use strongroom_auth::permission::Operate;
use strongroom_auth::{Actor, Caller, SystemActor};
use strongroom_crypto::RootKeys;
use strongroom_domain::action::Action;
use strongroom_domain::command::Command;
use strongroom_domain::housekeeping::Note;
use strongroom_domain::organizations::{CreateOrganization, OpenBooks};
use strongroom_store::{Batch, Reader, Release, Standing, Store, StoreError};
use strongroom_types::currency::Currency;
use strongroom_types::id::{ApiKeyId, OrganizationId, SessionId};
use strongroom_types::mode::{Mode, Scope};
use strongroom_types::time::Timestamp;
use tokio::sync::{Semaphore, oneshot};

use crate::clock::Clock;
use crate::edge::{Who, actor_line};
use crate::envelope::{Committed, Envelope, Failure};
use crate::held::held_to;
use crate::item::{Item, Pending, answer};
use crate::journal::Journals;
use crate::refusals::RefusalKey;
use crate::rotation::KeyPolicy;
use crate::scopes::installation;
use crate::shared::Shared;
use crate::start::{Begin, Settings, StartError, begin};

/// Whether the engine takes work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineState {
    Running,
    /// The store cannot be shown to be ours: nothing is answered until it can.
    Unreachable,
    Stopping,
    /// Another server has the store.
    Replaced,
    /// The store failed; nothing is acknowledged any more.
    Halted(String),
}

/// Running totals since start, for metrics.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    pub commits: u64,
    pub commands: u64,
    pub refused: u64,
    pub replayed: u64,
    pub panics: u64,
    pub largest_batch: u64,
    pub queued: u64,
    pub request_lines_dropped: u64,
    pub attempt_lines_dropped: u64,
    /// Keys that have a newer version and are not destroyed yet.
    pub keys_superseded: u64,
    /// Accounts held against their postings, and those that did not agree.
    pub accounts_reconciled: u64,
    pub accounts_differing: u64,
}

/// A running engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) shared: Arc<Shared>,
    pub(crate) readers: Mutex<Vec<Box<dyn Reader>>>,
    pub(crate) reading: Semaphore,
    /// Whether the store is still ours, though nothing was written since.
    standing: Standing,
    hurry: Release,
    release: Release,
    thread: Mutex<Option<JoinHandle<()>>>,
    pub(crate) journals: Option<Journals>,
    /// Held while an organization is founded: two at once would be given the same scope numbers.
    founding: Mutex<()>,
    /// Held while keys are replaced.
    pub(crate) rotating: tokio::sync::Mutex<()>,
    pub(crate) key_policy: KeyPolicy,
}

impl Engine {
    /// Takes up the store and starts the commit thread. Journals are kept in the directory `journals`, if there is one.
    ///
    /// # Errors
    /// [`StartError`] when the store, the keys or what they open are not as they must be.
    pub fn start(
        store: &dyn Store,
        root: RootKeys,
        clock: Arc<dyn Clock>,
        settings: Settings,
        journals: Option<&std::path::Path>,
    ) -> Result<Engine, StartError> {
        let (reading, key_policy) = (settings.readers.max(1), settings.keys);
        let Begin {
            shared,
            commit,
            fresh,
        } = begin(store, root, clock, settings)?;
        let mut readers = Vec::new();
        for _ in 0..reading {
            readers.push(store.reader()?);
        }
        let mut first = store.reader()?;
        let unclean = !fresh && !stopped_cleanly(&mut *first)?;
        let thread = std::thread::Builder::new()
            .name("commit".into())
            .spawn(move || commit.run())
            .map_err(|error| StartError::Store(StoreError::Io(error.to_string())))?;
        let journals = journals
            .map(|dir| Journals::start(dir, &shared))
            .transpose()
            .map_err(|error| StartError::Store(StoreError::Io(error.to_string())))?;
        let engine = Engine {
            inner: Arc::new(Inner {
                reading: Semaphore::new(readers.len()),
                standing: store.standing(),
                hurry: store.hurry(),
                release: store.release(),
                shared,
                readers: Mutex::new(readers),
                thread: Mutex::new(Some(thread)),
                journals,
                founding: Mutex::default(),
                rotating: tokio::sync::Mutex::default(),
                key_policy,
            }),
        };
        if let Err(error) = engine.note_start(&mut *first, unclean) {
            engine.stop();
            return Err(error);
        }
        Ok(engine)
    }

    /// Puts the start on record, and before it a crash, with the last sequence of each log.
    fn note_start(&self, reader: &mut dyn Reader, unclean: bool) -> Result<(), StartError> {
        if unclean {
            let heads = reader.heads()?;
            let details = heads
                .iter()
                .map(|h| (format!("log_{}", h.log), h.seq.to_string()))
                .collect();
            self.note(installation(), Action::UncleanRestart, details)?;
        }
        let version = vec![("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
        self.note(installation(), Action::ServerStarted, version)
    }

    fn note(
        &self,
        scope: Scope,
        action: Action,
        details: Vec<(String, String)>,
    ) -> Result<(), StartError> {
        let caller = Caller::system(SystemActor::Housekeeping, scope);
        match self.execute_blocking(&caller, Note { action, details }, Envelope::internal()) {
            Ok(_) => Ok(()),
            Err(Failure::Overloaded | Failure::Away) => {
                let cause = "the start could not be put on record yet".to_owned();
                Err(StartError::Store(StoreError::Unreachable(cause)))
            }
            Err(_)
                if self.owned() == Err(Failure::Stopped)
                    || self.inner.shared.state() == EngineState::Replaced =>
            {
                Err(StartError::Store(StoreError::TakenOver))
            }
            Err(failure) => Err(StartError::Damage(format!(
                "the start could not be put on record: {failure:?}"
            ))),
        }
    }

    /// Lets a runtime wake the callers: their tasks live there, so a whole batch costs the commit thread one wake.
    pub fn answer_on(&self, runtime: &tokio::runtime::Handle) {
        let (answers, mut batches) = tokio::sync::mpsc::unbounded_channel();
        if self.inner.shared.answers.set(answers).is_ok() {
            runtime.spawn(async move {
                while let Some(batch) = batches.recv().await {
                    answer(batch);
                }
            });
        }
    }

    /// Stops taking work, finishes what is queued, puts the stop on record and ends the commit thread.
    pub fn stop(&self) {
        {
            let mut state = self
                .inner
                .shared
                .state
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            if *state == EngineState::Running {
                *state = EngineState::Stopping;
            }
        }
        if let Some(journals) = &self.inner.journals {
            journals.flush();
        }
        // A store that has failed cannot say so; the next start finds the stop missing.
        drop(self.note(installation(), Action::ServerStopped, Vec::new()));
        let (answer, _) = oneshot::channel();
        let uses = self.uses_batch(0);
        drop(
            self.inner
                .shared
                .queue
                .push_own(Item::Derived(uses, answer)),
        );
        drop(self.inner.shared.queue.push_own(Item::Stop));
        let thread = self
            .inner
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // A panic of the commit thread was logged where it happened.
            drop(thread.join());
        }
    }

    /// Waits for the store's server no longer: what is under way ends as if that were away, so that a stop comes to its end.
    pub fn hurry(&self) {
        (self.inner.hurry)();
    }

    /// Gives the store up once it has stopped: who comes next need not wait until the last reader here is gone.
    pub fn release(&self) {
        (self.inner.release)();
    }

    pub fn now(&self) -> Timestamp {
        self.inner.shared.now()
    }

    pub fn state(&self) -> EngineState {
        let away = self.owned() == Err(Failure::Away);
        match self.inner.shared.state() {
            EngineState::Running if away => EngineState::Unreachable,
            state => state,
        }
    }

    /// Whether the store is still ours, and with it what is known here of keys.
    ///
    /// # Errors
    /// `Away` while another server may have it, `Stopped` once one has.
    pub fn owned(&self) -> Result<(), Failure> {
        match (self.inner.standing)() {
            Ok(()) => Ok(()),
            Err(StoreError::Unreachable(_)) => Err(Failure::Away),
            Err(StoreError::TakenOver) => {
                self.inner.shared.replaced();
                Err(Failure::Stopped)
            }
            Err(error) => {
                self.inner.shared.halt(error.to_string());
                Err(Failure::Halted)
            }
        }
    }

    pub fn stats(&self) -> Stats {
        let counters = &self.inner.shared.counters;
        let journals = self.inner.journals.as_ref();
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            commits: read(&counters.commits),
            commands: read(&counters.commands),
            refused: read(&counters.refused),
            replayed: read(&counters.replayed),
            panics: read(&counters.panics),
            largest_batch: read(&counters.largest_batch),
            queued: u64::try_from(self.inner.shared.queue.len()).unwrap_or(u64::MAX),
            request_lines_dropped: journals.map_or(0, |all| all.requests.dropped()),
            keys_superseded: self.superseded_keys(),
            attempt_lines_dropped: journals.map_or(0, |all| all.attempts.dropped()),
            accounts_reconciled: read(&self.inner.shared.reports.reconciled),
            accounts_differing: read(&self.inner.shared.reports.differing),
        }
    }

    /// Commits a command and answers once it is durable.
    ///
    /// # Errors
    /// [`Failure`]; after [`Failure::Halted`] the outcome may be unknown and a retry under the same key is safe.
    pub async fn execute<C: Command>(
        &self,
        caller: &Caller<C::Permission>,
        command: C,
        envelope: Envelope,
    ) -> Result<Committed, Failure> {
        self.queue(caller, command, envelope)?
            .await
            .unwrap_or(Err(Failure::Halted))
    }

    /// The same for threads that may wait.
    ///
    /// # Errors
    /// As [`Engine::execute`].
    pub fn execute_blocking<C: Command>(
        &self,
        caller: &Caller<C::Permission>,
        command: C,
        envelope: Envelope,
    ) -> Result<Committed, Failure> {
        self.queue(caller, command, envelope)?
            .blocking_recv()
            .unwrap_or(Err(Failure::Halted))
    }

    fn queue<C: Command>(
        &self,
        caller: &Caller<C::Permission>,
        command: C,
        envelope: Envelope,
    ) -> Result<oneshot::Receiver<Result<Committed, Failure>>, Failure> {
        let (answer, outcome) = oneshot::channel();
        let who = match (caller.actor(), caller.credential()) {
            (_, Some(credential)) => Who::proven(credential),
            (Actor::Key(id), None) => Who {
                credential: Some(id.any()),
                ..Who::default()
            },
            (Actor::System(actor), None) => Who::server(actor.as_str()),
            (Actor::Entrant(user), None) => Who {
                user: Some(user),
                ..Who::server(SystemActor::Login.as_str())
            },
        };
        let actor = actor_line(&who, caller.rule(), &envelope);
        let command = held_to(caller.credential().map(AsRef::as_ref), command, &envelope);
        self.inner.shared.queue.push(Pending {
            command,
            scope: caller.tenant().scope(),
            actor,
            envelope,
            answer,
        })?;
        Ok(outcome)
    }

    /// Stores rows that follow from the log.
    pub(crate) async fn derive(&self, batch: Batch) -> Result<(), Failure> {
        let (answer, outcome) = oneshot::channel();
        self.inner
            .shared
            .queue
            .push_own(Item::Derived(batch, answer))?;
        outcome.await.unwrap_or(Err(Failure::Halted))
    }

    /// All scopes, the installation first.
    pub fn scopes(&self) -> Vec<Scope> {
        self.inner.shared.all_scopes()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    /// Founds an organization and opens its books in both modes.
    ///
    /// # Errors
    /// [`Failure`] of any of the three commits; what was done stays done.
    pub fn create_organization(
        &self,
        name: &str,
        currency: Currency,
    ) -> Result<OrganizationId, Failure> {
        let _founding = self
            .inner
            .founding
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let id = OrganizationId(self.new_request().0);
        let number = self
            .inner
            .shared
            .scopes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .next_number();
        let operator: Caller<Operate> = Caller::system(SystemActor::Operator, installation());
        let command = CreateOrganization {
            id,
            test_scope: number,
            live_scope: number + 1,
        };
        self.execute_blocking(&operator, command, Envelope::internal())?;
        for mode in [Mode::Test, Mode::Live] {
            let scope = self.scope_of(id, mode).ok_or(Failure::Internal)?;
            let operator: Caller<Operate> = Caller::system(SystemActor::Operator, scope);
            let command = OpenBooks {
                name: name.to_owned(),
                currency,
            };
            self.execute_blocking(&operator, command, Envelope::internal())?;
        }
        Ok(id)
    }

    pub fn scope_of(&self, organization: OrganizationId, mode: Mode) -> Option<Scope> {
        self.inner
            .shared
            .scopes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .of(organization, mode)
    }

    /// Takes what housekeeping writes down once a minute: uses of keys, failures, refusals over their budget.
    pub fn take_summaries(&self) -> Summaries {
        Summaries {
            used: self.inner.shared.credentials.take_used(),
            sessions: self.inner.shared.directory.take_used(self.now()),
            failures: self.inner.shared.failures.take(),
            refusals: std::mem::take(
                &mut *self
                    .inner
                    .shared
                    .refusals
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner),
            ),
        }
    }
}

/// What was counted in memory since the last time.
pub struct Summaries {
    pub used: Vec<(Scope, Vec<(ApiKeyId, Timestamp)>)>,
    pub sessions: Vec<(Scope, Vec<(SessionId, Timestamp)>)>,
    pub failures: Vec<((&'static str, String), u64)>,
    pub refusals: Vec<(RefusalKey, u64)>,
}

/// Whether the installation's last entry is a stop.
fn stopped_cleanly(reader: &mut dyn Reader) -> Result<bool, StoreError> {
    let scope = installation();
    let last = reader.entries(scope.number, 1, strongroom_store::MAX_SEQ, true, 1)?;
    Ok(last
        .first()
        .is_none_or(|entry| entry.action == Action::ServerStopped.code()))
}
