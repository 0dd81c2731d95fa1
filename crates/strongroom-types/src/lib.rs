//! The words every other room speaks: ids, money, currencies, time, data classes, secrets, modes and references.
//!
//! Pure values only: no IO, no clock, no randomness, no cipher. A value that exists is valid: each type has one
//! checked constructor, and wire text becomes a value by parsing, once.
//! Amounts are minor units in [`money::Money`]; ids come from the registry in [`id`].

extern crate self as strongroom_types;

pub mod card;
pub mod class;
pub mod currency;
pub mod id;
pub mod metadata;
pub mod mode;
pub mod money;
pub mod reference;
pub mod rhythm;
pub mod secret;
pub mod time;
pub mod zone;

pub use strongroom_derive::Classified;
