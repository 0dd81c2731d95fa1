//! Between rows and columns: a list of rows becomes one array per column, and an answer's cells
//! become a row again, always checked.

use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, ToSql};

use super::fault::from_error;
use super::session::Step;
use crate::{
    EntryRow, HeadRow, Id, IndexRow, JobRow, KeyRow, LocatorRow, MAX_LOG, MAX_SEQ, RecordRow,
    SegmentRow, StoreError,
};

/// A number as the server holds it.
pub(super) fn signed(column: &str, number: u64) -> Result<i64, StoreError> {
    i64::try_from(number)
        .map_err(|_| StoreError::Invalid(format!("`{column}` {number} is too large")))
}

/// A row limit as the server takes it.
pub(super) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

impl<'a> Step<'a> {
    /// The statement with one more column.
    pub fn column<T, V: ToSql + Sync + 'a>(
        self,
        rows: &[&'a T],
        value: impl Fn(&'a T) -> V,
    ) -> Self {
        let values: Vec<V> = rows.iter().map(|row| value(row)).collect();
        self.with(values)
    }

    /// The same, of numbers that may be too large.
    pub fn numbers<T>(
        self,
        name: &str,
        rows: &[&'a T],
        value: impl Fn(&T) -> u64,
    ) -> Result<Self, StoreError> {
        let values = rows.iter().map(|row| signed(name, value(row)));
        let values: Vec<i64> = values.collect::<Result<_, _>>()?;
        Ok(self.with(values))
    }
}

/// A row that goes into one table.
pub(super) trait Table: Sized {
    /// The insert, from one array per column.
    const INSERT: &'static str;
    type Key: Ord;

    /// The table's key.
    fn key(&self) -> Self::Key;

    /// Binds every column, in the order of the insert.
    fn bind<'a>(step: Step<'a>, rows: &[&'a Self]) -> Result<Step<'a>, StoreError>;
}

impl Table for EntryRow {
    const INSERT: &'static str = "INSERT INTO strongroom.log
        (log, seq, time, first_event, action, event_count, spent, head, parts)
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[],
            $5::integer[], $6::integer[], $7::bytea[], $8::bytea[], $9::bytea[])";
    type Key = (u32, u64);

    fn key(&self) -> Self::Key {
        (self.log, self.seq)
    }

    fn bind<'a>(step: Step<'a>, rows: &[&'a Self]) -> Result<Step<'a>, StoreError> {
        for row in rows {
            if row.log > MAX_LOG {
                return Err(StoreError::Invalid(format!(
                    "`log` {} is too large",
                    row.log
                )));
            }
            if row.seq > MAX_SEQ {
                return Err(StoreError::Invalid(format!(
                    "`seq` {} is too large",
                    row.seq
                )));
            }
        }
        let step = step
            .column(rows, |row| i64::from(row.log))
            .numbers("seq", rows, |row| row.seq)?
            .column(rows, |row| row.time)
            .numbers("first_event", rows, |row| row.first_event)?
            .column(rows, |row| i32::from(row.action))
            .column(rows, |row| i32::from(row.event_count));
        Ok(step
            .column(rows, |row| row.spent.as_slice())
            .column(rows, |row| row.head.as_slice())
            .column(rows, |row| row.parts.as_slice()))
    }
}

impl Table for RecordRow {
    const INSERT: &'static str = "INSERT INTO strongroom.record
        (scope, kind, id, version, seq, time, status, body)
        SELECT * FROM unnest($1::bigint[], $2::smallint[], $3::bytea[], $4::bigint[],
            $5::bigint[], $6::bigint[], $7::smallint[], $8::bytea[])
        ON CONFLICT (scope, kind, id) DO UPDATE SET version = excluded.version,
            seq = excluded.seq, time = excluded.time, status = excluded.status,
            body = excluded.body";
    type Key = (u32, u8, Id);

    fn key(&self) -> Self::Key {
        (self.scope, self.kind, self.id)
    }

    fn bind<'a>(step: Step<'a>, rows: &[&'a Self]) -> Result<Step<'a>, StoreError> {
        Ok(step
            .column(rows, |row| i64::from(row.scope))
            .column(rows, |row| i16::from(row.kind))
            .column(rows, |row| row.id.as_slice())
            .numbers("version", rows, |row| row.version)?
            .numbers("seq", rows, |row| row.seq)?
            .column(rows, |row| row.time)
            .column(rows, |row| i16::from(row.status))
            .column(rows, |row| row.body.as_slice()))
    }
}

impl Table for LocatorRow {
    const INSERT: &'static str = "INSERT INTO strongroom.locator (scope, id, kind, seq)
        SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::smallint[], $4::bigint[])";
    type Key = (u32, Id);

    fn key(&self) -> Self::Key {
        (self.scope, self.id)
    }

    fn bind<'a>(step: Step<'a>, rows: &[&'a Self]) -> Result<Step<'a>, StoreError> {
        step.column(rows, |row| i64::from(row.scope))
            .column(rows, |row| row.id.as_slice())
            .column(rows, |row| i16::from(row.kind))
            .numbers("seq", rows, |row| row.seq)
    }
}

impl Table for IndexRow {
    const INSERT: &'static str = "INSERT INTO strongroom.index_entry
        (scope, field, hash, kind, id, sole)
        SELECT * FROM unnest($1::bigint[], $2::integer[], $3::bytea[], $4::smallint[],
            $5::bytea[], $6::boolean[])
        ON CONFLICT (scope, field, hash, kind, id) DO UPDATE SET sole = excluded.sole";
    type Key = (u32, u16, [u8; 16], u8, Id);

    fn key(&self) -> Self::Key {
        (self.scope, self.field, self.hash, self.kind, self.id)
    }

    fn bind<'a>(step: Step<'a>, rows: &[&'a Self]) -> Result<Step<'a>, StoreError> {
        Ok(step
            .column(rows, |row| i64::from(row.scope))
            .column(rows, |row| i32::from(row.field))
            .column(rows, |row| row.hash.as_slice())
            .column(rows, |row| i16::from(row.kind))
            .column(rows, |row| row.id.as_slice())
            .column(rows, |row| row.unique))
    }
}

impl Table for KeyRow {
    const INSERT: &'static str = "INSERT INTO strongroom.wrapped_key
        (number, scope, purpose, period, subject, version, parent, created, wrapped)
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::bigint[],
            $5::bytea[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bytea[])";
    type Key = u32;

    fn key(&self) -> Self::Key {
        self.number
    }

    fn bind<'a>(step: Step<'a>, rows: &[&'a Self]) -> Result<Step<'a>, StoreError> {
        let step = step
            .column(rows, |row| i64::from(row.number))
            .column(rows, |row| i64::from(row.scope))
            .column(rows, |row| i16::from(row.purpose))
            .column(rows, |row| i64::from(row.period))
            .column(rows, |row| row.subject.as_slice());
        Ok(step
            .column(rows, |row| i64::from(row.version))
            .column(rows, |row| i64::from(row.parent))
            .column(rows, |row| row.created)
            .column(rows, |row| row.wrapped.as_slice()))
    }
}

impl Table for HeadRow {
    const INSERT: &'static str = "INSERT INTO strongroom.head
        (log, organization, mode, seq, time, events, frontier)
        SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::smallint[], $4::bigint[],
            $5::bigint[], $6::bigint[], $7::bytea[])
        ON CONFLICT (log) DO UPDATE SET organization = excluded.organization,
            mode = excluded.mode, seq = excluded.seq, time = excluded.time,
            events = excluded.events, frontier = excluded.frontier";
    type Key = u32;

    fn key(&self) -> Self::Key {
        self.log
    }

    fn bind<'a>(step: Step<'a>, rows: &[&'a Self]) -> Result<Step<'a>, StoreError> {
        let step = step
            .column(rows, |row| i64::from(row.log))
            .column(rows, |row| row.organization.as_slice())
            .column(rows, |row| i16::from(row.mode))
            .numbers("seq", rows, |row| row.seq)?
            .column(rows, |row| row.time)
            .numbers("events", rows, |row| row.events)?;
        Ok(step.column(rows, |row| row.frontier.as_slice()))
    }
}

impl Table for SegmentRow {
    const INSERT: &'static str = "INSERT INTO strongroom.segment (scope, kind, number, body)
        SELECT * FROM unnest($1::bigint[], $2::smallint[], $3::bigint[], $4::bytea[])";
    type Key = (u32, u8, u64);

    fn key(&self) -> Self::Key {
        (self.scope, self.kind, self.number)
    }

    fn bind<'a>(step: Step<'a>, rows: &[&'a Self]) -> Result<Step<'a>, StoreError> {
        Ok(step
            .column(rows, |row| i64::from(row.scope))
            .column(rows, |row| i16::from(row.kind))
            .numbers("number", rows, |row| row.number)?
            .column(rows, |row| row.body.as_slice()))
    }
}

impl Table for JobRow {
    const INSERT: &'static str = "INSERT INTO strongroom.job
        (scope, kind, id, due, attempt, body)
        SELECT * FROM unnest($1::bigint[], $2::smallint[], $3::bytea[], $4::bigint[],
            $5::bigint[], $6::bytea[])
        ON CONFLICT (scope, kind, id) DO UPDATE SET due = excluded.due,
            attempt = excluded.attempt, body = excluded.body";
    type Key = (u32, u8, Id);

    fn key(&self) -> Self::Key {
        (self.scope, self.kind, self.id)
    }

    fn bind<'a>(step: Step<'a>, rows: &[&'a Self]) -> Result<Step<'a>, StoreError> {
        Ok(step
            .column(rows, |row| i64::from(row.scope))
            .column(rows, |row| i16::from(row.kind))
            .column(rows, |row| row.id.as_slice())
            .column(rows, |row| row.due)
            .column(rows, |row| i64::from(row.attempt))
            .column(rows, |row| row.body.as_slice()))
    }
}

/// The cells of one row of an answer.
pub(super) struct Cells<'a>(pub &'a Row);

impl Cells<'_> {
    /// A cell as it is.
    pub fn get<'r, T: FromSql<'r>>(&'r self, place: usize) -> Result<T, StoreError> {
        self.0
            .try_get(place)
            .map_err(|error| from_error("", &error).into())
    }

    /// A number that fits.
    pub fn number<T: TryFrom<i64>>(&self, place: usize) -> Result<T, StoreError> {
        T::try_from(self.get::<i64>(place)?).map_err(|_| odd(place))
    }

    /// A small number that fits.
    pub fn small<T: TryFrom<i16>>(&self, place: usize) -> Result<T, StoreError> {
        T::try_from(self.get::<i16>(place)?).map_err(|_| odd(place))
    }

    /// A middling number that fits.
    pub fn short(&self, place: usize) -> Result<u16, StoreError> {
        u16::try_from(self.get::<i32>(place)?).map_err(|_| odd(place))
    }

    /// Bytes of a fixed length.
    pub fn fixed<const N: usize>(&self, place: usize) -> Result<[u8; N], StoreError> {
        self.get::<&[u8]>(place)?.try_into().map_err(|_| odd(place))
    }
}

fn odd(place: usize) -> StoreError {
    StoreError::Corrupt(format!("column {place} holds a value of the wrong kind"))
}

/// Every row of an answer.
pub(super) fn all<T>(
    rows: &[Row],
    decode: fn(&Cells<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    rows.iter().map(|row| decode(&Cells(row))).collect()
}

pub(super) fn entry(row: &Cells<'_>) -> Result<EntryRow, StoreError> {
    Ok(EntryRow {
        log: row.number(0)?,
        seq: row.number(1)?,
        time: row.get(2)?,
        action: row.short(3)?,
        first_event: row.number(4)?,
        event_count: row.short(5)?,
        spent: row.get(6)?,
        head: row.get(7)?,
        parts: row.get(8)?,
    })
}

pub(super) fn record(row: &Cells<'_>) -> Result<RecordRow, StoreError> {
    Ok(RecordRow {
        scope: row.number(0)?,
        kind: row.small(1)?,
        id: row.fixed(2)?,
        version: row.number(3)?,
        seq: row.number(4)?,
        time: row.get(5)?,
        status: row.small(6)?,
        body: row.get(7)?,
    })
}

pub(super) fn locator(row: &Cells<'_>) -> Result<LocatorRow, StoreError> {
    Ok(LocatorRow {
        scope: row.number(0)?,
        id: row.fixed(1)?,
        kind: row.small(2)?,
        seq: row.number(3)?,
    })
}

pub(super) fn index(row: &Cells<'_>) -> Result<IndexRow, StoreError> {
    Ok(IndexRow {
        scope: row.number(0)?,
        field: row.short(1)?,
        hash: row.fixed(2)?,
        kind: row.small(3)?,
        id: row.fixed(4)?,
        unique: row.get(5)?,
    })
}

pub(super) fn key(row: &Cells<'_>) -> Result<KeyRow, StoreError> {
    Ok(KeyRow {
        number: row.number(0)?,
        scope: row.number(1)?,
        purpose: row.small(2)?,
        period: row.number(3)?,
        subject: row.fixed(4)?,
        version: row.number(5)?,
        parent: row.number(6)?,
        created: row.get(7)?,
        wrapped: row.get(8)?,
    })
}

pub(super) fn head(row: &Cells<'_>) -> Result<HeadRow, StoreError> {
    Ok(HeadRow {
        log: row.number(0)?,
        organization: row.fixed(1)?,
        mode: row.small(2)?,
        seq: row.number(3)?,
        time: row.get(4)?,
        events: row.number(5)?,
        frontier: row.get(6)?,
    })
}

pub(super) fn segment(row: &Cells<'_>) -> Result<SegmentRow, StoreError> {
    Ok(SegmentRow {
        scope: row.number(0)?,
        kind: row.small(1)?,
        number: row.number(2)?,
        body: row.get(3)?,
    })
}

pub(super) fn job(row: &Cells<'_>) -> Result<JobRow, StoreError> {
    Ok(JobRow {
        scope: row.number(0)?,
        kind: row.small(1)?,
        id: row.fixed(2)?,
        due: row.get(3)?,
        attempt: row.number(4)?,
        body: row.get(5)?,
    })
}
