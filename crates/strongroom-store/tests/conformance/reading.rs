//! Reading: ranges, orders, limits, and one moment beside a writer.

use std::sync::Mutex;

use crate::rows::{batch_of_entries, entry, id, index, job, key, locator, record, segment};
use crate::{apply, on_each};
use strongroom_store::{Batch, IdRange, SUBJECT_PURPOSE, Wanted};

#[test]
fn entries_are_read_by_range_and_log() {
    on_each(|store| {
        let mut batch = batch_of_entries(1, 1, 40);
        batch.entries.extend(batch_of_entries(2, 1, 3).entries);
        apply(store, batch);
        let mut reader = store.reader().unwrap();
        let seqs = |from, to, descending, limit| -> Vec<u64> {
            let mut reader = store.reader().unwrap();
            let found = reader.entries(1, from, to, descending, limit).unwrap();
            assert!(found.iter().all(|row| row.log == 1));
            found.iter().map(|row| row.seq).collect()
        };
        assert_eq!(seqs(5, 7, false, 9), [5, 6, 7]);
        assert_eq!(seqs(5, 7, true, 9), [7, 6, 5]);
        assert_eq!(seqs(0, u64::MAX, true, 2), [40, 39]);
        assert_eq!(seqs(39, u64::MAX, false, 9), [39, 40]);
        assert_eq!(seqs(7, 5, false, 9), [0; 0]);
        assert_eq!(seqs(1, 9, false, 0), [0; 0]);
        let heads = reader.entry_heads(2, 2, 3).unwrap();
        let expected: Vec<_> = [entry(2, 2), entry(2, 3)]
            .into_iter()
            .map(|row| (row.seq, row.time, row.head))
            .collect();
        assert_eq!(heads, expected);
    });
}

#[test]
fn the_spent_tail_skips_what_spent_nothing() {
    on_each(|store| {
        let mut batch = batch_of_entries(1, 1, 9);
        batch.entries[5].spent.clear();
        batch.entries.extend(batch_of_entries(2, 1, 9).entries);
        apply(store, batch);
        let mut found = Vec::new();
        let mut reader = store.reader().unwrap();
        let mut each = |seq, time, spent: &[u8]| found.push((seq, time, spent.to_vec()));
        reader.spent_tail(1, 4, &mut each).unwrap();
        reader.spent_tail(1, u64::MAX, &mut each).unwrap();
        let expected: Vec<_> = [5, 7, 8, 9]
            .map(|seq| (seq, entry(1, seq).time, entry(1, seq).spent))
            .into();
        assert_eq!(found, expected);
    });
}

#[test]
fn entries_are_found_by_time_and_by_event() {
    on_each(|store| {
        // Times 10, 10, 20, 30 …; entries 1 and 3 hold two events each, 2 and 4 none.
        let mut batch = batch_of_entries(1, 1, 4);
        for (row, (time, first, count)) in
            batch
                .entries
                .iter_mut()
                .zip([(10, 1, 2), (10, 3, 0), (20, 3, 2), (30, 5, 0)])
        {
            (row.time, row.first_event, row.event_count) = (time, first, count);
        }
        batch.entries.extend(batch_of_entries(2, 1, 9).entries);
        apply(store, batch);
        let mut reader = store.reader().unwrap();
        for (time, seq) in [
            (9, None),
            (10, Some(2)),
            (19, Some(2)),
            (20, Some(3)),
            (99, Some(4)),
        ] {
            assert_eq!(reader.entry_at_time(1, time).unwrap(), seq, "time {time}");
        }
        for (event, seq) in [
            (0, None),
            (1, Some(1)),
            (2, Some(1)),
            (3, Some(3)),
            (4, Some(3)),
            (5, None),
        ] {
            assert_eq!(
                reader.entry_of_event(1, event).unwrap(),
                seq,
                "event {event}"
            );
        }
        assert_eq!(reader.entry_at_time(3, 99).unwrap(), None);
        assert_eq!(reader.entry_of_event(3, 1).unwrap(), None);
    });
}

