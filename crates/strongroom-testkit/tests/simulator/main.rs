//! A seeded simulator: the engine on a disk that fills up, fails and loses power, with several clients at once, retries
//! of everything, and a clock that jumps. After every step the engine must agree with the reference ledger.
//!
//! One seed: `STRONGROOM_SIM_SEED=n cargo test -p strongroom-testkit --test simulator`; how many otherwise:
//! `STRONGROOM_SIM_SEEDS` (2,000 in a full run).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod clients;
mod gate;
mod named;
mod reads;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use world::World;

/// Seeds run without being asked for more.
const SEEDS: u64 = 200;
/// Rounds of a seed.
const ROUNDS: usize = 20;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn seeds_end_as_the_reference_says() {
    let (from, to) = match number("STRONGROOM_SIM_SEED") {
        Some(seed) => (seed, seed + 1),
        None => (0, number("STRONGROOM_SIM_SEEDS").unwrap_or(SEEDS)),
    };
    let next = AtomicU64::new(from);
    let failed = AtomicU64::new(u64::MAX);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= to || failed.load(Ordering::Relaxed) != u64::MAX {
                        return;
                    }
                    if catch_unwind(AssertUnwindSafe(|| World::new(seed).live(ROUNDS))).is_err() {
                        failed.store(seed, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    assert!(
        failed == u64::MAX,
        "again: STRONGROOM_SIM_SEED={failed} cargo test -p strongroom-testkit --test simulator"
    );
}
