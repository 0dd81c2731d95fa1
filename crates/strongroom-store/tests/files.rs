//! The embedded engine and its files: locks, versions, reopening, the WAL's bound, erasure, damage.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "a test fails by panicking"
)]

mod rows;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rows::{batch_of_entries, id, record};
use strongroom_store::{Batch, IdRange, SqliteStore, Store, StoreError, Tuning, Wanted};

fn small() -> Tuning {
    Tuning {
        checkpoint_every: 256 << 10,
        wrap_at: 1 << 20,
        wait_at: 3 << 20,
        ..Tuning::default()
    }
}

fn entries_of(store: &SqliteStore) -> usize {
    let mut reader = store.reader().unwrap();
    reader
        .entries(1, 0, u64::MAX, false, usize::MAX)
        .unwrap()
        .len()
}

/// Name and content of every file in a folder.
fn content(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(dir).unwrap().map(Result::unwrap);
    files
        .map(|file| {
            let name = file.file_name().into_string().unwrap();
            (name, fs::read(file.path()).unwrap())
        })
        .collect()
}

fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for (name, bytes) in content(from) {
        if name != "strongroom.db-shm" {
            fs::write(to.path().join(name), bytes).unwrap();
        }
    }
    to
}

#[test]
fn one_process_at_a_time_holds_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(
        SqliteStore::open(dir.path()).err(),
        Some(StoreError::NotFound)
    );
    let store = SqliteStore::create(&dir.path().join("new")).unwrap();
    let dir = dir.path().join("new");
    assert_eq!(SqliteStore::open(&dir).err(), Some(StoreError::Locked));
    assert_eq!(SqliteStore::create(&dir).err(), Some(StoreError::Locked));
    assert_eq!(
        SqliteStore::open_read_only(&dir).err(),
        Some(StoreError::Locked)
    );
    let reader = store.reader().unwrap();
    drop(store);
    assert_eq!(
        SqliteStore::open(&dir).err(),
        Some(StoreError::Locked),
        "a reader is still open"
    );
    drop(reader);
    assert_eq!(
        SqliteStore::create(&dir).err(),
        Some(StoreError::AlreadyThere)
    );
    SqliteStore::open(&dir).unwrap();
}

#[test]
fn a_clean_close_leaves_one_file_and_everything_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::create(dir.path()).unwrap();
    store
        .writer()
        .unwrap()
        .apply(&batch_of_entries(1, 1, 30))
        .unwrap();
    drop(store);
    let names: Vec<String> = content(dir.path()).into_keys().collect();
    assert_eq!(names, ["lock", "strongroom.db"]);
    assert_eq!(entries_of(&SqliteStore::open(dir.path()).unwrap()), 30);
}

#[test]
fn what_was_applied_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::create(dir.path()).unwrap();
    let mut writer = store.writer().unwrap();
    for seq in 1..=20 {
        writer.apply(&batch_of_entries(1, seq, seq)).unwrap();
        let killed = copy(dir.path());
        let reopened = SqliteStore::open(killed.path()).unwrap();
        assert_eq!(entries_of(&reopened) as u64, seq);
    }
}

#[test]
fn read_only_sees_the_wal_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::create(dir.path()).unwrap();
    let mut writer = store.writer().unwrap();
    writer.apply(&batch_of_entries(1, 1, 30)).unwrap();
    let killed = copy(dir.path());
    let before = content(killed.path());
    assert!(before["strongroom.db-wal"].len() > 10_000);
    let frozen = SqliteStore::open_read_only(killed.path()).unwrap();
    assert_eq!(entries_of(&frozen), 30);
    let mut second = frozen.reader().unwrap();
    assert_eq!(second.check().unwrap(), [""; 0]);
    assert!(matches!(frozen.writer(), Err(StoreError::ReadOnly(_))));
    assert_eq!(
        SqliteStore::open(killed.path()).err(),
        Some(StoreError::Locked)
    );
    drop((frozen, second));
    assert!(content(killed.path()) == before, "a file changed");
}

#[test]
fn read_only_leaves_a_closed_store_as_it_is() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("50% off? #1");
    let store = SqliteStore::create(&dir).unwrap();
    store
        .writer()
        .unwrap()
        .apply(&batch_of_entries(1, 1, 9))
        .unwrap();
    drop(store);
    let before = content(&dir);
    let frozen = SqliteStore::open_read_only(&dir).unwrap();
    assert_eq!(entries_of(&frozen), 9);
    drop(frozen);
    assert!(content(&dir) == before, "a file changed");
}

#[test]
fn newer_and_foreign_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(SqliteStore::create(dir.path()).unwrap());
    let file = dir.path().join("strongroom.db");
    let alter = |text: &str| {
        let connection = rusqlite::Connection::open(&file).unwrap();
        connection.execute_batch(text).unwrap();
    };
    alter("PRAGMA user_version = 99");
    let newer = StoreError::TooNew {
        found: 99,
        known: 1,
    };
    assert_eq!(SqliteStore::open(dir.path()).err(), Some(newer.clone()));
    assert_eq!(SqliteStore::open_read_only(dir.path()).err(), Some(newer));
    alter("PRAGMA application_id = 7");
    assert_eq!(
        SqliteStore::open(dir.path()).err(),
        Some(StoreError::Foreign)
    );
    fs::write(&file, vec![7; 8192]).unwrap();
    assert!(matches!(
        SqliteStore::open(dir.path()),
        Err(StoreError::Corrupt(_))
    ));
}

