//! The keyring file on disk: root keys in, root keys out, however they are kept.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use strongroom_crypto::{Custodian, Custody, Keyring, KeyringError, PassphraseCost, RootKeys};
use strongroom_types::secret::SecretText;

use crate::fault::Fault;
use crate::folder;
use crate::passphrase;
use crate::root::RootSources;

/// How often, and after which pause, it is looked whether another command has ended: two minutes.
const MOST_LOOKS: u32 = 1_200;
const LOOK: Duration = Duration::from_millis(100);

/// Opens the keyring with what its keeping asks for. A source of another kind is never tried in its place.
pub(crate) fn open(keyring: &Path, sources: &RootSources) -> Result<(RootKeys, Custodian), Fault> {
    let text = folder::read_text(keyring)?;
    let read = Keyring::parse(&text).map_err(|error| fault(keyring, &error))?;
    let opened = match read.custody() {
        Custody::Passphrase { .. } => {
            let passphrase = passphrase::existing(sources.passphrase_file.as_deref())?;
            read.with_passphrase(passphrase.expose().as_bytes())
        }
        Custody::Shares { threshold, .. } => {
            let shares = sources.shares(*threshold)?;
            read.with_shares(&shares)
        }
        Custody::Token { .. } => {
            let module = sources.module()?;
            let pin = sources.pin()?;
            read.with_token(module, pin.expose())
        }
    };
    opened.map_err(|error| fault(keyring, &error))
}

/// Keeps other commands from changing the keyring while this is there. SECURITY: what was read before another one
/// replaced the roots must not be written after it.
pub(crate) fn lock(keyring: &Path) -> Result<File, Fault> {
    let path = keyring.with_extension("lock");
    let file = File::create(&path).map_err(|error| Fault::file("cannot write", &path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Fault::new(format!(
            "another command is changing the keyring `{}`",
            keyring.display()
        ))
        .hint("let it end, and try again")),
        Err(TryLockError::Error(error)) => Err(Fault::file("cannot lock", &path, &error)),
    }
}

/// The same for who only needs it not to change for a moment: another command is waited for. Nothing where no lock can be
/// made, as on a machine that has not the keyring.
pub(crate) fn lock_in_time(keyring: &Path) -> Result<Option<File>, Fault> {
    let path = keyring.with_extension("lock");
    if !keyring.is_file() || File::create(&path).is_err() {
        return Ok(None);
    }
    let mut looks = 0;
    loop {
        looks += 1;
        match lock(keyring) {
            Err(_) if looks < MOST_LOOKS => std::thread::park_timeout(LOOK),
            locked => return locked.map(Some),
        }
    }
}

/// How the keyring is kept, without opening it.
pub(crate) fn kept(keyring: &Path) -> Result<Custody, Fault> {
    let text = folder::read_text(keyring)?;
    let read = Keyring::parse(&text).map_err(|error| fault(keyring, &error))?;
    Ok(read.custody().clone())
}

/// Says early, before anybody types a passphrase, that there is no keyring.
pub(crate) fn require(keyring: &Path) -> Result<(), Fault> {
    if keyring.is_file() {
        return Ok(());
    }
    Err(
        Fault::new(format!("there is no keyring at `{}`", keyring.display())).hint(
            "put it back from its own backup, or make it anew with `strongroom keys recover`",
        ),
    )
}

/// The text of a keyring file under a passphrase.
pub(crate) fn sealed(keys: &RootKeys, passphrase: &SecretText, cost: PassphraseCost) -> String {
    Custodian::of_passphrase(passphrase.expose().as_bytes(), cost).seal(keys)
}

/// Opens a keyring that a passphrase keeps.
pub(crate) fn open_sealed(keyring: &Path, passphrase: &SecretText) -> Result<RootKeys, Fault> {
    let text = folder::read_text(keyring)?;
    let read = Keyring::parse(&text).map_err(|error| fault(keyring, &error))?;
    let opened = read.with_passphrase(passphrase.expose().as_bytes());
    let (keys, _) = opened.map_err(|error| fault(keyring, &error))?;
    Ok(keys)
}

/// Why a token gave no key, for an operator.
pub(crate) fn token_fault(error: &KeyringError) -> Fault {
    Fault::new(error.to_string()).hint(
        "nothing else is tried in its place; where the token is lost for good, `strongroom keys recover` takes the recovery kit",
    )
}

fn fault(keyring: &Path, error: &KeyringError) -> Fault {
    match error {
        KeyringError::WrongPassphrase => Fault::new(format!(
            "the passphrase does not open the keyring `{}`",
            keyring.display()
        ))
        .hint("it is wrong, or the file was altered; the two cannot be told apart"),
        KeyringError::Token(_) => token_fault(error),
        KeyringError::Shares(_) => Fault::new(format!("`{}`: {error}", keyring.display()))
            .hint("shares are those of the newest ceremony of this installation, each given once"),
        other => Fault::new(format!("`{}`: {other}", keyring.display())).hint(
            "put it back from its own backup, or make it anew with `strongroom keys recover`",
        ),
    }
}
