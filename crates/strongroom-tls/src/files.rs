//! Reading the files: bounded, and private ones only where nobody else can read them.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use crate::fault::TlsFault;

/// The largest file that is read: certificates and lists of revoked ones.
const MOST: u64 = 4 << 20;
/// What others than the owner may do with a file.
const OTHERS: u32 = 0o077;

/// Reads a file that holds no secret.
///
/// # Errors
/// When it cannot be read, or is too large to be what it should be.
pub fn read_public(path: &Path) -> Result<Vec<u8>, TlsFault> {
    let mut bytes = Vec::new();
    read(path, &open(path)?, &mut bytes)?;
    Ok(bytes)
}

/// Reads a private key's file.
///
/// # Errors
/// As [`read_public`], and when others than its owner may read it.
pub(crate) fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsFault> {
    let file = open(path)?;
    // SECURITY: of the opened file, so that it cannot be another one by the time it is read.
    let seen = file.metadata().map_err(|error| unreadable(path, &error))?;
    let mode = seen.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        let text = format!("may be read by others (mode {mode:04o}): `chmod 600` it");
        return Err(TlsFault::at(path, text));
    }
    let room = usize::try_from(seen.len().min(MOST)).unwrap_or(0) + 1;
    // With room for all of it, so that no copy is left behind by growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    read(path, &file, &mut bytes)?;
    Ok(bytes)
}

fn open(path: &Path) -> Result<File, TlsFault> {
    File::open(path).map_err(|error| unreadable(path, &error))
}

fn read(path: &Path, file: &File, bytes: &mut Vec<u8>) -> Result<(), TlsFault> {
    let read = file.take(MOST + 1).read_to_end(bytes);
    read.map_err(|error| unreadable(path, &error))?;
    match u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MOST {
        true => Err(TlsFault::at(path, "is larger than 4 MiB")),
        false => Ok(()),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> TlsFault {
    let text = error.to_string().to_lowercase();
    TlsFault::at(path, format_args!("cannot be read: {text}"))
}

/// What changes when a file is written or replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    file: (u64, u64),
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// The stamp of a file; `None` while there is none.
pub(crate) fn stamp(path: &Path) -> Option<Stamp> {
    let seen = std::fs::metadata(path).ok()?;
    Some(Stamp {
        file: (seen.dev(), seen.ino()),
        length: seen.len(),
        modified: (seen.mtime(), seen.mtime_nsec()),
        changed: (seen.ctime(), seen.ctime_nsec()),
    })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use super::*;

    #[test]
    fn a_private_file_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pem");
        fs::write(&path, "secret").unwrap();
        for (mode, readable) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let read = read_private(&path);
            assert_eq!(read.is_ok(), readable, "{mode:o}");
            if let Err(fault) = read {
                let text = fault.to_string();
                assert!(
                    text.contains("key.pem") && text.contains("chmod 600"),
                    "{text}"
                );
            }
        }
        let missing = read_public(&dir.path().join("none"))
            .unwrap_err()
            .to_string();
        assert!(
            missing.contains("none") && missing.contains("cannot be read"),
            "{missing}"
        );
    }

    #[test]
    fn a_stamp_tells_a_new_file_from_the_old() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        assert_eq!(stamp(&path), None);
        fs::write(&path, "one").unwrap();
        let first = stamp(&path);
        assert_eq!(stamp(&path), first);
        fs::write(dir.path().join("b"), "two").unwrap();
        fs::rename(dir.path().join("b"), &path).unwrap();
        assert_ne!(stamp(&path), first);
    }
}
