//! Standard output and standard error, for text that nobody may be reading any more.
//!
//! Where a reader such as `head` has gone, what was to be said is dropped; a server goes on, and a command keeps its
//! exit code.

use std::fmt::Arguments;
use std::io::Write;

/// Prints a line, formatted as by `println!`.
macro_rules! say {
    ($($words:tt)*) => { $crate::out::line(format_args!($($words)*)) };
}

pub(crate) use say;

/// Writes a line to standard output.
pub(crate) fn line(words: Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    drop(
        out.write_fmt(words)
            .and_then(|()| out.write_all(b"\n"))
            .and_then(|()| out.flush()),
    );
}

/// Writes text that ends its own lines.
pub(crate) fn text(text: &str) {
    let mut out = std::io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// Writes a line to standard error.
pub(crate) fn error_line(words: Arguments<'_>) {
    let mut err = std::io::stderr().lock();
    drop(err.write_fmt(words).and_then(|()| err.write_all(b"\n")));
}