#[test]
fn the_wal_stays_bounded_under_load() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::create_tuned(dir.path(), small()).unwrap();
    let mut writer = store.writer().unwrap();
    for number in 0..600 {
        writer
            .apply(&batch_of_entries(1, number * 50 + 1, number * 50 + 50))
            .unwrap();
    }
    let activity = store.activity();
    assert!(activity.wal_bytes > 20 << 20, "{activity:?}");
    assert!(activity.wraps > 3, "{activity:?}");
    let length = fs::metadata(dir.path().join("strongroom.db-wal"))
        .unwrap()
        .len();
    assert!(length < 4 << 20, "the WAL grew to {length} bytes");
    assert_eq!(activity.commits, 600);
    assert_eq!(activity.rows, 30_000);
}

#[test]
fn readers_that_never_rest_do_not_unbound_the_wal() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::create_tuned(dir.path(), small()).unwrap();
    let mut writer = store.writer().unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let mut reader = store.reader().unwrap();
            let done = &done;
            scope.spawn(move || {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    reader.entries(1, 0, u64::MAX, true, 300).unwrap();
                }
            });
        }
        for number in 0..400 {
            writer
                .apply(&batch_of_entries(1, number * 50 + 1, number * 50 + 50))
                .unwrap();
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let length = fs::metadata(dir.path().join("strongroom.db-wal"))
        .unwrap()
        .len();
    assert!(length < 8 << 20, "the WAL grew to {length} bytes");
}

#[test]
fn what_is_removed_is_gone_from_the_files() {
    let canary = b"a canary that must be erased".to_vec();
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::create(dir.path()).unwrap();
    let mut writer = store.writer().unwrap();
    let mut rows: Vec<_> = (1..200).map(|n| record(1, 1, n)).collect();
    rows[100].body = canary.clone();
    writer
        .apply(&Batch {
            records: rows,
            ..Batch::default()
        })
        .unwrap();
    drop((writer, store));
    let holds = || {
        let files = content(dir.path());
        files
            .values()
            .any(|bytes| bytes.windows(canary.len()).any(|part| part == canary))
    };
    assert!(holds(), "the canary was never there");
    let store = SqliteStore::open(dir.path()).unwrap();
    let removal = Batch {
        removed_records: vec![(1, 1, id(101))],
        ..Batch::default()
    };
    store.writer().unwrap().apply(&removal).unwrap();
    drop(store);
    assert!(!holds(), "the canary is still in a file");
}

/// A closed store with some of everything that has structure.
fn closed_store() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::create(dir.path()).unwrap();
    let mut batch = batch_of_entries(1, 1, 200);
    batch.records = (1..300).map(|n| record(1, 1, n)).collect();
    batch.indexes = (1..300)
        .map(|n| rows::index(1, 1, n * 7_919, n, true))
        .collect();
    batch.segments = (0..9).map(|n| rows::segment(1, 1, n)).collect();
    store.writer().unwrap().apply(&batch).unwrap();
    dir
}

/// What a check of a store with one changed byte says; an error is an answer too.
fn complaints(original: &[u8], place: usize, folder: &Path) -> Vec<String> {
    let mut damaged = original.to_vec();
    damaged[place] ^= 0x41;
    fs::write(folder.join("strongroom.db"), &damaged).unwrap();
    let checked = SqliteStore::open_read_only(folder)
        .and_then(|store| store.reader())
        .and_then(|mut reader| reader.check());
    checked.unwrap_or_else(|error| vec![error.to_string()])
}

#[test]
fn a_changed_byte_in_structure_is_named() {
    let dir = closed_store();
    let original = fs::read(dir.path().join("strongroom.db")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut places: Vec<usize> = Vec::new();
    // The file header but for the counters' twins and the library version, which mean nothing.
    places.extend((0..96).filter(|place| !(28..32).contains(place)));
    // Page type, first free block, number of cells and start of content of every page.
    let pages = original.len() / 4096;
    places.extend(
        (1..pages)
            .filter(|page| is_tree(&original, *page))
            .flat_map(|page| [0, 3, 4].map(|offset| page * 4096 + offset)),
    );
    for place in places {
        let found = complaints(&original, place, folder.path());
        assert!(
            !found.is_empty(),
            "byte {place} of page {} went unseen",
            place / 4096
        );
    }
}

fn is_tree(file: &[u8], page: usize) -> bool {
    [2, 5, 10, 13].contains(&file[page * 4096])
}

#[test]
fn a_changed_byte_in_the_schema_text_is_named() {
    let dir = closed_store();
    let original = fs::read(dir.path().join("strongroom.db")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let place = original
        .windows(17)
        .position(|part| part == b"CREATE TABLE head")
        .unwrap();
    for offset in (0..120).step_by(7) {
        let found = complaints(&original, place + offset, folder.path());
        assert!(!found.is_empty(), "byte {offset} of the text went unseen");
    }
}

#[test]
fn a_changed_byte_in_content_is_left_to_the_hashes_above() {
    let dir = closed_store();
    let body = b"a sealed body unlike any other".to_vec();
    let mut row = record(1, 1, 77);
    row.body = body.clone();
    let store = SqliteStore::open(dir.path()).unwrap();
    let change = Batch {
        records: vec![row],
        ..Batch::default()
    };
    store.writer().unwrap().apply(&change).unwrap();
    drop(store);
    let original = fs::read(dir.path().join("strongroom.db")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let place = original
        .windows(body.len())
        .position(|part| part == body)
        .unwrap();
    assert_eq!(complaints(&original, place, folder.path()), [""; 0]);
    let store = SqliteStore::open_read_only(folder.path()).unwrap();
    let wanted = Wanted {
        records: vec![(1, 1, id(77))],
        ..Wanted::default()
    };
    let found = store.reader().unwrap().load(&wanted).unwrap().records;
    assert_ne!(found[0].body, body);
    let all = store
        .reader()
        .unwrap()
        .records(1, 1, IdRange::default(), false, 999)
        .unwrap();
    assert_eq!(all.len(), 299);
}
