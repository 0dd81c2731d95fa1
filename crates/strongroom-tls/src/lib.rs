//! TLS of the server's own listener: which certificate is served to whom, and which clients get in.
//!
//! [`TlsSettings`] name files; [`Acceptor::open`] reads and checks them all, and [`Acceptor::reload`] does so again while
//! connections go on: what is broken changes nothing. [`Acceptor::accept`] turns a socket into a TLS stream and the
//! [`Facts`] of its handshake. [`PinSet`] is the signed list of keys that clients may hold the server to.
//!
//! Nothing here knows of HTTP beyond one answer to clients that speak it in clear, and nothing reads the clock.

mod acceptor;
pub mod acme;
mod certificate;
mod challenges;
mod clients;
mod config;
mod facts;
mod fault;
mod files;
#[doc(hidden)]
pub mod fuzzing;
mod pem;
pub mod pins;
mod settings;
mod stats;

pub use acceptor::{Acceptor, Refused};
pub use certificate::{Certificate, read_certificate};
pub use challenges::Challenges;
pub use facts::{ClientCertificate, Facts};
pub use fault::TlsFault;
pub use files::read_public;
pub use pem::{key_pin, parse_chain, parse_key};
pub use pins::{PinFault, PinSet, PinSigner};
pub use settings::{ClientSettings, PinSettings, TlsSettings};
pub use stats::HandshakeCounts;
