//! A demo's folder: made whole, found again, and made anew when an earlier start did not get to its end.
//!
//! `demo.json` is written last, and nothing is served before it is there. Until then `demo-unfinished` marks the
//! folder, locked by the process at work; a folder that holds anything without the one or the other is left alone.

use std::fs::{File, TryLockError};
use std::path::Path;

use strongroom_crypto::{PassphraseCost, RootKeys, random};
use strongroom_engine::{Engine, JOURNALS};
use strongroom_types::secret::SecretText;

use super::account::Account;
use crate::fault::Fault;
use crate::place::{DEMO_PASSPHRASE, KEYRING, Place};
use crate::{custody, folder};

const ACCOUNT: &str = "demo.json";
const UNFINISHED: &str = "demo-unfinished";

/// What an unfinished demo may have left.
const REMAINS: [&str; 10] = {
    let [requests, attempts] = JOURNALS;
    [
        KEYRING,
        DEMO_PASSPHRASE,
        ".keyring.toml.partial",
        ".demo-passphrase.partial",
        ".demo.json.partial",
        "strongroom.db",
        "strongroom.db-wal",
        "strongroom.db-shm",
        requests,
        attempts,
    ]
};

/// The passphrase stands beside the keyring and has 128 random bits: stretching it would only cost time.
const COST: PassphraseCost = PassphraseCost {
    memory_kib: 64,
    passes: 1,
    lanes: 1,
};

/// The engine and the account of the demo in a folder, made if there is none.
pub(super) fn prepare(dir: &Path) -> Result<(Engine, Account), Fault> {
    if dir.join(ACCOUNT).is_file() {
        return find(dir);
    }
    let unfinished = dir.join(UNFINISHED);
    if !unfinished.exists() && !folder::is_empty(dir)? {
        return Err(Fault::new(format!(
            "`{}` is not empty and holds no demo",
            dir.display()
        ))
        .hint("name a new or empty folder; for real use there is `strongroom serve`"));
    }
    let marker = File::create(&unfinished)
        .map_err(|error| Fault::file("cannot write", &unfinished, &error))?;
    lock(&marker, dir)?;
    // Another process may have come to its end between the first look and the lock.
    if dir.join(ACCOUNT).is_file() {
        return find(dir);
    }
    create(dir)
}

fn find(dir: &Path) -> Result<(Engine, Account), Fault> {
    folder::remove(dir, &[UNFINISHED])?;
    let path = dir.join(ACCOUNT);
    let account = Account::parse(&folder::read_text(&path)?).map_err(|error| {
        Fault::new(format!(
            "`{}` does not hold a demo's account: {error}",
            path.display()
        ))
        .hint("put it back, or name a new folder")
    })?;
    Ok((place(dir).engine()?, account))
}

fn create(dir: &Path) -> Result<(Engine, Account), Fault> {
    folder::remove(dir, &REMAINS)?;
    let passphrase = passphrase();
    let root = RootKeys::generate();
    folder::write(
        &dir.join(DEMO_PASSPHRASE),
        format!("{}\n", passphrase.expose()).as_bytes(),
    )?;
    folder::write(
        &dir.join(KEYRING),
        custody::sealed(&root, &passphrase, COST).as_bytes(),
    )?;
    let engine = place(dir).create(root)?;
    let account = Account::create(&engine)?;
    folder::write(&dir.join(ACCOUNT), account.file().as_bytes())?;
    folder::remove(dir, &[UNFINISHED])?;
    Ok((engine, account))
}

/// Where the demo in a folder lies.
pub(super) fn place(dir: &Path) -> Place {
    Place::with(dir, &dir.join(KEYRING), None)
}

fn passphrase() -> SecretText {
    SecretText::new(format!("demo-{:032x}", u128::from_be_bytes(random())))
}

fn lock(marker: &File, dir: &Path) -> Result<(), Fault> {
    match marker.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(Fault::new(format!(
            "another process is setting up a demo in `{}`",
            dir.display()
        ))),
        Err(TryLockError::Error(error)) => Err(Fault::file("cannot lock the folder", dir, &error)),
    }
}
