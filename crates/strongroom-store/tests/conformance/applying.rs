//! Writing: what comes back, what is refused, what a refusal leaves behind.

use crate::on_each;
use crate::rows::{batch_of_entries, entry, head, id, index, job, key, locator, record, segment};
use strongroom_store::{
    Batch, EntryRow, IdRange, JobRow, KeyRow, Loaded, MAX_LOG, MAX_SEQ, RecordRow, Resealed,
    ResealedEntry, ResealedJob, ResealedRecord, SUBJECT_PURPOSE, StoreError, Wanted,
};

#[test]
fn the_writer_is_handed_out_once() {
    on_each(|store| {
        let writer = store.writer().unwrap();
        assert_eq!(store.writer().err(), Some(StoreError::WriterTaken));
        drop(writer);
        assert_eq!(store.writer().err(), Some(StoreError::WriterTaken));
    });
}

#[test]
fn every_row_comes_back_as_written() {
    on_each(|store| {
        let batch = Batch {
            entries: vec![entry(1, 1), entry(MAX_LOG, MAX_SEQ)],
            records: vec![record(0, 0, 0), record(u32::MAX, u8::MAX, u64::MAX)],
            locators: vec![locator(1, 1, 3), locator(u32::MAX, u64::MAX, 255)],
            indexes: vec![index(1, 2, 3, 4, true), index(1, 9, 3, 4, false)],
            keys: vec![key(1, 3, 1), key(u32::MAX, SUBJECT_PURPOSE, 7)],
            heads: vec![head(1, 5), head(MAX_LOG, 6)],
            segments: vec![segment(1, 2, 0), segment(1, 2, 1)],
            jobs: vec![job(1, 1, 1, -5), job(1, 1, 2, 5)],
            ..Batch::default()
        };
        let mut writer = store.writer().unwrap();
        writer.apply(&batch).unwrap();
        let mut reader = store.reader().unwrap();
        for loaded in [writer.load(&all_of(&batch)), reader.load(&all_of(&batch))] {
            let loaded = loaded.unwrap();
            assert_eq!(loaded.entries, batch.entries);
            assert_eq!(loaded.records, batch.records);
            assert_eq!(loaded.locators, batch.locators);
            assert_eq!(loaded.indexes, batch.indexes);
            assert_eq!(loaded.keys, batch.keys);
        }
        assert_eq!(reader.heads().unwrap(), batch.heads);
        assert_eq!(reader.segments(1, 2, 0, 9).unwrap(), batch.segments);
        assert_eq!(reader.jobs_due(9, 9).unwrap(), batch.jobs);
    });
}

fn all_of(batch: &Batch) -> Wanted {
    Wanted {
        records: batch
            .records
            .iter()
            .map(|r| (r.scope, r.kind, r.id))
            .collect(),
        locators: batch.locators.iter().map(|r| (r.scope, r.id)).collect(),
        entries: batch.entries.iter().map(|r| (r.log, r.seq)).collect(),
        indexes: batch
            .indexes
            .iter()
            .map(|r| (r.scope, r.field, r.hash))
            .collect(),
        keys: batch.keys.iter().map(|r| r.number).collect(),
    }
}

#[test]
fn loading_what_is_not_there_finds_nothing() {
    on_each(|store| {
        let mut wanted = all_of(&Batch {
            entries: vec![entry(1, 1)],
            records: vec![record(1, 1, 1)],
            locators: vec![locator(1, 1, 1)],
            indexes: vec![index(1, 1, 1, 1, true)],
            keys: vec![key(1, 1, 1)],
            ..Batch::default()
        });
        wanted.entries.push((u32::MAX, u64::MAX));
        let loaded = store.reader().unwrap().load(&wanted).unwrap();
        assert_eq!(loaded, Loaded::default());
    });
}

#[test]
fn records_jobs_and_heads_are_replaced() {
    on_each(|store| {
        let mut writer = store.writer().unwrap();
        let mut newer = record(1, 1, 1);
        newer.version = 2;
        newer.body = vec![1; 9_000];
        let mut batch = Batch {
            records: vec![record(1, 1, 1)],
            heads: vec![head(1, 1)],
            jobs: vec![job(1, 1, 1, 10)],
            ..Batch::default()
        };
        writer.apply(&batch).unwrap();
        batch.records = vec![record(1, 1, 1), newer.clone()];
        batch.heads = vec![head(1, 2)];
        batch.jobs = vec![job(1, 1, 1, 20)];
        writer.apply(&batch).unwrap();
        let mut reader = store.reader().unwrap();
        let records = reader.records(1, 1, IdRange::default(), false, 9).unwrap();
        assert_eq!(records, [newer], "the later of two rows stands");
        assert_eq!(reader.heads().unwrap(), [head(1, 2)]);
        assert_eq!(reader.next_job().unwrap(), Some(20));
        assert_eq!(reader.jobs_due(15, 9).unwrap(), []);
    });
}

