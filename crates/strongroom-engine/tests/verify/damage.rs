//! One field changed at a time, in a copy of the file, through SQL.

use rusqlite::Connection;
use strongroom_engine::verify::{audit_verify, verify};
use strongroom_store::{Batch, MemoryStore, RecordRow, SqliteStore, Store};

use crate::history::{Author, Made, Root, write};

#[test]
fn a_history_with_every_command_is_clean() {
    let store = MemoryStore::new();
    let root = Root::new();
    write(&store, &root);
    let report = verify(&store, root.keys(), 1).unwrap();
    assert!(report.is_clean(), "{report}");
    let made = Made::on_disk();
    let report = made.verify(made.dir.path());
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.logs.len(), 5);
    assert!(
        report
            .logs
            .iter()
            .any(|log| log.entries > 300 && log.checkpoint > 300)
    );
    assert!(
        report.records > 20 && report.accounts == 4 && report.indexes >= 6,
        "{report}"
    );
    let store = SqliteStore::open_read_only(made.dir.path()).unwrap();
    let audit = audit_verify(&store, made.root.keys(), None).unwrap();
    assert!(audit.is_clean(), "{audit}");
    let roots = |logs: &[strongroom_engine::verify::LogReport]| {
        logs.iter().map(|l| l.root.clone()).collect::<Vec<_>>()
    };
    assert_eq!(roots(&audit.logs), roots(&report.logs));
}

/// The log of the history's first organization in test mode.
const LOG: &str = "entry >> 40 = 2 AND entry & 0xffffffffff";

