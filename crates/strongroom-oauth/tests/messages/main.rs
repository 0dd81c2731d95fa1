//! What clients sign: taken where all is right, and refused for each thing that is not.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod assertions;
mod keys;
mod proofs;
mod signed;
