//! Why a backup was not made, or not read; in words an operator can act on.

use std::fmt;
use std::io;

use strongroom_store::StoreError;

use crate::start::StartError;

/// What went wrong with a backup.
#[derive(Debug)]
pub enum BackupError {
    /// A store, or the keys that open it.
    Start(StartError),
    /// The backup's own file, or one of those in it.
    Io(io::Error),
    /// The file is something else.
    NotABackup,
    /// A format that this program does not know.
    Format(String),
    /// Cut off, altered, or not put together by this program; says where.
    Damaged(String),
    /// Sealed to a key that is not of this keyring.
    OtherKey,
    /// The installation has no key for backups yet.
    NoBackupKey,
    /// It holds card data, and nothing was named to take it.
    NeedsVault,
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => error.fmt(f),
            Self::Io(error) => f.write_str(&error.to_string().to_lowercase()),
            Self::NotABackup => f.write_str("it is no backup of strongroom"),
            Self::Format(found) => write!(
                f,
                "it is a backup of format `{found}`, and this program knows format `1`"
            ),
            Self::Damaged(place) => write!(f, "the backup is cut off or altered: {place}"),
            Self::OtherKey => f.write_str(
                "the keyring does not open it: it is a backup of another installation, is altered in its beginning, or was sealed to another recipient",
            ),
            Self::NoBackupKey => f.write_str("the installation has no key for backups yet"),
            Self::NeedsVault => f.write_str("it holds the data of a card vault, which needs a folder"),
        }
    }
}

impl std::error::Error for BackupError {}

impl From<StoreError> for BackupError {
    fn from(error: StoreError) -> BackupError {
        BackupError::Start(StartError::Store(error))
    }
}

impl From<StartError> for BackupError {
    fn from(error: StartError) -> BackupError {
        BackupError::Start(error)
    }
}

impl From<io::Error> for BackupError {
    fn from(error: io::Error) -> BackupError {
        BackupError::Io(error)
    }
}
