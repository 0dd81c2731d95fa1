//! Bodies from outside: a strict reader, and fields that become checked values.
//!
//! Nothing here trusts its input, and nothing panics on it; every number keeps its raw text until [`amount`] reads it.

pub mod amount;
pub mod fault;
pub mod fields;
pub mod parse;

pub use fault::{FaultKind, FieldFault};
pub use fields::{Fields, NOBODY, read_object};
pub use parse::{JsonFault, Object, Value, parse_object};
