//! Follows the events of a running server and brings each to one receiver, as a webhook would: the work behind
//! `strongroom listen`.
//!
//! One event is under way at a time. [`Listener::run`] follows the live stream from its [`Position`] on, and goes on from
//! there whenever the connection is lost. INVARIANT(webhook-at-least-once): the position moves
//! past an event only when the receiver took it (or it was passed over as asked), and the [`Journal`] keeps it before
//! the next event is sent. So nothing is missed or out of order, and an event comes twice only when its answer was lost.
//! Never here: printing, files, and another form of a delivery than the worker's.

mod fault;
mod follow;
mod forward;
mod journal;
mod pause;
mod position;

pub use fault::ListenFault;
pub use follow::{Listener, Wanted};
pub use forward::Forward;
pub use journal::{Attempt, Journal, News, Outcome};
pub use position::{Position, Start};
