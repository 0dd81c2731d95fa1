//! Rows for the tests, each different in every column.
#![allow(dead_code, reason = "each test binary uses some")]

use strongroom_store::{
    Batch, EntryRow, HeadRow, Id, IndexRow, JobRow, KeyRow, LocatorRow, RecordRow, SegmentRow,
};

pub fn id(number: u64) -> Id {
    let mut id = [0; 12];
    id[4..].copy_from_slice(&number.to_be_bytes());
    id
}

fn bytes(seed: u64, length: usize) -> Vec<u8> {
    id(seed).iter().copied().cycle().take(length).collect()
}

pub fn entry(log: u32, seq: u64) -> EntryRow {
    EntryRow {
        log,
        seq,
        time: 1_000 + (seq as i64),
        action: (seq % 500) as u16,
        first_event: seq,
        event_count: 1,
        spent: bytes(seq, 32),
        head: bytes(seq + 1, 103),
        parts: bytes(seq + 2, 640),
    }
}

pub fn batch_of_entries(log: u32, from: u64, to: u64) -> Batch {
    Batch {
        entries: (from..=to).map(|seq| entry(log, seq)).collect(),
        ..Batch::default()
    }
}

pub fn record(scope: u32, kind: u8, number: u64) -> RecordRow {
    RecordRow {
        scope,
        kind,
        id: id(number),
        version: 1,
        seq: i64::MAX as u64,
        time: i64::MIN,
        status: 255,
        body: bytes(number, 110),
    }
}

pub fn locator(scope: u32, number: u64, kind: u8) -> LocatorRow {
    LocatorRow {
        scope,
        id: id(number),
        kind,
        seq: number & 0xffff,
    }
}

pub fn index(scope: u32, field: u16, hash: u64, number: u64, unique: bool) -> IndexRow {
    let mut row = IndexRow {
        scope,
        field,
        hash: [7; 16],
        kind: 3,
        id: id(number),
        unique,
    };
    row.hash[8..].copy_from_slice(&hash.to_be_bytes());
    row
}

pub fn key(number: u32, purpose: u8, subject: u64) -> KeyRow {
    KeyRow {
        number,
        scope: 1,
        purpose,
        period: 202_611,
        subject: id(subject),
        version: 1,
        parent: number / 2,
        created: 5,
        wrapped: bytes(subject, 80),
    }
}

pub fn head(log: u32, seq: u64) -> HeadRow {
    HeadRow {
        log,
        organization: id(log.into()),
        mode: 2,
        seq,
        time: 77,
        events: seq * 2,
        frontier: bytes(seq, 96),
    }
}

pub fn segment(scope: u32, kind: u8, number: u64) -> SegmentRow {
    SegmentRow {
        scope,
        kind,
        number,
        body: bytes(number, 8_192),
    }
}

pub fn job(scope: u32, kind: u8, number: u64, due: i64) -> JobRow {
    JobRow {
        scope,
        kind,
        id: id(number),
        due,
        attempt: 3,
        body: Vec::new(),
    }
}
