//! Folders and files that nobody but their owner may read.
//!
//! A file that matters is written beside its place, synced and renamed, so that a crash leaves the old one or the new.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use strongroom_types::secret::SecretText;
use zeroize::Zeroizing;

use crate::fault::Fault;

const PRIVATE_FOLDER: u32 = 0o700;
pub(crate) const PRIVATE_FILE: u32 = 0o600;

/// The largest settings or secret file that is read, in bytes.
const MOST_TEXT: u64 = 1 << 20;

/// Makes a folder and those above it. An empty one that is there is closed to others; one that holds something is
/// left as it is, for it may be somebody else's.
pub(crate) fn make(dir: &Path) -> Result<(), Fault> {
    let made = DirBuilder::new()
        .recursive(true)
        .mode(PRIVATE_FOLDER)
        .create(dir);
    made.map_err(|error| Fault::file("cannot make the folder", dir, &error))?;
    if !is_empty(dir)? {
        return Ok(());
    }
    fs::set_permissions(dir, Permissions::from_mode(PRIVATE_FOLDER))
        .map_err(|error| Fault::file("cannot close to others the folder", dir, &error))
}

/// Whether a folder is missing or has nothing in it.
pub(crate) fn is_empty(dir: &Path) -> Result<bool, Fault> {
    match fs::read_dir(dir) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(Fault::file("cannot read the folder", dir, &error)),
    }
}

/// The path from the root, as text.
pub(crate) fn absolute(path: &Path) -> Result<String, Fault> {
    let absolute =
        std::path::absolute(path).map_err(|error| Fault::file("cannot find", path, &error))?;
    let text = absolute.to_str().map(str::to_owned);
    text.ok_or_else(|| Fault::new(format!("the path `{}` is not text", path.display())))
}

/// Writes a private file whole or not at all, over an old one if there is one.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), Fault> {
    let fault = |error| Fault::file("cannot write", path, &error);
    let beside = partial(path);
    let mut options = OpenOptions::new();
    options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(PRIVATE_FILE);
    let mut file = options.open(&beside).map_err(fault)?;
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(fault)?;
    fs::rename(&beside, path).map_err(fault)?;
    sync_folder_of(path).map_err(fault)
}

/// Where a file is written before it is whole.
fn partial(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default();
    path.with_file_name(format!(".{}.partial", name.display()))
}

/// Writes a private file where none stands.
pub(crate) fn write_new(path: &Path, content: &[u8]) -> Result<(), Fault> {
    if path.exists() {
        return Err(Fault::new(format!("`{}` exists already", path.display()))
            .hint("it is left as it is; name another"));
    }
    write(path, content)
}

/// Has on the disk what stands in a file's folder.
pub(crate) fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    File::open(dir.unwrap_or(Path::new(".")))?.sync_all()
}

/// Reads a text file.
pub(crate) fn read_text(path: &Path) -> Result<String, Fault> {
    let secret = read_secret(path)?;
    Ok(secret.expose().to_owned())
}

/// Reads a text file that holds a secret.
pub(crate) fn read_secret(path: &Path) -> Result<SecretText, Fault> {
    let fault = |error| Fault::file("cannot read", path, &error);
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path)
        .map_err(fault)?
        .take(MOST_TEXT + 1)
        .read_to_end(&mut bytes)
        .map_err(fault)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MOST_TEXT {
        return Err(Fault::new(format!(
            "`{}` is larger than 1 MiB",
            path.display()
        )));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(SecretText::new(text.to_owned())),
        Err(_) => Err(Fault::new(format!("`{}` is not text", path.display()))),
    }
}

/// Reads a file's one line, without the line break at its end; `what` it should hold.
pub(crate) fn read_secret_line(path: &Path, what: &str) -> Result<SecretText, Fault> {
    let text = read_secret(path)?;
    let line = text.expose().trim_end_matches(['\r', '\n']);
    match line.is_empty() || line.contains('\n') {
        true => Err(Fault::new(format!(
            "`{}` does not hold one line with {what}",
            path.display()
        ))),
        false => Ok(SecretText::new(line.to_owned())),
    }
}

/// Removes files and folders of a folder, which may or may not be there.
pub(crate) fn remove(dir: &Path, names: &[&str]) -> Result<(), Fault> {
    names
        .iter()
        .try_for_each(|name| remove_one(&dir.join(name)))
}

/// Removes a file or a folder that may or may not be there.
pub(crate) fn remove_one(path: &Path) -> Result<(), Fault> {
    let removed = match path.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    };
    match removed {
        Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Err(Fault::file("cannot remove", path, &error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_private_and_whole() {
        let outer = tempfile::tempdir().unwrap();
        let dir = outer.path().join("a/b");
        make(&dir).unwrap();
        assert_eq!(mode(&dir), 0o700);
        assert!(is_empty(&dir).unwrap());
        let file = dir.join("keyring.toml");
        write(&file, b"one").unwrap();
        write(&file, b"two").unwrap();
        assert_eq!(
            (mode(&file), read_text(&file).unwrap()),
            (0o600, "two".into())
        );
        assert!(!is_empty(&dir).unwrap());
        assert!(write_new(&file, b"three").is_err());
        assert_eq!(
            fs::read_dir(&dir).unwrap().count(),
            1,
            "nothing is left beside it"
        );
        remove(&dir, &["keyring.toml", "not there"]).unwrap();
        assert!(is_empty(&dir).unwrap());
    }

    #[test]
    fn an_open_folder_is_closed_only_when_it_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        make(dir.path()).unwrap();
        assert_eq!(mode(dir.path()), 0o700);
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        fs::write(dir.path().join("theirs"), "").unwrap();
        make(dir.path()).unwrap();
        assert_eq!(mode(dir.path()), 0o755);
    }
}
