//! Killed under load again and again on a database: what was acknowledged is there, nothing is there twice.
//! `STRONGROOM_CRASH_CYCLES` says how often, at most a tenth of what is done on files, since a killed server's lease is
//! waited for.

use std::time::Instant;

use rustix::process::Signal;
use strongroom_testkit::dice::Dice;

use crate::database::Database;
use crate::program::writers::{Line, assert_all_there_once, kill_under_load, paid, settle};

const FUNDS: i64 = 10_000_000;
const CYCLES: u64 = 3;

#[test]
fn kill_between_commit_and_reply() {
    let Some(database) = Database::start() else {
        return;
    };
    let cycles = asked_for().unwrap_or(CYCLES);
    let mut dice = Dice::new(11);
    let mut journal: Vec<Line> = Vec::new();
    let (mut lost, mut made) = (0, 0);
    let mut longest = 0.0_f64;
    let mut demo = database.demo();
    for cycle in 0..cycles {
        let acknowledged = 1 + dice.below(80);
        let mut written = kill_under_load(demo, cycle, acknowledged);
        // As it lies, the lease of the dead one included.
        database.verified();
        let begun = Instant::now();
        demo = database.demo();
        longest = longest.max(begun.elapsed().as_secs_f64());
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
        "{} payouts, {cycles} kills; of {lost} lost answers {made} stood for payouts that were made; \
        the longest start took {longest:.1} s",
        journal.len()
    );
    assert_all_there_once(&demo, &journal);
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    database.verified();
}

/// Cycles of a long run.
pub fn asked_for() -> Option<u64> {
    let asked: u64 = std::env::var("STRONGROOM_CRASH_CYCLES")
        .ok()?
        .parse()
        .ok()?;
    Some((asked / 10).max(1))
}
