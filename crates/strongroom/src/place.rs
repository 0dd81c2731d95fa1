//! Where an installation lies, and how its store and engine are opened: a folder with keyring and journals, and
//! the books in the same folder or in a database.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use clap::Args;
use strongroom_crypto::{Custodian, RootKeys};
use strongroom_engine::{Engine, JOURNALS, KeyPolicy, Settings, StartError, WallClock};
use strongroom_store::{PostgresOptions, PostgresStore, SqliteStore, Store, StoreError};

use crate::acquirers::AcquirerTables;
use crate::command::backup;
use crate::config::Config;
use crate::custody;
use crate::fault::Fault;
use crate::folder;
use crate::passphrase;
use crate::postgres::{PostgresArguments, StoreTable, demo_folder};
use crate::root::{RootArguments, RootSources};
use crate::vault_custody::VaultSecrets;

/// The keyring's name where no configuration says otherwise.
pub(crate) const KEYRING: &str = "keyring.toml";
/// What unseals a demo; real installations have no such file.
pub(crate) const DEMO_PASSPHRASE: &str = "demo-passphrase";
/// The folder of a vault that keeps its own store in the data directory.
pub(crate) const VAULT: &str = "vault";
/// Servers on one data directory and one database, each with journals of its own.
const MOST_SERVERS: u32 = 16;

/// What an engine's start makes in a data directory.
pub(crate) const STORED: [&str; 6] = {
    let [requests, attempts] = JOURNALS;
    [
        "strongroom.db",
        "strongroom.db-wal",
        "strongroom.db-shm",
        "lock",
        requests,
        attempts,
    ]
};

/// Which installation a command is about.
#[derive(Args)]
pub(crate) struct PlaceOptions {
    /// The data directory; its keyring is `keyring.toml` in it
    ///
    /// With --postgres alone it is the folder of the demo on that database.
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with = "config",
        required_unless_present_any = ["config", "postgres"]
    )]
    data: Option<PathBuf>,

    /// The configuration file, which names data directory and keyring
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(flatten)]
    root: RootArguments,

    #[command(flatten)]
    postgres: PostgresArguments,
}

/// One installation's folders and files, and its database if it has one.
pub(crate) struct Place {
    pub data: PathBuf,
    pub keyring: PathBuf,
    sources: RootSources,
    key_policy: KeyPolicy,
    pub acquirers: AcquirerTables,
    postgres: Option<PostgresOptions>,
    /// The folder of the journals, locked for as long as this is there.
    journals: OnceLock<(PathBuf, File)>,
    /// What opens the vault's keyring, for as long as this is there. In the kernel's memory: this process has it only while
    /// it uses it.
    vault: Mutex<Option<File>>,
}

impl PlaceOptions {
    /// For commands with arguments of their own; one of `data`, `config` and a database is needed.
    pub fn of(
        data: Option<PathBuf>,
        config: Option<PathBuf>,
        root: RootArguments,
        postgres: PostgresArguments,
    ) -> PlaceOptions {
        PlaceOptions {
            data,
            config,
            root,
            postgres,
        }
    }

    pub fn place(&self) -> Result<Place, Fault> {
        let named = self.postgres.table();
        match (&self.data, &self.config) {
            (Some(data), _) => {
                let place = Place::with(data, &data.join(KEYRING), self.root.alone());
                place.on(&named.unwrap_or_default())
            }
            (None, Some(config)) => {
                let config = Config::read(config)?;
                let place = Place::with(
                    config.data(),
                    config.keyring(),
                    self.root.over(config.root()),
                );
                place.on(named.as_ref().unwrap_or(config.store()))
            }
            (None, None) => {
                let options = named.unwrap_or_default().options()?;
                // Refused by the arguments' own rules already.
                let options =
                    options.ok_or_else(|| Fault::new("neither --data nor --config was given"))?;
                let data = demo_folder(&options);
                let place = Place::with(&data, &data.join(KEYRING), self.root.alone());
                Ok(place.in_database(Some(options)))
            }
        }
    }
}