#[test]
fn an_existing_row_refuses_an_insert_and_the_batch_with_it() {
    let base = Batch {
        entries: vec![entry(1, 1)],
        locators: vec![locator(1, 1, 1)],
        keys: vec![key(1, 1, 1)],
        segments: vec![segment(1, 1, 1)],
        ..Batch::default()
    };
    let offences = [
        (
            "log",
            Batch {
                entries: vec![entry(1, 2), entry(1, 1)],
                ..Batch::default()
            },
        ),
        (
            "locator",
            Batch {
                locators: vec![locator(1, 1, 2)],
                ..Batch::default()
            },
        ),
        (
            "wrapped_key",
            Batch {
                keys: vec![key(2, 1, 1), key(1, 1, 1)],
                ..Batch::default()
            },
        ),
        (
            "segment",
            Batch {
                segments: vec![segment(1, 1, 1)],
                ..Batch::default()
            },
        ),
        (
            "log",
            Batch {
                entries: vec![entry(1, 5), entry(1, 5)],
                ..Batch::default()
            },
        ),
    ];
    on_each(|store| {
        let mut writer = store.writer().unwrap();
        writer.apply(&base).unwrap();
        for (table, offence) in &offences {
            let mut offence = offence.clone();
            offence.records = vec![record(7, 7, 7)];
            let refused = writer.apply(&offence);
            assert_eq!(refused, Err(StoreError::Duplicate((*table).to_owned())));
        }
        let mut reader = store.reader().unwrap();
        let records = reader.records(7, 7, IdRange::default(), false, 9).unwrap();
        assert_eq!(records, [], "nothing of a refused batch is written");
        assert_eq!(reader.entries(1, 0, 9, false, 9).unwrap(), [entry(1, 1)]);
        let good = Batch {
            entries: vec![entry(1, 2)],
            ..Batch::default()
        };
        writer.apply(&good).unwrap();
    });
}

#[test]
fn a_unique_index_row_stands_alone() {
    let of = |indexes: &[_]| Batch {
        indexes: indexes.to_vec(),
        ..Batch::default()
    };
    on_each(|store| {
        let mut writer = store.writer().unwrap();
        writer
            .apply(&of(&[index(1, 1, 1, 1, true), index(1, 2, 1, 1, false)]))
            .unwrap();
        let second = Err(StoreError::Duplicate("index_entry".to_owned()));
        assert_eq!(writer.apply(&of(&[index(1, 1, 1, 2, true)])), second);
        assert_eq!(writer.apply(&of(&[index(1, 1, 1, 2, false)])), second);
        assert_eq!(writer.apply(&of(&[index(1, 2, 1, 2, true)])), second);
        let pair = [index(1, 3, 1, 1, true), index(1, 3, 1, 2, true)];
        assert_eq!(writer.apply(&of(&pair)), second, "two in one batch");
        // The same row again, another field, scope or hash, and a plain second one are fine.
        writer
            .apply(&of(&[index(1, 1, 1, 1, true), index(2, 1, 1, 2, true)]))
            .unwrap();
        writer
            .apply(&of(&[index(1, 1, 2, 2, true), index(1, 2, 1, 2, false)]))
            .unwrap();
        let moved = Batch {
            indexes: vec![index(1, 1, 1, 2, true)],
            removed_indexes: vec![index(1, 1, 1, 1, true)],
            ..Batch::default()
        };
        writer.apply(&moved).unwrap();
        let mut reader = store.reader().unwrap();
        let hash = index(1, 1, 1, 1, true).hash;
        assert_eq!(
            reader.index(1, 1, &hash, 9).unwrap(),
            [index(1, 1, 1, 2, true)]
        );
        let plain = [index(1, 2, 1, 1, false), index(1, 2, 1, 2, false)];
        assert_eq!(reader.index(1, 2, &hash, 9).unwrap(), plain);
        assert_eq!(reader.index(1, 2, &hash, 1).unwrap(), plain[..1]);
    });
}

