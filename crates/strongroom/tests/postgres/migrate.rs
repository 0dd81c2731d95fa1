//! From files to a database: copied whole, verified on both sides, run again, served.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use rustix::process::Signal;
use strongroom_testkit::dice::Dice;

use crate::database::{Database, NAME};
use crate::program::writers::{Line, assert_all_there_once, kill_under_load, paid, settle};
use crate::program::{Demo, Ended, run, strongroom};

const FUNDS: i64 = 10_000_000;

/// Payouts to be copied; `STRONGROOM_MIGRATE_PAYOUTS` asks for more.
fn payouts() -> usize {
    let asked = std::env::var("STRONGROOM_MIGRATE_PAYOUTS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(3_000)
}

fn migrate(from: &Path, database: &Database) -> Command {
    let mut command = strongroom();
    command.args(["migrate", "--to", &database.url(), "--from"]);
    command.arg(from);
    command
}

fn ended(mut command: Command) -> Ended {
    Ended::of(command.output().unwrap())
}

/// The table of logs of a report: sizes and roots.
fn logs(report: &str) -> Vec<&str> {
    report
        .lines()
        .filter(|line| line.starts_with("org_") || line.starts_with("the installation"))
        .collect()
}

#[test]
fn an_installation_moves_with_everything_it_has() {
    let Some(database) = Database::start() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let from = dir.path();
    let data = from.to_str().unwrap();
    // Left by a kill, as a machine may have been.
    let mut journal: Vec<Line> = kill_under_load(Demo::start(Some(from)), 0, payouts());
    let before = run(&["verify", "--data", data]).done();

    // Killed while it copies: what is there is served and verified by nobody.
    let mut child = migrate(from, &database)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let copied = || {
        let found = database
            .cluster
            .psql(NAME, "SELECT count(*) FROM strongroom.log");
        found.ok().and_then(|text| text.parse::<u32>().ok())
    };
    while copied().is_none_or(|rows| rows < 500) {
        assert!(child.try_wait().unwrap().is_none(), "it ended too soon");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let on_database = ["--data", data, "--postgres", &database.url()];
    for command in [&["verify"][..], &["demo", "--port", "0"]] {
        let err = run(&[command, &on_database].concat()).failed("has not come to its end");
        assert!(err.contains("strongroom migrate"), "{err}");
    }

    let begun = Instant::now();
    let told = ended(migrate(from, &database)).done();
    println!(
        "{} payouts copied and verified on both sides in {:.1} s",
        journal.len(),
        begun.elapsed().as_secs_f64()
    );
    assert_eq!(logs(&told), logs(&before), "equal roots");
    assert!(logs(&told).len() >= 3, "{told}");
    assert!(told.contains("no damage found"), "{told}");
    let after = run(&[&["verify"], &on_database[..]].concat()).done();
    assert_eq!(after, before, "equal in every number");
    // Once more changes nothing.
    assert_eq!(logs(&ended(migrate(from, &database)).done()), logs(&before));

    let demo = Demo::start_with(Some(from), &on_database[2..]);
    settle(&demo, &mut journal, &mut Dice::new(5));
    let (all, inside) = paid(&journal);
    let balances = (demo.available("operating"), demo.available("reserve"));
    assert_eq!(balances, (FUNDS - all, FUNDS + inside));
    assert_all_there_once(&demo, &journal);
    let err = ended(migrate(from, &database)).failed("another server serves these books");
    assert!(err.contains("hint:"), "{err}");
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    // What was served has entries of its own, and is left alone.
    ended(migrate(from, &database)).failed("there is an installation in this database already");
    run(&[&["verify"], &on_database[..]].concat()).done();
}

/// The directory grew after a first copy: the next one brings it along.
#[test]
fn a_copy_is_brought_up_to_date() {
    let Some(database) = Database::start() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let demo = Demo::start(Some(dir.path()));
    assert_eq!(demo.pay(100, "early").status, 201);
    let locked = ended(migrate(dir.path(), &database)).failed("in use by another process");
    assert!(locked.contains("hint:"), "{locked}");
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    let first = ended(migrate(dir.path(), &database)).done();
    let demo = Demo::start(Some(dir.path()));
    assert_eq!(demo.pay(200, "late").status, 201);
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    let second = ended(migrate(dir.path(), &database)).done();
    assert_ne!(logs(&first), logs(&second));

    let demo = Demo::start_with(Some(dir.path()), &["--postgres", &database.url()]);
    assert_eq!(demo.available("operating"), FUNDS - 300);
    let again = demo.pay(200, "late");
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    // Another installation is not brought into it.
    let other = tempfile::tempdir().unwrap();
    let elsewhere = Demo::start(Some(other.path()));
    assert_eq!(elsewhere.running.stop(Signal::TERM).status.code(), Some(0));
    ended(migrate(other.path(), &database)).failed("there is an installation in this database");
    let nothing = dir.path().join("nothing");
    ended(migrate(&nothing, &database)).failed("there is no keyring at");
}
