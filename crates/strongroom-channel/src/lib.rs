//! What lies between the API process and the vault process: typed messages over a Unix socket, and connections of
//! clients that change hands.
//!
//! [`message`] is the whole vocabulary; [`link`] carries it, both ways at once; [`handoff`] passes sockets; [`gate`]
//! tells, before a byte of a request is read, whose request it is; [`dressed`] is what stands on the answers of both; [`peer`] is the API's end, which comes back when the
//! vault does; [`keys`] is what may be told of the vault's keys, [`transit`] what of a request that is under way. Never here: a key, decisions, a store.

pub mod dressed;
pub mod gate;
pub mod handoff;
pub mod keys;
pub mod link;
pub mod message;
pub mod peer;
mod refuse;
pub mod transit;

pub use dressed::Dressed;
pub use gate::{Gate, Side, Turn};
pub use handoff::{Handed, Handoff};
pub use link::{Gone, Link};
pub use peer::{Vault, VaultAway};
pub use refuse::refuse;
