//! The Rust SDK: talks to a Strongroom server over its HTTP API.
//!
//! [`Client`] signs each request with the key's signing secret, gives every change an idempotency key, and repeats a
//! request only where repeating is safe. [`proof`] verifies what the audit log proves, [`webhook`] that a delivery is the
//! server's, both with no server; [`GapHealer`] finds the events that no webhook brought, and [`Client::stream_events`]
//! follows them live.
//! Money is minor units in `i64`, never a float.
//!
//! [`Trust`] says whose certificates are believed; with a signed pin set ([`pins`]) the server is held to the keys in it.
//!
//! Never here: server code, and no secret in an error, a log line or `Debug`. Plain HTTP is for the server's own host.

mod client;
mod connection;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod live;
pub mod pins;
pub mod proof;
mod resources;
mod retry;
mod server_sent;
pub mod signing;
mod stream;
mod tls;
pub mod webhook;

pub use client::{Client, Credentials, Outgoing, Reply};
pub use error::{ClientError, Problem};
pub use live::{EventStream, StoredEvent};
pub use resources::{
    Account, AuditLog, Balance, Balances, Event, NewPayout, NewRecipient, NewWallet, Page, Payout,
    StatementLine, Transaction, Wallet,
};
pub use retry::Retries;
pub use signing::{MessageSigner, sign};
pub use stream::{GapHealer, Healed};
pub use strongroom_httpsig::Signer;
pub use tls::Trust;
