//! How each kind of row is bound to its insert.
//!
//! The texts are built once from constants; a row's columns stand in one place, next to their
//! binding, in the order of the table.

use std::cmp::Ordering;

use rusqlite::{Statement, ToSql};

use super::fault::Naming;
use super::numbers::{entry_number, signed};
use crate::{
    EntryRow, HeadRow, IndexRow, JobRow, KeyRow, LocatorRow, RecordRow, SegmentRow, StoreError,
};

/// A row that goes into one table.
pub(super) trait Table: Sized {
    const NAME: &'static str;
    const COLUMNS: &'static [&'static str];
    /// What happens to a standing row with the same key.
    const REPLACES: bool;

    /// The order of the table's key.
    fn by_key(&self, other: &Self) -> Ordering;

    /// Binds all columns in order.
    fn bind(&self, to: &mut Binder<'_, '_>) -> Result<(), StoreError>;
}

/// Binds values to a statement one after another.
pub(super) struct Binder<'a, 'c> {
    statement: &'a mut Statement<'c>,
    table: &'static str,
    bound: usize,
}

impl<'a, 'c> Binder<'a, 'c> {
    pub fn new(statement: &'a mut Statement<'c>, table: &'static str) -> Self {
        Self {
            statement,
            table,
            bound: 0,
        }
    }

    fn put(&mut self, value: impl ToSql) -> Result<(), StoreError> {
        self.bound += 1;
        self.statement
            .raw_bind_parameter(self.bound, value)
            .of(self.table)
    }
}

fn text_of<T: Table>() -> String {
    let verb = if T::REPLACES {
        "INSERT OR REPLACE INTO"
    } else {
        "INSERT INTO"
    };
    let values = vec!["?"; T::COLUMNS.len()].join(",");
    format!(
        "{verb} {} ({}) VALUES ({values})",
        T::NAME,
        T::COLUMNS.join(",")
    )
}

/// The insert of each table.
pub(super) struct Texts {
    pub entries: String,
    pub records: String,
    pub locators: String,
    pub indexes: String,
    pub keys: String,
    pub heads: String,
    pub segments: String,
    pub jobs: String,
}

impl Default for Texts {
    fn default() -> Self {
        Self {
            entries: text_of::<EntryRow>(),
            records: text_of::<RecordRow>(),
            locators: text_of::<LocatorRow>(),
            indexes: text_of::<IndexRow>(),
            keys: text_of::<KeyRow>(),
            heads: text_of::<HeadRow>(),
            segments: text_of::<SegmentRow>(),
            jobs: text_of::<JobRow>(),
        }
    }
}

impl Table for EntryRow {
    const NAME: &'static str = "log";
    const COLUMNS: &'static [&'static str] = &[
        "entry",
        "time",
        "action",
        "first_event",
        "event_count",
        "spent",
        "head",
        "parts",
    ];
    const REPLACES: bool = false;

    fn by_key(&self, other: &Self) -> Ordering {
        (self.log, self.seq).cmp(&(other.log, other.seq))
    }

    fn bind(&self, to: &mut Binder<'_, '_>) -> Result<(), StoreError> {
        to.put(entry_number(self.log, self.seq)?)?;
        to.put(self.time)?;
        to.put(self.action)?;
        to.put(signed("first_event", self.first_event)?)?;
        to.put(self.event_count)?;
        to.put(self.spent.as_slice())?;
        to.put(self.head.as_slice())?;
        to.put(self.parts.as_slice())
    }
}

impl Table for RecordRow {
    const NAME: &'static str = "record";
    const COLUMNS: &'static [&'static str] = &[
        "scope", "kind", "id", "version", "seq", "time", "status", "body",
    ];
    const REPLACES: bool = true;

    fn by_key(&self, other: &Self) -> Ordering {
        (self.scope, self.kind, self.id).cmp(&(other.scope, other.kind, other.id))
    }

    fn bind(&self, to: &mut Binder<'_, '_>) -> Result<(), StoreError> {
        to.put(self.scope)?;
        to.put(self.kind)?;
        to.put(self.id)?;
        to.put(signed("version", self.version)?)?;
        to.put(signed("seq", self.seq)?)?;
        to.put(self.time)?;
        to.put(self.status)?;
        to.put(self.body.as_slice())
    }
}

