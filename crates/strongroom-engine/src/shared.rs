//! What the commit thread and the rest of the engine both see.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use strongroom_crypto::{DataKey, Hierarchy, Purpose};
use strongroom_domain::facts::Field;
use strongroom_types::mode::{INSTALLATION, Scope};
use strongroom_types::time::Timestamp;
use strongroom_vault::SecurityCodes;
use tokio::sync::mpsc::UnboundedSender;

use crate::arrivals::Arrivals;
use crate::clock::Clock;
use crate::credentials::Credentials;
use crate::directory::Directory;
use crate::engine::EngineState;
use crate::envelope::Failure;
use crate::failures::Failures;
use crate::grants::Grants;
use crate::item::{Answers, answer};
use crate::passwords::Passwords;
use crate::queue::Queue;
use crate::rates::Rates;
use crate::refusals::RefusalKey;
use crate::reports::Reports;
use crate::scopes::Scopes;
use crate::text::folded;
use crate::webhooks::Webhooks;

pub(crate) struct Shared {
    pub clock: Arc<dyn Clock>,
    pub hierarchy: Arc<Hierarchy>,
    pub queue: Queue,
    pub scopes: RwLock<Scopes>,
    pub credentials: Credentials,
    pub directory: Directory,
    pub grants: Grants,
    pub passwords: Passwords,
    pub failures: Failures,
    pub state: RwLock<EngineState>,
    pub counters: Counters,
    /// Refusals over the budget, by scope, waiting to be summed up.
    pub refusals: Mutex<Vec<(RefusalKey, u64)>>,
    /// Keys of the installation that the edge hashes with, held to avoid a lookup per request.
    pub credential_key: Arc<DataKey>,
    pub spent_key: Arc<DataKey>,
    /// Where answers are handed over in one piece per batch, once a runtime offered itself.
    pub answers: OnceLock<UnboundedSender<Answers>>,
    /// Rung when a commit scheduled work.
    pub jobs: tokio::sync::Notify,
    pub webhooks: Webhooks,
    pub rates: Rates,
    pub arrivals: Arrivals,
    /// Security codes of cards, each waiting for its authorization. In memory only.
    pub codes: SecurityCodes,
    pub reports: Reports,
    /// What is on disk of the uses of keys: scope and blocks by number.
    pub uses_on_disk: Mutex<HashMap<u32, (u32, u64)>>,
}

/// Running totals since start.
#[derive(Default)]
pub(crate) struct Counters {
    pub commits: AtomicU64,
    pub commands: AtomicU64,
    pub refused: AtomicU64,
    pub replayed: AtomicU64,
    pub panics: AtomicU64,
    pub largest_batch: AtomicU64,
}

impl Counters {
    pub fn add(counter: &AtomicU64, n: usize) {
        counter.fetch_add(u64::try_from(n).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Shared {
    pub fn scope(&self, number: u32) -> Option<Scope> {
        self.scopes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(number)
    }

    pub fn all_scopes(&self) -> Vec<Scope> {
        self.scopes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .all()
    }

    pub fn halt(&self, reason: String) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        // What one that was replaced finds afterwards is no failure of its own.
        if *state != EngineState::Replaced {
            *state = EngineState::Halted(reason);
        }
    }

    /// Another server has the store, or may have it; one that stops has given it up itself.
    pub fn replaced(&self) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if *state == EngineState::Running {
            *state = EngineState::Replaced;
        }
    }

    /// What somebody is told whose command was not begun.
    pub fn not_begun(&self) -> Failure {
        match self.state() {
            EngineState::Stopping | EngineState::Replaced => Failure::Stopped,
            _ => Failure::Halted,
        }
    }

    pub fn state(&self) -> EngineState {
        self.state
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Answers a batch: through the runtime that offered itself, since waking a task from there is cheap, or at once.
    pub fn answer(&self, answers: Answers) {
        match self.answers.get() {
            Some(runtime) => {
                if let Err(unsent) = runtime.send(answers) {
                    answer(unsent.0);
                }
            }
            None => answer(answers),
        }
    }

    /// The blind index hash of a field's text: keyed per scope and field, over folded text.
    pub fn index_hash(&self, scope: u32, field: u16, text: &str) -> [u8; 16] {
        index_hash(&self.hierarchy, scope, field, text, self.now())
    }

    /// What the same text may stand under while the key is replaced: its hashes by the versions before, newest first.
    pub fn older_hashes(&self, scope: u32, field: u16, text: &str) -> Vec<[u8; 16]> {
        let older = self.hierarchy.older(scope, Purpose::BlindIndex);
        let hash = |key: &Arc<DataKey>| index_hash_under(key, field, text);
        older.iter().map(hash).collect()
    }
}

/// The blind index hash of a field's text.
pub(crate) fn index_hash(
    hierarchy: &Hierarchy,
    scope: u32,
    field: u16,
    text: &str,
    now: Timestamp,
) -> [u8; 16] {
    index_hash_under(
        &hierarchy.current(scope, Purpose::BlindIndex, 0, now.0),
        field,
        text,
    )
}

/// The same under a key that is at hand.
pub(crate) fn index_hash_under(key: &DataKey, field: u16, text: &str) -> [u8; 16] {
    let number = field.to_be_bytes();
    match Field::ALL.iter().any(|f| f.code() == field && f.folds()) {
        true => key.mac().short_fields(&[&number, folded(text).as_bytes()]),
        false => key.mac().short_fields(&[&number, text.as_bytes()]),
    }
}

/// The installation's keys that exist from the first start on.
pub(crate) fn installation_keys(
    hierarchy: &Hierarchy,
    now: Timestamp,
) -> (Arc<DataKey>, Arc<DataKey>) {
    let credential = hierarchy.current(INSTALLATION, Purpose::Credential, 0, now.0);
    let spent = hierarchy.current(INSTALLATION, Purpose::Spent, 0, now.0);
    // Made with the first commit: a key that signs a note must never be lost with the process.
    hierarchy.current(INSTALLATION, Purpose::Checkpoint, 0, now.0);
    // There before the first backup, which cannot store a key.
    hierarchy.current(INSTALLATION, Purpose::Backup, 0, now.0);
    (credential, spent)
}
