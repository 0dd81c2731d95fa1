//! What OAuth's messages say, and whether it is true: tokens that clients sign (RFC 7515, 7517, 7523), proofs of possession
//! (RFC 9449), code challenges (RFC 7636) and redirect addresses.
//!
//! Everything here is pure: whose keys they are, what time it is and what was used before is told by the caller. Readers are bounded
//! and strict: three algorithms, no key in two roles, no member twice, nothing critical that is not understood.
//! Never here: HTTP, storage, who may have what scope.

mod assertion;
mod claims;
mod dpop;
mod fault;
#[doc(hidden)]
pub mod fuzzing;
mod jwk;
mod jws;
mod pkce;
mod redirect;

pub use assertion::{Assertion, Audience, LONGEST_LIFE};
pub use dpop::{Proof, Proven, Request, token_hash};
pub use fault::Fault;
pub use jwk::{Algorithm, Jwk, MOST_KEYS, read_keys};
pub use jws::Compact;
pub use pkce::{challenge, fits, is_challenge, is_verifier};
pub use redirect::{Redirect, check as check_redirect};
