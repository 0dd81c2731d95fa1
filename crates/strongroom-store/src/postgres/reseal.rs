//! Ciphertext that takes the place of other ciphertext: one statement per table.

use super::session::Step;
use crate::{Resealed, StoreError};

const ENTRIES: &str = "UPDATE strongroom.log AS l SET parts = w.parts
    FROM unnest($1::bigint[], $2::bigint[], $3::bytea[]) AS w(log, seq, parts)
    WHERE l.log = w.log AND l.seq = w.seq";

const RECORDS: &str = "UPDATE strongroom.record AS r SET body = w.body
    FROM unnest($1::bigint[], $2::smallint[], $3::bytea[], $4::bigint[], $5::bytea[])
        AS w(scope, kind, id, version, body)
    WHERE r.scope = w.scope AND r.kind = w.kind AND r.id = w.id AND r.version = w.version";

const JOBS: &str = "UPDATE strongroom.job AS j SET body = w.body
    FROM unnest($1::bigint[], $2::smallint[], $3::bytea[], $4::bytea[], $5::bytea[])
        AS w(scope, kind, id, old, body)
    WHERE j.scope = w.scope AND j.kind = w.kind AND j.id = w.id AND j.body = w.old";

pub(super) fn reseal<'a>(
    resealed: &'a Resealed,
    steps: &mut Vec<Step<'a>>,
) -> Result<(), StoreError> {
    let rows: Vec<_> = resealed.entries.iter().collect();
    if !rows.is_empty() {
        let step = Step::plain(ENTRIES)
            .column(&rows, |row| i64::from(row.log))
            .numbers("seq", &rows, |row| row.seq)?;
        steps.push(step.column(&rows, |row| row.parts.as_slice()));
    }
    let rows: Vec<_> = resealed.records.iter().collect();
    if !rows.is_empty() {
        let step = Step::plain(RECORDS)
            .column(&rows, |row| i64::from(row.scope))
            .column(&rows, |row| i16::from(row.kind))
            .column(&rows, |row| row.id.as_slice())
            .numbers("version", &rows, |row| row.version)?;
        steps.push(step.column(&rows, |row| row.body.as_slice()));
    }
    let rows: Vec<_> = resealed.jobs.iter().collect();
    if !rows.is_empty() {
        let step = Step::plain(JOBS)
            .column(&rows, |row| i64::from(row.scope))
            .column(&rows, |row| i16::from(row.kind))
            .column(&rows, |row| row.id.as_slice())
            .column(&rows, |row| row.old.as_slice());
        steps.push(step.column(&rows, |row| row.body.as_slice()));
    }
    Ok(())
}
