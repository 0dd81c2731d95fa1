//! Why something that a client signed was not taken.

use std::fmt;

/// The reason, in words that may be told to whoever sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault(&'static str);

impl Fault {
    pub(crate) const fn new(text: &'static str) -> Fault {
        Fault(text)
    }

    pub const fn text(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Fault {}
