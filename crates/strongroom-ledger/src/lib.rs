//! Pure double entry: accounts with three buckets, postings, and the proof that they balance.
//!
//! Every movement of money is a set of [`Leg`]s. [`Balanced::post`] is the only way to make postings: it refuses legs
//! that do not sum to zero per currency, buckets that would go below zero and balances beyond 2^53 − 1.
//! A posting names its account's previous posting, so a statement is a walk back without an index.
//! Holds are moves between an account's own buckets: available → reserved, and back or out.
//! Never here: IO, clocks, what a payout is.

mod account;
mod posting;

pub use account::{Account, Balances, Bucket};
pub use posting::{Balanced, LedgerFault, Leg, Posting};
