//! From what the server and the network say to what the engine can act on.
//!
//! Only messages and codes are passed on: a detail may hold a row's values.

use std::error::Error as _;

use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};

use crate::StoreError;

/// What went wrong in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The connection is gone, or was never there.
    Lost(String),
    /// The server rolled back because of others; the same again may do.
    Retry(String),
    /// The server's own answer.
    Store(StoreError),
}

impl Trouble {
    pub fn of(error: StoreError) -> Self {
        Self::Store(error)
    }

    /// The same for a store that was good before: what the server refuses now – it became a copy, a
    /// password was changed – it may grant again, and nothing was written.
    pub fn while_running(self) -> StoreError {
        match StoreError::from(self) {
            StoreError::Refused(cause) | StoreError::ReadOnly(cause) => {
                StoreError::Unreachable(cause)
            }
            other => other,
        }
    }
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Lost(cause) | Trouble::Retry(cause) => Self::Unreachable(cause),
            Trouble::Store(error) => error,
        }
    }
}

/// Names an error of a statement.
pub(super) fn from_error(text: &str, error: &Error) -> Trouble {
    match error.as_db_error() {
        Some(answer) => from_answer(text, answer),
        None if error.is_closed() || has_io(error) => Trouble::Lost(words(error)),
        None => Trouble::Store(StoreError::Io(words(error))),
    }
}

/// Names an error of connecting.
pub(super) fn from_connect(error: &Error) -> Trouble {
    if let Some(answer) = error.as_db_error() {
        return from_answer("", answer);
    }
    let text = words(error);
    if text.contains("does not allow writes") {
        let cause = "the server is a read-only copy".to_owned();
        return Trouble::Store(StoreError::ReadOnly(cause));
    }
    if text.contains("password missing") {
        let cause = "it asks for a password and none was given".to_owned();
        return Trouble::Store(StoreError::Refused(cause));
    }
    if text.contains("tls") || text.contains("certificate") {
        return Trouble::Store(StoreError::Refused(text));
    }
    Trouble::Lost(text)
}

fn from_answer(text: &str, answer: &DbError) -> Trouble {
    let message = answer.message().to_lowercase();
    let code = answer.code();
    if [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::LOCK_NOT_AVAILABLE,
    ]
    .contains(code)
    {
        return Trouble::Retry(message);
    }
    if is_passing(code) {
        return Trouble::Lost(message);
    }
    Trouble::Store(named(text, code, answer.table(), message))
}

/// Whether a session ends by it and the server may be well again: somebody ended or cancelled it, the server had no room
/// for it, its disk failed under it.
fn is_passing(code: &SqlState) -> bool {
    let passing = [
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        SqlState::IO_ERROR,
        SqlState::SYSTEM_ERROR,
    ];
    let class = |name: &str| code.code().starts_with(name);
    // Connections, operators, resources; a full disk is told by itself.
    passing.contains(code)
        || class("08")
        || class("57")
        || (class("53") && *code != SqlState::DISK_FULL)
}

fn named(text: &str, code: &SqlState, table: Option<&str>, message: String) -> StoreError {
    let is = |codes: &[SqlState]| codes.contains(code);
    if is(&[SqlState::DISK_FULL]) {
        StoreError::Full
    } else if is(&[SqlState::UNIQUE_VIOLATION]) {
        StoreError::Duplicate(table.unwrap_or("store").to_owned())
    } else if is(&[SqlState::READ_ONLY_SQL_TRANSACTION]) {
        StoreError::ReadOnly(message)
    } else if is(&[SqlState::DATA_CORRUPTED, SqlState::INDEX_CORRUPTED]) {
        StoreError::Corrupt(message)
    } else if is(&[SqlState::PROGRAM_LIMIT_EXCEEDED]) {
        StoreError::Invalid(message)
    } else if code.code().starts_with("28")
        || is(&[
            SqlState::INVALID_CATALOG_NAME,
            SqlState::INSUFFICIENT_PRIVILEGE,
        ])
    {
        StoreError::Refused(message)
    } else {
        let verb = text.split_whitespace().next().unwrap_or("connecting");
        StoreError::Io(format!("{verb}: {message} ({})", code.code()))
    }
}

fn has_io(error: &Error) -> bool {
    error
        .source()
        .is_some_and(|source| source.is::<std::io::Error>())
}

/// The error and its cause, in one line.
fn words(error: &Error) -> String {
    let cause = error.source().map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
        .to_lowercase()
        .replace('\n', " ")
}
