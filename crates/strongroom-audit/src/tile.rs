//! Tiles of 256 hashes, the stored form of the tree (shaped as in C2SP tlog-tiles).
//!
//! Tile `i` of level 0 holds leaves `256·i ..`; a tile of level `l` holds the roots of 256 tiles of level `l - 1`. Only
//! full tiles are written, so a tile never changes; the tail stands in the log's own entries.

use std::fmt;

use crate::tree::{HashSource, node_hash};

/// Hashes in a tile.
pub const TILE: usize = 256;

/// Tree levels in a tile.
const HEIGHT: u8 = 8;

/// Bytes of a tile.
const TILE_BYTES: usize = TILE * 32;

/// A full tile, to be stored once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tile {
    /// Tile level: its hashes cover `256^level` leaves each.
    pub level: u8,
    /// Place among the tiles of its level.
    pub index: u64,
    /// 256 hashes, 8,192 bytes.
    pub hashes: Vec<u8>,
}

/// Collects leaf hashes and gives out tiles as they fill.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TileWriter {
    size: u64,
    /// By tile level: the hashes since the last full tile.
    partial: Vec<Vec<[u8; 32]>>,
}

impl TileWriter {
    /// The writer of a tree of `size` leaves: reads the tail of each level, fewer than 256 hashes each.
    ///
    /// # Errors
    /// What the source fails with.
    pub fn restore<S: HashSource>(source: &S, size: u64) -> Result<Self, S::Error> {
        let mut partial = Vec::new();
        for level in (0..64).step_by(usize::from(HEIGHT)) {
            let count = size >> level;
            let tail = (count - count % 256..count).map(|index| source.subtree(level, index));
            partial.push(tail.collect::<Result<Vec<_>, _>>()?);
        }
        Ok(Self { size, partial })
    }

    /// Leaves so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf hash; the tiles it fills, lowest level first. Mostly none, one in 256 calls gives one.
    pub fn push(&mut self, leaf: [u8; 32]) -> Vec<Tile> {
        self.size += 1;
        let mut full = Vec::new();
        let mut carried = Some(leaf);
        let mut level = 0;
        while let Some(hash) = carried {
            carried = self.push_at(level, hash).map(|tile| {
                let root = fold(&tile);
                full.push(self.numbered(level, &tile));
                root
            });
            level += 1;
        }
        full
    }

    fn push_at(&mut self, level: u8, hash: [u8; 32]) -> Option<Vec<[u8; 32]>> {
        let place = usize::from(level);
        if self.partial.len() <= place {
            self.partial.resize(place + 1, Vec::new());
        }
        let partial = self.partial.get_mut(place)?;
        partial.push(hash);
        (partial.len() == TILE).then(|| std::mem::take(partial))
    }

    fn numbered(&self, level: u8, hashes: &[[u8; 32]]) -> Tile {
        let index = (self.size >> (u32::from(HEIGHT) * (u32::from(level) + 1))) - 1;
        Tile {
            level,
            index,
            hashes: hashes.as_flattened().to_vec(),
        }
    }
}

/// Why a tile source failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TileError<E> {
    /// What the store failed with.
    Source(E),
    /// A stored tile is not 8,192 bytes.
    Damaged {
        /// Tile level.
        level: u8,
        /// Tile index.
        index: u64,
    },
}

impl<E: fmt::Display> fmt::Display for TileError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(error) => error.fmt(f),
            Self::Damaged { level, index } => {
                write!(f, "tile {index} of level {level} has a wrong length")
            }
        }
    }
}

impl<E: std::error::Error> std::error::Error for TileError<E> {}

/// A [`HashSource`] over stored tiles and, for the tail without a full tile, single leaf hashes.
///
/// `tiles(level, index)` gives a tile's bytes or none; `leaf(index)` (from 0) is asked only below missing tiles.
pub struct TileSource<T, L> {
    tiles: T,
    leaf: L,
}

impl<T, L> TileSource<T, L> {
    /// A source over two closures.
    pub fn new(tiles: T, leaf: L) -> Self {
        Self { tiles, leaf }
    }
}

impl<T, L, E> HashSource for TileSource<T, L>
where
    T: Fn(u8, u64) -> Result<Option<Vec<u8>>, E>,
    L: Fn(u64) -> Result<[u8; 32], E>,
{
    type Error = TileError<E>;

    fn subtree(&self, level: u8, index: u64) -> Result<[u8; 32], Self::Error> {
        let (tile_level, inside) = (level / HEIGHT, level % HEIGHT);
        let first = index << inside;
        let (tile_index, offset) = (first / 256, first % 256);
        let stored = (self.tiles)(tile_level, tile_index).map_err(TileError::Source)?;
        if let Some(bytes) = stored {
            let damaged = TileError::Damaged {
                level: tile_level,
                index: tile_index,
            };
            return within(&bytes, offset, 1 << inside).ok_or(damaged);
        }
        if level == 0 {
            return (self.leaf)(index).map_err(TileError::Source);
        }
        let (left, right) = (
            self.subtree(level - 1, 2 * index)?,
            self.subtree(level - 1, 2 * index + 1)?,
        );
        Ok(node_hash(&left, &right))
    }
}

fn within(tile: &[u8], offset: u64, count: usize) -> Option<[u8; 32]> {
    if tile.len() != TILE_BYTES {
        return None;
    }
    let offset = usize::try_from(offset).ok()?;
    let (hashes, _) = tile.as_chunks::<32>();
    hashes.get(offset..offset + count).map(fold)
}

/// The root over a power of two of hashes.
fn fold(hashes: &[[u8; 32]]) -> [u8; 32] {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        let (pairs, _) = row.as_chunks::<2>();
        row = pairs
            .iter()
            .map(|[left, right]| node_hash(left, right))
            .collect();
    }
    row.first().copied().unwrap_or_default()
}