impl Place {
    pub fn with(data: &Path, keyring: &Path, mut sources: RootSources) -> Place {
        // A demo holds what unseals it, so that nobody is asked.
        let demo = Some(data.join(DEMO_PASSPHRASE)).filter(|path| path.is_file());
        sources.passphrase_file = sources.passphrase_file.or(demo);
        Place {
            data: data.to_path_buf(),
            keyring: keyring.to_path_buf(),
            sources,
            key_policy: KeyPolicy::default(),
            acquirers: AcquirerTables::default(),
            postgres: None,
            vault: Mutex::new(None),
            journals: OnceLock::new(),
        }
    }

    /// The same with keys that may be used as long as `policy` says.
    pub fn holding(self, key_policy: KeyPolicy) -> Place {
        Place { key_policy, ..self }
    }

    /// The same with these acquirers.
    pub fn connected_to(self, acquirers: AcquirerTables) -> Place {
        Place { acquirers, ..self }
    }

    /// The same with its books where `store` says.
    pub fn on(self, store: &StoreTable) -> Result<Place, Fault> {
        let options = store.options()?;
        Ok(self.in_database(options))
    }

    /// The same with its books in a database, if one is given.
    pub fn in_database(self, postgres: Option<PostgresOptions>) -> Place {
        Place { postgres, ..self }
    }

    /// The same, seen again: files may stand there now that did not before.
    pub fn again(self) -> Place {
        let Place {
            data,
            keyring,
            sources,
            key_policy,
            acquirers,
            postgres,
            ..
        } = self;
        Place::with(&data, &keyring, sources)
            .holding(key_policy)
            .connected_to(acquirers)
            .in_database(postgres)
    }

    /// Where its books are, for an operator.
    pub fn books(&self) -> String {
        match &self.postgres {
            Some(options) => options.to_string(),
            None => self.data.display().to_string(),
        }
    }

    /// Whether its books are in a database, so that further servers may serve them.
    pub fn is_in_database(&self) -> bool {
        self.postgres.is_some()
    }

    /// The database with its books, if that is where they are.
    pub fn database(&self) -> Option<&PostgresOptions> {
        self.postgres.as_ref()
    }

    /// What opens its keyring.
    pub fn sources(&self) -> &RootSources {
        &self.sources
    }

    /// What opens its vault's keyring: kept since the roots were opened, or had by opening them.
    pub fn vault_secrets(&self) -> Result<VaultSecrets, Fault> {
        if let Some(kept) = &*self.kept() {
            return passphrase::kept(kept).map(|lines| VaultSecrets::parse(&lines));
        }
        let (root, _) = self.open_keyring()?;
        Ok(VaultSecrets::of(&root))
    }

    /// Keeps what opens the vault's keyring for another start of the vault.
    pub fn keep_vault_secrets(&self, root: &RootKeys) -> Result<(), Fault> {
        let mut kept = self.kept();
        // While roots are replaced the vault opens with the old ones until its keyring was sealed anew.
        let older = kept.as_ref().map(passphrase::kept).transpose()?;
        let secrets = VaultSecrets::of(root).and_older(older.as_ref());
        *kept = Some(passphrase::keep(&secrets.lines())?);
        Ok(())
    }

    fn kept(&self) -> MutexGuard<'_, Option<File>> {
        self.vault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the keyring.
    pub fn root_keys(&self) -> Result<RootKeys, Fault> {
        let (keys, _) = self.open_keyring()?;
        Ok(keys)
    }

    /// The same, with who can write it again.
    pub fn open_keyring(&self) -> Result<(RootKeys, Custodian), Fault> {
        custody::require(&self.keyring)?;
        let opened = custody::open(&self.keyring, &self.sources)?;
        self.keep_vault_secrets(&opened.0)?;
        Ok(opened)
    }

    /// Opens the store for this process alone.
    pub fn try_store(&self) -> Result<Box<dyn Store>, StoreError> {
        Ok(match &self.postgres {
            Some(options) => Box::new(PostgresStore::open(options.clone())?),
            None => Box::new(SqliteStore::open(&self.data)?),
        })
    }

