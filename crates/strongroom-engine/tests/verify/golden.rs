//! A data directory that the first version wrote opens, verifies and goes on, in every later version.
//!
//! Entries, records, associated data, key rows, indexes, tiles and checkpoints are all in it. `UPDATE_GOLDEN=1` writes it
//! anew, which breaks the promise: only before a release, or beside the old one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use strongroom_engine::{Engine, Settings};
use strongroom_store::SqliteStore;
use strongroom_testkit::clock::FakeClock;

use crate::history::{Made, Root};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/data-1")
        .join(name)
}

/// A copy of the golden directory, with its root keys.
fn golden_copy() -> Made {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let made = Made::on_disk();
        std::fs::create_dir_all(golden("")).unwrap();
        std::fs::copy(
            made.dir.path().join("strongroom.db"),
            golden("strongroom.db"),
        )
        .unwrap();
        std::fs::write(golden("root.txt"), made.root.text()).unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(golden("strongroom.db"), dir.path().join("strongroom.db")).unwrap();
    let root = Root::from_text(std::fs::read_to_string(golden("root.txt")).unwrap());
    Made { dir, root }
}

#[test]
fn the_first_data_directory_verifies_and_goes_on() {
    let made = golden_copy();
    let before = made.verify(made.dir.path());
    assert!(before.is_clean(), "{before}");
    assert!(before.postings > 600 && before.records > 20, "{before}");

    let store = SqliteStore::open(made.dir.path()).unwrap();
    let clock = Arc::new(FakeClock::default());
    clock.advance(60 * strongroom_types::time::DAY);
    let engine = Engine::start(&store, made.root.keys(), clock, Settings::default(), None).unwrap();
    engine.stop();
    drop((engine, store));
    let after = made.verify(made.dir.path());
    assert!(after.is_clean(), "{after}");
    assert!(after.logs[0].entries > before.logs[0].entries);
}
