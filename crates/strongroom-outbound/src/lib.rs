//! The one outbound client of the product: whatever the server fetches or delivers goes through [`Outbound`].
//!
//! The address of a target comes from a customer, so it is hostile: a URL is parsed once, its name resolved once, every
//! address checked, and the connection made to the checked address and to nothing else. No redirect is followed, no
//! proxy variable read, no answer read beyond its limit. What is refused is listed in [`ranges`] and [`target`].
//! Never here: what is sent and why, retries, schedules, secrets.

mod client;
mod connect;
mod fault;
mod policy;
mod pool;
mod ranges;
mod request;
mod resolve;
mod target;
mod tls;

pub use client::Outbound;
pub use fault::OutboundFault;
pub use policy::{NetworkFault, Policy, Roots};
pub use request::{Limits, Reply, Request};
pub use resolve::{Lookup, Resolver, SystemResolver};
pub use target::{Target, TargetFault};
