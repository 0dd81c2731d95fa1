//! HTTP message signatures (RFC 9421) over requests, and the digests of their content (RFC 9530).
//!
//! One reading of the rules for everybody: the edge that checks, the SDK and the command that sign. [`read`] takes the two
//! fields apart, [`base`] builds what is signed, [`Verifier`] and [`Signer`] hold the keys, [`digest`] the content's hashes.
//! Never here: which components a server demands, whose key it is, a clock. Structured fields are parsed by `sfv`.

mod base;
mod component;
pub mod digest;
mod fault;
mod field;
mod key;
mod message;
mod read;
mod sign;

pub use base::base;
pub use component::Component;
pub use fault::Fault;
pub use key::{Algorithm, PublicKey, Signer, Verifier};
pub use message::{Fields, Message};
pub use read::{Parameters, Signed, read};
pub use sign::{Made, sign};
