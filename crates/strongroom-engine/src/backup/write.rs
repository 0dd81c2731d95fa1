//! Making a backup: one moment of each store, then the files beside them.

use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;

use strongroom_crypto::{Hierarchy, Recipient, RootKeys};
use strongroom_store::{HeadRow, Reader, Row, Store, each_row};
use zeroize::Zeroizing;

use super::error::BackupError;
use super::header::{self, Header, Opening};
use super::moment::Moment;
use super::pieces::FrameWriter;
use super::{BOOKS, Contents, FILE_PART, VAULT, frame, rows};
use crate::checkpoints::{head_root, sign};
use crate::clock::{Clock, WallClock};
use crate::start::{hierarchy, scope_of};

/// What is backed up beside the stores.
#[derive(Default)]
pub struct Files {
    /// Files that were read with the moment: their names in the backup, and what is in them.
    pub texts: Vec<(String, Vec<u8>)>,
    /// Files that are taken as far as they are there: their names in the backup, and where they are.
    pub files: Vec<(String, PathBuf)>,
}

/// Whom it is sealed to.
pub enum SealTo {
    /// The installation's own key, which the keyring opens. Checkpoints are signed over what is taken.
    Installation(RootKeys),
    /// A recipient that was told earlier, so that no secret is needed. Nothing is signed anew.
    Recipient(Recipient),
}

/// The installation's recipient.
///
/// # Errors
/// [`BackupError`] when the keys do not open, or the installation has no key for backups yet.
pub fn recipient(store: &dyn Store, root: RootKeys) -> Result<Recipient, BackupError> {
    let keys = hierarchy(&mut *store.reader()?, root, WallClock.now())?;
    let identity = header::identity(&keys).ok_or(BackupError::NoBackupKey)?;
    Ok(identity.recipient())
}

/// Writes a backup of one moment; says what is in it and how many bytes it has.
///
/// # Errors
/// [`BackupError`]; what was written until then is worth nothing.
pub fn write_backup(
    moment: Moment,
    files: &Files,
    to: SealTo,
    out: &mut dyn Write,
) -> Result<(Contents, u64), BackupError> {
    let ((mut books, _store), vault) = moment.parts();
    let now = WallClock.now();
    let (recipient, checkpoints) = match to {
        SealTo::Recipient(recipient) => (recipient, Vec::new()),
        SealTo::Installation(root) => {
            let keys = hierarchy(&mut *books, root, now)?;
            let identity = header::identity(&keys).ok_or(BackupError::NoBackupKey)?;
            (identity.recipient(), signed(&mut *books, &keys)?)
        }
    };
    let chain = header::chain(books.keys()?);
    let (header, key) = Header::new(&recipient, chain, now);
    let (bytes, context) = header.encode();
    out.write_all(&bytes)?;
    let mut pack = Pack {
        frames: FrameWriter::new(out, &opening(key, context)),
        contents: Contents {
            checkpoints,
            ..Contents::default()
        },
        row: Vec::new(),
    };
    pack.store(BOOKS, &mut *books)?;
    if let Some(vault) = vault {
        pack.frames.frame(frame::STORE, VAULT.as_bytes())?;
        vault.each(&mut *books, &mut |row| pack.row(VAULT, row))?;
    }
    books.release()?;
    for (name, text) in &files.texts {
        pack.text(name, text)?;
    }
    for (name, path) in &files.files {
        pack.file(name, path)?;
    }
    let (contents, written) = pack.end()?;
    Ok((contents, written + u64::try_from(bytes.len()).unwrap_or(0)))
}

fn opening(key: Zeroizing<[u8; 32]>, context: [u8; 32]) -> Opening {
    Opening { key, context }
}

/// A checkpoint over each log as it is in the snapshot.
fn signed(reader: &mut dyn Reader, keys: &Hierarchy) -> Result<Vec<String>, BackupError> {
    let grown = |head: &HeadRow| head.seq > 0;
    let heads = reader.heads()?;
    let notes = heads.iter().filter(|head| grown(head)).map(|head| {
        let (size, root) = head_root(head)?;
        Ok(sign(keys, &scope_of(head)?, size, root, WallClock.now()))
    });
    notes.collect()
}

struct Pack<'a> {
    frames: FrameWriter<'a>,
    contents: Contents,
    row: Vec<u8>,
}

impl Pack<'_> {
    fn store(&mut self, name: &str, reader: &mut dyn Reader) -> Result<(), BackupError> {
        self.frames.frame(frame::STORE, name.as_bytes())?;
        each_row(reader, &mut |row| self.row(name, &row))
    }

    fn row(&mut self, store: &str, row: &Row) -> Result<(), BackupError> {
        self.row.clear();
        let kind = rows::encode(row, &mut self.row);
        self.contents.count(Some(store), kind);
        self.frames.frame(kind, &self.row)
    }

    /// A journal's file: only ever appended to, or gone by now.
    fn file(&mut self, name: &str, path: &PathBuf) -> Result<(), BackupError> {
        let mut file = match File::open(path) {
            Ok(file) => file.take(u64::MAX),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        self.frames.frame(frame::FILE, name.as_bytes())?;
        self.contents.files += 1;
        let mut part = Vec::new();
        loop {
            part.clear();
            let limit = u64::try_from(FILE_PART).unwrap_or(0);
            if (&mut file).take(limit).read_to_end(&mut part)? == 0 {
                return Ok(());
            }
            self.contents.file_bytes += u64::try_from(part.len()).unwrap_or(0);
            self.frames.frame(frame::BYTES, &part)?;
        }
    }

    fn text(&mut self, name: &str, text: &[u8]) -> Result<(), BackupError> {
        self.frames.frame(frame::FILE, name.as_bytes())?;
        self.contents.files += 1;
        for part in text.chunks(FILE_PART) {
            self.contents.file_bytes += u64::try_from(part.len()).unwrap_or(0);
            self.frames.frame(frame::BYTES, part)?;
        }
        Ok(())
    }

    fn end(mut self) -> Result<(Contents, u64), BackupError> {
        let end = self.contents.encode();
        self.frames.frame(frame::END, &end)?;
        Ok((self.contents, self.frames.end()?))
    }
}
