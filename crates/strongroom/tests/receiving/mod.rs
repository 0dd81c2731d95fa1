//! The receiving side of webhooks, for tests that run the program.

pub mod delivery;
pub mod every_event;
pub mod foreign;

use std::time::{SystemTime, UNIX_EPOCH};

use crate::program::run;

/// What a demo needs to deliver to this machine; nothing where it does not deliver yet.
pub fn arguments() -> Vec<&'static str> {
    if can_deliver() {
        vec!["--webhook-network", "127.0.0.0/8"]
    } else {
        Vec::new()
    }
}

/// Whether the program sends webhooks.
pub fn can_deliver() -> bool {
    run(&["demo", "--help"])
        .done()
        .contains("--webhook-network")
}

#[expect(clippy::disallowed_methods, reason = "deliveries carry the real time")]
pub fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}
