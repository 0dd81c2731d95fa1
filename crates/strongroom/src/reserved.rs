//! A file that must be there at the end: its place is taken before anything is done, so that nothing is done for which
//! there is no place to tell of it.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::fault::Fault;
use crate::folder;

/// A private file that was made empty. Dropped before it is kept, it is removed.
pub(crate) struct Reserved {
    path: PathBuf,
    kept: bool,
}

impl Reserved {
    /// Makes the file where nothing stands, not even a link, and has it on the disk.
    pub fn take(path: &Path) -> Result<Reserved, Fault> {
        let fault = |error: std::io::Error| {
            match error.kind() {
            ErrorKind::AlreadyExists => Fault::new(format!("`{}` exists already", path.display()))
                .hint("it is left as it is; name another, or remove it if it is empty: one that was killed left it"),
            _ => Fault::file("cannot write", path, &error),
        }
        };
        let mut options = OpenOptions::new();
        options
            .write(true)
            .create_new(true)
            .mode(folder::PRIVATE_FILE);
        let file = options.open(path).map_err(fault)?;
        let reserved = Reserved {
            path: path.to_path_buf(),
            kept: false,
        };
        file.sync_all()
            .and_then(|()| folder::sync_folder_of(path))
            .map_err(fault)?;
        Ok(reserved)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes it whole, or leaves what it holds.
    pub fn write(&self, content: &str) -> Result<(), Fault> {
        folder::write(&self.path, content.as_bytes())
    }

    /// From now on it stays, whatever happens.
    pub fn keep(&mut self) {
        self.kept = true;
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed stays, and is empty or unsigned.
            drop(folder::remove_one(&self.path));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn its_place_is_taken_first_and_given_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("transcript.json");
        let reserved = Reserved::take(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        assert!(Reserved::take(&path).is_err(), "it is another's");
        reserved.write("half").unwrap();
        drop(reserved);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);

        let mut reserved = Reserved::take(&path).unwrap();
        reserved.write("half").unwrap();
        reserved.keep();
        reserved.write("whole").unwrap();
        drop(reserved);
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
        assert!(Reserved::take(&path).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
    }

    #[test]
    fn where_no_file_can_be_made_none_is_promised() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Reserved::take(&dir.path().join("missing/transcript.json")).is_err());
        let link = dir.path().join("link");
        symlink("nowhere", &link).unwrap();
        assert!(Reserved::take(&link).is_err());
        assert!(!dir.path().join("nowhere").exists());
    }
}