#[test]
fn locators_are_read_by_range_and_kind() {
    on_each(|store| {
        let mut rows: Vec<_> = (1..=9)
            .map(|n| locator(1, n, u8::from(n % 3 == 0)))
            .collect();
        rows.push(locator(2, 5, 1));
        apply(
            store,
            Batch {
                locators: rows.clone(),
                ..Batch::default()
            },
        );
        let mut reader = store.reader().unwrap();
        assert_eq!(
            reader.locator_floor(1, &id(4)).unwrap(),
            Some(rows[3].clone())
        );
        assert_eq!(
            reader.locator_floor(1, &[0xff; 12]).unwrap(),
            Some(rows[8].clone())
        );
        assert_eq!(reader.locator_floor(2, &id(4)).unwrap(), None);
        let open = IdRange::default();
        let within = IdRange {
            after: Some(id(3)),
            before: Some(id(9)),
        };
        let mut ids = |kinds: &[u8], range, descending, limit| -> Vec<u64> {
            let found = reader.locators(1, kinds, range, descending, limit).unwrap();
            found.iter().map(|row| row.seq).collect()
        };
        assert_eq!(ids(&[1], open, false, 9), [3, 6, 9]);
        assert_eq!(ids(&[1], within, false, 9), [6]);
        assert_eq!(ids(&[0, 1], within, true, 2), [8, 7]);
        assert_eq!(ids(&[], within, false, 9), [4, 5, 6, 7, 8]);
        assert_eq!(ids(&[7], open, false, 9), [0; 0]);
    });
}

#[test]
fn records_are_read_by_scope_kind_and_range() {
    on_each(|store| {
        let mut rows: Vec<_> = (1..=5).map(|n| record(1, 1, n)).collect();
        rows.extend([record(1, 2, 3), record(2, 1, 3)]);
        apply(
            store,
            Batch {
                records: rows.clone(),
                ..Batch::default()
            },
        );
        let mut reader = store.reader().unwrap();
        let within = IdRange {
            after: Some(id(1)),
            before: Some(id(5)),
        };
        assert_eq!(reader.records(1, 1, within, false, 2).unwrap(), rows[1..3]);
        let down = reader.records(1, 1, within, true, 2).unwrap();
        assert_eq!(down, [rows[3].clone(), rows[2].clone()]);
        assert_eq!(reader.records(3, 1, within, true, 2).unwrap(), []);
    });
}

#[test]
fn whole_tables_come_in_key_order() {
    on_each(|store| {
        let many = 5_000;
        apply(
            store,
            Batch {
                records: (0..many).rev().map(|n| record(1, 1, n)).collect(),
                locators: (0..many).map(|n| locator(n as u32 % 3, n, 1)).collect(),
                indexes: (0..many).map(|n| index(1, 1, n, n, false)).collect(),
                ..Batch::default()
            },
        );
        let mut reader = store.reader().unwrap();
        let (mut records, mut locators, mut indexes) = (Vec::new(), Vec::new(), Vec::new());
        reader
            .all_records(&mut |row| records.push((row.scope, row.kind, row.id)))
            .unwrap();
        reader
            .all_locators(&mut |row| locators.push((row.scope, row.id)))
            .unwrap();
        reader
            .all_indexes(&mut |row| indexes.push((row.hash, row.id)))
            .unwrap();
        for length in [records.len(), locators.len(), indexes.len()] {
            assert_eq!(length as u64, many);
        }
        assert!(records.is_sorted() && locators.is_sorted() && indexes.is_sorted());
    });
}

#[test]
fn keys_of_subjects_are_read_apart() {
    on_each(|store| {
        let mut newer = key(4, SUBJECT_PURPOSE, 1);
        newer.version = 9;
        let keys = vec![
            key(1, 1, 0),
            key(2, SUBJECT_PURPOSE, 1),
            key(3, SUBJECT_PURPOSE, 2),
            newer.clone(),
        ];
        apply(
            store,
            Batch {
                keys: keys.clone(),
                ..Batch::default()
            },
        );
        let mut reader = store.reader().unwrap();
        assert_eq!(reader.keys().unwrap(), keys[..1]);
        assert_eq!(reader.subject_key(1, &id(1)).unwrap(), Some(newer));
        assert_eq!(reader.subject_key(2, &id(1)).unwrap(), None);
        let versions = reader.subject_versions(1, &id(1)).unwrap();
        assert_eq!(versions, [keys[3].clone(), keys[1].clone()]);
        assert!(reader.subject_versions(2, &id(1)).unwrap().is_empty());
        assert_eq!(reader.subject_keys(2, 9).unwrap(), keys[2..]);
        assert_eq!(reader.subject_keys(0, 1).unwrap(), keys[1..2]);
    });
}

