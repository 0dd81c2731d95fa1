//! Rows as bytes: fixed fields in big-endian, then bodies behind their length as u32. One format for ever; a change of it is
//! a new format of backups.

use strongroom_store::{
    EntryRow, HeadRow, IndexRow, JobRow, KeyRow, LocatorRow, RecordRow, Row, SegmentRow,
};

/// How many kinds of rows there are, numbered from 1.
pub(super) const KINDS: usize = 8;

/// The kind of a row, and its bytes.
pub(super) fn encode(row: &Row, out: &mut Vec<u8>) -> u8 {
    match row {
        Row::Entry(row) => entry(row, out),
        Row::Key(row) => key(row, out),
        Row::Record(row) => record(row, out),
        Row::Locator(row) => locator(row, out),
        Row::Index(row) => index(row, out),
        Row::Segment(row) => segment(row, out),
        Row::Job(row) => job(row, out),
        Row::Head(row) => head(row, out),
    }
}

/// The row of exactly these bytes, if they are one.
pub(super) fn decode(kind: u8, bytes: &[u8]) -> Option<Row> {
    let mut bytes = Bytes(bytes);
    let from = &mut bytes;
    let row = match kind {
        1 => Row::Entry(EntryRow {
            log: from.u32()?,
            seq: from.u64()?,
            time: from.i64()?,
            action: from.u16()?,
            first_event: from.u64()?,
            event_count: from.u16()?,
            spent: from.body()?,
            head: from.body()?,
            parts: from.body()?,
        }),
        2 => Row::Key(decode_key(from)?),
        3 => Row::Record(RecordRow {
            scope: from.u32()?,
            kind: from.u8()?,
            id: from.array()?,
            version: from.u64()?,
            seq: from.u64()?,
            time: from.i64()?,
            status: from.u8()?,
            body: from.body()?,
        }),
        4 => Row::Locator(LocatorRow {
            scope: from.u32()?,
            id: from.array()?,
            kind: from.u8()?,
            seq: from.u64()?,
        }),
        5 => Row::Index(IndexRow {
            scope: from.u32()?,
            field: from.u16()?,
            hash: from.array()?,
            kind: from.u8()?,
            id: from.array()?,
            unique: from.flag()?,
        }),
        6 => Row::Segment(SegmentRow {
            scope: from.u32()?,
            kind: from.u8()?,
            number: from.u64()?,
            body: from.body()?,
        }),
        7 => Row::Job(JobRow {
            scope: from.u32()?,
            kind: from.u8()?,
            id: from.array()?,
            due: from.i64()?,
            attempt: from.u32()?,
            body: from.body()?,
        }),
        8 => Row::Head(HeadRow {
            log: from.u32()?,
            organization: from.array()?,
            mode: from.u8()?,
            seq: from.u64()?,
            time: from.i64()?,
            events: from.u64()?,
            frontier: from.body()?,
        }),
        _ => return None,
    };
    bytes.is_empty().then_some(row)
}

/// A key row and nothing else.
pub(super) fn key_of(bytes: &[u8]) -> Option<KeyRow> {
    match decode(2, bytes)? {
        Row::Key(row) => Some(row),
        _ => None,
    }
}

fn entry(row: &EntryRow, out: &mut Vec<u8>) -> u8 {
    let EntryRow {
        log,
        seq,
        time,
        action,
        first_event,
        event_count,
        spent,
        head,
        parts,
    } = row;
    out.extend_from_slice(&log.to_be_bytes());
    out.extend_from_slice(&seq.to_be_bytes());
    out.extend_from_slice(&time.to_be_bytes());
    out.extend_from_slice(&action.to_be_bytes());
    out.extend_from_slice(&first_event.to_be_bytes());
    out.extend_from_slice(&event_count.to_be_bytes());
    body(spent, out);
    body(head, out);
    body(parts, out);
    1
}

