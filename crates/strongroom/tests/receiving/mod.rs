//! The receiving side of webhooks, for tests that run the program.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod banks;
pub mod delivery;
pub mod every_event;
pub mod every_link;
pub mod foreign;
pub mod oauth;
pub mod planned;
pub mod reports;
pub mod roles;
pub mod shop;

use std::time::{SystemTime, UNIX_EPOCH};

/// What a demo needs to deliver to this machine.
pub const TO_THIS_MACHINE: [&str; 2] = ["--webhook-network", "127.0.0.0/8"];

#[expect(clippy::disallowed_methods, reason = "deliveries carry the real time")]
pub fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}