    fn try_new(&self) -> Result<Box<dyn Store>, StoreError> {
        Ok(match &self.postgres {
            Some(options) => Box::new(PostgresStore::create(options.clone())?),
            None => Box::new(SqliteStore::create(&self.data)?),
        })
    }

    fn try_reading(&self) -> Result<Box<dyn Store>, StoreError> {
        Ok(match &self.postgres {
            Some(options) => Box::new(PostgresStore::open_read_only(options.clone())?),
            None => Box::new(SqliteStore::open_read_only(&self.data)?),
        })
    }

    /// Opens the store without changing it: one that nobody writes, or one moment of a database.
    pub fn store_read_only(&self) -> Result<Box<dyn Store>, Fault> {
        self.try_reading().map_err(|error| self.store_fault(&error))
    }

    /// Opens the store for reading, whoever writes it: one moment of a database, or files within a reader's snapshot.
    pub fn store_beside(&self) -> Result<Box<dyn Store>, Fault> {
        self.try_beside().map_err(|error| self.store_fault(&error))
    }

    pub fn try_beside(&self) -> Result<Box<dyn Store>, StoreError> {
        match &self.postgres {
            Some(_) => self.try_reading(),
            None => backup::beside(&self.data),
        }
    }

    /// Says early, before anybody types a passphrase, that its database is not there or holds something.
    pub fn require_room(&self) -> Result<(), Fault> {
        if !self.is_in_database() {
            return Ok(());
        }
        let heads = self.try_reading().and_then(|store| store.reader()?.heads());
        match heads {
            Err(StoreError::NotFound) => Ok(()),
            Ok(heads) if heads.is_empty() => Ok(()),
            Ok(_) => Err(self.store_fault(&StoreError::AlreadyThere)),
            Err(error) => Err(self.store_fault(&error)),
        }
    }

    /// Takes up the installation: store first, so that a locked directory is told before a passphrase is asked for.
    pub fn engine(&self) -> Result<Engine, Fault> {
        custody::require(&self.keyring)?;
        let store = self.try_store().map_err(|error| self.store_fault(&error))?;
        self.start(&*store, self.root_keys()?)
    }

    /// Makes the store of a new installation and starts its engine.
    pub fn create(&self, root: RootKeys) -> Result<Engine, Fault> {
        let store = self.try_new().map_err(|error| self.store_fault(&error))?;
        self.start(&*store, root)
    }

    /// Starts the engine on an opened store.
    pub fn start(&self, store: &dyn Store, root: RootKeys) -> Result<Engine, Fault> {
        let journals = self.journals()?;
        let started = self.try_start(store, root, &journals);
        started.map_err(|error| self.start_fault(&error))
    }

    /// The same with its journals in that folder.
    pub fn try_start(
        &self,
        store: &dyn Store,
        root: RootKeys,
        journals: &Path,
    ) -> Result<Engine, StartError> {
        Engine::start(
            store,
            root,
            Arc::new(WallClock),
            Settings {
                keys: self.key_policy,
                live_cards: self.acquirers.live_cards(),
                ..Settings::default()
            },
            Some(journals),
        )
    }

    /// The folder of the journals. A data directory without books is not locked by them, so the first folder that no
    /// other server writes is taken.
    pub fn journals(&self) -> Result<PathBuf, Fault> {
        if let Some((dir, _)) = self.journals.get() {
            return Ok(dir.clone());
        }
        for number in 1..=MOST_SERVERS {
            let dir = match number {
                1 => self.data.clone(),
                more => self.data.join(format!("server-{more}")),
            };
            for journal in JOURNALS {
                folder::make(&dir.join(journal))?;
            }
            if !self.is_in_database() {
                return Ok(dir);
            }
            let [locked, _] = JOURNALS.map(|journal| dir.join(journal));
            let opened = File::open(&locked);
            let opened =
                opened.map_err(|error| Fault::file("cannot open the folder", &locked, &error))?;
            if opened.try_lock().is_ok() {
                // Whoever was first holds it: a second start in one process keeps its own.
                drop(self.journals.set((dir.clone(), opened)));
                return Ok(dir);
            }
        }
        Err(Fault::new(format!(
            "`{}` is in use by {MOST_SERVERS} servers",
            self.data.display()
        ))
        .hint("give each server a data directory of its own, with a copy of the keyring"))
    }

