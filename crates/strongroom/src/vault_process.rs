//! The vault process: its folder, its keyring, and what it denies itself before it serves.

use std::fs::{File, Permissions, TryLockError};
use std::future::Future;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use strongroom_acquirer::settings::Settings;
use strongroom_acquirer::{Acquirer, Connector, Shelf, Switch};
use strongroom_crypto::RootKeys;
use strongroom_engine::{Clock, WallClock};
use strongroom_vaultd::confine::{self, Confined};
use strongroom_vaultd::dial::Dialler;
use strongroom_vaultd::{Vault, VaultError};
use tokio::sync::Notify;

use crate::acquirers::AcquirerTables;
use crate::fault::Fault;
use crate::folder;
use crate::hardening;
use crate::logging;
use crate::place::KEYRING;
use crate::running::{system, without_runtime};
use crate::vault_custody::VaultSecrets;

/// The vault's folder in a data directory.
pub(crate) const FOLDER: &str = "vault";
/// How long what is left has to end.
const LEAVE: Duration = Duration::from_secs(1);
const SOCKET: &str = "vault.sock";
const LOCK: &str = "vault.lock";
/// This program, even after its file was replaced.
const PROGRAM: &str = "/proc/self/exe";
/// How long the folder may be another process's, and between two looks.
const MOST_LOOKS: u32 = 500;
const LOOK: Duration = Duration::from_millis(20);

/// Where the vault of a data directory answers.
pub(crate) fn socket(data: &Path) -> PathBuf {
    data.join(FOLDER).join(SOCKET)
}

/// The keyring of the vault of a data directory.
pub(crate) fn keyring(data: &Path) -> PathBuf {
    data.join(FOLDER).join(KEYRING)
}

/// A vault that is to be served.
pub(crate) struct Plan {
    pub dir: PathBuf,
    /// Where it answers.
    pub socket: PathBuf,
    /// Whose API process may connect, when not this user's.
    pub client: Option<u32>,
    pub acquirers: AcquirerTables,
}

impl Plan {
    /// In a folder of its own, for this user.
    pub fn within(dir: &Path) -> Plan {
        Plan {
            dir: dir.to_path_buf(),
            socket: dir.join(SOCKET),
            client: None,
            acquirers: AcquirerTables::default(),
        }
    }
}

/// SECURITY: before a passphrase or a key is in memory: nobody looks into it, and none of it goes to the swap.
pub(crate) fn guard() {
    confine::hide();
    tracing::info!(memory = ?hardening::lock_memory(), "the vault's memory");
}

/// Serves a vault until `stop` is ready. Call it while the process has one thread.
pub(crate) fn serve<F: Future<Output = ()>>(
    plan: &Plan,
    secrets: &VaultSecrets,
    stop: impl FnOnce() -> Result<F, Fault>,
) -> Result<(), Fault> {
    let dir = &plan.dir;
    folder::make(dir)?;
    let _lock = lock(dir)?;
    let root = root_keys(dir, secrets)?;
    let listener = listen(plan)?;
    let lines = Lines::start(&plan.acquirers)?;
    let lost = Arc::clone(&lines.lost);
    report(confine::confine(dir));
    let clock = Arc::new(|| WallClock.now());
    let vault = Vault::open_with(dir, root, clock, |shelf| lines.acquirer(shelf));
    let vault = vault.map_err(|error| fault(dir, &error))?;
    let vault = vault.open_to(plan.client);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers())
        .enable_all()
        .build()
        .map_err(without_runtime)?;
    let ended = runtime.block_on(async move {
        listener
            .set_nonblocking(true)
            .map_err(|error| system("the vault's socket cannot be used", &error))?;
        let listener = tokio::net::UnixListener::from_std(listener)
            .map_err(|error| system("the vault's socket cannot be used", &error))?;
        let stop = stop()?;
        tracing::info!("the vault is ready");
        let mut ended = Ok(());
        let until = async {
            tokio::select! {
                () = stop => {}
                () = lost.notified() => {
                    ended = Err(Fault::new("what makes connections for the vault has ended"));
                }
            }
        };
        Arc::new(vault).serve(listener, until).await;
        ended
    });
    // What tasks still hold is let go of, so that the store is closed; a thread that reads standard input may stay.
    runtime.shutdown_timeout(LEAVE);
    ended
}

/// Half of the processors: the other half are the server's, with whom the vault speaks all the time. More threads than that
/// only wake each other up.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, |all| all.get().div_ceil(2))
}

