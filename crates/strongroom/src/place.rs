//! Where an installation lies on disk, and how its store and engine are opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use strongroom_crypto::RootKeys;
use strongroom_engine::{Engine, JOURNALS, Settings, StartError, WallClock};
use strongroom_store::{SqliteStore, StoreError};
use strongroom_types::secret::SecretText;

use crate::config::Config;
use crate::custody;
use crate::fault::Fault;
use crate::folder;
use crate::passphrase;

/// The keyring's name where no configuration says otherwise.
pub(crate) const KEYRING: &str = "keyring.toml";
/// What unseals a demo; real installations have no such file.
pub(crate) const DEMO_PASSPHRASE: &str = "demo-passphrase";
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
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with = "config",
        required_unless_present = "config"
    )]
    data: Option<PathBuf>,

    /// The configuration file, which names data directory and keyring
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// A file that holds the keyring's passphrase on one line; asked at the terminal when absent
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

/// One installation's folders and files.
pub(crate) struct Place {
    pub data: PathBuf,
    pub keyring: PathBuf,
    passphrase_file: Option<PathBuf>,
}

impl PlaceOptions {
    /// For commands with arguments of their own; one of `data` and `config` is needed.
    pub fn of(
        data: Option<PathBuf>,
        config: Option<PathBuf>,
        passphrase_file: Option<PathBuf>,
    ) -> PlaceOptions {
        PlaceOptions {
            data,
            config,
            passphrase_file,
        }
    }

    pub fn place(&self) -> Result<Place, Fault> {
        match (&self.data, &self.config) {
            (Some(data), _) => Ok(Place::with(
                data,
                &data.join(KEYRING),
                self.passphrase_file.as_deref(),
            )),
            (None, Some(config)) => {
                let config = Config::read(config)?;
                Ok(Place::with(
                    config.data(),
                    config.keyring(),
                    self.passphrase_file.as_deref(),
                ))
            }
            // Refused by the arguments' own rules already.
            (None, None) => Err(Fault::new("neither --data nor --config was given")),
        }
    }
}

impl Place {
    pub fn with(data: &Path, keyring: &Path, passphrase_file: Option<&Path>) -> Place {
        // A demo holds what unseals it, so that nobody is asked.
        let demo = Some(data.join(DEMO_PASSPHRASE)).filter(|path| path.is_file());
        Place {
            data: data.to_path_buf(),
            keyring: keyring.to_path_buf(),
            passphrase_file: passphrase_file.map(Path::to_path_buf).or(demo),
        }
    }

    /// The passphrase of its keyring: from a file, or asked for.
    pub fn passphrase(&self) -> Result<SecretText, Fault> {
        passphrase::existing(self.passphrase_file.as_deref())
    }

    /// Opens the keyring.
    pub fn root_keys(&self) -> Result<RootKeys, Fault> {
        custody::require(&self.keyring)?;
        custody::open(&self.keyring, &self.passphrase()?)
    }

    /// Opens the store for this process alone.
    pub fn store(&self) -> Result<SqliteStore, Fault> {
        SqliteStore::open(&self.data).map_err(|error| store_fault(&self.data, &error))
    }

    /// Opens a store that nobody writes, without changing it.
    pub fn store_read_only(&self) -> Result<SqliteStore, Fault> {
        SqliteStore::open_read_only(&self.data).map_err(|error| store_fault(&self.data, &error))
    }

    /// Takes up the installation: store first, so that a locked directory is told before a passphrase is asked for.
    pub fn engine(&self) -> Result<Engine, Fault> {
        custody::require(&self.keyring)?;
        let store = self.store()?;
        self.start(&store, self.root_keys()?)
    }

    /// Makes the store of a new installation and starts its engine.
    pub fn create(&self, root: RootKeys) -> Result<Engine, Fault> {
        let store =
            SqliteStore::create(&self.data).map_err(|error| store_fault(&self.data, &error))?;
        self.start(&store, root)
    }

    fn start(&self, store: &SqliteStore, root: RootKeys) -> Result<Engine, Fault> {
        for journal in JOURNALS {
            folder::make(&self.data.join(journal))?;
        }
        let started = Engine::start(
            store,
            root,
            Arc::new(WallClock),
            Settings::default(),
            Some(&self.data),
        );
        started.map_err(|error| start_fault(&self.data, &error))
    }
}

/// Why a store did not open, for an operator.
pub(crate) fn store_fault(data: &Path, error: &StoreError) -> Fault {
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

/// Why an engine did not start, for an operator.
pub(crate) fn start_fault(data: &Path, error: &StartError) -> Fault {
    match error {
        StartError::Store(error) => store_fault(data, error),
        StartError::Keys(error) => Fault::new(format!("`{}`: {error}", data.display()))
            .hint("the keyring must be the one of this data directory"),
        StartError::Damage(text) => Fault::new(format!("`{}`: {text}", data.display()))
            .hint("`strongroom verify` names all damage"),
    }
}
