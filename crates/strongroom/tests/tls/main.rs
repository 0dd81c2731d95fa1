//! TLS of the running program, seen by clients: versions, certificates, reloads, pins, an ACME server.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod acme;
mod authority;
mod client;
mod clients;
mod oauth;
mod pins;
#[path = "../program/mod.rs"]
mod program;
mod refusals;
mod reload;
mod sdk;
mod serving;