/// The acquirers of a vault, and what makes connections to them.
struct Lines {
    all: Vec<(Settings, Arc<Dialler>)>,
    /// Told when what makes connections has ended: nobody can start it again, since a confined process starts no programs.
    lost: Arc<Notify>,
}

impl Lines {
    /// SECURITY: before the vault confines itself, which from then on reaches nothing but what these reach.
    fn start(acquirers: &AcquirerTables) -> Result<Lines, Fault> {
        let lost = Arc::new(Notify::new());
        let mut all = Vec::new();
        for settings in acquirers.open()? {
            let dialler = dialler(settings.address, &lost)
                .map_err(|error| system("the acquirer's dialler cannot be started", &error))?;
            all.push((settings, Arc::new(dialler)));
        }
        Ok(Lines { all, lost })
    }

    fn acquirer(self, shelf: Arc<dyn Shelf>) -> Arc<dyn Acquirer> {
        let connectors = self
            .all
            .into_iter()
            .map(|(settings, dialler)| Connector::new(settings, Arc::clone(&shelf), dialler));
        let connectors = connectors.collect();
        Arc::new(Switch::new(connectors, shelf))
    }
}

fn dialler(address: SocketAddr, lost: &Arc<Notify>) -> std::io::Result<Dialler> {
    let (here, there) = UnixStream::pair()?;
    let mut command = Command::new(PROGRAM);
    command
        .arg("vault-dialler")
        .arg("--to")
        .arg(address.to_string());
    if logging::is_json() {
        command.arg("--json-logs");
    }
    // Ctrl-C at a terminal is not for it: it ends with the vault.
    command.env_clear().process_group(0);
    command.stdin(OwnedFd::from(there)).stdout(Stdio::null());
    command.spawn()?;
    Dialler::at(here, Arc::clone(lost))
}

fn listen(plan: &Plan) -> Result<UnixListener, Fault> {
    let Plan { socket, client, .. } = plan;
    folder::remove_one(socket)?;
    let listener = UnixListener::bind(socket).map_err(|error| {
        let what = format!("the vault cannot listen at `{}`", socket.display());
        let hint = "the path of a socket has at most 107 characters: name a shorter one, or use a shorter data directory";
        system(&what, &error).hint(hint)
    })?;
    // Who may connect is asked of the kernel, at each connection.
    let mode = if client.is_some() { 0o666 } else { 0o600 };
    std::fs::set_permissions(socket, Permissions::from_mode(mode))
        .map_err(|error| Fault::file("cannot open to its client", socket, &error))?;
    Ok(listener)
}

/// The vault's own root keys, made at its first start.
fn root_keys(dir: &Path, secrets: &VaultSecrets) -> Result<RootKeys, Fault> {
    let path = dir.join(KEYRING);
    if path.is_file() {
        return secrets.open(&path);
    }
    let root = RootKeys::generate();
    folder::write_new(&path, secrets.sealed(&root).as_bytes())?;
    Ok(root)
}

/// The folder for this process alone; one that was killed a moment ago is waited for.
fn lock(dir: &Path) -> Result<File, Fault> {
    let path = dir.join(LOCK);
    let file = File::create(&path).map_err(|error| Fault::file("cannot write", &path, &error))?;
    let mut looks = 0;
    loop {
        looks += 1;
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if looks < MOST_LOOKS => {
                std::thread::park_timeout(LOOK);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(Fault::new(format!(
                    "another process serves the vault in `{}`",
                    dir.display()
                )));
            }
            Err(TryLockError::Error(error)) => {
                return Err(Fault::file("cannot lock", &path, &error));
            }
        }
    }
}

fn fault(dir: &Path, error: &VaultError) -> Fault {
    Fault::new(format!("`{}`: {error}", dir.display()))
        .hint("the vault's folder holds its database and its keyring: restore both together")
}

/// Says what the kernel does not give.
pub(crate) fn report(confined: Confined) {
    let Confined {
        hidden,
        no_new_privileges,
        landlock,
        seccomp,
    } = confined;
    for (holds, what) in [
        (hidden, "hiding from debuggers"),
        (no_new_privileges, "no new privileges"),
        (landlock, "landlock"),
        (seccomp, "seccomp"),
    ] {
        if !holds {
            tracing::warn!(
                missing = what,
                "the kernel confines the vault less than it could"
            );
        }
    }
}
