//! What is wrong with a file that TLS needs, in words that name it.

use std::fmt;
use std::path::Path;

/// One lower-case sentence that begins with the file. Never holds anything of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFault(String);

impl TlsFault {
    /// `what` goes on "`file` …".
    pub fn at(file: &Path, what: impl fmt::Display) -> TlsFault {
        TlsFault(format!("`{}` {what}", file.display()))
    }
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsFault {}
