//! Payments that go to an acquirer by ISO 8583, driven from the API: the acquirer is a program of the test with books of its own,
//! on a real socket, and in the end both sides' books are compared.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "acquirer/bank.rs"]
mod bank;
#[path = "acquirer/captures.rs"]
mod captures;
#[path = "acquirer/each_step.rs"]
mod each_step;
#[path = "acquirer/journey.rs"]
mod journey;
#[path = "acquirer/killed.rs"]
mod killed;
mod program;
#[path = "acquirer/refused.rs"]
mod refused;
#[path = "acquirer/shop.rs"]
mod shop;
#[path = "acquirer/undone.rs"]
mod undone;
#[path = "acquirer/wire.rs"]
mod wire;

/// Kills a process that is not a child of this one.
fn kill(id: u32) {
    let id = rustix::process::Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::KILL).unwrap();
}
