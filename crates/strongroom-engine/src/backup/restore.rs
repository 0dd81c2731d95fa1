//! A backup read: its header, then everything in it, into stores and files that are empty, or into nothing.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path};

use strongroom_crypto::RootKeys;
use strongroom_store::{Filler, Store, StoreError};

use super::error::BackupError;
use super::header::Header;
use super::pieces::FrameReader;
use super::{BOOKS, Contents, VAULT, frame, rows};
use crate::journal::JOURNALS;

/// A backup whose header was read.
pub struct Sealed<R> {
    pub header: Header,
    input: R,
}

/// A backup that the keyring opens.
pub struct Opened<R> {
    frames: FrameReader<R>,
}

/// Where a backup goes.
pub struct Target<'a> {
    pub books: &'a dyn Store,
    /// Makes the store of a vault, if there is a place for it.
    pub vault: Option<&'a dyn Fn() -> Result<Box<dyn Store>, StoreError>>,
    /// An empty folder for the journals, or none.
    pub files: Option<&'a Path>,
}

impl<R: Read> Sealed<R> {
    /// Reads a backup's header.
    ///
    /// # Errors
    /// `NotABackup`, `Format`, `Damaged`, `Io`.
    pub fn read(mut input: R) -> Result<Sealed<R>, BackupError> {
        let header = Header::read(&mut input)?;
        Ok(Sealed { header, input })
    }

    /// Opens it with today's root keys.
    ///
    /// # Errors
    /// `OtherKey`.
    pub fn unlock(self, root: RootKeys) -> Result<Opened<R>, BackupError> {
        let opening = self.header.unlock(root)?;
        Ok(Opened {
            frames: FrameReader::new(self.input, &opening),
        })
    }
}

impl<R: Read> Opened<R> {
    #[cfg(test)]
    pub(super) fn of(frames: FrameReader<R>) -> Opened<R> {
        Opened { frames }
    }

    /// Reads all of it and keeps nothing: says what is in it, once every byte has proven to be ours.
    ///
    /// # Errors
    /// `Damaged`, `Io`.
    pub fn look(self) -> Result<Contents, BackupError> {
        self.read(&mut Nowhere)
    }

    /// Puts all of it where it goes.
    ///
    /// # Errors
    /// [`BackupError`]; the target is then to be thrown away.
    pub fn restore(self, target: &Target<'_>) -> Result<Contents, BackupError> {
        let mut unpack = Unpack {
            target,
            filler: None,
            file: None,
        };
        self.read(&mut unpack)
    }

    fn read(mut self, to: &mut dyn Receiver) -> Result<Contents, BackupError> {
        let (mut contents, mut store) = (Contents::default(), None);
        while let Some((kind, bytes)) = self.frames.frame()? {
            let known = match kind {
                frame::STORE => {
                    store = [BOOKS, VAULT].into_iter().find(|n| n.as_bytes() == bytes);
                    store.map(|name| to.store(name))
                }
                frame::FILE => {
                    contents.files += 1;
                    let path = std::str::from_utf8(&bytes).ok().filter(|p| is_safe(p));
                    path.map(|path| to.file(path))
                }
                frame::BYTES => {
                    contents.file_bytes += u64::try_from(bytes.len()).unwrap_or(0);
                    Some(to.bytes(&bytes))
                }
                frame::END => return self.end(contents, &bytes, to),
                kind => {
                    contents.count(store, kind);
                    let row = rows::decode(kind, &bytes).filter(|_| store.is_some());
                    row.map(|row| to.row(row))
                }
            };
            known.unwrap_or_else(|| Err(self.frames.damaged()))?;
        }
        Err(self.frames.damaged())
    }

    /// Nothing follows the end, and it names as much as there was.
    fn end(
        mut self,
        counted: Contents,
        end: &[u8],
        to: &mut dyn Receiver,
    ) -> Result<Contents, BackupError> {
        let said = Contents::decode(end).ok_or_else(|| self.frames.damaged())?;
        let counted = Contents {
            checkpoints: said.checkpoints.clone(),
            ..counted
        };
        if self.frames.frame()?.is_some() || counted != said {
            return Err(self.frames.damaged());
        }
        to.end()?;
        Ok(said)
    }
}

