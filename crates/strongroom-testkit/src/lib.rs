//! What tests share: a fake clock, an engine with an organization, a real server, a reference ledger.
//!
//! For tests and benches only; no crate depends on it except as a dev-dependency. Failures panic with a sentence,
//! because a test that cannot be set up has nothing to say.
#![expect(clippy::panic, reason = "a fixture that cannot be made ends its test")]

pub mod authenticator;
pub mod bank;
pub mod books;
pub mod clock;
pub mod dice;
pub mod distant;
pub mod exchange;
pub mod faulty;
pub mod holder;
pub mod messages;
pub mod pipeline;
pub mod receiver;
pub mod reference;
pub mod script;
pub mod server;
pub mod shelf;
pub mod silent;
pub mod tenant;
