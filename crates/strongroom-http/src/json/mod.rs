//! Bodies from outside: a strict reader, and fields that become checked values.
//!
//! Nothing here trusts its input, and nothing panics on it; every number keeps its raw text until [`amount`] reads it.

pub mod amount;
pub mod fault;
pub mod fields;

pub use fault::{FaultKind, FieldFault};
pub use fields::{Fields, NOBODY, read_object};
pub use strongroom_json::{JsonFault, Object, Value, parse_form, parse_object};

pub use strongroom_json as parse;
