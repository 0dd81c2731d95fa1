//! Starting: keys, logs, credentials and the memory of spent hashes, from what the store holds.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, RwLock};

use strongroom_audit::TileWriter;
use strongroom_crypto::{Hierarchy, KeyError, RandomPool, RootKeys};
use strongroom_domain::oauth::LONGEST_TOKEN;
use strongroom_domain::payments::LiveCards;
use strongroom_domain::record::Record;
use strongroom_store::{HeadRow, IdRange, Reader, Store, StoreError};
use strongroom_types::id::{ApiKeyId, Kind, OrganizationId, RawId};
use strongroom_types::mode::{INSTALLATION, Mode, Scope};
use strongroom_types::time::Timestamp;
use strongroom_vault::SecurityCodes;

use crate::arrivals::Arrivals;
use crate::bases::Bases;
use crate::cache::Cache;
use crate::clock::Clock;
use crate::commit::Commit;
use crate::credentials::Credentials;
use crate::directory::Directory;
use crate::draft::spent_hashes;
use crate::engine::EngineState;
use crate::failures::Failures;
use crate::grants::Grants;
use crate::log::Log;
use crate::opened::Opener;
use crate::passwords::Passwords;
use crate::queue::Queue;
use crate::rates::Rates;
use crate::refusals::Refusals;
use crate::reports::Reports;
use crate::rotation::{KeyPolicy, load_uses};
use crate::scopes::{Scopes, installation};
use crate::sealers::Sealers;
use crate::shared::{Counters, Shared, installation_keys};
use crate::spent::{KEEP, Spent, position};
use crate::watch::Watch;
use crate::webhooks::Webhooks;

/// Bounds of the engine.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Most commands in one commit.
    pub batch_limit: usize,
    /// Most commands waiting; more are answered "overloaded" at once.
    pub queue_limit: usize,
    /// Opened records kept in memory.
    pub cache_limit: usize,
    /// Refusals per second, credential and code that get an entry of their own.
    pub refusals_per_second: u32,
    /// Readers beside the writer.
    pub readers: usize,
    /// How long keys may be used.
    pub keys: KeyPolicy,
    /// What live payments an acquirer takes.
    pub live_cards: LiveCards,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            batch_limit: 1_000,
            queue_limit: 10_000,
            cache_limit: 200_000,
            refusals_per_second: 10,
            readers: 4,
            keys: KeyPolicy::default(),
            live_cards: LiveCards::default(),
        }
    }
}

