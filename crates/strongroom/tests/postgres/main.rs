//! The program on a real PostgreSQL: found again, handed over, refused for a reason, killed, cut off.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod backup;
mod crash;
mod database;
mod disk;
mod handing_over;
mod leaving;
mod migrate;
mod nodes;
mod outages;
mod pair;
mod patroni;
mod planned;
#[path = "../program/mod.rs"]
mod program;
#[path = "../listening/proxy.rs"]
#[expect(dead_code, reason = "others cut after some bytes")]
mod proxy;
mod refusals;
mod rolling;
mod rotation;
mod shared_vault;
mod two_nodes;
