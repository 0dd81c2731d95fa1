//! What is left of a former directory, and logs that fall back, each by a number of its own.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use strongroom_store::{Batch, Id, IdRange, RecordRow, SqliteStore, Store};
use strongroom_types::id::Kind;

use crate::place::{Place, ended, text};
use crate::program::{Ended, run};

/// Serves, pays once, and stops: each log that grew has one more checkpoint.
fn grow(place: &Place, name: &str) {
    let demo = place.demo();
    assert_eq!(demo.pay(10, name).status, 201);
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
}

fn backed_up(place: &Place, name: &str) -> PathBuf {
    let file = place.path(name);
    place.backup(&["--out", text(&file)]).done();
    file
}

/// The checkpoints of all logs.
fn checkpoints(store: &SqliteStore) -> Vec<RecordRow> {
    let mut reader = store.reader().unwrap();
    let heads = reader.heads().unwrap();
    let of = |log: u32| {
        let (kind, all) = (Kind::Checkpoint.code(), IdRange::default());
        reader.records(log, kind, all, true, 100).unwrap()
    };
    heads.iter().map(|head| head.log).flat_map(of).collect()
}

fn names(data: &Path) -> HashSet<(u32, Id)> {
    let store = SqliteStore::open_read_only(data).unwrap();
    let rows = checkpoints(&store);
    rows.iter().map(|row| (row.scope, row.id)).collect()
}

/// Alters checkpoints, so that they do not open.
fn damage(data: &Path, which: impl Fn(&RecordRow) -> bool) {
    let store = SqliteStore::open(data).unwrap();
    let mut records = checkpoints(&store);
    records.retain(which);
    for row in &mut records {
        *row.body.last_mut().unwrap() ^= 1;
    }
    assert!(!records.is_empty());
    let batch = Batch {
        records,
        ..Batch::default()
    };
    store.writer().unwrap().apply(&batch).unwrap();
}

fn restored(place: &Place, file: &Path, more: &[&str]) -> Ended {
    let (target, data) = (place.path("restored"), place.data());
    let to = ["--to", text(&target), "--former", text(&data)];
    let ended = ended(place.restore(file, &[&to, more].concat()));
    if target.exists() {
        fs::remove_dir_all(&target).unwrap();
    }
    ended
}

/// The newest checkpoint of a log that opens is a known one; where none does, nothing would be known, and nothing is restored.
#[test]
fn the_newest_checkpoint_that_opens_counts() {
    let place = Place::new();
    grow(&place, "one");
    let first = backed_up(&place, "first");
    grow(&place, "two");
    let second = backed_up(&place, "second");
    let known = names(&place.data());
    grow(&place, "three");
    place.keep_keys();
    restored(&place, &second, &[]).failed("behind a known checkpoint");
    damage(&place.data(), |row| !known.contains(&(row.scope, row.id)));
    restored(&place, &second, &[]).done();
    restored(&place, &first, &[]).failed("behind a known checkpoint");
    damage(&place.data(), |row| known.contains(&(row.scope, row.id)));
    let err = restored(&place, &second, &[]).failed("no checkpoint of");
    assert!(err.contains("strongroom/"), "{err}");
}

/// Each number stands for one log, also where two end at the same entry: those of an organization that is not there at all.
#[test]
fn each_log_that_falls_back_is_accepted_by_itself() {
    let place = Place::new();
    grow(&place, "one");
    let file = backed_up(&place, "before");
    let data = place.data();
    let add = ["organization", "add", "--data", text(&data), "--name"];
    run(&[&add[..], &["Second Shop"]].concat()).done();
    // What serves signs checkpoints of all logs that grew.
    grow(&place, "two");
    place.keep_keys();
    let refused = restored(&place, &file, &[]);
    let ends: BTreeMap<String, String> = refused.out.lines().filter_map(end).collect();
    refused.failed("behind a known checkpoint");
    let none = ends.values().filter(|here| *here == "0").count();
    assert_eq!(none, 2, "both books of the new one: {ends:?}");
    let accepting = |numbers: &[&str]| {
        let flags = numbers.iter().flat_map(|n| ["--accept-rollback-to", n]);
        restored(&place, &file, &flags.collect::<Vec<_>>())
    };
    let all: Vec<&str> = ends.values().map(String::as_str).collect();
    // Without any one of them it is refused, and twice the same does not stand for another.
    for left_out in 0..all.len() {
        let mut some = all.clone();
        some.remove(left_out);
        accepting(&some).failed("behind a known checkpoint");
        some.push("1000000");
        accepting(&some).failed("behind a known checkpoint");
    }
    accepting(&all).done();
}

/// A log, and where it ends here.
fn end(line: &str) -> Option<(String, String)> {
    let (log, rest) = line.split_once(" ends at ")?;
    let (here, _) = rest.split_once(' ')?;
    Some((log.to_owned(), here.to_owned()))
}
