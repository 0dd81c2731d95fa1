//! Between the rows' unsigned numbers and SQLite's signed 64-bit integers, always checked.
//!
//! An entry's row number is `log << 40 | seq`, so that one log's entries lie together and are
//! appended.

use rusqlite::Row;
use rusqlite::types::Type;

use crate::{MAX_LOG, MAX_SEQ, StoreError};

const SEQ_BITS: u32 = 40;

/// Row number of an entry.
pub(super) fn entry_number(log: u32, seq: u64) -> Result<i64, StoreError> {
    if log > MAX_LOG {
        return Err(StoreError::Invalid(format!("`log` {log} is too large")));
    }
    if seq > MAX_SEQ {
        return Err(StoreError::Invalid(format!("`seq` {seq} is too large")));
    }
    signed("entry", (u64::from(log) << SEQ_BITS) | seq)
}

/// Row numbers of the entries of a log between two sequence numbers, cut to what can exist.
pub(super) fn entry_span(log: u32, from: u64, to: u64) -> Result<(i64, i64), StoreError> {
    Ok((
        entry_number(log, from.min(MAX_SEQ))?,
        entry_number(log, to.min(MAX_SEQ))?,
    ))
}

/// Log and sequence number of a row number.
pub(super) fn split_entry(number: i64) -> Option<(u32, u64)> {
    let number = u64::try_from(number).ok()?;
    let log = u32::try_from(number >> SEQ_BITS).ok()?;
    Some((log, number & MAX_SEQ))
}

/// A number as SQLite holds it.
pub(super) fn signed(column: &str, number: u64) -> Result<i64, StoreError> {
    i64::try_from(number)
        .map_err(|_| StoreError::Invalid(format!("`{column}` {number} is too large")))
}

/// A row limit as SQLite takes it.
pub(super) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// A column that holds a number from 0 up.
pub(super) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

/// Log and sequence number of the entry number in a column.
pub(super) fn entry_at(row: &Row<'_>, column: usize) -> rusqlite::Result<(u32, u64)> {
    let value: i64 = row.get(column)?;
    split_entry(value).ok_or(rusqlite::Error::InvalidColumnType(
        column,
        "entry".to_owned(),
        Type::Integer,
    ))
}

#[cfg(test)]
mod tests {
    use super::{entry_number, split_entry};
    use crate::{MAX_LOG, MAX_SEQ};

    #[test]
    fn entry_numbers_keep_order_and_come_back() {
        let pairs = [
            (0, 0),
            (0, 1),
            (0, MAX_SEQ),
            (1, 0),
            (7, 9),
            (MAX_LOG, MAX_SEQ),
        ];
        let numbers: Vec<i64> = pairs
            .map(|(log, seq)| entry_number(log, seq).unwrap())
            .into();
        assert!(numbers.is_sorted());
        assert!(numbers.iter().all(|n| *n >= 0));
        for (pair, number) in pairs.iter().zip(numbers) {
            assert_eq!(split_entry(number), Some(*pair));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(entry_number(MAX_LOG + 1, 1).is_err());
        assert!(entry_number(1, MAX_SEQ + 1).is_err());
        assert_eq!(split_entry(-1), None);
    }
}
