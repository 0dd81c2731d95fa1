//! What holds for every route, from the route table: a new route is covered the moment it stands there.
//!
//! [`sample`] says how each route is used well; everything else here is made from that and from the table. The lists
//! of exemptions only shrink: an exemption that is no longer needed fails its test.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod access;
mod banks;
mod bodies;
mod changes;
mod matrix;
mod named;
mod people;
mod planned;
mod promises;
mod replies;
mod sample;
mod schema;
mod shop;
mod strangers;
mod tripwire;
