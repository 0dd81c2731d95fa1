//! A vault's store, read without being served: for verifications, beside the process that serves it if need be.

use std::collections::HashMap;
use std::path::Path;

use strongroom_channel::message::Place;
use strongroom_crypto::{Hierarchy, Purpose, RootKeys};
use strongroom_store::{SqliteStore, Store, StoreError};
use strongroom_types::time::Timestamp;

use crate::cards::VaultError;
use crate::sealed::{Commitment, commitment, opened, place};

/// A stored number, as the books may know it.
pub struct Stored {
    pub time: Timestamp,
    /// What commits to it; nothing where it does not open.
    pub opened: Option<Commitment>,
}

/// Reads all numbers of a vault.
///
/// # Errors
/// [`VaultError`] when store and keys are not as they must be.
pub fn numbers(dir: &Path, root: RootKeys) -> Result<HashMap<Place, Stored>, VaultError> {
    let found = match SqliteStore::open_read_only(dir) {
        Err(StoreError::Locked) => SqliteStore::open_beside(dir),
        found => found,
    };
    let store = match found {
        // Its keyring was made, and no number came yet.
        Err(StoreError::NotFound) => return Ok(HashMap::new()),
        found => found?,
    };
    let mut reader = store.reader()?;
    reader.snapshot()?;
    let hierarchy = Hierarchy::open(root, reader.keys()?).map_err(VaultError::Keys)?;
    let mut numbers = HashMap::new();
    reader.all_records(&mut |row| {
        if let Some(place) = place(&row) {
            let stored = Stored {
                time: Timestamp(row.time),
                opened: committed(&hierarchy, place, &row.body),
            };
            numbers.insert(place, stored);
        }
    })?;
    Ok(numbers)
}

/// What commits to a stored number, if it opens.
fn committed(hierarchy: &Hierarchy, place: Place, body: &[u8]) -> Option<Commitment> {
    let salted = opened(hierarchy, place, body).ok()?;
    let key = hierarchy.existing(place.scope, Purpose::CardFingerprint, 0)?;
    Some(commitment(&key, &salted))
}

/// Whether a vault that nobody serves has no number; told without its keys.
///
/// # Errors
/// [`VaultError`] when the store cannot be read.
pub fn is_empty(dir: &Path) -> Result<bool, VaultError> {
    let mut empty = true;
    let store = match SqliteStore::open_read_only(dir) {
        Err(StoreError::NotFound) => return Ok(true),
        opened => opened?,
    };
    store.reader()?.all_records(&mut |row| {
        empty &= place(&row).is_none();
    })?;
    Ok(empty)
}