#[test]
fn removals_come_first_and_may_miss() {
    on_each(|store| {
        let mut writer = store.writer().unwrap();
        let full = Batch {
            records: vec![record(1, 1, 1), record(1, 1, 2)],
            indexes: vec![index(1, 1, 1, 1, false)],
            keys: vec![key(1, 1, 1), key(2, SUBJECT_PURPOSE, 1)],
            segments: vec![segment(1, 1, 1)],
            jobs: vec![job(1, 1, 1, 1)],
            ..Batch::default()
        };
        writer.apply(&full).unwrap();
        let removal = Batch {
            removed_records: vec![(1, 1, id(1)), (1, 1, id(99))],
            removed_indexes: full.indexes.clone(),
            removed_keys: vec![1, 2, 3],
            removed_segments: vec![(1, 1, 1), (1, 1, 2)],
            removed_jobs: vec![(1, 1, id(1))],
            keys: vec![key(1, 1, 9)],
            ..Batch::default()
        };
        writer.apply(&removal).unwrap();
        let mut reader = store.reader().unwrap();
        let records = reader.records(1, 1, IdRange::default(), false, 9).unwrap();
        assert_eq!(records, [record(1, 1, 2)]);
        assert_eq!(reader.keys().unwrap(), [key(1, 1, 9)]);
        assert_eq!(reader.subject_key(1, &id(1)).unwrap(), None);
        assert_eq!(reader.segment(1, 1, 1).unwrap(), None);
        assert_eq!(reader.next_job().unwrap(), None);
        assert_eq!(reader.index(1, 1, &full.indexes[0].hash, 9).unwrap(), []);
    });
}

#[test]
fn numbers_that_do_not_fit_are_refused_by_name() {
    let too_large = u64::MAX;
    let mut version = record(1, 1, 1);
    version.version = too_large;
    let offences = [
        (
            "log",
            Batch {
                entries: vec![entry(MAX_LOG + 1, 1)],
                ..Batch::default()
            },
        ),
        (
            "seq",
            Batch {
                entries: vec![entry(1, MAX_SEQ + 1)],
                ..Batch::default()
            },
        ),
        (
            "version",
            Batch {
                records: vec![version],
                ..Batch::default()
            },
        ),
        (
            "number",
            Batch {
                segments: vec![segment(1, 1, too_large)],
                ..Batch::default()
            },
        ),
    ];
    on_each(|store| {
        let mut writer = store.writer().unwrap();
        for (column, offence) in &offences {
            match writer.apply(offence) {
                Err(StoreError::Invalid(text)) => assert!(text.contains(column), "{text}"),
                other => panic!("{column}: {other:?}"),
            }
        }
        writer.apply(&batch_of_entries(1, 1, 1)).unwrap();
    });
}

#[test]
fn ciphertext_is_replaced_where_the_row_is_still_what_was_read() {
    on_each(|store| {
        let batch = Batch {
            entries: vec![entry(1, 1), entry(1, 2)],
            records: vec![record(1, 1, 1), record(1, 1, 2)],
            keys: vec![key(1, 3, 1)],
            jobs: vec![job(1, 1, 1, 5), job(1, 1, 2, 5)],
            ..Batch::default()
        };
        let mut writer = store.writer().unwrap();
        writer.apply(&batch).unwrap();
        let [first, second] = [&batch.records[0], &batch.records[1]];
        let resealed = |row: &RecordRow, version| ResealedRecord {
            scope: row.scope,
            kind: row.kind,
            id: row.id,
            version,
            body: vec![7, 7],
        };
        let of_job = |row: &JobRow, old: &[u8]| ResealedJob {
            scope: row.scope,
            kind: row.kind,
            id: row.id,
            old: old.to_vec(),
            body: vec![8, 8],
        };
        let again = KeyRow {
            parent: 9,
            wrapped: vec![5; 80],
            ..batch.keys[0].clone()
        };
        let gone = ResealedEntry {
            log: 1,
            seq: 3,
            parts: vec![1],
        };
        let change = Batch {
            removed_keys: vec![1],
            keys: vec![again.clone()],
            resealed: Resealed {
                entries: vec![
                    ResealedEntry {
                        log: 1,
                        seq: 2,
                        parts: vec![9, 9],
                    },
                    gone,
                ],
                records: vec![
                    resealed(first, first.version),
                    resealed(second, second.version + 1),
                ],
                jobs: vec![
                    of_job(&batch.jobs[0], &batch.jobs[0].body),
                    of_job(&batch.jobs[1], b"other"),
                ],
            },
            ..Batch::default()
        };
        writer.apply(&change).unwrap();
        let loaded = writer.load(&all_of(&batch)).unwrap();
        let mut entries = loaded.entries;
        entries.sort_by_key(|row| row.seq);
        assert_eq!(entries[0], batch.entries[0]);
        assert_eq!(
            entries[1],
            EntryRow {
                parts: vec![9, 9],
                ..batch.entries[1].clone()
            }
        );
        let mut records = loaded.records;
        records.sort_by_key(|row| row.id);
        let expected = [
            RecordRow {
                body: vec![7, 7],
                ..first.clone()
            },
            second.clone(),
        ];
        assert!(
            expected.iter().all(|row| records.contains(row)),
            "{records:?}"
        );
        assert_eq!(loaded.keys, [again]);
        let jobs = store
            .reader()
            .unwrap()
            .jobs(1, 1, IdRange::default(), 9)
            .unwrap();
        assert_eq!(jobs[0].body, [8, 8]);
        assert_eq!(jobs[1], batch.jobs[1]);
    });
}
