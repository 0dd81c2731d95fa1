//! What can go wrong in a store, in words an operator can act on.
//!
//! Texts are lower case and never hold a row's content.

use std::fmt;

/// Why a store call did not do what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// Another process holds the store.
    Locked,
    /// There is no store in the directory.
    NotFound,
    /// There is a store in the directory already.
    AlreadyThere,
    /// The file is a database of something else.
    Foreign,
    /// The schema is newer than this program.
    TooNew { found: u32, known: u32 },
    /// The schema is older and the store is opened for reading only.
    TooOld { found: u32, known: u32 },
    /// A copy into the store did not come to its end.
    Unfinished,
    /// The files cannot be written.
    ReadOnly(String),
    /// The disk is full; nothing was written.
    Full,
    /// The files are damaged.
    Corrupt(String),
    /// The operating system or the disk refused.
    Io(String),
    /// The database server is not there, or not now; nothing was written.
    Unreachable(String),
    /// The database server will not have it: a password, a right, a version, a certificate.
    Refused(String),
    /// Another store writes to the database now.
    TakenOver,
    /// Whether a batch was written is not known, and nobody answers; who opens the store next sees it.
    Unresolved(String),
    /// A row stands where a new one should go; names the table.
    Duplicate(String),
    /// A row holds what no store can take; names the column.
    Invalid(String),
    /// The writer was handed out before.
    WriterTaken,
    /// The writer stopped after an error whose outcome is unknown.
    Closed,
}

impl StoreError {
    /// True when the disk has no room.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full)
    }

    /// True when a failed `apply` surely wrote nothing and the writer may go on.
    #[must_use]
    pub fn leaves_writer_open(&self) -> bool {
        match self {
            Self::Full
            | Self::Locked
            | Self::Unreachable(_)
            | Self::Duplicate(_)
            | Self::Invalid(_) => true,
            Self::NotFound
            | Self::AlreadyThere
            | Self::Foreign
            | Self::TooNew { .. }
            | Self::TooOld { .. }
            | Self::Unfinished
            | Self::ReadOnly(_)
            | Self::Corrupt(_)
            | Self::Io(_)
            | Self::Refused(_)
            | Self::TakenOver
            | Self::Unresolved(_)
            | Self::WriterTaken
            | Self::Closed => false,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked => f.write_str("the store is in use by another process"),
            Self::NotFound => f.write_str("there is no store in this directory"),
            Self::AlreadyThere => f.write_str("there is a store in this directory already"),
            Self::Foreign => f.write_str("the database file was not made by strongroom"),
            Self::TooNew { found, known } => write!(
                f,
                "the store has schema version {found}, this program knows up to {known}"
            ),
            Self::TooOld { found, known } => write!(
                f,
                "the store has schema version {found}, reading it needs version {known}: open it for writing once to migrate it"
            ),
            Self::Unfinished => f.write_str("a copy into the store has not come to its end"),
            Self::ReadOnly(cause) => write!(f, "the store cannot be written: {cause}"),
            Self::Full => f.write_str("the disk is full"),
            Self::Corrupt(cause) => write!(f, "the store is damaged: {cause}"),
            Self::Io(cause) => write!(f, "the store's files failed: {cause}"),
            Self::Unreachable(cause) => {
                write!(f, "the database server cannot be used now: {cause}")
            }
            Self::Refused(cause) => write!(f, "the database server refuses: {cause}"),
            Self::TakenOver => f.write_str("another server has taken the store over"),
            Self::Unresolved(cause) => write!(f, "a commit's outcome is unknown: {cause}"),
            Self::Duplicate(table) => write!(f, "a row of `{table}` with this key exists already"),
            Self::Invalid(cause) => write!(f, "a row cannot be stored: {cause}"),
            Self::WriterTaken => f.write_str("the store's writer was handed out already"),
            Self::Closed => {
                f.write_str("the store's writer stopped after an error and needs a restart")
            }
        }
    }
}

impl std::error::Error for StoreError {}
