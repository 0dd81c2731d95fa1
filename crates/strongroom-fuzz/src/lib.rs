//! Fuzz targets: everything that reads bytes of others, each behind one function of bytes.
//!
//! [`targets`] is the list; `cargo xtask fuzz` runs it on a stable compiler with the mutations of [`mutation`], and the
//! folder `fuzz/` is the same list for `cargo fuzz`, which steers by coverage. A target does nothing with good input and
//! nothing with bad: it panics, hangs or dies where a reader is wrong, and holds what is read against what must be true of
//! it. Never here: input from outside of the process, and what is shipped.

pub mod corpus;
pub mod mutation;
pub mod run;
mod seeds;
mod targets;
mod words;

pub use seeds::seeds;
pub use targets::{Target, find, targets};

/// Runs the target of a name, for `cargo fuzz`.
///
/// # Panics
/// When there is none, or when it finds something.
#[expect(
    clippy::panic,
    reason = "a target that is not there finds nothing for ever"
)]
pub fn run_target(name: &str, input: &[u8]) {
    match find(name) {
        Some(target) => (target.run)(input),
        None => panic!("there is no target `{name}`"),
    }
}
