//! How often each key was used, over restarts: a number on disk that is never behind the truth.
//!
//! Uses are counted in memory and written ahead in blocks, so that a crash forgets none: it only counts some that never
//! were. A row of the job table holds the blocks of one key, with a mark.

use strongroom_crypto::{DataKey, Hierarchy, MacKey, equal};
use strongroom_store::{Batch, IdRange, JobRow, Reader, StoreError};
use strongroom_types::mode::Scope;

use crate::engine::Engine;
use crate::envelope::Failure;
use crate::webhooks::UNSCHEDULED;

/// Rows of key uses in the job table.
pub(crate) const USES_JOB: u8 = 8;

/// Uses in a block: 2^20.
const BLOCK: u32 = 20;

/// Blocks written ahead while the server runs.
const AHEAD: u64 = 16;

const PAGE: usize = 1_000;

fn row_id(number: u32) -> [u8; 12] {
    // Behind all ids of resources.
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

fn mark(mac: &MacKey, row: &JobRow) -> [u8; 16] {
    mac.short_fields(&[
        b"uses",
        &row.scope.to_be_bytes(),
        &row.id,
        &row.attempt.to_be_bytes(),
    ])
}

fn row(marks: &DataKey, scope: u32, number: u32, blocks: u64) -> JobRow {
    let mut row = JobRow {
        scope,
        kind: USES_JOB,
        id: row_id(number),
        due: UNSCHEDULED,
        attempt: u32::try_from(blocks).unwrap_or(u32::MAX),
        body: Vec::new(),
    };
    row.body = mark(marks.mac(), &row).to_vec();
    row
}

/// Whether a row of key uses is as it was written.
pub(crate) fn is_uses_row(row: &JobRow, marks: Option<&MacKey>) -> bool {
    let mark = marks.map(|mac| mark(mac, row));
    row.due == UNSCHEDULED && mark.is_some_and(|mark| equal(&row.body, &mark))
}

/// Takes in what was counted before this process; tells what stands on disk.
pub(crate) fn load_uses(
    reader: &mut dyn Reader,
    hierarchy: &Hierarchy,
    scope: Scope,
    each: &mut dyn FnMut(u32, u64),
) -> Result<(), StoreError> {
    let mut range = IdRange::default();
    loop {
        let rows = reader.jobs(scope.number, USES_JOB, range, PAGE)?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        range.after = Some(last.id);
        for row in &rows {
            let (number, blocks) = (number_of(&row.id), u64::from(row.attempt));
            hierarchy.used_before(number, blocks << BLOCK);
            each(number, blocks);
        }
    }
}

impl Engine {
    /// Writes down the uses of keys that went beyond what is on disk.
    pub(super) async fn save_uses(&self) -> Result<(), Failure> {
        let batch = self.uses_batch(AHEAD);
        match batch.jobs.is_empty() && batch.removed_jobs.is_empty() {
            true => Ok(()),
            false => {
                let written: Vec<u32> = batch.jobs.iter().map(|row| number_of(&row.id)).collect();
                let saved = self.derive(batch).await;
                if saved.is_err() {
                    // What is not on disk is not known to be: the next look writes it.
                    let known = self.shared().uses_on_disk.lock();
                    let mut known = known.unwrap_or_else(std::sync::PoisonError::into_inner);
                    known.retain(|number, _| !written.contains(number));
                }
                saved
            }
        }
    }

    /// The rows to write, at the end of a run without blocks ahead.
    pub(crate) fn uses_batch(&self, ahead: u64) -> Batch {
        let shared = self.shared();
        let mut known = shared
            .uses_on_disk
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut batch = Batch::default();
        let uses = shared.hierarchy.uses_of_sealing_keys();
        for (number, scope, count) in &uses {
            let blocks = count.div_ceil(1 << BLOCK);
            let on_disk = known.get(number).map_or(0, |(_, blocks)| *blocks);
            // Nothing is written for a key until it was used at all.
            let wanted = match ahead {
                0 => blocks,
                ahead if blocks > on_disk => blocks + ahead,
                _ => on_disk,
            };
            if wanted != on_disk {
                batch
                    .jobs
                    .push(row(&shared.spent_key, *scope, *number, wanted));
                known.insert(*number, (*scope, wanted));
            }
        }
        let gone: Vec<(u32, u32)> = known
            .iter()
            .filter(|(number, _)| !uses.iter().any(|(held, _, _)| held == *number))
            .map(|(number, (scope, _))| (*number, *scope))
            .collect();
        for (number, scope) in gone {
            known.remove(&number);
            batch.removed_jobs.push((scope, USES_JOB, row_id(number)));
        }
        batch
    }
}
