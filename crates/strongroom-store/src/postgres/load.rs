//! Set-sized reads: one statement per kind of row, all in one round trip, as of one moment.
//!
//! Each wanted key is looked up by itself through the table's key (`LATERAL … LIMIT`), so that no
//! plan ever reads a table.

use super::cells::{all, entry, index, key, limit, locator, record, signed};
use super::fault::Trouble;
use super::session::{Session, Step};
use crate::{INDEX_LOAD_LIMIT, Loaded, MAX_LOG, MAX_SEQ, StoreError, Wanted};

pub(super) const RECORDS: &str = "SELECT r.* FROM
    unnest($1::bigint[], $2::smallint[], $3::bytea[]) WITH ORDINALITY AS w(scope, kind, id, n)
    CROSS JOIN LATERAL (SELECT scope, kind, id, version, seq, time, status, body
        FROM strongroom.record
        WHERE scope = w.scope AND kind = w.kind AND id = w.id LIMIT 1) AS r ORDER BY w.n";

pub(super) const LOCATORS: &str = "SELECT r.* FROM
    unnest($1::bigint[], $2::bytea[]) WITH ORDINALITY AS w(scope, id, n)
    CROSS JOIN LATERAL (SELECT scope, id, kind, seq FROM strongroom.locator
        WHERE scope = w.scope AND id = w.id LIMIT 1) AS r ORDER BY w.n";

pub(super) const ENTRIES: &str = "SELECT r.* FROM
    unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS w(log, seq, n)
    CROSS JOIN LATERAL (SELECT log, seq, time, action, first_event, event_count, spent, head,
        parts FROM strongroom.log
        WHERE log = w.log AND seq = w.seq LIMIT 1) AS r ORDER BY w.n";

pub(super) const INDEXES: &str = "SELECT r.* FROM
    unnest($1::bigint[], $2::integer[], $3::bytea[]) WITH ORDINALITY AS w(scope, field, hash, n)
    CROSS JOIN LATERAL (SELECT scope, field, hash, kind, id, sole FROM strongroom.index_entry
        WHERE scope = w.scope AND field = w.field AND hash = w.hash
        ORDER BY kind, id LIMIT $4) AS r ORDER BY w.n, r.kind, r.id";

pub(super) const KEYS: &str = "SELECT r.* FROM
    unnest($1::bigint[]) WITH ORDINALITY AS w(number, n)
    CROSS JOIN LATERAL (SELECT number, scope, purpose, period, subject, version, parent, created,
        wrapped FROM strongroom.wrapped_key WHERE number = w.number LIMIT 1) AS r ORDER BY w.n";

/// Begins what sees one moment.
pub(super) const MOMENT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Everything the wanted keys name, as of one moment; `inside` a snapshot it is that one.
pub(super) fn load(
    session: &mut Session,
    wanted: &Wanted,
    inside: bool,
) -> Result<Loaded, Trouble> {
    let steps = steps(wanted).map_err(Trouble::of)?;
    // One statement sees one moment by itself.
    let alone = inside || steps.len() < 2;
    let mut all_steps = Vec::with_capacity(steps.len() + 2);
    if !alone {
        all_steps.push(Step::plain(MOMENT));
    }
    all_steps.extend(steps);
    if !alone {
        all_steps.push(Step::plain("COMMIT"));
    }
    let outcome = session.run(&all_steps);
    if outcome.is_err() && !alone {
        // The error is what counts; a session that cannot even this is found out at its next use.
        drop(session.one(Step::plain("ROLLBACK")));
    }
    let mut loaded = Loaded::default();
    for (step, rows) in all_steps.iter().zip(outcome?) {
        let taken = match step.text {
            RECORDS => all(&rows, record).map(|rows| loaded.records = rows),
            LOCATORS => all(&rows, locator).map(|rows| loaded.locators = rows),
            ENTRIES => all(&rows, entry).map(|rows| loaded.entries = rows),
            INDEXES => all(&rows, index).map(|rows| loaded.indexes = rows),
            KEYS => all(&rows, key).map(|rows| loaded.keys = rows),
            _ => Ok(()),
        };
        taken.map_err(Trouble::of)?;
    }
    Ok(loaded)
}

fn steps(wanted: &Wanted) -> Result<Vec<Step<'_>>, StoreError> {
    let mut steps = Vec::new();
    let records: Vec<_> = wanted.records.iter().collect();
    if !records.is_empty() {
        let step = Step::plain(RECORDS)
            .column(&records, |(scope, _, _)| i64::from(*scope))
            .column(&records, |(_, kind, _)| i16::from(*kind));
        steps.push(step.column(&records, |(_, _, id)| id.as_slice()));
    }
    let locators: Vec<_> = wanted.locators.iter().collect();
    if !locators.is_empty() {
        let step = Step::plain(LOCATORS).column(&locators, |(scope, _)| i64::from(*scope));
        steps.push(step.column(&locators, |(_, id)| id.as_slice()));
    }
    let there = |(log, seq): &&(u32, u64)| *log <= MAX_LOG && *seq <= MAX_SEQ;
    let entries: Vec<_> = wanted.entries.iter().filter(there).collect();
    if !entries.is_empty() {
        let step = Step::plain(ENTRIES).column(&entries, |(log, _)| i64::from(*log));
        steps.push(step.numbers("seq", &entries, |(_, seq)| *seq)?);
    }
    let indexes: Vec<_> = wanted.indexes.iter().collect();
    if !indexes.is_empty() {
        let step = Step::plain(INDEXES)
            .column(&indexes, |(scope, _, _)| i64::from(*scope))
            .column(&indexes, |(_, field, _)| i32::from(*field))
            .column(&indexes, |(_, _, hash)| hash.as_slice());
        steps.push(step.with(limit(INDEX_LOAD_LIMIT)));
    }
    let keys: Vec<_> = wanted.keys.iter().collect();
    if !keys.is_empty() {
        steps.push(Step::plain(KEYS).column(&keys, |number| i64::from(*number)));
    }
    Ok(steps)
}

/// The greatest number a statement may name.
pub(super) fn capped(seq: u64) -> Result<i64, StoreError> {
    signed("seq", seq.min(MAX_SEQ))
}
