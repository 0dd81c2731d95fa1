//! Disks that fill up, fail and are counted on: each case runs in a child process of its own,
//! because limits and mounts belong to a process.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "a test fails by panicking"
)]

mod rows;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rows::batch_of_entries;
use strongroom_store::{SqliteStore, Store, StoreError, Wanted};

const FOLDER: &str = "STRONGROOM_TEST_FOLDER";
const COMMITS: &str = "STRONGROOM_TEST_COMMITS";

fn folder() -> PathBuf {
    PathBuf::from(std::env::var_os(FOLDER).unwrap())
}

/// Runs an ignored test of this file behind a shell prefix.
fn child(prefix: &str, test: &str, folder: &Path, commits: u64) -> Output {
    let program = std::env::current_exe().unwrap();
    Command::new("sh")
        .arg("-c")
        .arg(format!(
            "{prefix} \"$0\" --exact {test} --ignored --nocapture"
        ))
        .arg(program)
        .env(FOLDER, folder)
        .env(COMMITS, commits.to_string())
        .output()
        .unwrap()
}

fn words(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn entries_in(folder: &Path) -> u64 {
    let store = SqliteStore::open(folder).unwrap();
    let mut reader = store.reader().unwrap();
    assert_eq!(reader.check().unwrap(), [""; 0]);
    let last = reader.entries(1, 0, u64::MAX, true, 1).unwrap();
    let all = reader.entries(1, 0, u64::MAX, false, usize::MAX).unwrap();
    assert_eq!(last[0].seq, all.len() as u64);
    last[0].seq
}

#[test]
fn a_failing_write_stops_the_writer_for_good() {
    let dir = tempfile::tempdir().unwrap();
    // Files end at 2 MiB; the signal that would say so is ignored, so writes fail.
    let prefix = "trap '' XFSZ; ulimit -f 2048; exec";
    let output = child(prefix, "child_meets_a_failing_write", dir.path(), 0);
    assert!(output.status.success(), "{}", words(&output));
    let acknowledged: u64 = fs::read_to_string(dir.path().join("count"))
        .unwrap()
        .parse()
        .unwrap();
    assert!(acknowledged > 100, "{acknowledged}");
    // The batch with the unknown outcome may be there; no other, and none is missing.
    let found = entries_in(dir.path());
    assert!(
        found == acknowledged || found == acknowledged + 1,
        "{found} of {acknowledged}"
    );
}

#[test]
#[ignore = "run by a_failing_write_stops_the_writer_for_good"]
fn child_meets_a_failing_write() {
    let store = SqliteStore::create(&folder()).unwrap();
    let mut writer = store.writer().unwrap();
    let mut seq = 0;
    let error = loop {
        if let Err(error) = writer.apply(&batch_of_entries(1, seq + 1, seq + 1)) {
            break error;
        }
        seq += 1;
        assert!(seq < 100_000, "the limit was never met");
    };
    fs::write(folder().join("count"), seq.to_string()).unwrap();
    assert!(matches!(error, StoreError::Io(_)), "{error}");
    let again = batch_of_entries(1, seq + 1, seq + 1);
    assert_eq!(writer.apply(&again), Err(StoreError::Closed));
    assert_eq!(writer.load(&Wanted::default()), Err(StoreError::Closed));
    let mut reader = store.reader().unwrap();
    assert_eq!(reader.entries(1, 0, u64::MAX, true, 1).unwrap()[0].seq, seq);
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    // The mount is seen by the child alone and goes with it.
    let prefix = "unshare --mount sh -c 'mount -t tmpfs -o size=6m none \"$STRONGROOM_TEST_FOLDER\" \
        || exit 77; exec \"$@\"' sh";
    let output = child(prefix, "child_fills_the_disk", dir.path(), 0);
    let words = words(&output);
    if output.status.code() == Some(77) || words.contains("unshare") {
        eprintln!("skipped: this machine does not let the test mount a small disk: {words}");
        return;
    }
    assert!(output.status.success(), "{words}");
    assert!(words.contains("1 passed"), "{words}");
}

#[test]
#[ignore = "run by a_full_disk_refuses_and_goes_on_when_there_is_room"]
fn child_fills_the_disk() {
    let folder = folder();
    fs::write(folder.join("ballast"), vec![1; 2 << 20]).unwrap();
    let store = SqliteStore::create(&folder).unwrap();
    let mut writer = store.writer().unwrap();
    let mut seq = 0;
    for round in 0..2 {
        let error = loop {
            if let Err(error) = writer.apply(&batch_of_entries(1, seq + 1, seq + 1)) {
                break error;
            }
            seq += 1;
        };
        assert_eq!(error, StoreError::Full, "round {round}");
        assert!(error.is_full());
        let repeated = writer.apply(&batch_of_entries(1, seq + 1, seq + 1));
        assert_eq!(repeated, Err(StoreError::Full));
        let found = store
            .reader()
            .unwrap()
            .entries(1, 0, u64::MAX, true, 1)
            .unwrap();
        assert_eq!(found[0].seq, seq, "what was refused is not there");
        let _ = fs::remove_file(folder.join("ballast"));
    }
    drop((writer, store));
    assert_eq!(entries_in(&folder), seq);
}

#[test]
fn each_commit_syncs_once() {
    if Command::new("strace").arg("-V").output().is_err() {
        eprintln!("skipped: strace is not installed");
        return;
    }
    let syncs = |commits| {
        let dir = tempfile::tempdir().unwrap();
        let trace = dir.path().join("trace");
        let prefix = format!(
            "exec strace -f -e trace=fsync,fdatasync -o '{}'",
            trace.display()
        );
        let output = child(&prefix, "child_commits", dir.path(), commits);
        assert!(output.status.success(), "{}", words(&output));
        let trace = fs::read_to_string(trace).unwrap();
        trace.lines().filter(|line| line.contains("sync(")).count()
    };
    let (few, many) = (syncs(10), syncs(60));
    assert_eq!(many - few, 50, "{few} syncs for 10 commits, {many} for 60");
}

#[test]
#[ignore = "run by each_commit_syncs_once"]
fn child_commits() {
    let commits: u64 = std::env::var(COMMITS).unwrap().parse().unwrap();
    let store = SqliteStore::create(&folder().join("store")).unwrap();
    let mut writer = store.writer().unwrap();
    for number in 0..commits {
        let (from, to) = (number * 10 + 1, number * 10 + 10);
        writer.apply(&batch_of_entries(1, from, to)).unwrap();
    }
}
