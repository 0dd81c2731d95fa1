//! The same search in the files of a PostgreSQL: its tables, its write-ahead log, and a server log that was told to
//! write down every statement with its values.

use std::fs;
use std::path::Path;

use strongroom_cluster::{Cluster, OWNER, Stop, programs};
use strongroom_store::{PostgresOptions, PostgresSecrets, PostgresStore};
use strongroom_testkit::server::{ServerSettings, TestServer};

use crate::history::History;
use crate::needles;
use crate::scan::{Needle, found_in};

/// Tables of ours with what PostgreSQL keeps beside them: long values and indexes.
const RELATIONS: &str = "SELECT pg_relation_filepath(c.oid) FROM pg_class c
    WHERE c.relkind IN ('r', 'i', 't') AND (c.relnamespace = 'strongroom'::regnamespace
        OR c.oid IN (SELECT t.reltoastrelid FROM pg_class t
            WHERE t.relnamespace = 'strongroom'::regnamespace))";

/// Says of a file what was found in it; gives its size.
fn search(needles: &[Needle], file: &Path) -> usize {
    let mut bytes = fs::read(file).unwrap();
    // The rest of a segment is not written yet.
    let used = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    bytes.truncate(used);
    assert_eq!(found_in(needles, &bytes), [""; 0], "{}", file.display());
    bytes.len()
}

#[test]
fn no_value_that_was_sent_in_is_found_in_a_database() {
    let Some(programs) = programs() else {
        eprintln!("skipped: PostgreSQL's programs are not installed");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(programs, folder.path(), "log_statement = 'all'\n").unwrap();
    let ask = |statement: &str| cluster.psql("postgres", statement).unwrap();
    let first = ask("SELECT pg_walfile_name(pg_switch_wal() + 1)");
    let options = PostgresOptions::new(&cluster.url(OWNER, "postgres"), PostgresSecrets::default());
    let store = PostgresStore::create(options.unwrap()).unwrap();
    let mut server = TestServer::start_on(&store, ServerSettings::default());
    drop(store);
    let history = History::make(&server);
    let mut needles = needles(&history);
    history.read_everything(&server);
    server.summarise();
    server.checkpoint();
    server.halt();
    drop(server);
    let relations = ask(RELATIONS);
    cluster.stop(Stop::Fast).unwrap();

    let tables: usize = relations
        .lines()
        .map(|path| search(&needles, &cluster.data.join(path)))
        .sum();
    assert!(
        relations.lines().count() > 20 && tables > 100_000,
        "{tables} bytes of tables"
    );
    let segments = fs::read_dir(cluster.data.join("pg_wal")).unwrap();
    let written: usize = segments
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.is_file() && path.file_name().unwrap().to_str().unwrap() >= first.as_str()
        })
        .map(|path| search(&needles, &path))
        .sum();
    assert!(written > 100_000, "{written} bytes of the write-ahead log");
    let log = cluster.data.join("log");
    let told = fs::read_to_string(&log).unwrap();
    assert!(told.contains("INSERT INTO strongroom.record") && told.contains("$1 = "));
    // Statements quote what is sealed as hexadecimal text.
    needles.retain(|needle| !needle.looks_like_hex());
    search(&needles, &log);
}
