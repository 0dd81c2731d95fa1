//! Random sequences over the real HTTP API, every reply and every read held against the reference ledger.
//!
//! One server on a SQLite file, two organizations, one client: wallets, credits, debits, transfers, payouts of both
//! kinds, the rail, retries with the same and with another body, ids of nobody and of the other organization, lists by
//! every filter and page size, a clock that jumps, restarts. `STRONGROOM_MODEL_OPS` says how many operations (20,000
//! in a full run), `STRONGROOM_MODEL_SEED` replays one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod ask;
mod reads;
mod till;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use world::World;

/// Operations without being asked for more.
const OPS: u64 = 1_500;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn query_matches_model() {
    let ops = number("STRONGROOM_MODEL_OPS").unwrap_or(OPS);
    // Another sequence each day and yet the same on every machine would be no test of a change: the seed is fixed.
    let seed = number("STRONGROOM_MODEL_SEED").unwrap_or(20_260_101);
    let mut done = 0;
    let run = || {
        let mut world = World::new(seed);
        while done < ops {
            world.step();
            done += 1;
        }
        world.end();
    };
    if catch_unwind(AssertUnwindSafe(run)).is_err() {
        panic!(
            "operation {done}; again: STRONGROOM_MODEL_SEED={seed} STRONGROOM_MODEL_OPS={ops} \
             cargo test -p strongroom-testkit --test model"
        );
    }
}
