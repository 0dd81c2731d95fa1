//! `verify` over a history with every command: clean as it is, and every damage to it named.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test"
)]

mod bundle;
mod damage;
mod flip;
mod golden;
mod history;
mod scale;