/// What takes the contents of a backup.
trait Receiver {
    fn store(&mut self, name: &str) -> Result<(), BackupError>;
    fn row(&mut self, row: strongroom_store::Row) -> Result<(), BackupError>;
    fn file(&mut self, path: &str) -> Result<(), BackupError>;
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), BackupError>;
    fn end(&mut self) -> Result<(), BackupError>;
}

struct Nowhere;

impl Receiver for Nowhere {
    fn store(&mut self, _: &str) -> Result<(), BackupError> {
        Ok(())
    }

    fn row(&mut self, _: strongroom_store::Row) -> Result<(), BackupError> {
        Ok(())
    }

    fn file(&mut self, _: &str) -> Result<(), BackupError> {
        Ok(())
    }

    fn bytes(&mut self, _: &[u8]) -> Result<(), BackupError> {
        Ok(())
    }

    fn end(&mut self) -> Result<(), BackupError> {
        Ok(())
    }
}

struct Unpack<'a> {
    target: &'a Target<'a>,
    /// Of the store that is being filled, with the store itself if it is ours.
    filler: Option<(Filler, Option<Box<dyn Store>>)>,
    file: Option<File>,
}

impl Unpack<'_> {
    fn close_store(&mut self) -> Result<(), BackupError> {
        match self.filler.take() {
            Some((filler, _store)) => Ok(filler.end()?),
            None => Ok(()),
        }
    }

    fn close_file(&mut self) -> Result<(), BackupError> {
        match self.file.take() {
            Some(file) => Ok(file.sync_all()?),
            None => Ok(()),
        }
    }
}

impl Receiver for Unpack<'_> {
    fn store(&mut self, name: &str) -> Result<(), BackupError> {
        self.close_store()?;
        let filled = match name {
            VAULT => {
                let make = self.target.vault.ok_or(BackupError::NeedsVault)?;
                let store = make()?;
                (Filler::new(&*store)?, Some(store))
            }
            _ => (Filler::new(self.target.books)?, None),
        };
        self.filler = Some(filled);
        Ok(())
    }

    fn row(&mut self, row: strongroom_store::Row) -> Result<(), BackupError> {
        match &mut self.filler {
            Some((filler, _)) => Ok(filler.put(row)?),
            None => Ok(()),
        }
    }

    fn file(&mut self, path: &str) -> Result<(), BackupError> {
        self.close_store()?;
        self.close_file()?;
        let Some(folder) = self.target.files else {
            return Ok(());
        };
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(parent)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        self.file = Some(options.open(path)?);
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        match &mut self.file {
            Some(file) => Ok(file.write_all(bytes)?),
            None => Ok(()),
        }
    }

    fn end(&mut self) -> Result<(), BackupError> {
        self.close_store()?;
        self.close_file()
    }
}

/// The keyring of a vault, which opens with the installation's roots alone.
const VAULT_KEYRING: &str = "vault/keyring.toml";

/// SECURITY: who knows the recipient can make a backup, so a path in it leads nowhere but into the journals' folders, or to
/// a keyring that does not open unless it is the right one.
fn is_safe(path: &str) -> bool {
    if path == VAULT_KEYRING {
        return true;
    }
    let mut components = Path::new(path).components();
    let plain = |part: Component<'_>| match part {
        Component::Normal(name) => name.to_str().is_some_and(|name| {
            let odd = |c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c));
            !name.is_empty() && !name.starts_with('.') && !name.contains(odd)
        }),
        _ => false,
    };
    let first = path.split('/').find(|part| !part.starts_with("server-"));
    let journal = first.is_some_and(|part| JOURNALS.contains(&part));
    journal && path.split('/').count() <= 4 && components.all(plain)
}

#[cfg(test)]
mod tests {
    use super::{VAULT_KEYRING, is_safe};

    #[test]
    fn paths_lead_to_journals_and_the_vaults_keyring_alone() {
        for good in [
            "requests/20261127-1",
            "server-2/attempts/5/20261127.seg",
            VAULT_KEYRING,
        ] {
            assert!(is_safe(good), "{good}");
        }
        for bad in [
            "",
            "requests/../strongroom.db",
            "/requests/a",
            "strongroom.db",
            "../requests/a",
            "requests/.a",
            "vault/strongroom.db",
            "keyring.toml",
            "requests/a/b/c/d",
            "server-2/strongroom.db",
            "requests/a b",
            "requests//a/../../x",
        ] {
            assert!(!is_safe(bad), "{bad}");
        }
    }
}
