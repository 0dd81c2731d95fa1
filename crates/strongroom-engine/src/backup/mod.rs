//! Backups: one moment of a store in one sealed file, and back into a store of either engine.
//!
//! Rows are taken as they are, so what is sealed stays sealed under the installation's keys; around it is one more seal, to
//! a key that root custody alone reaches. Root custody itself is never in it. `header.rs` stands in clear, `pieces.rs` is
//! what follows, `rows.rs` the rows in it, `moment.rs` which rows of books and vault belong together, `write.rs` and `restore.rs` the two directions, `known.rs` what a restored
//! store is held against. What comes out of a backup is proven by [`crate::verify`], not by the backup.

mod error;
pub(crate) mod fuzzing;
mod header;
mod known;
mod moment;
mod pieces;
mod restore;
mod rows;
#[cfg(test)]
mod tests;
mod write;

pub use error::BackupError;
pub use header::Header;
pub use known::{Behind, behind, checkpoints, notes};
pub use moment::Moment;
pub use restore::{Opened, Sealed, Target};
pub use write::{Files, SealTo, recipient, write_backup};

use rows::KINDS;

/// Frames that are no rows.
mod frame {
    /// A store begins; its name.
    pub const STORE: u8 = 16;
    /// A file begins; its path.
    pub const FILE: u8 = 17;
    /// More of that file.
    pub const BYTES: u8 = 18;
    /// The end; what there was.
    pub const END: u8 = 19;
}

/// The store of the books, and that of a vault beside it.
const BOOKS: &str = "books";
const VAULT: &str = "vault";

/// Bytes of a file in one frame.
const FILE_PART: usize = 1 << 20;

/// What is in a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Rows of the books by kind: entries, keys, records, locators, index rows, segments, jobs, heads.
    pub rows: [u64; KINDS],
    /// Rows of the vault's store.
    pub vault_rows: u64,
    pub files: u64,
    pub file_bytes: u64,
    /// Checkpoints (signed notes) over each log as it is in the backup; none when it was made without the keyring.
    pub checkpoints: Vec<String>,
}

impl Contents {
    fn count(&mut self, store: Option<&str>, kind: u8) {
        let slot = usize::from(kind).checked_sub(1);
        match (store, slot.and_then(|slot| self.rows.get_mut(slot))) {
            (Some(VAULT), _) => self.vault_rows += 1,
            (_, Some(count)) => *count += 1,
            (_, None) => {}
        }
    }

    /// Rows of the books.
    pub fn all_rows(&self) -> u64 {
        self.rows.iter().sum()
    }

    fn encode(&self) -> Vec<u8> {
        let Contents {
            rows,
            vault_rows,
            files,
            file_bytes,
            checkpoints,
        } = self;
        let mut out = Vec::new();
        for count in rows.iter().chain([vault_rows, files, file_bytes]) {
            out.extend_from_slice(&count.to_be_bytes());
        }
        out.extend_from_slice(&u32::try_from(checkpoints.len()).unwrap_or(0).to_be_bytes());
        for note in checkpoints {
            out.extend_from_slice(&u32::try_from(note.len()).unwrap_or(0).to_be_bytes());
            out.extend_from_slice(note.as_bytes());
        }
        out
    }

    fn decode(bytes: &[u8]) -> Option<Contents> {
        let mut from = rows::Bytes(bytes);
        let mut contents = Contents::default();
        for count in &mut contents.rows {
            *count = from.u64()?;
        }
        contents.vault_rows = from.u64()?;
        contents.files = from.u64()?;
        contents.file_bytes = from.u64()?;
        for _ in 0..from.u32()? {
            contents
                .checkpoints
                .push(String::from_utf8(from.body()?).ok()?);
        }
        from.is_empty().then_some(contents)
    }
}