/// Why the engine does not start.
#[derive(Debug)]
pub enum StartError {
    Store(StoreError),
    /// The root key does not open the installation's keys, or a key row was altered.
    Keys(KeyError),
    /// Stored data does not open.
    Damage(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Store(error) => error.fmt(f),
            StartError::Keys(error) => error.fmt(f),
            StartError::Damage(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for StartError {}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> StartError {
        StartError::Store(error)
    }
}

/// The installation's keys: opened from the store, or made for an empty one.
pub(crate) fn hierarchy(
    reader: &mut dyn Reader,
    root: RootKeys,
    now: Timestamp,
) -> Result<Hierarchy, StartError> {
    let rows = reader.keys()?;
    if rows.is_empty() {
        return Ok(Hierarchy::create(root, now.0));
    }
    let highest = highest_key(reader, rows.iter().map(|row| row.number).max().unwrap_or(0))?;
    let hierarchy = Hierarchy::open(root, rows).map_err(StartError::Keys)?;
    hierarchy.number_above(highest);
    Ok(hierarchy)
}

/// Whether a root opens an installation's keys.
///
/// # Errors
/// `Keys` when it is another's.
pub fn require_root(root: RootKeys, rows: &[strongroom_store::KeyRow]) -> Result<(), StartError> {
    Hierarchy::open(root, rows.to_vec())
        .map(drop)
        .map_err(StartError::Keys)
}

/// The highest key number, those of subjects included.
fn highest_key(reader: &mut dyn Reader, mut highest: u32) -> Result<u32, StoreError> {
    loop {
        let rows = reader.subject_keys(highest, 1_000)?;
        match rows.last() {
            Some(last) => highest = last.number.max(highest),
            None => return Ok(highest),
        }
    }
}

/// The scope that a stored head belongs to.
pub(crate) fn scope_of(head: &HeadRow) -> Result<Scope, StoreError> {
    let mode = Mode::from_code(head.mode).ok_or_else(|| {
        StoreError::Corrupt(format!("the head of log {}: mode {}", head.log, head.mode))
    })?;
    Ok(Scope {
        number: head.log,
        organization: OrganizationId(RawId(head.organization)),
        mode,
    })
}

/// What the commit thread begins with.
pub(crate) struct Begin {
    pub shared: Arc<Shared>,
    pub commit: Commit,
    /// Whether the store was empty.
    pub fresh: bool,
}

pub(crate) fn begin(
    store: &dyn Store,
    root: RootKeys,
    clock: Arc<dyn Clock>,
    settings: Settings,
) -> Result<Begin, StartError> {
    let mut reader = store.reader()?;
    let hierarchy = Arc::new(hierarchy(&mut *reader, root, clock.now())?);
    let heads = reader.heads()?;
    let fresh = heads.is_empty();
    let last = latest(&heads);
    let (scopes, logs) = load_logs(&mut *reader, &heads)?;
    let opener = Opener::new(Arc::clone(&hierarchy));
    let known = load_known(&mut *reader, &opener, &scopes, clock.now())?;
    let rates = load_rates(&mut *reader, &opener, &scopes)?;
    let spent = load_spent(&mut *reader, &scopes, clock.now())?;
    let uses_on_disk = Mutex::new(uses(&mut *reader, &hierarchy, &scopes)?);
    let (credential_key, spent_key) = installation_keys(&hierarchy, clock.now());
    let shared = Arc::new(Shared {
        clock,
        hierarchy: Arc::clone(&hierarchy),
        queue: Queue::new(settings.queue_limit),
        scopes: RwLock::new(scopes),
        credentials: known.credentials,
        directory: known.directory,
        grants: known.grants,
        passwords: Passwords::default(),
        failures: Failures::default(),
        state: RwLock::new(EngineState::Running),
        counters: Counters::default(),
        refusals: Mutex::default(),
        credential_key,
        spent_key,
        answers: OnceLock::new(),
        jobs: tokio::sync::Notify::new(),
        webhooks: known.webhooks,
        rates,
        arrivals: Arrivals::default(),
        codes: SecurityCodes::default(),
        reports: Reports::default(),
        uses_on_disk,
    });
    shared.renew_all();
    let commit = Commit {
        shared: Arc::clone(&shared),
        writer: store.writer()?,
        reader,
        opener,
        cache: Cache::new(settings.cache_limit),
        logs,
        sealers: Sealers::new(hierarchy),
        random: RandomPool::new(),
        bases: Bases::after(last),
        spent,
        refusals: Refusals::new(settings.refusals_per_second),
        watch: Watch::default(),
        subjects: HashMap::new(),
        last,
        batch_limit: settings.batch_limit,
        live_cards: settings.live_cards,
        stale: false,
    };
    Ok(Begin {
        shared,
        commit,
        fresh,
    })
}

/// An id may be a millisecond ahead of its entry: what is made now comes after those of the last run.
fn latest(heads: &[HeadRow]) -> Timestamp {
    let times = heads.iter().map(|head| Timestamp(head.time).plus(1));
    times.max().unwrap_or_default()
}

/// Scope and blocks of each key whose uses are on disk.
fn uses(
    reader: &mut dyn Reader,
    hierarchy: &Hierarchy,
    scopes: &Scopes,
) -> Result<HashMap<u32, (u32, u64)>, StoreError> {
    let mut on_disk = HashMap::new();
    for scope in scopes.all() {
        load_uses(reader, hierarchy, scope, &mut |number, blocks| {
            on_disk.insert(number, (scope.number, blocks));
        })?;
    }
    Ok(on_disk)
}

/// The scopes and the ends of their logs; the installation's own exist from the first moment.
fn load_logs(
    reader: &mut dyn Reader,
    heads: &[HeadRow],
) -> Result<(Scopes, HashMap<u32, Log>), StoreError> {
    let mut scopes = Scopes::default();
    let mut logs = HashMap::new();
    scopes.insert(installation());
    logs.insert(
        INSTALLATION,
        Log::empty(installation(), TileWriter::default()),
    );
    for head in heads {
        let scope = scope_of(head)?;
        scopes.insert(scope);
        logs.insert(scope.number, Log::restore(scope, head, reader)?);
    }
    Ok((scopes, logs))
}

/// What is known in memory of every organization: who may act, and who is told.
#[derive(Default)]
struct Known {
    credentials: Credentials,
    directory: Directory,
    grants: Grants,
    webhooks: Webhooks,
}

fn load_known(
    reader: &mut dyn Reader,
    opener: &Opener,
    scopes: &Scopes,
    now: Timestamp,
) -> Result<Known, StartError> {
    let mut known = Known::default();
    for scope in scopes.all() {
        load_keys(reader, opener, scope, (&mut known, now))?;
        known.webhooks.load(reader, opener, scope)?;
    }
    Ok(known)
}

/// What organizations bound their requests by: one record each.
fn load_rates(
    reader: &mut dyn Reader,
    opener: &Opener,
    scopes: &Scopes,
) -> Result<Rates, StartError> {
    let rates = Rates::default();
    for scope in scopes.all() {
        let (kind, range) = (Kind::RateLimits.code(), IdRange::default());
        for row in reader.records(scope.number, kind, range, false, 1)? {
            let record = opener.record(&scope, &row, &mut |_| None);
            match record.map_err(|fault| StartError::Damage(fault.to_string()))? {
                Record::RateLimits(limits) => rates.put(scope.number, &limits),
                _ => {
                    let text = "the record of an organization's rates is of another kind";
                    return Err(StartError::Damage(text.into()));
                }
            }
        }
    }
    Ok(rates)
}

/// Roles, keys that may hold one, tills that have keys, and the people, sessions, clients and tokens that act by such. Ids begin with their time, so
/// tokens that are over are not even read.
fn load_keys(
    reader: &mut dyn Reader,
    opener: &Opener,
    scope: Scope,
    (known, now): (&mut Known, Timestamp),
) -> Result<(), StartError> {
    let oldest = u64::try_from(now.0.saturating_sub(LONGEST_TOKEN)).unwrap_or(0);
    for kind in [
        Kind::Role,
        Kind::ApiKey,
        Kind::Till,
        Kind::User,
        Kind::Session,
        Kind::OauthClient,
        Kind::OauthToken,
    ] {
        let after = (kind == Kind::OauthToken).then(|| RawId::from_parts(oldest, 0).0);
        let mut range = IdRange {
            after,
            ..IdRange::default()
        };
        loop {
            let rows = reader.records(scope.number, kind.code(), range, false, 1_000)?;
            let Some(last) = rows.last() else { break };
            range.after = Some(last.id);
            for row in &rows {
                let record = opener.record(&scope, row, &mut |_| None);
                known.take(
                    scope,
                    record.map_err(|fault| StartError::Damage(fault.to_string()))?,
                )?;
            }
        }
    }
    Ok(())
}

/// The key that stands at a till, by its own record or the till's.
fn at_till(record: &Record) -> Option<ApiKeyId> {
    match record {
        Record::ApiKey(key) => key.till.map(|_| key.id),
        Record::Till(till) => till.key,
        _ => None,
    }
}

impl Known {
    fn take(&mut self, scope: Scope, record: Record) -> Result<(), StartError> {
        if let Some(key) = at_till(&record) {
            self.credentials.note_at_till(scope, key);
        }
        match record {
            Record::Till(_) => {}
            Record::Role(role) => self.credentials.put_role(scope, &role),
            Record::ApiKey(key) if key.user.is_some() => self.directory.put_line(scope, key),
            Record::ApiKey(key) => {
                self.credentials.put(scope, &key);
                if key.client.is_some() {
                    self.grants.put_line(scope, key);
                }
            }
            Record::User(user) => self.directory.put_user(scope, &user.body),
            Record::Session(session) => self.directory.put_session(scope, &session.body),
            Record::OauthClient(client) => {
                self.grants.put_client(scope, &client);
            }
            Record::OauthToken(token) => self.grants.put_token(scope, &token),
            _ => {
                let text = "the record of a key or a person is of another kind";
                return Err(StartError::Damage(text.into()));
            }
        }
        Ok(())
    }
}

fn load_spent(
    reader: &mut dyn Reader,
    scopes: &Scopes,
    now: Timestamp,
) -> Result<Spent, StoreError> {
    let (mut spent, reach) = Spent::load(reader)?;
    for scope in scopes.all() {
        // What is past keeping need not be read back, whether a run ever covered it or not.
        let past = reader.entry_at_time(scope.number, now.0.saturating_sub(KEEP))?;
        let after = reach.get(&scope.number).copied().max(past).unwrap_or(0);
        reader.spent_tail(scope.number, after, &mut |sequence, time, column| {
            for hash in spent_hashes(column) {
                spent.insert(hash, position(scope.number, sequence), Timestamp(time));
            }
        })?;
    }
    Ok(spent)
}
