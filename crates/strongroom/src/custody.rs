//! The keyring file on disk: root keys in, root keys out.

use std::path::Path;

use strongroom_crypto::{KeyringError, KeyringFile, PassphraseCost, RootKeys};
use strongroom_types::secret::SecretText;

use crate::fault::Fault;
use crate::folder;

/// Opens the keyring.
pub(crate) fn open(keyring: &Path, passphrase: &SecretText) -> Result<RootKeys, Fault> {
    let text = folder::read_text(keyring)?;
    KeyringFile::open(&text, passphrase.expose().as_bytes()).map_err(|error| fault(keyring, &error))
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

/// The same keys once more: what opens a store takes them.
pub(crate) fn again(keys: &RootKeys) -> Result<RootKeys, Fault> {
    RootKeys::from_recovery_text(&keys.recovery_text())
        .map_err(|error| Fault::new(error.to_string()))
}

/// The text of a keyring file.
pub(crate) fn sealed(keys: &RootKeys, passphrase: &SecretText, cost: PassphraseCost) -> String {
    KeyringFile::seal(keys, passphrase.expose().as_bytes(), cost)
}

fn fault(keyring: &Path, error: &KeyringError) -> Fault {
    match error {
        KeyringError::WrongPassphrase => Fault::new(format!(
            "the passphrase does not open the keyring `{}`",
            keyring.display()
        ))
        .hint("it is wrong, or the file was altered; the two cannot be told apart"),
        other => Fault::new(format!("`{}`: {other}", keyring.display())).hint(
            "put it back from its own backup, or make it anew with `strongroom keys recover`",
        ),
    }
}
