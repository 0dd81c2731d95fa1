//! What lies between the API process and the vault process: typed messages over a Unix socket, and connections of
//! clients that change hands.
//!
//! [`message`] is the whole vocabulary; [`link`] carries it, both ways at once; [`handoff`] passes sockets; [`gate`]
//! tells, before a byte of a request is read, whose request it is; [`peer`] is the API's end, which comes back when the
//! vault does. Never here: keys, decisions, a store.

pub mod gate;
pub mod handoff;
pub mod link;
pub mod message;
pub mod peer;
mod refuse;

pub use gate::{Gate, Side, Turn};
pub use handoff::{Handed, Handoff};
pub use link::{Gone, Link};
pub use peer::{Vault, VaultAway};
pub use refuse::refuse;
