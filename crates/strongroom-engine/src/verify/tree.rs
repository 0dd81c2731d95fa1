//! The tree over one log's entries, recomputed: tiles, frontier, and every root that was ever signed or put on record.

use std::fmt;

use strongroom_audit::{Frontier, Tile, TileWriter};
use strongroom_store::{HeadRow, Reader, StoreError};

use crate::log::segment;
use crate::verify::report::Damages;

/// Levels of tiles a tree can have.
const LEVELS: u8 = 8;

/// A root that the log must have had at some size.
pub(super) struct Point {
    pub size: u64,
    pub root: [u8; 32],
    pub from: Witness,
}

/// Who says so.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Witness {
    /// A stored checkpoint, made at this time.
    Checkpoint(i64),
    /// An entry of the installation's log.
    Heads(u64),
    /// A checkpoint kept elsewhere.
    Pinned,
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Witness::Checkpoint(_) => f.write_str("its stored checkpoint"),
            Witness::Heads(seq) => write!(f, "the head put on record in entry {seq} of log 1"),
            Witness::Pinned => f.write_str("the checkpoint kept elsewhere"),
        }
    }
}

/// The tree as far as the entries were read.
pub(super) struct Tree {
    log: u32,
    frontier: Frontier,
    tiles: TileWriter,
    /// Ascending by size, the ones passed taken off the end.
    points: Vec<Point>,
    /// An entry is missing: nothing after it can be hashed.
    broken: bool,
    /// Leaves in level-0 tiles that were compared.
    tiled: u64,
    /// Roots that were not reached, the first one named.
    missed: u64,
}

impl Tree {
    pub fn new(log: u32, mut points: Vec<Point>) -> Tree {
        points.sort_by_key(|point| std::cmp::Reverse(point.size));
        Tree {
            log,
            frontier: Frontier::default(),
            tiles: TileWriter::default(),
            points,
            broken: false,
            tiled: 0,
            missed: 0,
        }
    }

    /// Leaves the tree unfinished: the next leaf is not known.
    pub fn break_off(&mut self) {
        self.broken = true;
    }

    pub fn root(&self) -> String {
        self.frontier
            .root()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Appends an entry's leaf and compares what is complete with it.
    pub fn push(
        &mut self,
        time: i64,
        leaf: [u8; 32],
        reader: &mut dyn Reader,
        damages: &mut Damages,
    ) -> Result<(), StoreError> {
        if self.broken {
            return Ok(());
        }
        self.frontier.push(leaf);
        for tile in self.tiles.push(leaf) {
            self.tile(&tile, reader, damages)?;
        }
        let size = self.frontier.size();
        while let Some(point) = self.points.pop_if(|point| point.size <= size) {
            self.point(&point, time, damages);
        }
        Ok(())
    }

    fn tile(
        &mut self,
        tile: &Tile,
        reader: &mut dyn Reader,
        damages: &mut Damages,
    ) -> Result<(), StoreError> {
        let Tile {
            level,
            index,
            hashes,
        } = tile;
        let log = self.log;
        let stored = reader.segment(log, segment::TILE.saturating_add(*level), *index)?;
        if *level == 0 {
            self.tiled = (index + 1) * 256;
        }
        let Some(stored) = stored.filter(|row| row.body.len() == hashes.len()) else {
            damages.note(format!(
                "tile {index} of level {level} of log {log}: it is missing or cut"
            ));
            return Ok(());
        };
        let differing: Vec<u64> = (0..)
            .zip(hashes.chunks(32).zip(stored.body.chunks(32)))
            .filter(|(_, (ours, stored))| ours != stored)
            .map(|(n, _)| index * 256 + n)
            .collect();
        for place in differing {
            damages.note(match level {
                0 => format!("entry {} of log {log}: its time or part list, or its hash in tile {index}, was altered", place + 1),
                _ => format!("tile {index} of level {level} of log {log}: hash {} does not follow from the tile below", place % 256),
            });
        }
        Ok(())
    }

    fn point(&mut self, point: &Point, time: i64, damages: &mut Damages) {
        let Point { size, root, from } = point;
        let log = self.log;
        if *size != self.frontier.size() || *root != self.frontier.root() {
            self.missed += 1;
            if self.missed == 1 {
                damages.note(format!(
                    "log {log}: entries 1 to {size} do not lead to the root of {from}"
                ));
            }
        }
        if matches!(from, Witness::Checkpoint(made) if *made < time) {
            damages.note(format!(
                "log {log}: the checkpoint of {size} entries is older than the last of them"
            ));
        }
    }

    /// Compares the end of the tree with the stored head, and names what was never reached.
    pub fn finish(
        &self,
        head: &HeadRow,
        reader: &mut dyn Reader,
        damages: &mut Damages,
    ) -> Result<(), StoreError> {
        let (log, size) = (self.log, self.frontier.size());
        if self.missed > 1 {
            damages.note(format!(
                "log {log}: nor do they to {} later ones",
                self.missed - 1
            ));
        }
        if self.broken {
            damages.note(format!(
                "log {log}: without a missing entry its tree cannot be computed beyond {size}"
            ));
            return Ok(());
        }
        match Frontier::decode(&head.frontier) {
            Ok(stored) if stored == self.frontier => {}
            Ok(_) => {
                let first = self.tiled + 1;
                damages.note(format!("log {log}: its stored frontier, or one of entries {first} to {size}, was altered"));
            }
            Err(damage) => damages.note(format!("log {log}: {damage}")),
        }
        for Point {
            size: covered,
            from,
            ..
        } in self.points.iter().rev()
        {
            damages.note(format!(
                "log {log}: it was cut back: {from} covers {covered} entries, {size} are here"
            ));
        }
        for level in 0..LEVELS {
            let full = size.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0);
            if !reader
                .segments(log, segment::TILE.saturating_add(level), full, 1)?
                .is_empty()
            {
                damages.note(format!(
                    "log {log}: a tile of level {level} lies beyond its end"
                ));
            }
        }
        Ok(())
    }
}
