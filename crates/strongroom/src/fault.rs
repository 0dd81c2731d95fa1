//! Why a command was not carried out: one lower-case sentence, and what to do about it.

use std::path::Path;
use std::process::ExitCode;

use crate::out::error_line;

/// A failure on its way to the terminal. Never holds a secret.
#[derive(Debug)]
pub(crate) struct Fault {
    text: String,
    hint: Option<String>,
    code: u8,
}

impl Fault {
    pub fn new(text: impl Into<String>) -> Fault {
        Fault {
            text: text.into(),
            hint: None,
            code: 1,
        }
    }

    /// A failure of the operating system about a file.
    pub fn file(what: &str, path: &Path, error: &std::io::Error) -> Fault {
        Fault::new(format!(
            "{what} `{}`: {}",
            path.display(),
            error.to_string().to_lowercase()
        ))
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Fault {
        self.hint = Some(hint.into());
        self
    }

    /// With an exit code of its own.
    #[must_use]
    pub fn exits(mut self, code: u8) -> Fault {
        self.code = code;
        self
    }

    pub fn code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }

    /// What is wrong, without what to do about it.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn print(&self) {
        error_line(format_args!("error: {}", self.text));
        if let Some(hint) = &self.hint {
            error_line(format_args!("hint:  {hint}"));
        }
    }
}
