//! Lines of one scope and day on their way into a block.

use strongroom_types::id::RawId;
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::journal::line::{Line, Mark};

/// Bytes of lines at which a block is written without waiting for more.
pub(super) const FULL: usize = 64 * 1024;

/// Lines not yet written. Never empty.
pub(super) struct Block {
    pub scope: Scope,
    /// `YYYYMMDD`, of the lines' times.
    pub day: u32,
    pub lines: u32,
    pub lowest: RawId,
    pub highest: RawId,
    pub earliest: Timestamp,
    pub latest: Timestamp,
    /// The lines as stored, one behind the other.
    pub plain: Vec<u8>,
}

impl Block {
    /// A block that has one line.
    pub fn of(line: &impl Line) -> Block {
        let Mark { id, time } = line.mark();
        let mut block = Block {
            scope: line.scope(),
            day: time.day(),
            lines: 0,
            lowest: id,
            highest: id,
            earliest: time,
            latest: time,
            plain: Vec::with_capacity(512),
        };
        block.add(line);
        block
    }

    pub fn add(&mut self, line: &impl Line) {
        let Mark { id, time } = line.mark();
        self.lines = self.lines.saturating_add(1);
        self.lowest = self.lowest.min(id);
        self.highest = self.highest.max(id);
        self.earliest = self.earliest.min(time);
        self.latest = self.latest.max(time);
        line.append_to(&mut self.plain);
    }

    pub fn is_full(&self) -> bool {
        self.plain.len() >= FULL
    }
}
