//! Where the passphrase of a keyring comes from: a file or the terminal, never the command line, never the value of an
//! environment variable.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use strongroom_types::secret::SecretText;

use crate::fault::Fault;
use crate::folder;

/// Names a file; holds no secret itself.
const FILE_VARIABLE: &str = "STRONGROOM_PASSPHRASE_FILE";

/// The fewest characters of a new passphrase.
const LEAST: usize = 12;

/// The passphrase of an existing keyring.
pub(crate) fn existing(file: Option<&Path>) -> Result<SecretText, Fault> {
    match named_file(file) {
        Some(path) => from_file(&path),
        None => prompt("Passphrase of the keyring: "),
    }
}

/// A passphrase for a new keyring; typed twice at a terminal.
pub(crate) fn fresh(file: Option<&Path>) -> Result<SecretText, Fault> {
    let chosen = match named_file(file) {
        Some(path) => from_file(&path)?,
        None => typed_twice()?,
    };
    match chosen.expose().chars().count() < LEAST {
        true => Err(
            Fault::new(format!("the passphrase has fewer than {LEAST} characters"))
                .hint("five or more random words are easy to type and hard to guess"),
        ),
        false => Ok(chosen),
    }
}

fn typed_twice() -> Result<SecretText, Fault> {
    let first = prompt("New passphrase: ")?;
    let second = prompt("The same again: ")?;
    match first.expose() == second.expose() {
        true => Ok(first),
        false => Err(Fault::new("the two passphrases differ")),
    }
}

fn named_file(file: Option<&Path>) -> Option<PathBuf> {
    let from_environment = || std::env::var_os(FILE_VARIABLE).map(PathBuf::from);
    file.map(Path::to_path_buf).or_else(from_environment)
}

/// The passphrase in a file.
pub(crate) fn from_file(path: &Path) -> Result<SecretText, Fault> {
    one_line(path, "passphrase")
}

/// The file's text without the line break at its end.
pub(crate) fn one_line(path: &Path, what: &str) -> Result<SecretText, Fault> {
    let text = folder::read_secret(path)?;
    let line = text.expose().trim_end_matches(['\r', '\n']);
    match line.is_empty() || line.contains('\n') {
        true => Err(Fault::new(format!(
            "`{}` does not hold one line with a {what}",
            path.display()
        ))),
        false => Ok(SecretText::new(line.to_owned())),
    }
}

fn prompt(words: &str) -> Result<SecretText, Fault> {
    let nobody = || {
        Fault::new("the passphrase is needed and there is no terminal to ask at").hint(format!(
            "name a file that holds it with --passphrase-file, or in {FILE_VARIABLE}"
        ))
    };
    if !std::io::stdin().is_terminal() {
        return Err(nobody());
    }
    rpassword::prompt_password(words)
        .map(SecretText::new)
        .map_err(|_| nobody())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_of_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("passphrase");
        let read = |content: &str| {
            std::fs::write(&path, content).unwrap();
            from_file(&path)
                .ok()
                .map(|secret| secret.expose().to_owned())
        };
        assert_eq!(read("correct horse\n"), Some("correct horse".into()));
        assert_eq!(read("spaces stay \r\n"), Some("spaces stay ".into()));
        assert_eq!(read("no break"), Some("no break".into()));
        assert_eq!(read("\n"), None);
        assert_eq!(read("two\nlines\n"), None);
    }

    #[test]
    fn a_short_new_passphrase_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("passphrase");
        std::fs::write(&path, "eleven char").unwrap();
        assert!(fresh(Some(&path)).is_err());
        assert!(existing(Some(&path)).is_ok());
    }
}
