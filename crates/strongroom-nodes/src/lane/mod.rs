//! Many questions on one connection: each travels whole and numbered, and is answered when its answer is ready.
//!
//! What comes together is sent together: one record of TLS and one write carry as many frames as there are, so that a
//! request handed on costs its bytes and not a connection's turn. `frame.rs` cuts what comes in, `asking.rs` is the
//! follower's end, `answering.rs` the deciding node's. What a frame says is the business of whoever sends it.

mod answering;
mod asking;
mod frame;

pub use answering::{Answering, answer_lane};
pub(crate) use asking::{Lane, Unasked};
