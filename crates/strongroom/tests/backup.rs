//! Backup and restore, from outside: under load, interrupted, altered, behind what is known, into places that are taken.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod program;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use program::installation::{Installation, PASSPHRASE, config};
use program::writers::{Line, Shop};
use program::{Demo, Ended, assert_clean, run, strongroom};

const FUNDS: i64 = 10_000_000;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A demo's folder and what stands around it.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        Place {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn data(&self) -> PathBuf {
        self.path("data")
    }

    fn demo(&self) -> Demo {
        Demo::start(Some(&self.data()))
    }

    /// Keys that a demo's folder has for itself, kept apart.
    fn keep_keys(&self) {
        for name in ["keyring.toml", "demo-passphrase", "demo.json"] {
            let from = self.data().join(name);
            if from.is_file() {
                fs::copy(from, self.path(name)).unwrap();
            }
        }
    }

    fn backup(&self, more: &[&str]) -> Ended {
        let data = self.data();
        run(&[&["backup", "--data", text(&data)], more].concat())
    }

    fn restore(&self, file: &Path, more: &[&str]) -> Command {
        let (keyring, passphrase) = (self.path("keyring.toml"), self.path("demo-passphrase"));
        let mut command = strongroom();
        command
            .arg("restore")
            .arg(file)
            .arg("--keyring")
            .arg(keyring);
        command.arg("--passphrase-file").arg(passphrase).args(more);
        command
    }

    /// The keys that a restored demo needs to run.
    fn give_keys(&self, to: &Path) {
        for entry in fs::read_dir(self.data()).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if entry.path().is_file() && !name.starts_with("strongroom.db") && name != "lock" {
                fs::copy(entry.path(), to.join(name)).unwrap();
            }
        }
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn ended(mut command: Command) -> Ended {
    Ended::of(command.output().unwrap())
}

