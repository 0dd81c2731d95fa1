//! A walk over everything of one scope that is sealed, a page at a time: entries, records of each kind, webhook work.

use std::sync::Arc;

use strongroom_store::{
    EntryRow, Id, IdRange, JobRow, MAX_SEQ, RecordRow, Resealed, ResealedEntry, ResealedJob,
    ResealedRecord,
};
use strongroom_types::id::Kind;

use crate::rotation::reseal::{Resealer, keys_of_entry, keys_of_job, keys_of_record};
use crate::view::{ReadFault, View};
use crate::webhooks::{DELIVERY_JOB, LANE_JOB};

/// Rows of one page, and of one commit: few enough that payments beside it wait for milliseconds.
const PAGE: usize = 1_000;

/// Where the walk goes on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// From this sequence number.
    Entries(u64),
    /// In this kind, after this id.
    Records(usize, Option<Id>),
    /// The same of webhook work.
    Jobs(usize, Option<Id>),
}

const JOBS: [u8; 2] = [LANE_JOB, DELIVERY_JOB];

enum Rows {
    Entries(Vec<EntryRow>),
    Records(Vec<RecordRow>),
    Jobs(Vec<JobRow>),
}

/// One page, sealed again as far as it must be.
pub(super) struct Page {
    pub resealed: Resealed,
    pub next: Option<Place>,
}

impl Place {
    pub fn start() -> Place {
        Place::Entries(1)
    }
}

/// Reads the rows at a place, and says where the next ones are.
fn read(view: &mut View<'_>, at: Place) -> Result<(Rows, Option<Place>), ReadFault> {
    let scope = view.scope().number;
    let range = |after| IdRange {
        after,
        before: None,
    };
    Ok(match at {
        Place::Entries(from) => {
            let rows = view.reader.entries(scope, from, MAX_SEQ, false, PAGE)?;
            let next = match rows.last() {
                Some(last) => Place::Entries(last.seq + 1),
                None => Place::Records(0, None),
            };
            (Rows::Entries(rows), Some(next))
        }
        Place::Records(number, after) => {
            let Some(kind) = Kind::ALL.get(number) else {
                return Ok((Rows::Records(Vec::new()), Some(Place::Jobs(0, None))));
            };
            let rows = view
                .reader
                .records(scope, kind.code(), range(after), false, PAGE)?;
            let next = match rows.last() {
                Some(last) => Place::Records(number, Some(last.id)),
                None => Place::Records(number + 1, None),
            };
            (Rows::Records(rows), Some(next))
        }
        Place::Jobs(number, after) => {
            let Some(kind) = JOBS.get(number) else {
                return Ok((Rows::Jobs(Vec::new()), None));
            };
            let rows = view.reader.jobs(scope, *kind, range(after), PAGE)?;
            let next = match rows.last() {
                Some(last) => Place::Jobs(number, Some(last.id)),
                None => Place::Jobs(number + 1, None),
            };
            (Rows::Jobs(rows), Some(next))
        }
    })
}

/// The next page that holds something, with what is under superseded keys sealed again.
pub(super) fn resealed(view: &mut View<'_>, mut at: Place) -> Result<Page, ReadFault> {
    let mut resealer = Resealer::new(Arc::clone(&view.shared.hierarchy));
    let scope = view.scope();
    loop {
        let (rows, next) = read(view, at)?;
        let mut resealed = Resealed::default();
        match rows {
            Rows::Entries(rows) => {
                for row in &rows {
                    let parts = resealer.entry(&scope, row)?;
                    resealed.entries.extend(parts.map(|parts| ResealedEntry {
                        log: row.log,
                        seq: row.seq,
                        parts,
                    }));
                }
            }
            Rows::Records(rows) => {
                for row in &rows {
                    let body = resealer.record(&scope, row)?;
                    resealed.records.extend(body.map(|body| ResealedRecord {
                        scope: row.scope,
                        kind: row.kind,
                        id: row.id,
                        version: row.version,
                        body,
                    }));
                }
            }
            Rows::Jobs(rows) => {
                for row in rows {
                    let body = resealer.job(&scope, &row)?;
                    resealed.jobs.extend(body.map(|body| ResealedJob {
                        scope: row.scope,
                        kind: row.kind,
                        id: row.id,
                        old: row.body,
                        body,
                    }));
                }
            }
        }
        match next {
            Some(place) if resealed.is_empty() => at = place,
            next => return Ok(Page { resealed, next }),
        }
    }
}

/// Tells the key of everything that is sealed in a page; gives the next place.
pub(super) fn counted(
    view: &mut View<'_>,
    at: Place,
    each: &mut dyn FnMut(u32),
) -> Result<Option<Place>, ReadFault> {
    let (rows, next) = read(view, at)?;
    match rows {
        Rows::Entries(rows) => rows.iter().for_each(|row| keys_of_entry(row, each)),
        Rows::Records(rows) => rows.iter().for_each(|row| keys_of_record(row, each)),
        Rows::Jobs(rows) => rows.iter().for_each(|row| keys_of_job(row, each)),
    }
    Ok(next)
}
