//! The private channel between the nodes of one installation.
//!
//! One node decides; the others send it what they are asked. Where it is found, and by which certificate it is known,
//! stands in the database beside its lease ([`Notice`]), authenticated by a key that only holders of the installation's
//! root key have ([`NodeKey`]): whoever can write into the database cannot lead requests elsewhere. The channel is
//! TLS 1.3 pinned to that certificate; before a byte of HTTP is read, the follower proves in it that it holds the same
//! key, by a proof that is good for this one connection ([`Identity::admit`]). [`Holder`] keeps the connections: one lane that
//! carries questions side by side ([`Holder::ask`]), and as many of HTTP as there are streams and nodes without lanes.
//! Never here: what is sent, decisions, SQL, the client's side of the API.

#[doc(hidden)]
pub mod fuzzing;
mod holder;
mod identity;
mod key;
mod lane;
mod notice;
mod pinned;

pub use holder::{Answered, Holder, Missed};
pub use identity::{Admitted, Identity, Speech};
pub use key::NodeKey;
pub use lane::{Answering, answer_lane};
pub use notice::{Notice, NoticeFault};