/// What is done to a copy, and what must be said about it.
fn damages() -> Vec<(String, &'static str)> {
    let on = |seq: u64, change: &str| format!("UPDATE log SET {change} WHERE {LOG} = {seq}");
    let books = "kind = 1 AND scope = 2 AND id = (SELECT min(id) FROM record WHERE kind = 1)";
    vec![
        (on(50, "time = time + 1"), "entry 50 of log 2: its time or part list"),
        (on(330, "time = time + 1"), "its stored frontier, or one of entries 257 to"),
        (on(50, "time = 5"), "entry 50 of log 2: its time is before"),
        (on(50, "action = 31"), "entry 50 of log 2: its facts part was altered or moved"),
        (on(50, "action = 9999"), "entry 50 of log 2: its facts part was altered or moved"),
        (on(50, "first_event = first_event + 1"), "entry 50 of log 2: its event number"),
        (on(50, "event_count = event_count + 1"), "entry 50 of log 2: its facts part was altered or moved"),
        (on(50, "spent = x'00'"), "entry 50 of log 2: its spent hashes have a wrong length"),
        (on(50, "head = substr(head, 1, length(head) - 1)"), "entry 50 of log 2: part heads have a wrong length"),
        (on(50, "head = (SELECT head FROM log WHERE entry = (2 << 40) + 51)"), "entry 50 of log 2: its facts part does not match its commitment"),
        (on(50, "parts = (SELECT parts FROM log WHERE entry = (2 << 40) + 51)"), "entry 50 of log 2: its facts part was altered or moved"),
        (on(50, "parts = substr(parts, 1, length(parts) - 1)"), "entry 50 of log 2: its changes part is cut off"),
        (on(50, "parts = CAST(parts || x'00' AS BLOB)"), "entry 50 of log 2: bytes follow its last part"),
        (format!("DELETE FROM log WHERE {LOG} = 50"), "log 2: entries 50 to 50 are missing"),
        (format!("DELETE FROM log WHERE {LOG} > 300"), "log 2: entries 301 to"),
        (
            "UPDATE log SET entry = CASE entry & 1 WHEN 0 THEN entry + 100000 ELSE entry END WHERE entry IN ((2 << 40) + 50, (2 << 40) + 51);
             UPDATE log SET entry = (2 << 40) + 50 WHERE entry = (2 << 40) + 51;
             UPDATE log SET entry = (2 << 40) + 51 WHERE entry = (2 << 40) + 100050".into(),
            "entry 50 of log 2: its facts part was altered or moved",
        ),
        (format!("INSERT INTO log SELECT entry + 1, time, action, first_event, event_count, spent, head, parts FROM log WHERE {LOG} = (SELECT seq FROM head WHERE log = 2)"), "log 2: its head does not say"),
        ("UPDATE head SET seq = seq - 1 WHERE log = 2".into(), "log 2: its head does not say"),
        ("UPDATE head SET time = time + 1 WHERE log = 2".into(), "log 2: its head does not say"),
        ("UPDATE head SET events = events + 1 WHERE log = 2".into(), "log 2: its head does not say"),
        ("UPDATE head SET mode = 1 - mode WHERE log = 2".into(), "log 2: it belongs to `org_"),
        ("UPDATE head SET mode = 7 WHERE log = 2".into(), "the head of log 2: mode 7"),
        ("UPDATE head SET organization = zeroblob(12) WHERE log = 2".into(), "log 2: it belongs to `org_"),
        ("UPDATE head SET frontier = (SELECT frontier FROM head WHERE log = 1) WHERE log = 2".into(), "log 2: its stored frontier"),
        ("UPDATE head SET frontier = x'00' WHERE log = 2".into(), "log 2: tree frontier has a wrong length"),
        ("DELETE FROM head WHERE log = 2".into(), "log 2: its head was put on record, and it is not there"),
        ("DELETE FROM head WHERE log = 3".into(), "log 3: it belongs to `org_"),
        ("DELETE FROM segment WHERE scope = 2 AND kind = 16".into(), "tile 0 of level 0 of log 2: it is missing"),
        ("UPDATE segment SET number = 1 WHERE scope = 2 AND kind = 16".into(), "log 2: a tile of level 0 lies beyond its end"),
        ("UPDATE segment SET body = CAST(zeroblob(32) || substr(body, 33) AS BLOB) WHERE scope = 2 AND kind = 16".into(), "entry 1 of log 2: its time or part list, or its hash in tile 0"),
        (format!("UPDATE record SET version = version + 1 WHERE {books}"), "was altered or moved"),
        (format!("UPDATE record SET seq = seq + 1 WHERE {books}"), "is stored, entry"),
        (format!("UPDATE record SET time = time + 1 WHERE {books}"), "its time of making is not that of its first entry"),
        (format!("UPDATE record SET status = 1 WHERE {books}"), "its clear status is not that of its body"),
        (format!("UPDATE record SET kind = 99 WHERE {books}"), "its kind 99 is not known"),
        (format!("UPDATE record SET scope = 3 WHERE {books}"), "no entry made this record"),
        (format!("UPDATE record SET body = zeroblob(40) WHERE {books}"), "is not in a known form"),
        (format!("DELETE FROM record WHERE {books}"), "it has postings and no record"),
        ("DELETE FROM record WHERE kind = 11 AND scope = 2".into(), "made it, and it is not there"),
        ("DELETE FROM record WHERE kind = 6 AND scope = 1".into(), "made it, and it is not there"),
        ("UPDATE record SET seq = seq + 1 WHERE kind = 13 AND scope = 2".into(), "a checkpoint of log 2: its columns do not fit"),
        ("UPDATE record SET status = 3 WHERE kind = 13 AND scope = 2".into(), "a checkpoint of log 2: its columns do not fit"),
        ("UPDATE record SET time = 0 WHERE kind = 13 AND scope = 2".into(), "a checkpoint of log 2: a part of"),
        ("UPDATE record SET body = zeroblob(60) WHERE kind = 13 AND scope = 2".into(), "a checkpoint of log 2: the body of"),
        ("DELETE FROM locator WHERE id = (SELECT max(id) FROM locator WHERE scope = 2)".into(), "it is missing"),
        ("UPDATE locator SET seq = seq + 1 WHERE id = (SELECT max(id) FROM locator WHERE scope = 2)".into(), "it leads elsewhere"),
        ("UPDATE locator SET kind = 9 WHERE id = (SELECT max(id) FROM locator WHERE scope = 2)".into(), "it leads elsewhere"),
        ("UPDATE locator SET scope = 9 WHERE id = (SELECT max(id) FROM locator WHERE scope = 2)".into(), "there is no such log"),
        ("INSERT INTO locator VALUES (2, zeroblob(12), 7, 50)".into(), "no entry made it"),
        ("UPDATE index_entry SET hash = zeroblob(16) WHERE field = 1".into(), "index row of field 1 of log 2"),
        ("UPDATE index_entry SET field = 9 WHERE field = 4".into(), "index row of field 4 of log 2"),
        ("UPDATE index_entry SET sole = 1 - sole WHERE field = 5".into(), "it is not marked as its field is"),
        ("UPDATE index_entry SET id = zeroblob(12) WHERE field = 2".into(), "index row of field 2 of log 2"),
        ("UPDATE index_entry SET kind = 3 WHERE field = 3".into(), "index row of field 3 of log 2"),
        ("DELETE FROM index_entry WHERE field = 6".into(), "index row of field 6 of log 2"),
        ("DELETE FROM job WHERE id = (SELECT min(id) FROM job WHERE kind = 1)".into(), "the job for payout"),
        ("INSERT INTO job VALUES (2, 1, zeroblob(12), 5, 0, x'')".into(), "nothing asks for it"),
        ("UPDATE job SET attempt = 1".into(), "its time or attempts do not fit"),
        ("UPDATE job SET due = due + 864000000 WHERE kind = 1".into(), "its time or attempts do not fit"),
        ("UPDATE job SET body = x'00'".into(), "its time or attempts do not fit"),
        ("UPDATE job SET kind = 2".into(), "a part of `the work `"),
        ("UPDATE job SET kind = 99".into(), "nothing asks for it"),
        ("DELETE FROM job WHERE kind = 2".into(), "the lane of `whk_"),
        ("UPDATE job SET kind = 3 WHERE kind = 2".into(), "the lane of `whk_"),
        ("UPDATE job SET due = 5 WHERE kind = 2".into(), "it does not fit its log"),
        ("UPDATE job SET attempt = 1 WHERE kind = 2".into(), "it does not fit its log"),
        ("UPDATE job SET scope = 3 WHERE kind = 2".into(), "was altered or moved"),
        ("UPDATE job SET scope = 99 WHERE kind = 2".into(), "there is no such log"),
        ("UPDATE job SET body = substr(body, 1, length(body) - 1) WHERE kind = 2".into(), "was altered or moved"),
        ("UPDATE wrapped_key SET version = 2 WHERE purpose = 6 AND scope = 2".into(), "does not unwrap"),
        ("UPDATE wrapped_key SET scope = 3 WHERE purpose = 5 AND scope = 2".into(), "does not unwrap"),
        ("UPDATE wrapped_key SET period = 202602 WHERE purpose = 3 AND period = 202601".into(), "does not unwrap"),
        ("UPDATE wrapped_key SET parent = 1 WHERE purpose = 6 AND scope = 2".into(), "does not unwrap"),
        ("UPDATE wrapped_key SET purpose = 77 WHERE purpose = 6 AND scope = 2".into(), "unknown purpose"),
        ("UPDATE wrapped_key SET wrapped = zeroblob(77) WHERE purpose = 10".into(), "does not unwrap"),
        ("UPDATE wrapped_key SET created = 5 WHERE purpose = 3".into(), "its time of making does not fit"),
        ("DELETE FROM wrapped_key WHERE purpose = 10".into(), "is missing and no entry says it was destroyed"),
        ("DELETE FROM wrapped_key WHERE purpose = 3 AND period = 202601".into(), "is missing and no entry says it was destroyed: the facts part of entry"),
        ("DELETE FROM wrapped_key WHERE purpose = 6 AND scope = 2".into(), "is missing and no entry says it was destroyed"),
    ]
}

