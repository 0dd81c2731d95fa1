//! The vault as a process of its own: the one place where card numbers, their keys and security codes are.
//!
//! [`Vault::open`] takes up its store and keys; [`Vault::serve`] answers on a Unix socket until it is told to stop. It
//! reads the requests that carry a card from their connections ([`front`]), hands the API process what is left of them
//! without the card ([`redact`], which opens encrypted fields by [`jwe`] with the keys of [`encryption`]), and does with the card what that process, once it
//! has put it on record, asks for ([`desk`]), for the one installation that it belongs to ([`bond`]). [`confine`] denies the process everything else; connections to an acquirer come
//! from [`dial`]. Its keys are replaced while it serves ([`replace`]); [`walk`] looks through all that is stored. Never here: credentials, decisions, the books, a clock.

mod answers;
mod bond;
mod cards;
pub mod confine;
mod desk;
pub mod dial;
mod encryption;
mod front;
#[doc(hidden)]
pub mod fuzzing;
mod jwe;
mod lounge;
mod redact;
mod replace;
mod sealed;
mod serve;
mod shelf;
mod stored;
mod sweep;
mod uses;
mod visits;
mod walk;
mod writer;

pub use cards::{Cards, VaultError};
pub use sealed::Commitment;
pub use serve::{Clock, Vault};
pub use stored::{Stored, is_empty, numbers};
