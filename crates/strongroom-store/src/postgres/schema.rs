//! Tables, what each column may hold, and the migrations: the rows of the embedded engine, in a
//! schema of their own, `strongroom`, so that the database may hold other things too.
//!
//! A step either expands – adds what older programs do not need to know – or contracts. `store.oldest`
//! names the oldest program, by the schema it knows, that may still work on it: an expanding step
//! leaves it, so that old and new nodes run side by side; a contracting one raises it, and is released
//! only when no program before the expansion is left.
//!
//! Only what every engine of the protocol has: `bytea`, integers, primary keys. An entry's key is
//! its log and sequence, so nothing is numbered by the server. `store` is one row: the schema's
//! version, and whose the writing is (`lease.rs`).

use tokio_postgres::Row;

use super::fault::Trouble;
use super::session::{Session, Step};
use crate::{Class, StoreError};

/// One step each, in order; never edit one that was released.
const MIGRATIONS: &[&str] = &[FIRST, NODES];

/// Where the node that decides is found, beside the row that every batch updates; and the oldest program that may work
/// on the schema. Programs that know version 1 alone refuse any newer one.
const NODES: &str = "
CREATE TABLE strongroom.holder (
    one smallint PRIMARY KEY,
    epoch bigint NOT NULL,
    notice bytea NOT NULL
);
ALTER TABLE strongroom.store ADD COLUMN oldest integer NOT NULL DEFAULT 0;
UPDATE strongroom.store SET oldest = 2 WHERE one = 1;
";

const FIRST: &str = "
CREATE TABLE strongroom.store (
    one smallint PRIMARY KEY,
    version integer NOT NULL,
    epoch bigint NOT NULL,
    batch bigint NOT NULL,
    until bigint NOT NULL
);
INSERT INTO strongroom.store (one, version, epoch, batch, until) VALUES (1, 0, 0, 0, 0);
CREATE TABLE strongroom.log (
    log bigint NOT NULL,
    seq bigint NOT NULL,
    time bigint NOT NULL,
    first_event bigint NOT NULL,
    action integer NOT NULL,
    event_count integer NOT NULL,
    spent bytea NOT NULL,
    head bytea NOT NULL,
    parts bytea NOT NULL,
    PRIMARY KEY (log, seq)
);
CREATE TABLE strongroom.record (
    scope bigint NOT NULL,
    kind smallint NOT NULL,
    id bytea NOT NULL,
    version bigint NOT NULL,
    seq bigint NOT NULL,
    time bigint NOT NULL,
    status smallint NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (scope, kind, id)
);
CREATE TABLE strongroom.locator (
    scope bigint NOT NULL,
    id bytea NOT NULL,
    kind smallint NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (scope, id)
);
CREATE TABLE strongroom.index_entry (
    scope bigint NOT NULL,
    field integer NOT NULL,
    hash bytea NOT NULL,
    kind smallint NOT NULL,
    id bytea NOT NULL,
    sole boolean NOT NULL,
    PRIMARY KEY (scope, field, hash, kind, id)
);
CREATE TABLE strongroom.wrapped_key (
    number bigint PRIMARY KEY,
    scope bigint NOT NULL,
    purpose smallint NOT NULL,
    period bigint NOT NULL,
    subject bytea NOT NULL,
    version bigint NOT NULL,
    parent bigint NOT NULL,
    created bigint NOT NULL,
    wrapped bytea NOT NULL
);
CREATE INDEX wrapped_key_of_subject ON strongroom.wrapped_key (scope, subject, version)
    WHERE purpose = 10;
CREATE INDEX wrapped_key_of_others ON strongroom.wrapped_key (number) WHERE purpose <> 10;
CREATE TABLE strongroom.head (
    log bigint PRIMARY KEY,
    organization bytea NOT NULL,
    mode smallint NOT NULL,
    seq bigint NOT NULL,
    time bigint NOT NULL,
    events bigint NOT NULL,
    frontier bytea NOT NULL
);
CREATE TABLE strongroom.segment (
    scope bigint NOT NULL,
    kind smallint NOT NULL,
    number bigint NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (scope, kind, number)
);
CREATE TABLE strongroom.job (
    scope bigint NOT NULL,
    kind smallint NOT NULL,
    id bytea NOT NULL,
    due bigint NOT NULL,
    attempt bigint NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (scope, kind, id)
);
CREATE INDEX job_by_due ON strongroom.job (due);
";

