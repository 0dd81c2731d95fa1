//! What only the second engine does: starts that are refused, one writer at a time, and failures
//! of the server and of the connection, each on a real PostgreSQL.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "a test fails by panicking"
)]

mod cut;
mod failing;
mod forsaken;
mod opening;
mod plans;
#[path = "../rows/mod.rs"]
mod rows;
#[path = "../server/mod.rs"]
mod server;
mod taking_over;
mod tls;