#[test]
fn every_damage_is_named() {
    let made = Made::on_disk();
    let mut silent = Vec::new();
    for (sql, expected) in damages() {
        let copy = made.copy();
        let file = Connection::open(copy.path().join("strongroom.db")).unwrap();
        file.execute_batch(&sql)
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert!(file.total_changes() > 0, "{sql}: nothing was changed");
        file.pragma_update(None, "wal_checkpoint", "TRUNCATE")
            .unwrap();
        drop(file);
        let report = made.verify(copy.path());
        if !report
            .damages
            .iter()
            .any(|damage| damage.contains(expected))
        {
            silent.push(format!("{sql}\n  not named: {expected}\n{report}"));
        }
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

#[test]
fn one_damage_is_not_blamed_on_others() {
    let made = Made::on_disk();
    for (sql, expected) in damages().into_iter().take(13) {
        let copy = made.copy();
        Connection::open(copy.path().join("strongroom.db"))
            .unwrap()
            .execute_batch(&sql)
            .unwrap();
        let report = made.verify(copy.path());
        assert!(report.damages.len() <= 7, "{sql}: {expected}\n{report}");
    }
}

#[test]
fn a_record_put_back_to_an_old_version_is_found() {
    let store = MemoryStore::new();
    let root = Root::new();
    let author = Author::begin(&store, &root);
    let wallets = author.wallets();
    author.books.fund(wallets[0], 1_000);
    let old = records(&store);
    author.books.fund(wallets[0], 1_000);
    author.books.engine.stop();
    let now = records(&store);
    let changed = old.iter().filter(|row| !now.contains(row));
    for row in changed {
        let store = MemoryStore::restore(&store.snapshot());
        let batch = Batch {
            records: vec![row.clone()],
            ..Batch::default()
        };
        store.writer().unwrap().apply(&batch).unwrap();
        let report = verify(&store, root.keys(), 1).unwrap();
        assert!(report.to_string().contains("is stored, entry"), "{report}");
        assert!(
            report
                .to_string()
                .contains("its balances are not what its postings say"),
            "{report}"
        );
    }
}

fn records(store: &MemoryStore) -> Vec<RecordRow> {
    let mut rows = Vec::new();
    store
        .reader()
        .unwrap()
        .all_records(&mut |row| rows.push(row))
        .unwrap();
    rows
}