    /// Why the store did not open, for an operator.
    pub fn store_fault(&self, error: &StoreError) -> Fault {
        match &self.postgres {
            Some(options) => database_fault(options, error),
            None => store_fault(&self.data, error),
        }
    }

    /// Why the engine did not start, for an operator.
    pub fn start_fault(&self, error: &StartError) -> Fault {
        let books = self.books();
        match error {
            StartError::Store(error) => self.store_fault(error),
            StartError::Keys(error) => {
                Fault::new(format!("`{books}`: {error}")).hint(match self.is_in_database() {
                    true => {
                        "the keyring must be the one of this database; where its roots were replaced, copy the new one here"
                    }
                    false => "the keyring must be the one of this data directory",
                })
            }
            StartError::Damage(text) => Fault::new(format!("`{books}`: {text}"))
                .hint("`strongroom verify` names all damage"),
        }
    }
}

/// Why files did not open, for an operator.
fn store_fault(data: &Path, error: &StoreError) -> Fault {
    let fault = Fault::new(format!("`{}`: {error}", data.display()));
    match error {
        StoreError::Locked => fault.hint("stop the server that uses it, or work on a copy"),
        StoreError::NotFound => {
            fault.hint("make one with `strongroom init`, or look for a typing error in the path")
        }
        StoreError::AlreadyThere => {
            fault.hint("it is left as it is; name a new or empty directory")
        }
        StoreError::TooNew { .. } => {
            fault.hint("use the newer program, or restore a backup that this one made")
        }
        StoreError::TooOld { .. } => fault.hint("start the server once with this program"),
        StoreError::ReadOnly(_) => {
            fault.hint("the directory and its files must belong to the user who runs this")
        }
        StoreError::Full => fault.hint("free some space; nothing was lost"),
        StoreError::Corrupt(_) => {
            fault.hint("restore the newest backup, then `strongroom verify` it")
        }
        _ => fault,
    }
}

/// The same for a database.
fn database_fault(options: &PostgresOptions, error: &StoreError) -> Fault {
    let words = match error {
        StoreError::Locked => "another server serves these books now".to_owned(),
        StoreError::NotFound => "there is no installation in this database".to_owned(),
        StoreError::AlreadyThere => "there is an installation in this database already".to_owned(),
        StoreError::Foreign => {
            "the database has a schema `strongroom` that was not made by strongroom".to_owned()
        }
        StoreError::ReadOnly(_) => "the database takes no writes".to_owned(),
        StoreError::Unfinished => {
            "a `strongroom migrate` into this database has not come to its end".to_owned()
        }
        other => other.to_string(),
    };
    let fault = Fault::new(format!("database `{options}`: {words}"));
    match error {
        StoreError::Locked => fault.hint("stop it first; `strongroom verify` needs no stop"),
        StoreError::NotFound => fault.hint(
            "make one with `strongroom init --postgres …`, or look for a typing error in the address",
        ),
        StoreError::AlreadyThere => fault.hint(
            "it is left as it is; name another database. What an `init` that failed left behind is removed by `DROP SCHEMA strongroom CASCADE`",
        ),
        StoreError::Foreign => fault.hint("name another database"),
        StoreError::Unfinished => fault.hint("run `strongroom migrate` again"),
        StoreError::TooNew { .. } => fault.hint("use the newer program"),
        StoreError::TooOld { .. } => fault.hint("start the server once with this program"),
        StoreError::ReadOnly(_) => {
            fault.hint("name the primary; a copy can be read by `strongroom verify` alone")
        }
        StoreError::Refused(_) => fault.hint(
            "user, password and certificates must be as the database expects them, and the user must own the database or have CREATE on it",
        ),
        StoreError::Unreachable(_) => {
            fault.hint("is it running, and does it listen at this address?")
        }
        StoreError::Full => fault.hint("free some space on its disk; nothing was lost"),
        StoreError::Corrupt(_) => {
            fault.hint("restore the newest backup, then `strongroom verify` it")
        }
        _ => fault,
    }
}
