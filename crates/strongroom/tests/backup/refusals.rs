//! Bad files, taken places, full disks, interruptions: told, and nothing is left.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::place::{Place, ended, text};
use crate::program::{Ended, run};

#[test]
fn what_is_no_good_backup_is_told_and_leaves_nothing() {
    let place = Place::new();
    let demo = place.demo();
    let file = place.path("good");
    place.backup(&["--out", text(&file)]).done();
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    place.keep_keys();
    let good = fs::read(&file).unwrap();
    let target = place.path("restored");
    let names = place.names();
    let refused = |bytes: &[u8], words: &str| {
        let odd = place.path("odd");
        fs::write(&odd, bytes).unwrap();
        ended(place.restore(&odd, &["--to", text(&target)])).failed(words);
        ended(place.restore(&odd, &["--list"])).failed(words);
        fs::remove_file(odd).unwrap();
        assert_eq!(place.names(), names, "nothing is left");
    };
    refused(&good[..good.len() - 1], "cut off or altered");
    refused(&good[..good.len() / 2], "cut off or altered");
    refused(&[&good[..], b"more"].concat(), "cut off or altered");
    for place in [good.len() / 3, good.len() - 5] {
        let mut altered = good.clone();
        altered[place] ^= 1;
        refused(&altered, "cut off or altered");
    }
    refused(&good[..40], "cut off or altered");
    refused(b"", "no backup of strongroom");
    refused(b"SQLite format 3\0 and so on", "no backup of strongroom");
    refused(b"strongroom/backup/7\nand so on", "format `7`");

    let told = ended(place.restore(&file, &["--list"])).done();
    assert!(
        told.contains("every byte is as it was written") && told.contains("ends at"),
        "{told}"
    );
    ended(place.restore(place.dir.path(), &["--list"])).failed("is a folder");
    ended(place.restore(&place.path("none"), &["--list"])).failed("no such file");
    // Another installation's keyring; then none, which shows what stands in clear.
    let other = Place::new();
    assert_eq!(
        other.demo().running.stop(Signal::TERM).status.code(),
        Some(0)
    );
    other.keep_keys();
    ended(other.restore(&file, &["--list"])).failed("the keyring does not open it");
    let told = run(&["restore", text(&file), "--list"]).done();
    assert!(
        told.starts_with("backup ") && !told.contains("entries"),
        "{told}"
    );
}

#[test]
fn places_that_are_taken_are_left_alone() {
    let place = Place::new();
    let demo = place.demo();
    let file = place.path("good");
    place.backup(&["--out", text(&file)]).done();
    place
        .backup(&["--out", text(&file)])
        .failed("exists already");
    let link = place.path("link");
    symlink("nowhere", &link).unwrap();
    place
        .backup(&["--out", text(&link)])
        .failed("is a symbolic link");
    place
        .backup(&["--out", text(place.dir.path())])
        .failed("is a folder");
    let lost = place.path("none/backup");
    place
        .backup(&["--out", text(&lost)])
        .failed("there is no folder");
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    place.keep_keys();
    let to = |target: &Path| ended(place.restore(&file, &["--to", text(target)]));
    to(&place.data()).failed("is a folder that holds something");
    to(&link).failed("is a symbolic link");
    to(&file).failed("exists already");
    to(&place.path("none/data")).failed("there is no folder");
    let names = place.names();
    let empty = place.path("empty");
    fs::create_dir(&empty).unwrap();
    to(&empty).done();
    assert!(empty.join("strongroom.db").is_file());
    assert_eq!(place.names().len(), names.len() + 1);
}

/// A limit on the length of files stands for a full disk: what cannot be written is told, and nothing is left.
#[test]
fn a_full_disk_leaves_nothing() {
    let place = Place::new();
    let demo = place.demo();
    let file = place.path("good");
    place.backup(&["--out", text(&file)]).done();
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    place.keep_keys();
    let names = place.names();
    let limited = |arguments: String| {
        let program = env!("CARGO_BIN_EXE_strongroom");
        let mut shell = Command::new("sh");
        // Units of 512 bytes; without the signal the program is told of it as of any other failure.
        let line = format!("trap '' XFSZ; ulimit -f 16; exec {program} {arguments}");
        Ended::of(shell.args(["-c", &line]).output().unwrap())
    };
    let (data, out, target) = (place.data(), place.path("out"), place.path("restored"));
    limited(format!(
        "backup --data {} --out {}",
        data.display(),
        out.display()
    ))
    .failed("too large");
    let (keyring, passphrase) = (place.path("keyring.toml"), place.path("demo-passphrase"));
    let refused = limited(format!(
        "restore {} --to {} --keyring {} --passphrase-file {}",
        file.display(),
        target.display(),
        keyring.display(),
        passphrase.display()
    ));
    assert_eq!(refused.code, Some(1), "{}", refused.err);
    assert!(refused.err.contains("error: "), "{}", refused.err);
    assert_eq!(place.names(), names);
}

/// Stopped or killed half way: the place stays empty, and the next try is none the worse.
#[test]
fn an_interrupted_restore_leaves_nothing_or_what_the_next_one_removes() {
    let place = Place::new();
    let demo = place.demo();
    let file = place.path("good");
    for number in 0..200 {
        assert_eq!(demo.pay(10, &format!("payout-{number}")).status, 201);
    }
    place.backup(&["--out", text(&file)]).done();
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    place.keep_keys();
    let good = fs::read(&file).unwrap();
    let (pipe, target) = (place.path("pipe"), place.path("restored"));
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let names = place.names();
    for signal in [Signal::INT, Signal::TERM, Signal::KILL] {
        let mut restore = place.restore(&pipe, &["--to", text(&target)]);
        let mut child = restore
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // It waits for the rest of it for ever.
        let mut half = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
        std::io::Write::write_all(&mut half, &good[..good.len() * 2 / 3]).unwrap();
        let beside = place.path(".restored.unfinished/strongroom.db");
        while !beside.exists() {
            assert!(child.try_wait().unwrap().is_none(), "it ended too soon");
            std::thread::yield_now();
        }
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
        let status = child.wait().unwrap();
        drop(half);
        assert!(!target.exists());
        if signal == Signal::KILL {
            assert!(beside.exists(), "nobody could remove it");
        } else {
            assert_eq!(status.code(), Some(130));
            assert_eq!(place.names(), names);
        }
    }
    ended(place.restore(&file, &["--to", text(&target)])).done();
    let mut all = names;
    all.push("restored".to_owned());
    all.sort();
    assert_eq!(place.names(), all);
}
