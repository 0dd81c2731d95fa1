//! From what SQLite and the operating system say to what the engine can act on.
//!
//! One match names every outcome; whatever is unknown counts as a failing disk, so the writer stops.

use std::io;

use rusqlite::ErrorCode;

use crate::StoreError;

/// Names an error of SQLite; `table` is what the statement was about.
pub(super) fn from_sqlite(table: &str, error: &rusqlite::Error) -> StoreError {
    match error {
        rusqlite::Error::SqliteFailure(code, message) => {
            let text = message.clone().unwrap_or_else(|| code.to_string());
            from_code(table, code.code, text.to_lowercase())
        }
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..) => {
            StoreError::Corrupt(format!("`{table}` holds a value of the wrong kind"))
        }
        other => StoreError::Io(format!("`{table}`: {other}")),
    }
}

fn from_code(table: &str, code: ErrorCode, text: String) -> StoreError {
    match code {
        ErrorCode::DiskFull => StoreError::Full,
        ErrorCode::ConstraintViolation => StoreError::Duplicate(table.to_owned()),
        ErrorCode::TooBig => {
            StoreError::Invalid(format!("`{table}` has a column that is too large"))
        }
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::FileLockingProtocolFailed => StoreError::Locked,
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
            StoreError::Corrupt(format!("`{table}`: {text}"))
        }
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen => {
            StoreError::ReadOnly(format!("`{table}`: {text}"))
        }
        _ => StoreError::Io(format!("`{table}`: {text}")),
    }
}

/// Names an error of the file system.
pub(super) fn from_io(error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            StoreError::ReadOnly(error.to_string().to_lowercase())
        }
        _ => StoreError::Io(error.to_string().to_lowercase()),
    }
}

/// Attaches the table to an error of SQLite.
pub(super) trait Naming<T> {
    fn of(self, table: &str) -> Result<T, StoreError>;
}

impl<T> Naming<T> for rusqlite::Result<T> {
    fn of(self, table: &str) -> Result<T, StoreError> {
        self.map_err(|error| from_sqlite(table, &error))
    }
}
