//! A test that every statement finds its rows by a key and in order: none walks or sorts a table.

use rusqlite::Connection;

use super::schema;

const SOURCES: [&str; 4] = [
    include_str!("load.rs"),
    include_str!("read.rs"),
    include_str!("scan.rs"),
    include_str!("write.rs"),
];

/// What may be walked: few rows, or the first of an index.
const WALKED: [&str; 3] = [
    "SCAN head",
    "SCAN wrapped_key USING INDEX wrapped_key_of_others",
    "SCAN job USING COVERING INDEX job_by_due",
];

fn statements() -> Vec<&'static str> {
    let texts = SOURCES.iter().flat_map(|source| source.split('"'));
    let verbs = ["SELECT ", "DELETE ", "UPDATE "];
    texts
        .filter(|text| verbs.iter().any(|verb| text.starts_with(verb)))
        .collect()
}

fn plan(connection: &Connection, text: &str) -> Vec<String> {
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {text}"))
        .unwrap();
    let lines = statement.raw_query().mapped(|row| row.get(3));
    lines.collect::<rusqlite::Result<_>>().unwrap()
}

#[test]
fn no_statement_walks_or_sorts_a_table() {
    let mut connection = Connection::open_in_memory().unwrap();
    schema::migrate(&mut connection).unwrap();
    let statements = statements();
    assert!(statements.len() > 30, "only {} found", statements.len());
    for text in statements {
        for line in plan(&connection, text) {
            let walked = line.starts_with("SCAN") && !WALKED.contains(&line.as_str());
            let sorted = line.contains("TEMP B-TREE");
            assert!(!walked && !sorted, "{line}: {text}");
        }
    }
}
