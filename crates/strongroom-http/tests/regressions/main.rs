//! Defects of real systems, as tests with the names of REGRESSIONS, driven from outside: over the API or by changed
//! files.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod access;
mod batch;
mod cards;
mod edge;
mod gate;
mod idempotency;
mod keys;
mod late;
mod levels;
mod logs;
mod payouts;
mod refunds;
mod signatures;
mod tampering;

use strongroom_testkit::server::TestServer;
use strongroom_testkit::tenant::Tenant;

/// An organization of the test's own on the shared server.
fn tenant() -> Tenant<'static> {
    Tenant::found(TestServer::shared())
}

/// Runs `work` on `count` threads at once and collects what they return.
fn at_once<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = std::sync::Barrier::new(count);
    std::thread::scope(|scope| {
        let run = |n| {
            let (barrier, work) = (&barrier, &work);
            scope.spawn(move || {
                barrier.wait();
                work(n)
            })
        };
        let threads: Vec<_> = (0..count).map(run).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}