#[test]
fn segments_and_jobs_are_listed_in_order() {
    on_each(|store| {
        let segments: Vec<_> = (0..5).map(|n| segment(1, 1, n)).collect();
        let jobs = vec![
            job(1, 1, 1, 30),
            job(1, 1, 2, 10),
            job(1, 2, 3, 10),
            job(2, 1, 4, 20),
        ];
        apply(
            store,
            Batch {
                segments: segments.clone(),
                jobs: jobs.clone(),
                ..Batch::default()
            },
        );
        let mut reader = store.reader().unwrap();
        assert_eq!(reader.segments(1, 1, 2, 2).unwrap(), segments[2..4]);
        assert_eq!(reader.segment(1, 1, 4).unwrap(), Some(segments[4].clone()));
        assert_eq!(reader.segments(1, 2, 0, 9).unwrap(), []);
        let due: Vec<_> = reader.jobs_due(20, 9).unwrap();
        assert_eq!(due, [jobs[1].clone(), jobs[2].clone(), jobs[3].clone()]);
        assert_eq!(reader.jobs_due(20, 1).unwrap(), jobs[1..2]);
        assert_eq!(reader.next_job().unwrap(), Some(10));
        assert_eq!(reader.jobs(1, 1, IdRange::default(), 9).unwrap(), jobs[..2]);
    });
}

#[test]
fn a_reader_sees_whole_batches_and_a_snapshot_one_moment() {
    on_each(|store| {
        let mut writer = store.writer().unwrap();
        writer.apply(&batch_of_entries(1, 1, 1)).unwrap();
        let mut still = store.reader().unwrap();
        let mut moving = store.reader().unwrap();
        still.snapshot().unwrap();
        writer.apply(&batch_of_entries(1, 2, 3)).unwrap();
        assert_eq!(still.entries(1, 0, 9, false, 9).unwrap().len(), 1);
        assert_eq!(moving.entries(1, 0, 9, false, 9).unwrap().len(), 3);
        still.release().unwrap();
        still.release().unwrap();
        assert_eq!(still.entries(1, 0, 9, false, 9).unwrap().len(), 3);
    });
}

#[test]
fn readers_beside_the_writer_never_see_half_a_batch() {
    on_each(|store| {
        let mut writer = store.writer().unwrap();
        let failed = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                let mut reader = store.reader().unwrap();
                let failed = &failed;
                scope.spawn(move || {
                    for _ in 0..200 {
                        let seen = reader.entries(1, 0, u64::MAX, false, 10_000).unwrap().len();
                        if seen % 7 != 0 {
                            *failed.lock().unwrap() = Some(seen);
                        }
                    }
                });
            }
            for number in 0..50 {
                writer
                    .apply(&batch_of_entries(1, number * 7 + 1, number * 7 + 7))
                    .unwrap();
            }
        });
        assert_eq!(*failed.lock().unwrap(), None);
    });
}

#[test]
fn sizes_count_rows_and_a_sound_store_has_no_damage() {
    on_each(|store| {
        apply(store, batch_of_entries(1, 1, 50));
        let mut reader = store.reader().unwrap();
        assert_eq!(reader.check().unwrap(), [""; 0]);
        let size = reader.size().unwrap();
        let log = size.iter().find(|table| table.name == "log").unwrap();
        assert_eq!(log.rows, 50);
    });
}

#[test]
fn one_load_sees_one_moment() {
    on_each(|store| {
        let both = |version| {
            let mut rows = vec![record(1, 1, 1), record(1, 1, 2)];
            rows.iter_mut().for_each(|row| row.version = version);
            Batch {
                records: rows,
                ..Batch::default()
            }
        };
        let mut writer = store.writer().unwrap();
        writer.apply(&both(0)).unwrap();
        let wanted = Wanted {
            records: vec![(1, 1, id(1)), (1, 1, id(2))],
            ..Wanted::default()
        };
        let torn = Mutex::new(0);
        std::thread::scope(|scope| {
            let mut reader = store.reader().unwrap();
            let (wanted, torn) = (&wanted, &torn);
            let reading = scope.spawn(move || {
                for _ in 0..5_000 {
                    let rows = reader.load(wanted).unwrap().records;
                    *torn.lock().unwrap() += u32::from(rows[0].version != rows[1].version);
                }
            });
            let mut version = 0;
            while !reading.is_finished() {
                version += 1;
                writer.apply(&both(version)).unwrap();
            }
        });
        assert_eq!(*torn.lock().unwrap(), 0);
    });
}
