//! Every statement of the engine is planned by a key: the server tells the plans it really used.

use strongroom_store::{
    Batch, IdRange, Reader, Resealed, ResealedEntry, ResealedJob, ResealedRecord, Store, Wanted,
    Watch, Writer,
};

use crate::rows::{batch_of_entries, entry, head, id, index, job, key, locator, record, segment};
use crate::server::Server;

const TELLING: &str = "session_preload_libraries = 'auto_explain'
auto_explain.log_min_duration = 0
auto_explain.log_nested_statements = on
";

#[test]
fn no_statement_reads_a_whole_table() {
    let Some(server) = Server::start(TELLING) else {
        return;
    };
    let store = server.create();
    let mut writer = store.writer().unwrap();
    let mut reader = store.reader().unwrap();
    // First on tables without statistics, then on small ones with them, where a plan that reads
    // the table would look cheapest.
    for round in 0..2 {
        write(&mut *writer, 1 + round * 100);
        read(&mut *reader, &mut *writer);
        store.publish(b"here").unwrap();
        let mut watch = Watch::connect(&server.options()).unwrap();
        assert!(watch.look().unwrap().notice.is_some());
        server.sql("ANALYZE");
    }
    let log = std::fs::read_to_string(server.cluster.data.join("log")).unwrap();
    let plans = log.matches("Query Text:").count();
    assert!(plans > 50, "{plans} plans were told");
    let tables: Vec<&str> = log
        .lines()
        .filter_map(|line| line.split("Seq Scan on ").nth(1))
        .filter(|rest| !rest.starts_with("pg_"))
        .collect();
    assert_eq!(tables, [""; 0]);
    for line in log.lines().filter(|line| line.contains(" Join ")) {
        assert!(
            line.contains("pg_") || !line.contains("strongroom"),
            "{line}"
        );
    }
}

fn write(writer: &mut dyn Writer, from: u64) {
    let number = from as u32;
    let full = Batch {
        entries: (from..from + 50).map(|seq| entry(1, seq)).collect(),
        records: (from..from + 50).map(|n| record(1, 1, n)).collect(),
        locators: (from..from + 50).map(|n| locator(1, n, 1)).collect(),
        indexes: (from..from + 50).map(|n| index(1, 1, n, n, true)).collect(),
        keys: vec![key(number, 1, from), key(number + 1, 10, from)],
        heads: vec![head(1, from)],
        segments: vec![segment(1, 1, from)],
        jobs: vec![job(1, 1, from, 5), job(1, 1, from + 1, 6)],
        ..Batch::default()
    };
    writer.apply(&full).unwrap();
    let removal = Batch {
        removed_records: vec![(1, 1, id(from))],
        removed_indexes: vec![index(1, 1, from, from, true)],
        removed_keys: vec![number],
        removed_segments: vec![(1, 1, from)],
        removed_jobs: vec![(1, 1, id(from))],
        entries: batch_of_entries(2, from, from).entries,
        resealed: Resealed {
            entries: vec![ResealedEntry {
                log: 1,
                seq: from + 1,
                parts: vec![1],
            }],
            records: vec![ResealedRecord {
                scope: 1,
                kind: 1,
                id: id(from + 1),
                version: 1,
                body: vec![1],
            }],
            jobs: vec![ResealedJob {
                scope: 1,
                kind: 1,
                id: id(from + 1),
                old: Vec::new(),
                body: vec![1],
            }],
        },
        ..Batch::default()
    };
    writer.apply(&removal).unwrap();
}

fn read(reader: &mut dyn Reader, writer: &mut dyn Writer) {
    let wanted = Wanted {
        records: vec![(1, 1, id(2)), (1, 1, id(3))],
        locators: vec![(1, id(2))],
        entries: vec![(1, 2), (1, 3)],
        indexes: vec![(1, 1, index(1, 1, 2, 2, true).hash)],
        keys: vec![2],
    };
    let found = writer.load(&wanted).unwrap();
    assert_eq!((found.records.len(), found.entries.len()), (2, 2));
    reader.load(&wanted).unwrap();
    let range = IdRange {
        after: Some(id(3)),
        before: None,
    };
    for descending in [false, true] {
        reader.entries(1, 2, 30, descending, 9).unwrap();
        reader.locators(1, &[1], range, descending, 9).unwrap();
        reader.records(1, 1, range, descending, 9).unwrap();
    }
    reader.entry_heads(1, 2, 30).unwrap();
    reader.spent_tail(1, 2, &mut |_, _, _| {}).unwrap();
    reader.entry_at_time(1, 1_010).unwrap();
    reader.entry_of_event(1, 10).unwrap();
    reader.locator_floor(1, &id(9)).unwrap();
    reader.subject_key(1, &id(1)).unwrap();
    reader.subject_versions(1, &id(1)).unwrap();
    reader.subject_keys(0, 9).unwrap();
    reader
        .index(1, 1, &index(1, 1, 2, 2, true).hash, 9)
        .unwrap();
    reader.segments(1, 1, 0, 9).unwrap();
    reader.segment(1, 1, 1).unwrap();
    reader.jobs_due(9, 9).unwrap();
    reader.next_job().unwrap();
    reader.jobs(1, 1, range, 9).unwrap();
}