/// Every column with its type and class, by table and name; a test holds it against the server.
pub const POSTGRES_COLUMNS: &[(&str, &str, &str, Class)] = &[
    ("head", "events", "bigint", Class::Number),
    ("head", "frontier", "bytea", Class::Hash),
    ("head", "log", "bigint", Class::Id),
    ("head", "mode", "smallint", Class::Kind),
    ("head", "organization", "bytea", Class::Id),
    ("head", "seq", "bigint", Class::Number),
    ("head", "time", "bigint", Class::Time),
    ("holder", "epoch", "bigint", Class::Number),
    ("holder", "notice", "bytea", Class::Hash),
    ("holder", "one", "smallint", Class::Number),
    ("index_entry", "field", "integer", Class::Kind),
    ("index_entry", "hash", "bytea", Class::Hash),
    ("index_entry", "id", "bytea", Class::Id),
    ("index_entry", "kind", "smallint", Class::Kind),
    ("index_entry", "scope", "bigint", Class::Id),
    ("index_entry", "sole", "boolean", Class::Kind),
    ("job", "attempt", "bigint", Class::Number),
    ("job", "body", "bytea", Class::Ciphertext),
    ("job", "due", "bigint", Class::Time),
    ("job", "id", "bytea", Class::Id),
    ("job", "kind", "smallint", Class::Kind),
    ("job", "scope", "bigint", Class::Id),
    ("locator", "id", "bytea", Class::Id),
    ("locator", "kind", "smallint", Class::Kind),
    ("locator", "scope", "bigint", Class::Id),
    ("locator", "seq", "bigint", Class::Number),
    ("log", "action", "integer", Class::Kind),
    ("log", "event_count", "integer", Class::Number),
    ("log", "first_event", "bigint", Class::Number),
    ("log", "head", "bytea", Class::Hash),
    ("log", "log", "bigint", Class::Id),
    ("log", "parts", "bytea", Class::Ciphertext),
    ("log", "seq", "bigint", Class::Number),
    ("log", "spent", "bytea", Class::Hash),
    ("log", "time", "bigint", Class::Time),
    ("record", "body", "bytea", Class::Ciphertext),
    ("record", "id", "bytea", Class::Id),
    ("record", "kind", "smallint", Class::Kind),
    ("record", "scope", "bigint", Class::Id),
    ("record", "seq", "bigint", Class::Number),
    ("record", "status", "smallint", Class::Status),
    ("record", "time", "bigint", Class::Time),
    ("record", "version", "bigint", Class::Number),
    ("segment", "body", "bytea", Class::Hash),
    ("segment", "kind", "smallint", Class::Kind),
    ("segment", "number", "bigint", Class::Number),
    ("segment", "scope", "bigint", Class::Id),
    ("store", "batch", "bigint", Class::Number),
    ("store", "epoch", "bigint", Class::Number),
    ("store", "oldest", "integer", Class::Number),
    ("store", "one", "smallint", Class::Number),
    ("store", "until", "bigint", Class::Time),
    ("store", "version", "integer", Class::Number),
    ("wrapped_key", "created", "bigint", Class::Time),
    ("wrapped_key", "number", "bigint", Class::Number),
    ("wrapped_key", "parent", "bigint", Class::Number),
    ("wrapped_key", "period", "bigint", Class::Time),
    ("wrapped_key", "purpose", "smallint", Class::Kind),
    ("wrapped_key", "scope", "bigint", Class::Id),
    ("wrapped_key", "subject", "bytea", Class::Id),
    ("wrapped_key", "version", "bigint", Class::Number),
    ("wrapped_key", "wrapped", "bytea", Class::Ciphertext),
];

/// The oldest server that is spoken to, as the server counts.
const OLDEST: i32 = 130_000;

/// Refuses a server that is too old.
pub(super) fn require_version(version: i32) -> Result<(), StoreError> {
    if version >= OLDEST {
        return Ok(());
    }
    Err(StoreError::Refused(format!(
        "it is version {}, this program needs {} or newer",
        version / 10_000,
        OLDEST / 10_000
    )))
}

/// Refuses a schema that a newer program made and this one may not work on.
pub(super) fn require_known(session: &mut Session, found: u32) -> Result<(), Trouble> {
    let known = newest();
    if found <= known {
        return Ok(());
    }
    let text = "SELECT oldest FROM strongroom.store WHERE one = 1";
    let rows = session.one(Step::plain(text))?;
    let oldest: i32 = rows.first().map_or(0, |row| row.get(0));
    match u32::try_from(oldest) {
        Ok(oldest @ 1..) if oldest <= known => Ok(()),
        _ => Err(Trouble::of(StoreError::TooNew { found, known })),
    }
}

/// Refuses a store that is still being copied into: its second row says so.
pub(super) fn require_whole(session: &mut Session) -> Result<(), StoreError> {
    let text = "SELECT 1 FROM strongroom.store WHERE one = 2";
    match session.one(Step::plain(text))?.is_empty() {
        true => Ok(()),
        false => Err(StoreError::Unfinished),
    }
}

/// Removes all rows but those of `store`, and marks it as being copied into.
pub(super) fn empty(session: &mut Session, epoch: i64) -> Result<(), Trouble> {
    let text = "TRUNCATE strongroom.log, strongroom.record, strongroom.locator,
        strongroom.index_entry, strongroom.wrapped_key, strongroom.head, strongroom.segment,
        strongroom.job";
    let mark = "INSERT INTO strongroom.store (one, version, epoch, batch, until)
        VALUES (2, 0, 0, 0, 0) ON CONFLICT DO NOTHING";
    holding(session, epoch, &[text, mark])
}

