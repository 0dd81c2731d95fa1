//! How often each key sealed, over restarts: written ahead in blocks, so that what is on disk is never behind the truth.
//!
//! A crash counts some uses that never were. A row carries a mark, so that nobody sets it back without the keys.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use strongroom_crypto::{Hierarchy, MacKey, Purpose, equal};
use strongroom_store::{IdRange, JobRow, Reader};

use crate::cards::{INSTALLATION, VaultError};
use crate::writer::{Change, Writing};

/// Rows of uses among the jobs of a vault's store, of which there are no others.
const USES_JOB: u8 = 43;
/// Uses in a block: 2^14.
const BLOCK: u32 = 14;
/// Blocks written ahead: far more than are used between two looks.
const AHEAD: u64 = 64;
const PAGE: usize = 1_000;

/// What is on disk: scope and blocks by the number of the key.
#[derive(Default)]
pub(crate) struct Uses(Mutex<HashMap<u32, (u32, u64)>>);

impl Uses {
    /// Takes in what was counted before this process.
    pub fn load(
        reader: &mut dyn Reader,
        hierarchy: &Hierarchy,
        scopes: &[u32],
    ) -> Result<Uses, VaultError> {
        let mut known = HashMap::new();
        let marks = marks(hierarchy);
        for scope in scopes {
            let mut range = IdRange::default();
            loop {
                let rows = reader.jobs(*scope, USES_JOB, range, PAGE)?;
                let Some(last) = rows.last() else { break };
                range.after = Some(last.id);
                for row in &rows {
                    let is_good = |key: &MacKey| equal(&row.body, &mark(key, row));
                    if !marks.as_ref().is_some_and(|key| is_good(key.mac())) {
                        tracing::error!(log = scope, "the uses of a key of the vault were altered");
                    }
                    let (number, blocks) = (number_of(&row.id), u64::from(row.attempt));
                    hierarchy.used_before(number, blocks << BLOCK);
                    known.insert(number, (*scope, blocks));
                }
            }
        }
        Ok(Uses(Mutex::new(known)))
    }

    /// Writes down what went beyond what is on disk; `last` without blocks ahead.
    pub async fn save(
        &self,
        hierarchy: &Hierarchy,
        writing: &Writing,
        last: bool,
    ) -> Result<(), VaultError> {
        let Some(marks) = marks(hierarchy) else {
            return Ok(());
        };
        let used = hierarchy.uses_of_sealing_keys();
        let (mut rows, mut gone) = (Vec::new(), Vec::new());
        {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            for (number, scope, uses) in &used {
                let blocks = uses.div_ceil(1 << BLOCK);
                let on_disk = known.get(number).map_or(0, |(_, blocks)| *blocks);
                let wanted = match last {
                    true => blocks,
                    false if blocks > on_disk => blocks + AHEAD,
                    false => on_disk,
                };
                if wanted != on_disk {
                    rows.push(row(marks.mac(), *scope, *number, wanted));
                    known.insert(*number, (*scope, wanted));
                }
            }
            known.retain(|number, (scope, _)| {
                let stays = used.iter().any(|(held, _, _)| held == number);
                if !stays {
                    gone.push((*scope, USES_JOB, row_id(*number)));
                }
                stays
            });
        }
        if rows.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let written: Vec<u32> = rows.iter().map(|row| number_of(&row.id)).collect();
        let saved = writing.apply(Change::Uses(rows, gone)).await;
        if saved.is_err() {
            // What is not on disk is not known to be: the next look writes it.
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.retain(|number, _| !written.contains(number));
        }
        saved
    }
}

fn marks(hierarchy: &Hierarchy) -> Option<std::sync::Arc<strongroom_crypto::DataKey>> {
    hierarchy.existing(INSTALLATION, Purpose::CardFingerprint, 0)
}

fn row(marks: &MacKey, scope: u32, number: u32, blocks: u64) -> JobRow {
    let mut row = JobRow {
        scope,
        kind: USES_JOB,
        id: row_id(number),
        due: i64::MAX,
        attempt: u32::try_from(blocks).unwrap_or(u32::MAX),
        body: Vec::new(),
    };
    row.body = mark(marks, &row).to_vec();
    row
}

fn mark(marks: &MacKey, row: &JobRow) -> [u8; 16] {
    let scope = row.scope.to_be_bytes();
    marks.short_fields(&[b"uses", &scope, &row.id, &row.attempt.to_be_bytes()])
}

fn row_id(number: u32) -> [u8; 12] {
    let mut id = [0xff; 12];
    for (to, from) in id.iter_mut().skip(8).zip(number.to_be_bytes()) {
        *to = from;
    }
    id
}

fn number_of(id: &[u8; 12]) -> u32 {
    id.last_chunk::<4>()
        .map_or(0, |bytes| u32::from_be_bytes(*bytes))
}