pub(super) fn key(row: &KeyRow, out: &mut Vec<u8>) -> u8 {
    let KeyRow {
        number,
        scope,
        purpose,
        period,
        subject,
        version,
        parent,
        created,
        wrapped,
    } = row;
    out.extend_from_slice(&number.to_be_bytes());
    out.extend_from_slice(&scope.to_be_bytes());
    out.push(*purpose);
    out.extend_from_slice(&period.to_be_bytes());
    out.extend_from_slice(subject);
    out.extend_from_slice(&version.to_be_bytes());
    out.extend_from_slice(&parent.to_be_bytes());
    out.extend_from_slice(&created.to_be_bytes());
    body(wrapped, out);
    2
}

fn decode_key(from: &mut Bytes<'_>) -> Option<KeyRow> {
    Some(KeyRow {
        number: from.u32()?,
        scope: from.u32()?,
        purpose: from.u8()?,
        period: from.u32()?,
        subject: from.array()?,
        version: from.u32()?,
        parent: from.u32()?,
        created: from.i64()?,
        wrapped: from.body()?,
    })
}

fn record(row: &RecordRow, out: &mut Vec<u8>) -> u8 {
    let RecordRow {
        scope,
        kind,
        id,
        version,
        seq,
        time,
        status,
        body: sealed,
    } = row;
    out.extend_from_slice(&scope.to_be_bytes());
    out.push(*kind);
    out.extend_from_slice(id);
    out.extend_from_slice(&version.to_be_bytes());
    out.extend_from_slice(&seq.to_be_bytes());
    out.extend_from_slice(&time.to_be_bytes());
    out.push(*status);
    body(sealed, out);
    3
}

fn locator(row: &LocatorRow, out: &mut Vec<u8>) -> u8 {
    let LocatorRow {
        scope,
        id,
        kind,
        seq,
    } = row;
    out.extend_from_slice(&scope.to_be_bytes());
    out.extend_from_slice(id);
    out.push(*kind);
    out.extend_from_slice(&seq.to_be_bytes());
    4
}

fn index(row: &IndexRow, out: &mut Vec<u8>) -> u8 {
    let IndexRow {
        scope,
        field,
        hash,
        kind,
        id,
        unique,
    } = row;
    out.extend_from_slice(&scope.to_be_bytes());
    out.extend_from_slice(&field.to_be_bytes());
    out.extend_from_slice(hash);
    out.push(*kind);
    out.extend_from_slice(id);
    out.push(u8::from(*unique));
    5
}

fn segment(row: &SegmentRow, out: &mut Vec<u8>) -> u8 {
    let SegmentRow {
        scope,
        kind,
        number,
        body: block,
    } = row;
    out.extend_from_slice(&scope.to_be_bytes());
    out.push(*kind);
    out.extend_from_slice(&number.to_be_bytes());
    body(block, out);
    6
}

fn job(row: &JobRow, out: &mut Vec<u8>) -> u8 {
    let JobRow {
        scope,
        kind,
        id,
        due,
        attempt,
        body: sealed,
    } = row;
    out.extend_from_slice(&scope.to_be_bytes());
    out.push(*kind);
    out.extend_from_slice(id);
    out.extend_from_slice(&due.to_be_bytes());
    out.extend_from_slice(&attempt.to_be_bytes());
    body(sealed, out);
    7
}

fn head(row: &HeadRow, out: &mut Vec<u8>) -> u8 {
    let HeadRow {
        log,
        organization,
        mode,
        seq,
        time,
        events,
        frontier,
    } = row;
    out.extend_from_slice(&log.to_be_bytes());
    out.extend_from_slice(organization);
    out.push(*mode);
    out.extend_from_slice(&seq.to_be_bytes());
    out.extend_from_slice(&time.to_be_bytes());
    out.extend_from_slice(&events.to_be_bytes());
    body(frontier, out);
    8
}

/// Rows of a store are far below 4 GiB; one above would be refused when it is read.
fn body(bytes: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// What is left of some bytes.
pub(super) struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (first, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(first)
    }

    pub fn body(&mut self) -> Option<Vec<u8>> {
        let length = usize::try_from(self.u32()?).ok()?;
        self.take(length).map(<[u8]>::to_vec)
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn flag(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }
}
