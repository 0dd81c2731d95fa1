//! Where the passphrase of a keyring comes from: a file or the terminal, never the command line, never the value of an
//! environment variable.

use std::fs::File;
use std::io::{IsTerminal, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{MemfdFlags, memfd_create};
use strongroom_types::secret::SecretText;
use zeroize::Zeroizing;

use crate::fault::Fault;
use crate::folder;

/// Names a file; holds no secret itself.
const FILE_VARIABLE: &str = "STRONGROOM_PASSPHRASE_FILE";

/// The fewest characters of a new passphrase.
const LEAST: usize = 12;
/// Room for a passphrase, in bytes: what grows out of its room is left behind.
const LONGEST: usize = 4_096;

/// The passphrase of an existing keyring.
pub(crate) fn existing(file: Option<&Path>) -> Result<SecretText, Fault> {
    match named_file(file) {
        Some(path) => from_file(&path),
        None => prompt("Passphrase of the keyring: "),
    }
}

/// Keeps a passphrase in memory of the kernel that no file system shows.
pub(crate) fn keep(passphrase: &SecretText) -> Result<File, Fault> {
    let fault =
        |error: std::io::Error| Fault::new(format!("the passphrase cannot be kept: {error}"));
    let kept = memfd_create("passphrase", MemfdFlags::CLOEXEC);
    let mut kept = File::from(kept.map_err(|error| fault(error.into()))?);
    kept.write_all(passphrase.expose().as_bytes())
        .map_err(fault)?;
    Ok(kept)
}

/// A passphrase that was kept.
pub(crate) fn kept(mut kept: &File) -> Result<SecretText, Fault> {
    let fault =
        |error: std::io::Error| Fault::new(format!("the passphrase cannot be read: {error}"));
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST));
    kept.seek(SeekFrom::Start(0)).map_err(fault)?;
    kept.read_to_end(&mut bytes).map_err(fault)?;
    let text = std::str::from_utf8(&bytes);
    let text = text.map_err(|_| Fault::new("the passphrase cannot be read"))?;
    Ok(SecretText::new(text.to_owned()))
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

/// The file's text without the line break at its end.
pub(crate) fn from_file(path: &Path) -> Result<SecretText, Fault> {
    folder::read_secret_line(path, "a passphrase")
}

fn prompt(words: &str) -> Result<SecretText, Fault> {
    let nobody = || {
        Fault::new("the passphrase is needed and there is no terminal to ask at").hint(format!(
            "name a file that holds it with --passphrase-file, or in {FILE_VARIABLE}"
        ))
    };
    asked(words).ok_or_else(nobody)
}

/// What is typed at the terminal, unseen; `None` when there is none.
pub(crate) fn asked(words: &str) -> Option<SecretText> {
    if !std::io::stdin().is_terminal() {
        return None;
    }
    rpassword::prompt_password(words).map(SecretText::new).ok()
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
