//! Keys from outside: who keeps the roots, and what happens when keys are replaced under a running server.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod ceremony;
mod custody;
mod levels;
mod load;
#[path = "../program/mod.rs"]
mod program;
mod rotation;
mod sessions;
mod softhsm;
