//! The API as a client meets it: a real server on a real SQLite file, spoken to over sockets.
//!
//! `v1/<resource>/<verb>.rs` mirrors the URL tree and holds one route each: success with its body, events and audit
//! facts, and what the route refuses. `edge/` holds what all routes have in common.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod edge;
mod v1;