/// Takes the mark away.
pub(super) fn finish(session: &mut Session, epoch: i64) -> Result<(), Trouble> {
    holding(
        session,
        epoch,
        &["DELETE FROM strongroom.store WHERE one = 2"],
    )
}

/// Statements in one transaction, under an epoch that is still the newest.
fn holding(session: &mut Session, epoch: i64, texts: &[&'static str]) -> Result<(), Trouble> {
    let held = "SELECT 1 FROM strongroom.store WHERE one = 1 AND epoch = $1 FOR UPDATE";
    session.one(Step::plain("BEGIN"))?;
    let done = session.one(Step::plain(held).with(epoch)).and_then(|rows| {
        if rows.is_empty() {
            return Err(Trouble::of(StoreError::TakenOver));
        }
        for text in texts {
            session.one(Step::plain(text))?;
        }
        session.one(Step::plain("COMMIT"))
    });
    if done.is_err() {
        // What failed is told; that it is undone too is the server's part.
        drop(session.one(Step::plain("ROLLBACK")));
    }
    done.map(drop)
}

/// The newest schema version.
pub(super) fn newest() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

/// The schema's version; `None` when the database holds nothing of ours.
pub(super) fn version(session: &mut Session) -> Result<Option<u32>, Trouble> {
    let tables = columns(session)?;
    if tables.is_empty() {
        return Ok(None);
    }
    if !tables
        .iter()
        .any(|column| column.starts_with("store.version "))
    {
        return Err(Trouble::of(StoreError::Foreign));
    }
    let text = "SELECT version FROM strongroom.store WHERE one = 1";
    let rows = session.one(Step::plain(text))?;
    let found: i32 = rows.first().map_or(0, |row| row.get(0));
    Ok(Some(u32::try_from(found).unwrap_or(0)))
}

/// Brings the schema from `found` to the newest version, all of it or nothing.
pub(super) fn migrate(session: &mut Session, found: Option<u32>) -> Result<(), Trouble> {
    let from = found.unwrap_or(0);
    require_known(session, from)?;
    if from >= newest() {
        return Ok(());
    }
    session.one(Step::plain("BEGIN"))?;
    let done = steps(session, from).and_then(|()| session.one(Step::plain("COMMIT")));
    if done.is_err() {
        // What failed is told; that it is undone too is the server's part.
        drop(session.one(Step::plain("ROLLBACK")));
    }
    done.map(drop)
}

fn steps(session: &mut Session, from: u32) -> Result<(), Trouble> {
    let text = "SELECT 1 FROM information_schema.schemata WHERE schema_name = 'strongroom'";
    if session.one(Step::plain(text))?.is_empty() {
        session.one(Step::plain("CREATE SCHEMA strongroom"))?;
    }
    for (number, step) in (1..).zip(MIGRATIONS).filter(|(number, _)| *number > from) {
        session.one(Step::plain(step))?;
        let text = "UPDATE strongroom.store SET version = $1 WHERE one = 1";
        let number = i32::try_from(number).unwrap_or(i32::MAX);
        session.one(Step::plain(text).with(number))?;
    }
    Ok(())
}

/// How the tables differ from those this program makes.
pub(super) fn differences(session: &mut Session) -> Result<Vec<String>, Trouble> {
    let found = columns(session)?;
    let expected: Vec<String> = POSTGRES_COLUMNS
        .iter()
        .map(|(table, column, kind, _)| format!("{table}.{column} {kind}"))
        .collect();
    let missing = expected.iter().filter(|column| !found.contains(column));
    // What a newer program added is its own to check.
    let is_ours = version(session)?.is_none_or(|version| version <= newest());
    let extra = found
        .iter()
        .filter(|column| is_ours && !expected.contains(column));
    Ok(missing
        .map(|column| format!("the schema: `{column}` is missing or changed"))
        .chain(extra.map(|_| "the schema holds something unknown".to_owned()))
        .collect())
}

fn columns(session: &mut Session) -> Result<Vec<String>, Trouble> {
    let text = "SELECT c.relname::text || '.' || a.attname::text || ' ' || t.typname::text
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
        JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        WHERE n.nspname = 'strongroom' AND c.relkind = 'r' AND a.attnum > 0
            AND NOT a.attisdropped
        ORDER BY 1";
    let rows = session.one(Step::plain(text))?;
    let named = |row: &Row| {
        let text: String = row.get(0);
        let long = [
            (" int8", " bigint"),
            (" int4", " integer"),
            (" int2", " smallint"),
            (" bool", " boolean"),
        ];
        long.iter()
            .fold(text, |text, (short, long)| match text.strip_suffix(short) {
                Some(start) => format!("{start}{long}"),
                None => text,
            })
    };
    Ok(rows.iter().map(named).collect())
}

#[cfg(test)]
mod tests {
    use super::require_version;

    #[test]
    fn an_old_server_is_refused_by_its_version() {
        assert!(require_version(130_000).is_ok());
        let refused = require_version(120_017).unwrap_err().to_string();
        assert!(refused.contains("version 12") && refused.contains("13"));
    }
}