impl Table for LocatorRow {
    const NAME: &'static str = "locator";
    const COLUMNS: &'static [&'static str] = &["scope", "id", "kind", "seq"];
    const REPLACES: bool = false;

    fn by_key(&self, other: &Self) -> Ordering {
        (self.scope, self.id).cmp(&(other.scope, other.id))
    }

    fn bind(&self, to: &mut Binder<'_, '_>) -> Result<(), StoreError> {
        to.put(self.scope)?;
        to.put(self.id)?;
        to.put(self.kind)?;
        to.put(signed("seq", self.seq)?)
    }
}

impl Table for IndexRow {
    const NAME: &'static str = "index_entry";
    const COLUMNS: &'static [&'static str] = &["scope", "field", "hash", "kind", "id", "sole"];
    const REPLACES: bool = true;

    fn by_key(&self, other: &Self) -> Ordering {
        let key = |row: &Self| (row.scope, row.field, row.hash, row.kind, row.id);
        key(self).cmp(&key(other))
    }

    fn bind(&self, to: &mut Binder<'_, '_>) -> Result<(), StoreError> {
        to.put(self.scope)?;
        to.put(self.field)?;
        to.put(self.hash)?;
        to.put(self.kind)?;
        to.put(self.id)?;
        to.put(self.unique)
    }
}

impl Table for KeyRow {
    const NAME: &'static str = "wrapped_key";
    const COLUMNS: &'static [&'static str] = &[
        "number", "scope", "purpose", "period", "subject", "version", "parent", "created",
        "wrapped",
    ];
    const REPLACES: bool = false;

    fn by_key(&self, other: &Self) -> Ordering {
        self.number.cmp(&other.number)
    }

    fn bind(&self, to: &mut Binder<'_, '_>) -> Result<(), StoreError> {
        to.put(self.number)?;
        to.put(self.scope)?;
        to.put(self.purpose)?;
        to.put(self.period)?;
        to.put(self.subject)?;
        to.put(self.version)?;
        to.put(self.parent)?;
        to.put(self.created)?;
        to.put(self.wrapped.as_slice())
    }
}

impl Table for HeadRow {
    const NAME: &'static str = "head";
    const COLUMNS: &'static [&'static str] = &[
        "log",
        "organization",
        "mode",
        "seq",
        "time",
        "events",
        "frontier",
    ];
    const REPLACES: bool = true;

    fn by_key(&self, other: &Self) -> Ordering {
        self.log.cmp(&other.log)
    }

    fn bind(&self, to: &mut Binder<'_, '_>) -> Result<(), StoreError> {
        to.put(self.log)?;
        to.put(self.organization)?;
        to.put(self.mode)?;
        to.put(signed("seq", self.seq)?)?;
        to.put(self.time)?;
        to.put(signed("events", self.events)?)?;
        to.put(self.frontier.as_slice())
    }
}

impl Table for SegmentRow {
    const NAME: &'static str = "segment";
    const COLUMNS: &'static [&'static str] = &["scope", "kind", "number", "body"];
    const REPLACES: bool = false;

    fn by_key(&self, other: &Self) -> Ordering {
        (self.scope, self.kind, self.number).cmp(&(other.scope, other.kind, other.number))
    }

    fn bind(&self, to: &mut Binder<'_, '_>) -> Result<(), StoreError> {
        to.put(self.scope)?;
        to.put(self.kind)?;
        to.put(signed("number", self.number)?)?;
        to.put(self.body.as_slice())
    }
}

impl Table for JobRow {
    const NAME: &'static str = "job";
    const COLUMNS: &'static [&'static str] = &["scope", "kind", "id", "due", "attempt", "body"];
    const REPLACES: bool = true;

    fn by_key(&self, other: &Self) -> Ordering {
        (self.scope, self.kind, self.id).cmp(&(other.scope, other.kind, other.id))
    }

    fn bind(&self, to: &mut Binder<'_, '_>) -> Result<(), StoreError> {
        to.put(self.scope)?;
        to.put(self.kind)?;
        to.put(self.id)?;
        to.put(self.due)?;
        to.put(self.attempt)?;
        to.put(self.body.as_slice())
    }
}
