//! The client against real servers on the loopback: what it must not reach, and what it must.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests: what fails, fails the test"
)]

mod exchange;
mod guard;
mod support;
