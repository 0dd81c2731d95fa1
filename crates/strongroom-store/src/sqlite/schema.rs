//! Tables, what each column may hold, and the migrations from one version to the next.
//!
//! Migrations only go forward, each in one transaction with its version number. A new kind of
//! resource adds no table. Rows over a quarter of a page would spill in a table without row
//! numbers, so the log has row numbers; there the sealed parts come last, so that a reader of the
//! clear columns need not follow them.

use rusqlite::{Connection, TransactionBehavior};

use super::fault::Naming;
use crate::StoreError;

/// Marks the file as ours: `StRm`.
const APPLICATION: u32 = 0x5374_526d;

/// One step each, in order; never edit one that was released.
const MIGRATIONS: &[&str] = &[FIRST];

const FIRST: &str = "
CREATE TABLE log (
    entry INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    action INTEGER NOT NULL,
    first_event INTEGER NOT NULL,
    event_count INTEGER NOT NULL,
    spent BLOB NOT NULL,
    head BLOB NOT NULL,
    parts BLOB NOT NULL
) STRICT;

CREATE TABLE record (
    scope INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    time INTEGER NOT NULL,
    status INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (scope, kind, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE locator (
    scope INTEGER NOT NULL,
    id BLOB NOT NULL,
    kind INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (scope, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE index_entry (
    scope INTEGER NOT NULL,
    field INTEGER NOT NULL,
    hash BLOB NOT NULL,
    kind INTEGER NOT NULL,
    id BLOB NOT NULL,
    sole INTEGER NOT NULL,
    PRIMARY KEY (scope, field, hash, kind, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE wrapped_key (
    number INTEGER PRIMARY KEY,
    scope INTEGER NOT NULL,
    purpose INTEGER NOT NULL,
    period INTEGER NOT NULL,
    subject BLOB NOT NULL,
    version INTEGER NOT NULL,
    parent INTEGER NOT NULL,
    created INTEGER NOT NULL,
    wrapped BLOB NOT NULL
) STRICT;
CREATE INDEX wrapped_key_of_subject ON wrapped_key (scope, subject, version) WHERE purpose = 10;
CREATE INDEX wrapped_key_of_others ON wrapped_key (number) WHERE purpose <> 10;

CREATE TABLE head (
    log INTEGER PRIMARY KEY,
    organization BLOB NOT NULL,
    mode INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    time INTEGER NOT NULL,
    events INTEGER NOT NULL,
    frontier BLOB NOT NULL
) STRICT;

CREATE TABLE segment (
    scope INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    number INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (scope, kind, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE job (
    scope INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    id BLOB NOT NULL,
    due INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (scope, kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_by_due ON job (due);
";

/// What a column may hold; nothing else is ever stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Id,
    Kind,
    Time,
    Status,
    Number,
    Hash,
    Ciphertext,
}

/// Every column of every table with its class.
pub const COLUMNS: &[(&str, &str, Class)] = &[
    ("head", "events", Class::Number),
    ("head", "frontier", Class::Hash),
    ("head", "log", Class::Id),
    ("head", "mode", Class::Kind),
    ("head", "organization", Class::Id),
    ("head", "seq", Class::Number),
    ("head", "time", Class::Time),
    ("index_entry", "field", Class::Kind),
    ("index_entry", "hash", Class::Hash),
    ("index_entry", "id", Class::Id),
    ("index_entry", "kind", Class::Kind),
    ("index_entry", "scope", Class::Id),
    ("index_entry", "sole", Class::Status),
    ("job", "attempt", Class::Number),
    ("job", "body", Class::Ciphertext),
    ("job", "due", Class::Time),
    ("job", "id", Class::Id),
    ("job", "kind", Class::Kind),
    ("job", "scope", Class::Id),
    ("locator", "id", Class::Id),
    ("locator", "kind", Class::Kind),
    ("locator", "scope", Class::Id),
    ("locator", "seq", Class::Number),
    ("log", "action", Class::Kind),
    ("log", "entry", Class::Number),
    ("log", "event_count", Class::Number),
    ("log", "first_event", Class::Number),
    ("log", "head", Class::Hash),
    ("log", "parts", Class::Ciphertext),
    ("log", "spent", Class::Hash),
    ("log", "time", Class::Time),
    ("record", "body", Class::Ciphertext),
    ("record", "id", Class::Id),
    ("record", "kind", Class::Kind),
    ("record", "scope", Class::Id),
    ("record", "seq", Class::Number),
    ("record", "status", Class::Status),
    ("record", "time", Class::Time),
    ("record", "version", Class::Number),
    ("segment", "body", Class::Hash),
    ("segment", "kind", Class::Kind),
    ("segment", "number", Class::Number),
    ("segment", "scope", Class::Id),
    ("wrapped_key", "created", Class::Time),
    ("wrapped_key", "number", Class::Number),
    ("wrapped_key", "parent", Class::Number),
    ("wrapped_key", "period", Class::Time),
    ("wrapped_key", "purpose", Class::Kind),
    ("wrapped_key", "scope", Class::Id),
    ("wrapped_key", "subject", Class::Id),
    ("wrapped_key", "version", Class::Number),
    ("wrapped_key", "wrapped", Class::Ciphertext),
];

/// Brings the database to the newest schema; a new file gets all of it.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    migrate_with(connection, MIGRATIONS)
}

/// Refuses a database whose schema is not the newest.
pub(super) fn require_current(connection: &Connection) -> Result<(), StoreError> {
    let (found, known) = (version(connection)?, newest(MIGRATIONS));
    if found < known {
        return Err(StoreError::TooOld { found, known });
    }
    refuse_newer(found, known)
}

/// How the schema differs from the one this program writes: a changed byte in a table's text
/// changes no structure, so SQLite's own check passes over it.
pub(super) fn differences(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut fresh = Connection::open_in_memory().of("schema")?;
    migrate(&mut fresh)?;
    let (expected, found) = (outline(&fresh)?, outline(connection)?);
    let missing = expected.iter().filter(|line| !found.contains(line));
    let extra = found.iter().filter(|line| !expected.contains(line));
    let mut differences: Vec<String> = missing
        .map(|(name, _)| format!("the schema of `{name}` is missing or changed"))
        .chain(extra.map(|_| "the schema holds something unknown".to_owned()))
        .collect();
    if cookie(&fresh)? != cookie(connection)? {
        differences.push("the schema's version stamp is damaged".to_owned());
    }
    Ok(differences)
}

/// Statement that counts the rows of one of our tables.
pub(super) fn counting(table: &str) -> Option<&'static str> {
    match table {
        "head" => Some("SELECT count(*) FROM head"),
        "index_entry" => Some("SELECT count(*) FROM index_entry"),
        "job" => Some("SELECT count(*) FROM job"),
        "locator" => Some("SELECT count(*) FROM locator"),
        "log" => Some("SELECT count(*) FROM log"),
        "record" => Some("SELECT count(*) FROM record"),
        "segment" => Some("SELECT count(*) FROM segment"),
        "wrapped_key" => Some("SELECT count(*) FROM wrapped_key"),
        _ => None,
    }
}

fn cookie(connection: &Connection) -> Result<i64, StoreError> {
    connection
        .pragma_query_value(None, "schema_version", |row| row.get(0))
        .of("schema")
}

/// Name and all else of every table and index.
fn outline(connection: &Connection) -> Result<Vec<(String, String)>, StoreError> {
    let text = "SELECT coalesce(name, ''), concat_ws('/', type, tbl_name, sql) FROM sqlite_schema";
    let mut statement = connection.prepare(text).of("schema")?;
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .of("schema")?;
    rows.collect::<rusqlite::Result<_>>().of("schema")
}

fn migrate_with(connection: &mut Connection, steps: &[&str]) -> Result<(), StoreError> {
    let known = newest(steps);
    let found = version(connection)?;
    refuse_newer(found, known)?;
    for (number, step) in (1..).zip(steps).filter(|(number, _)| *number > found) {
        apply_step(connection, number, step).of("schema")?;
    }
    Ok(())
}

fn apply_step(connection: &mut Connection, number: u32, step: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(step)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", number)?;
    transaction.commit()
}

fn newest(steps: &[&str]) -> u32 {
    u32::try_from(steps.len()).unwrap_or(u32::MAX)
}

fn refuse_newer(found: u32, known: u32) -> Result<(), StoreError> {
    if found > known {
        return Err(StoreError::TooNew { found, known });
    }
    Ok(())
}

/// Schema version of our own file, 0 for an empty one.
fn version(connection: &Connection) -> Result<u32, StoreError> {
    let read = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, u32>(0));
    let application = read("application_id").of("schema")?;
    let version = read("user_version").of("schema")?;
    if application == APPLICATION {
        return Ok(version);
    }
    let tables: u32 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .of("schema")?;
    if application == 0 && version == 0 && tables == 0 {
        return Ok(0);
    }
    Err(StoreError::Foreign)
}

#[cfg(test)]
mod tests {
    use super::{FIRST, migrate, migrate_with, version};
    use crate::StoreError;
    use rusqlite::Connection;

    #[test]
    fn steps_run_once_and_forward_only() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate_with(&mut connection, &[FIRST]).unwrap();
        let second = "CREATE TABLE later (id INTEGER PRIMARY KEY) STRICT;";
        migrate_with(&mut connection, &[FIRST, second]).unwrap();
        migrate_with(&mut connection, &[FIRST, second]).unwrap();
        assert_eq!(version(&connection).unwrap(), 2);
        assert_eq!(
            migrate(&mut connection),
            Err(StoreError::TooNew { found: 2, known: 1 })
        );
    }

    #[test]
    fn a_failing_step_leaves_the_version_before() {
        let mut connection = Connection::open_in_memory().unwrap();
        let broken =
            "CREATE TABLE later (id INTEGER) STRICT; CREATE TABLE later (id INTEGER) STRICT;";
        assert!(migrate_with(&mut connection, &[FIRST, broken]).is_err());
        assert_eq!(version(&connection).unwrap(), 1);
        let later = "SELECT count(*) FROM sqlite_schema WHERE name = 'later'";
        let found: u32 = connection.query_row(later, [], |row| row.get(0)).unwrap();
        assert_eq!(found, 0);
    }

    #[test]
    fn a_file_of_something_else_is_left_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE theirs (a)").unwrap();
        assert_eq!(migrate(&mut connection), Err(StoreError::Foreign));
    }
}
