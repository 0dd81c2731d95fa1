//! A walk over everything of one scope that is sealed, a page at a time: entries, records of each kind, webhook work.

use std::collections::HashSet;
use std::sync::Arc;

use strongroom_crypto::Purpose;
use strongroom_domain::facts::Field;
use strongroom_store::{
    EntryRow, Id, IdRange, JobRow, MAX_SEQ, RecordRow, Resealed, ResealedEntry, ResealedJob,
    ResealedRecord, Wanted,
};
use strongroom_types::id::Kind;

use crate::rotation::reseal::{
    Resealer, keys_of_entry, keys_of_job, keys_of_persons, keys_of_record,
};
use crate::rotation::subjects::successors;
use crate::verify::{claims_of_entry, claims_of_record};
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

    /// Behind the entries.
    pub fn records() -> Place {
        Place::Records(0, None)
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
    let hierarchy = Arc::clone(&view.shared.hierarchy);
    let persons = !hierarchy
        .superseded(scope.number, Purpose::is_shred)
        .is_empty();
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
                if persons {
                    resealer.succeed(successors(view, &rows)?);
                }
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

/// Tells every field and text of a page that something is found by; gives the next place.
pub(super) fn claimed(
    view: &mut View<'_>,
    at: Place,
    each: &mut dyn FnMut(Field, &str),
) -> Result<Option<Place>, ReadFault> {
    let (rows, next) = read(view, at)?;
    match rows {
        Rows::Entries(rows) => {
            for row in &rows {
                let entry = view.open_entry(row)?;
                let facts = entry.facts.as_ref();
                let claims = facts.map(claims_of_entry).unwrap_or_default();
                claims
                    .iter()
                    .for_each(|(field, text, _)| each(*field, text));
            }
        }
        Rows::Records(rows) => {
            // Nothing is found by what a checkpoint says, which stands at a seat of its own.
            for row in rows
                .iter()
                .filter(|row| row.kind != Kind::Checkpoint.code())
            {
                let (_, record) = view.open_record(row)?;
                claims_of_record(&record, &mut |field, text, _| each(field, text));
            }
        }
        Rows::Jobs(_) => return Ok(None),
    }
    Ok(next)
}

/// Counts the personal parts of a page under subject keys that these keys wrap; gives the next place.
pub(super) fn personal(
    view: &mut View<'_>,
    at: Place,
    wrapping: &[u32],
) -> Result<(Option<Place>, u64), ReadFault> {
    let (Rows::Records(rows), next) = read(view, at)? else {
        return Ok((None, 0));
    };
    let mut keys = Vec::new();
    rows.iter()
        .for_each(|row| keys_of_persons(row, &mut |key| keys.push(key)));
    if keys.is_empty() {
        return Ok((next, 0));
    }
    let distinct: HashSet<u32> = keys.iter().copied().collect();
    let wanted = Wanted {
        keys: distinct.into_iter().collect(),
        ..Wanted::default()
    };
    let stored = view.reader.load(&wanted)?.keys;
    let old = stored.iter().filter(|row| wrapping.contains(&row.parent));
    let old: HashSet<u32> = old.map(|row| row.number).collect();
    let count = keys.iter().filter(|key| old.contains(key)).count();
    Ok((next, u64::try_from(count).unwrap_or(u64::MAX)))
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