/// Pays until told to stop; what was acknowledged, in order.
struct Load {
    acknowledged: Arc<Mutex<Vec<Line>>>,
    stop: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Load {
    fn on(demo: &Demo) -> Load {
        let (acknowledged, stop) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let threads = (0..4)
            .map(|writer: u32| {
                let (shop, stop) = (Shop::of(demo), Arc::clone(&stop));
                let acknowledged: Arc<Mutex<Vec<Line>>> = Arc::clone(&acknowledged);
                std::thread::spawn(move || {
                    for number in 0.. {
                        if stop.load(Ordering::SeqCst) {
                            return;
                        }
                        let line = Line {
                            key: format!("load-{writer}-{number}"),
                            amount: 10,
                            to_bank: number % 8 == 7,
                            answer: None,
                        };
                        let answer = shop.pay(&line).unwrap();
                        assert_eq!(answer.status, 201);
                        let answer = Some(answer.body);
                        acknowledged.lock().unwrap().push(Line { answer, ..line });
                    }
                })
            })
            .collect();
        Load {
            acknowledged,
            stop,
            threads,
        }
    }

    fn count(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    fn wait_for(&self, count: usize) {
        while self.count() < count {
            std::thread::yield_now();
        }
    }

    fn end(self) -> Vec<Line> {
        self.stop.store(true, Ordering::SeqCst);
        self.threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        Arc::into_inner(self.acknowledged)
            .unwrap()
            .into_inner()
            .unwrap()
    }
}

/// Money moves while it is taken; what was acknowledged before it began is in it, whole, and nothing else is half.
#[test]
fn a_backup_of_a_running_server_is_restored_whole() {
    let place = Place::new();
    let demo = place.demo();
    let load = Load::on(&demo);
    load.wait_for(100);
    let before = load.count();
    let (file, note) = (place.path("full.strongroom"), place.path("checkpoint"));
    let told = place
        .backup(&[
            "--out",
            text(&file),
            "--verify",
            "--checkpoint-out",
            text(&note),
        ])
        .done();
    assert!(
        told.contains("restored and verified: no damage found"),
        "{told}"
    );
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    load.wait_for(load.count() + 20);
    let lines = load.end();
    demo.running.kill();
    place.keep_keys();

    let target = place.path("restored");
    let more = ["--to", text(&target), "--checkpoint", text(&note)];
    let report = ended(place.restore(&file, &more)).done();
    assert!(report.contains("no damage found"), "{report}");
    place.give_keys(&target);
    assert_clean(&target);
    let demo = Demo::start(Some(&target));
    let shop = Shop::of(&demo);
    let operating = demo.available("operating");
    let payouts = program::writers::payouts(&demo);
    // Whole payouts only: what left the wallet is what is listed.
    let listed: i64 = payouts
        .iter()
        .map(|payout| payout["amount"].as_i64().unwrap())
        .sum();
    assert_eq!(operating, FUNDS - listed);
    assert!(
        payouts.len() >= before && payouts.len() < lines.len(),
        "{}",
        payouts.len()
    );
    for line in &lines[..before] {
        let again = shop.pay(line).unwrap();
        assert!(
            again.replayed,
            "{} was acknowledged before the backup",
            line.key
        );
        assert_eq!(Some(&again.body), line.answer.as_ref());
    }
    // What came after it is not there, and is done anew.
    let last = lines.last().unwrap();
    assert!(!shop.pay(last).unwrap().replayed);
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    assert_clean(&target);
}

#[test]
fn the_machine_that_makes_it_needs_no_secret() {
    let installation = Installation::new("127.0.0.1:0");
    let serving = installation.serve();
    let recipient = Ended::of(
        installation
            .command("backup")
            .arg("--show-recipient")
            .output()
            .unwrap(),
    );
    let recipient = recipient.done().trim().to_owned();
    // No passphrase, no terminal, not even the keyring.
    let keyring = installation.path("keyring.toml");
    let away = installation.path("elsewhere.toml");
    fs::rename(&keyring, &away).unwrap();
    let file = installation.path("nightly");
    let config = installation.path("strongroom.toml");
    let make = |recipient: &str, out: &Path| {
        let mut command = strongroom();
        command.args([
            "backup",
            "--config",
            text(&config),
            "--recipient",
            recipient,
        ]);
        command.arg("--out").arg(out);
        Ended::of(command.output().unwrap())
    };
    make(&recipient, &file).done();
    // To a pipe, which is where another machine would be.
    let mut command = strongroom();
    command.args([
        "backup",
        "--config",
        text(&config),
        "--recipient",
        &recipient,
        "--out",
        "-",
    ]);
    let piped = command.output().unwrap();
    assert_eq!(piped.status.code(), Some(0));
    let streamed = installation.path("streamed");
    fs::write(&streamed, &piped.stdout).unwrap();
    let mistyped = format!("{}x", &recipient[..recipient.len() - 1]);
    let refused = make(&mistyped, &installation.path("none"));
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    assert!(
        refused.err.contains("a character missing"),
        "{}",
        refused.err
    );
    assert_eq!(serving.running.stop(Signal::TERM).status.code(), Some(0));

    let passphrase = installation.path("passphrase");
    for (file, name) in [(&file, "one"), (&streamed, "two")] {
        let target = installation.path(name);
        let mut command = strongroom();
        command.arg("restore").arg(file).arg("--to").arg(&target);
        command
            .arg("--keyring")
            .arg(&away)
            .arg("--passphrase-file")
            .arg(&passphrase);
        ended(command).done();
        let bytes = fs::read(file).unwrap();
        assert!(!holds(&bytes, &fs::read(&away).unwrap()) && !holds(&bytes, PASSPHRASE.as_bytes()));
        assert!(
            !target.join("keyring.toml").exists(),
            "root custody is never in it"
        );
    }
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// With the configuration as the place: the data directory was lost.
#[test]
fn a_lost_data_directory_comes_back_by_its_configuration() {
    let installation = Installation::configured(&config("127.0.0.1:0"));
    let key = installation.shown("test secret key");
    let file = installation.path("backup");
    let backup = |out: &Path| {
        Ended::of(
            installation
                .command("backup")
                .arg("--out")
                .arg(out)
                .output()
                .unwrap(),
        )
    };
    backup(&file).done();
    let serving = installation.serve();
    assert_eq!(serving.account(&key).0, 200);
    assert_eq!(serving.running.stop(Signal::TERM).status.code(), Some(0));
    let restore = |more: &[&str]| {
        let mut command = installation.command("restore");
        command.arg(&file).args(more);
        Ended::of(command.output().unwrap())
    };
    restore(&[]).failed("is a folder that holds something");
    fs::rename(installation.path("data"), installation.path("former")).unwrap();
    restore(&[]).done();
    let serving = installation.serve();
    assert_eq!(serving.account(&key).0, 200);
    assert_eq!(serving.running.stop(Signal::TERM).status.code(), Some(0));
}

#[test]
fn what_is_behind_a_known_checkpoint_is_refused_without_its_number() {
    let place = Place::new();
    let demo = place.demo();
    let (old, new, note) = (place.path("old"), place.path("new"), place.path("note"));
    place.backup(&["--out", text(&old)]).done();
    assert_eq!(demo.pay(10, "later").status, 201);
    place
        .backup(&["--out", text(&new), "--checkpoint-out", text(&note)])
        .done();
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    place.keep_keys();

    let target = place.path("restored");
    let to = ["--to", text(&target)];
    let with = |file: &Path, more: &[&str]| ended(place.restore(file, &[&to, more].concat()));
    let known = ["--checkpoint", text(&note)];
    let data = place.data();
    for known in [&known[..], &["--former", text(&data)]] {
        let refused = with(&old, known);
        let out = refused.out.clone();
        let err = refused.failed("behind a known checkpoint");
        assert!(
            !target.exists() && err.contains("--accept-rollback-to"),
            "{err}"
        );
        // The number of each log that falls back; none but the right ones will do.
        let here = |line: &str| {
            line.split(" ends at ")
                .nth(1)?
                .split(' ')
                .next()
                .map(str::to_owned)
        };
        let numbers: Vec<String> = out.lines().filter_map(here).collect();
        assert!(!numbers.is_empty(), "{out}");
        let wrong = [known, &["--accept-rollback-to", "1000000"]].concat();
        with(&old, &wrong).failed("behind a known checkpoint");
        let mut accepted = known.to_vec();
        for number in &numbers {
            accepted.extend(["--accept-rollback-to", number]);
        }
        with(&old, &accepted).done();
        fs::remove_dir_all(&target).unwrap();
    }
    with(&new, &known).done();
    fs::remove_dir_all(&target).unwrap();

    // A checkpoint that this installation did not sign is no reason for anything.
    let signed = fs::read_to_string(&note).unwrap();
    let size = signed.lines().nth(1).unwrap();
    let forged = signed.replacen(&format!("\n{size}\n"), "\n1\n", 1);
    fs::write(&note, forged).unwrap();
    with(&new, &known).failed("a known checkpoint");
    fs::write(&note, "nothing\n").unwrap();
    with(&new, &known).failed("a known checkpoint");
    fs::write(&note, "").unwrap();
    with(&new, &known).failed("holds no checkpoint");
    assert!(!target.exists());
}

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
            std::thread::sleep(Duration::from_millis(5));
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
