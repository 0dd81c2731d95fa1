//! `cargo xtask ci`: everything that must pass before a commit lands, cheapest first, so that a
//! fault is told early. `.ci/run` calls exactly this.

use crate::process::{cargo, find_program, step};
use crate::{Outcome, tidy};

/// Runs every gate in order and stops at the first that fails.
pub fn run() -> Outcome<()> {
    step("format", &mut cargo(["fmt", "--all", "--check"]))?;
    tidy::run()?;
    supply()?;
    step(
        "clippy",
        &mut cargo([
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]),
    )?;
    // The README's own test command, word for word: what it promises is what is run.
    step("tests", &mut cargo(["test", "--workspace"]))
}

/// Bans, licences and sources of the dependencies. Advisories need a network and are left out.
fn supply() -> Outcome<()> {
    if find_program("cargo-deny").is_none() {
        println!("== supply: skipped, cargo-deny is not installed");
        return Ok(());
    }
    step(
        "supply",
        &mut cargo(["deny", "check", "bans", "licenses", "sources"]),
    )
}
