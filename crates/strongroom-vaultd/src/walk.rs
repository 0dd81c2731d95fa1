//! Long walks through the vault's store: with a reader of their own, on a thread of their own, so that no request waits.

use std::collections::HashMap;

use strongroom_channel::message::Place;
use strongroom_store::{KeyRow, Reader};
use strongroom_types::time::Timestamp;

use crate::cards::{Cards, VaultError};
use crate::replace::counted;
use crate::sealed;

/// Places in one question.
const PAGE: usize = 1_000;

/// Which numbers were stored before a time, in pages.
///
/// # Errors
/// [`VaultError`] of the store.
pub(crate) async fn older_than(
    cards: &Cards,
    time: Timestamp,
) -> Result<Vec<Vec<Place>>, VaultError> {
    let places = apart(cards, move |reader| {
        let mut places = Vec::new();
        reader.all_records(&mut |row| {
            if row.time < time.0 {
                places.extend(sealed::place(&row));
            }
        })?;
        Ok(places)
    });
    let places = places.await?;
    Ok(places.chunks(PAGE).map(<[Place]>::to_vec).collect())
}

/// The rows of keys behind a number; with `scan`, and how many rows and keys each key sealed.
///
/// # Errors
/// [`VaultError`] of the store.
pub(crate) async fn keys(
    cards: &Cards,
    scan: bool,
    after: Option<u32>,
) -> Result<(Vec<KeyRow>, Option<HashMap<u32, u64>>), VaultError> {
    apart(cards, move |reader| {
        let mut rows = reader.keys()?;
        let is_asked = |row: &KeyRow| after.is_none_or(|after| row.number > after);
        let sealed = match scan && rows.iter().any(is_asked) {
            true => Some(counted(reader, &rows)?),
            false => None,
        };
        rows.retain(is_asked);
        Ok((rows, sealed))
    })
    .await
}

async fn apart<T: Send + 'static>(
    cards: &Cards,
    walk: impl FnOnce(&mut dyn Reader) -> Result<T, VaultError> + Send + 'static,
) -> Result<T, VaultError> {
    let mut reader = cards.own_reader()?;
    let walked = tokio::task::spawn_blocking(move || walk(&mut *reader));
    walked.await.unwrap_or(Err(VaultError::Stopped))
}
