//! Killed under load, again and again: what was acknowledged is there, nothing is there twice, and the log says so.
//!
//! Eight writers pay and keep a journal each. The server is killed with SIGKILL at a moment that the load chooses, the
//! folder is verified as it lies, the server starts again, and every request whose answer was lost is sent again under
//! its key. `STRONGROOM_CRASH_CYCLES` says how often (200 in a full run).
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod program;

use std::path::Path;

use program::writers::{Line, assert_all_there_once, kill_under_load, paid, settle};
use program::{Demo, run};
use rustix::process::Signal;
use strongroom_audit::Bundle;
use strongroom_domain::action::Action;
use strongroom_domain::entry::{EntryFacts, decode, tag};
use strongroom_testkit::dice::Dice;

const FUNDS: i64 = 10_000_000;
const CYCLES: u64 = 5;
/// How the installation's log names the log of the demo's organization in test mode.
const ORGANIZATION_LOG: &str = "log_2";

/// The last sequence of the organization's log in a folder that nobody serves, which must be without damage.
fn verified(data: &Path, organization: &str) -> u64 {
    let data = data.to_str().unwrap();
    let report = run(&["verify", "--data", data]).done();
    assert!(report.contains("no damage found"), "{report}");
    let of_log = |line: &&str| {
        line.starts_with(organization) && line.split_whitespace().nth(1) == Some("test")
    };
    let line = report.lines().find(of_log).unwrap();
    line.split_whitespace().nth(2).unwrap().parse().unwrap()
}

#[test]
fn kill_between_commit_and_reply() {
    let cycles = std::env::var("STRONGROOM_CRASH_CYCLES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(CYCLES);
    let dir = tempfile::tempdir().unwrap();
    let mut dice = Dice::new(7);
    let mut journal: Vec<Line> = Vec::new();
    let (mut lost, mut made) = (0, 0);
    let mut demo = Demo::start(Some(dir.path()));
    for cycle in 0..cycles {
        let acknowledged = 1 + dice.below(120);
        let organization = demo.text("organization_id").to_owned();
        let mut written = kill_under_load(demo, cycle, acknowledged);
        verified(dir.path(), &organization);
        demo = Demo::start(Some(dir.path()));
        let (unanswered, committed) = settle(&demo, &mut written, &mut dice);
        lost += unanswered;
        made += committed;
        journal.extend(written);
        let (all, inside) = paid(&journal);
        let balances = (demo.available("operating"), demo.available("reserve"));
        assert_eq!(
            balances,
            (FUNDS - all, FUNDS + inside),
            "after kill {cycle}"
        );
    }
    println!(
        "{} payouts, {cycles} kills; of {lost} lost answers {made} stood for payouts that were made",
        journal.len()
    );
    assert_all_there_once(&demo, &journal);
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
}

#[test]
fn audit_crash_visible() {
    let dir = tempfile::tempdir().unwrap();
    let mut lasts = Vec::new();
    for cycle in 0..2 {
        let demo = Demo::start(Some(dir.path()));
        let organization = demo.text("organization_id").to_owned();
        drop(kill_under_load(
            demo,
            cycle,
            20 + 30 * usize::from(cycle == 1),
        ));
        lasts.push(verified(dir.path(), &organization));
    }
    let demo = Demo::start(Some(dir.path()));
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    // A clean stop leaves nothing to tell at the next start.
    let demo = Demo::start(Some(dir.path()));
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));

    let told = unclean_restarts(dir.path());
    assert_eq!(
        told, lasts,
        "each kill is told once, with the last sequence"
    );
}

/// What the installation's log tells of kills: the last sequence of the organization's log at each.
fn unclean_restarts(data: &Path) -> Vec<u64> {
    let bundle = run(&[
        "audit",
        "export",
        "--opened",
        "--data",
        data.to_str().unwrap(),
    ])
    .done();
    let bundle: Bundle = serde_json::from_str(&bundle).unwrap();
    let facts = bundle.entries.iter().map(|entry| {
        let part = entry
            .parts
            .iter()
            .find(|part| part.tag == tag::FACTS)
            .unwrap();
        decode::<EntryFacts>(&part.opened.as_ref().unwrap().plaintext.0).unwrap()
    });
    let unclean = facts.filter(|facts| facts.action == Action::UncleanRestart);
    let last = |facts: EntryFacts| {
        let (_, sequence) = facts
            .details
            .into_iter()
            .find(|(name, _)| name == ORGANIZATION_LOG)
            .unwrap();
        sequence.parse().unwrap()
    };
    unclean.map(last).collect()
}
