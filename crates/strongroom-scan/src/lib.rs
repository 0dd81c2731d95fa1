//! Searching for secrets where none may be: known values ("canaries") in every form they could have slipped into a file
//! or a process.
//!
//! `canaries.rs` reads them, `forms.rs` knows the forms, `scanner.rs` searches a stream for all of them at once,
//! `places.rs` finds what to read: files below a folder, a process's environment and arguments, and with `memory.rs` its memory. `self_test.rs`
//! plants every form in every kind of place and must find each: a search is worth what it finds.
//! Never here: showing a canary. A hit names its line, its form and its place.

mod canaries;
mod forms;
mod memory;
mod places;
mod scanner;
mod self_test;

pub use canaries::{Canaries, CanaryFault, LEAST};
pub use places::{Found, Report, Unread, scan_path, scan_process};
pub use scanner::{Hit, Scanner};
pub use self_test::{SelfTest, self_test};
