//! The vault process: its folder, its keyring, and what it denies itself before it serves.

use std::fs::{File, TryLockError};
use std::future::Future;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use strongroom_acquirer::SandboxAcquirer;
use strongroom_crypto::{PassphraseCost, RootKeys};
use strongroom_engine::{Clock, WallClock};
use strongroom_types::secret::SecretText;
use strongroom_vaultd::confine::{self, Confined};
use strongroom_vaultd::{Vault, VaultError};

use crate::fault::Fault;
use crate::place::KEYRING;
use crate::running::{system, without_runtime};
use crate::{custody, folder};

/// The vault's folder in a data directory.
pub(crate) const FOLDER: &str = "vault";
const SOCKET: &str = "vault.sock";
const LOCK: &str = "vault.lock";

/// The cost of a passphrase that stands beside the keyring and has 128 random bits.
const QUICK: PassphraseCost = PassphraseCost {
    memory_kib: 64,
    passes: 1,
    lanes: 1,
};

/// Where the vault of a data directory answers.
pub(crate) fn socket(data: &Path) -> PathBuf {
    data.join(FOLDER).join(SOCKET)
}

/// The keyring of the vault of a data directory.
pub(crate) fn keyring(data: &Path) -> PathBuf {
    data.join(FOLDER).join(KEYRING)
}

/// Serves the vault in a folder until `stop` is ready. Call it while the process has one thread.
pub(crate) fn serve<F: Future<Output = ()>>(
    dir: &Path,
    passphrase: &SecretText,
    quick: bool,
    stop: impl FnOnce() -> Result<F, Fault>,
) -> Result<(), Fault> {
    folder::make(dir)?;
    let _lock = lock(dir)?;
    let root = root_keys(dir, passphrase, quick)?;
    let socket = dir.join(SOCKET);
    folder::remove_one(&socket)?;
    let listener = UnixListener::bind(&socket).map_err(|error| {
        let fault = system("the vault cannot listen in its folder", &error);
        fault.hint("the path of a socket has at most 107 characters: use a shorter data directory")
    })?;
    report(confine::confine(dir));
    let clock = Arc::new(|| WallClock.now());
    let acquirer = Arc::new(SandboxAcquirer::default());
    let vault = Vault::open(dir, root, acquirer, clock).map_err(|error| fault(dir, &error))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(without_runtime)?;
    runtime.block_on(async move {
        listener
            .set_nonblocking(true)
            .map_err(|error| system("the vault's socket cannot be used", &error))?;
        let listener = tokio::net::UnixListener::from_std(listener)
            .map_err(|error| system("the vault's socket cannot be used", &error))?;
        let stop = stop()?;
        tracing::info!("the vault is ready");
        Arc::new(vault).serve(listener, stop).await;
        Ok(())
    })
}

/// The vault's own root keys, made at its first start.
fn root_keys(dir: &Path, passphrase: &SecretText, quick: bool) -> Result<RootKeys, Fault> {
    let path = dir.join(KEYRING);
    if path.is_file() {
        return custody::open(&path, passphrase);
    }
    let root = RootKeys::generate();
    let cost = match quick {
        true => QUICK,
        false => PassphraseCost::STANDARD,
    };
    let text = custody::sealed(&root, passphrase, cost);
    folder::write_new(&path, text.as_bytes())?;
    Ok(root)
}

fn lock(dir: &Path) -> Result<File, Fault> {
    let path = dir.join(LOCK);
    let file = File::create(&path).map_err(|error| Fault::file("cannot write", &path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Fault::new(format!(
            "another process serves the vault in `{}`",
            dir.display()
        ))),
        Err(TryLockError::Error(error)) => Err(Fault::file("cannot lock", &path, &error)),
    }
}

fn fault(dir: &Path, error: &VaultError) -> Fault {
    Fault::new(format!("`{}`: {error}", dir.display()))
        .hint("the vault's folder holds its database and its keyring: restore both together")
}

/// Says what the kernel does not give.
fn report(confined: Confined) {
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
