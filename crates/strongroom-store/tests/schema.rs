//! The promise of sealed records: no column of the database may hold anything but an id, kind,
//! time, status, number, hash or ciphertext.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;

use rusqlite::Connection;
use strongroom_store::{COLUMNS, Class, SqliteStore};

#[test]
fn every_column_has_a_class() {
    let dir = tempfile::tempdir().unwrap();
    drop(SqliteStore::create(dir.path()).unwrap());
    let connection = Connection::open(dir.path().join("strongroom.db")).unwrap();
    let declared: BTreeSet<(String, String)> = COLUMNS
        .iter()
        .map(|(table, column, _)| ((*table).to_owned(), (*column).to_owned()))
        .collect();
    assert_eq!(declared.len(), COLUMNS.len(), "a column is declared twice");
    assert_eq!(columns(&connection), declared);
}

#[test]
fn classes_and_types_agree() {
    let dir = tempfile::tempdir().unwrap();
    drop(SqliteStore::create(dir.path()).unwrap());
    let connection = Connection::open(dir.path().join("strongroom.db")).unwrap();
    for (table, column, class) in COLUMNS {
        let text = "SELECT type FROM pragma_table_info(?1) WHERE name = ?2";
        let found: String = connection
            .query_row(text, [table, column], |row| row.get(0))
            .unwrap();
        let fits = match class {
            Class::Hash | Class::Ciphertext => found == "BLOB",
            Class::Id => found == "BLOB" || found == "INTEGER",
            Class::Kind | Class::Time | Class::Status | Class::Number => found == "INTEGER",
        };
        assert!(fits, "`{table}.{column}` is {found}");
    }
}

#[test]
fn only_plain_tables_and_indexes_exist() {
    let dir = tempfile::tempdir().unwrap();
    drop(SqliteStore::create(dir.path()).unwrap());
    let connection = Connection::open(dir.path().join("strongroom.db")).unwrap();
    let text = "SELECT count(*) FROM sqlite_schema WHERE type NOT IN ('table', 'index')";
    let others: u32 = connection.query_row(text, [], |row| row.get(0)).unwrap();
    assert_eq!(others, 0);
    let text = "SELECT count(*) FROM pragma_table_list WHERE schema = 'main'
        AND name NOT LIKE 'sqlite_%' AND strict = 0";
    let loose: u32 = connection.query_row(text, [], |row| row.get(0)).unwrap();
    assert_eq!(loose, 0, "a table takes values of any type");
}

fn columns(connection: &Connection) -> BTreeSet<(String, String)> {
    let text = "SELECT t.name, c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
        WHERE t.type = 'table'";
    let mut statement = connection.prepare(text).unwrap();
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}
