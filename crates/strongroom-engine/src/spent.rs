//! Which idempotency keys and signatures were spent: the recent ones in memory, the rest in sorted runs.
//!
//! The truth is in the entries. Every 2^18 hashes a run is written behind the commit: 256 sorted segments and a
//! filter, so that a restart reads only the tail of the logs and memory grows by 20 bits a hash. Nothing is
//! forgotten before 24 hours. Hashes are keyed MACs, so they are evenly spread.

use std::collections::HashMap;
use std::sync::Arc;

use strongroom_store::{Batch, Reader, SegmentRow, StoreError};
use strongroom_types::mode::INSTALLATION;
use strongroom_types::time::Timestamp;

use crate::log::segment;

pub(crate) type Hash = [u8; 16];

/// Hashes in a run.
const RUN: usize = 1 << 18;
/// Segments a run is cut into, by the first byte.
pub(crate) const BUCKETS: u64 = 256;
/// Milliseconds a run is kept: 24 hours and one to spare.
pub(crate) const KEEP: i64 = 25 * 3_600_000;
/// Bytes of one hash and its entry in a segment.
pub(crate) const ROW: usize = 24;

/// An entry: log and sequence in one number.
pub(crate) fn position(log: u32, sequence: u64) -> u64 {
    u64::from(log) << 40 | sequence
}

/// The log and sequence of a position.
pub(crate) fn place(position: u64) -> (u32, u64) {
    (
        u32::try_from(position >> 40).unwrap_or(0),
        position & ((1 << 40) - 1),
    )
}

/// How far each log's entries are covered by runs.
pub(crate) type Reach = HashMap<u32, u64>;

type Recent = HashMap<Hash, u64, foldhash::fast::RandomState>;

pub(crate) struct Spent {
    recent: Recent,
    newest: Timestamp,
    /// Handed to the run builder, not yet stored.
    frozen: Option<Arc<Recent>>,
    runs: Vec<Run>,
    run_size: usize,
}

struct Run {
    number: u64,
    newest: Timestamp,
    filter: Filter,
}

/// A run ready to be stored.
pub(crate) struct BuiltRun {
    number: u64,
    newest: Timestamp,
    filter: Filter,
    pub batch: Batch,
}

impl Spent {
    /// Loads the runs; the entries behind them are added by the caller, who reads the reach.
    pub fn load(reader: &mut dyn Reader) -> Result<(Spent, Reach), StoreError> {
        let mut spent = Spent {
            recent: Recent::default(),
            newest: Timestamp(0),
            frozen: None,
            runs: Vec::new(),
            run_size: RUN,
        };
        let mut reach = Reach::new();
        let mut from = 0;
        loop {
            let rows = reader.segments(INSTALLATION, segment::SPENT_FILTER, from, 16)?;
            let Some(last) = rows.last() else {
                return Ok((spent, reach));
            };
            from = last.number + 1;
            for row in &rows {
                let damage =
                    || StoreError::Corrupt(format!("filter {} of spent hashes", row.number));
                let (newest, covered, filter) = read_filter(&row.body).ok_or_else(damage)?;
                for (log, sequence) in covered {
                    let slot = reach.entry(log).or_default();
                    *slot = sequence.max(*slot);
                }
                spent.runs.push(Run {
                    number: row.number,
                    newest,
                    filter,
                });
            }
        }
    }

    #[cfg(test)]
    fn with_run_size(mut self, run_size: usize) -> Spent {
        self.run_size = run_size;
        self
    }

    pub fn insert(&mut self, hash: Hash, position: u64, time: Timestamp) {
        self.recent.insert(hash, position);
        self.newest = self.newest.max(time);
    }

    /// The entry that spent a hash.
    pub fn find(&self, hash: &Hash, reader: &mut dyn Reader) -> Result<Option<u64>, StoreError> {
        let frozen = || self.frozen.as_ref().and_then(|frozen| frozen.get(hash));
        if let Some(position) = self.recent.get(hash).or_else(frozen) {
            return Ok(Some(*position));
        }
        // Newest first: a retry follows soon.
        for run in self
            .runs
            .iter()
            .rev()
            .filter(|run| run.filter.may_hold(hash))
        {
            let bucket = u64::from(hash.first().copied().unwrap_or(0));
            let number = run.number * BUCKETS + bucket;
            if let Some(row) = reader.segment(INSTALLATION, segment::SPENT_RUN, number)?
                && let Some(position) = search(&row.body, hash)
            {
                return Ok(Some(position));
            }
        }
        Ok(None)
    }

    /// Hands over the recent hashes for a run when there are enough and no other run is being built.
    pub fn freeze(&mut self) -> Option<(u64, Timestamp, Arc<Recent>)> {
        if self.recent.len() < self.run_size || self.frozen.is_some() {
            return None;
        }
        let frozen = Arc::new(std::mem::take(&mut self.recent));
        self.frozen = Some(Arc::clone(&frozen));
        let number = self.runs.last().map_or(1, |run| run.number + 1);
        Some((number, self.newest, frozen))
    }

    /// Takes a stored run into use.
    pub fn install(&mut self, run: BuiltRun) {
        self.frozen = None;
        self.runs.push(Run {
            number: run.number,
            newest: run.newest,
            filter: run.filter,
        });
    }

    /// Gives up a run that could not be stored; its hashes stay in memory.
    pub fn abandon(&mut self) {
        if let Some(frozen) = self.frozen.take() {
            self.recent
                .extend(frozen.iter().map(|(hash, position)| (*hash, *position)));
        }
    }

    /// Forgets runs that are past keeping, and returns the rows to remove with them.
    pub fn expire(&mut self, now: Timestamp) -> Option<Batch> {
        let expired: Vec<u64> = self
            .runs
            .iter()
            .filter(|run| run.newest.plus(KEEP) < now)
            .map(|run| run.number)
            .collect();
        if expired.is_empty() {
            return None;
        }
        self.runs.retain(|run| !expired.contains(&run.number));
        let mut batch = Batch::default();
        for number in expired {
            batch
                .removed_segments
                .push((INSTALLATION, segment::SPENT_FILTER, number));
            let buckets =
                (0..BUCKETS).map(|b| (INSTALLATION, segment::SPENT_RUN, number * BUCKETS + b));
            batch.removed_segments.extend(buckets);
        }
        Some(batch)
    }
}

/// Sorts and filters a run; takes its time on a thread of its own.
pub(crate) fn build(number: u64, newest: Timestamp, hashes: &Recent) -> BuiltRun {
    let mut rows: Vec<(Hash, u64)> = hashes
        .iter()
        .map(|(hash, position)| (*hash, *position))
        .collect();
    rows.sort_unstable();
    let mut filter = Filter::for_count(rows.len());
    let mut reach = Reach::new();
    let mut batch = Batch::default();
    let mut bucket = 0u64;
    let mut body = Vec::new();
    let mut close = |bucket: u64, body: Vec<u8>| {
        let number = number * BUCKETS + bucket;
        batch.segments.push(SegmentRow {
            scope: INSTALLATION,
            kind: segment::SPENT_RUN,
            number,
            body,
        });
    };
    for (hash, position) in rows {
        let own = u64::from(hash.first().copied().unwrap_or(0));
        while bucket < own {
            close(bucket, std::mem::take(&mut body));
            bucket += 1;
        }
        filter.add(&hash);
        body.extend_from_slice(&hash);
        body.extend_from_slice(&position.to_be_bytes());
        let (log, sequence) = place(position);
        let slot = reach.entry(log).or_default();
        *slot = sequence.max(*slot);
    }
    close(bucket, body);
    let body = write_filter(newest, &reach, &filter);
    batch.segments.push(SegmentRow {
        scope: INSTALLATION,
        kind: segment::SPENT_FILTER,
        number,
        body,
    });
    BuiltRun {
        number,
        newest,
        filter,
        batch,
    }
}

fn search(body: &[u8], hash: &Hash) -> Option<u64> {
    let (rows, _) = body.as_chunks::<ROW>();
    let at = rows
        .binary_search_by(|row| row.get(..16).unwrap_or(&[]).cmp(hash))
        .ok()?;
    let position = rows.get(at)?.last_chunk::<8>()?;
    Some(u64::from_be_bytes(*position))
}

/// `i64 newest ‖ u32 n ‖ n × (u32 log ‖ u64 sequence) ‖ filter words`, big-endian.
fn write_filter(newest: Timestamp, reach: &Reach, filter: &Filter) -> Vec<u8> {
    let mut out = newest.0.to_be_bytes().to_vec();
    out.extend_from_slice(&u32::try_from(reach.len()).unwrap_or(u32::MAX).to_be_bytes());
    let mut sorted: Vec<_> = reach.iter().collect();
    sorted.sort_unstable();
    for (log, sequence) in sorted {
        out.extend_from_slice(&log.to_be_bytes());
        out.extend_from_slice(&sequence.to_be_bytes());
    }
    for word in filter.blocks.iter().flatten() {
        out.extend_from_slice(&word.to_be_bytes());
    }
    out
}

pub(crate) fn read_filter(bytes: &[u8]) -> Option<(Timestamp, Reach, Filter)> {
    let (newest, rest) = bytes.split_first_chunk::<8>()?;
    let (count, mut rest) = rest.split_first_chunk::<4>()?;
    let mut reach = Reach::new();
    for _ in 0..u32::from_be_bytes(*count) {
        let (log, after) = rest.split_first_chunk::<4>()?;
        let (sequence, after) = after.split_first_chunk::<8>()?;
        reach.insert(u32::from_be_bytes(*log), u64::from_be_bytes(*sequence));
        rest = after;
    }
    let (words, odd) = rest.as_chunks::<8>();
    let words: Vec<u64> = words.iter().map(|word| u64::from_be_bytes(*word)).collect();
    let (blocks, over) = words.as_chunks::<8>();
    let whole = odd.is_empty() && over.is_empty() && blocks.len().is_power_of_two();
    whole.then(|| {
        (
            Timestamp(i64::from_be_bytes(*newest)),
            reach,
            Filter {
                blocks: blocks.to_vec(),
            },
        )
    })
}

/// A Bloom filter in blocks of one cache line: eight words, one bit in each.
pub(crate) struct Filter {
    blocks: Vec<[u64; 8]>,
}

impl Filter {
    fn for_count(count: usize) -> Filter {
        let blocks = (count * 20 / 512).next_power_of_two().max(1);
        Filter {
            blocks: vec![[0; 8]; blocks],
        }
    }

    fn add(&mut self, hash: &Hash) {
        let (index, bits) = split(hash, self.blocks.len());
        if let Some(block) = self.blocks.get_mut(index) {
            for (word, bit) in block.iter_mut().zip(bits) {
                *word |= bit;
            }
        }
    }

    fn may_hold(&self, hash: &Hash) -> bool {
        let (index, bits) = split(hash, self.blocks.len());
        self.blocks
            .get(index)
            .is_some_and(|block| block.iter().zip(bits).all(|(word, bit)| word & bit != 0))
    }
}

/// The block of a hash and one bit for each of its words.
fn split(hash: &Hash, blocks: usize) -> (usize, [u64; 8]) {
    let value = u128::from_be_bytes(*hash);
    let low = u64::try_from(value & u128::from(u64::MAX)).unwrap_or(0);
    let high = u64::try_from(value >> 64).unwrap_or(0);
    // The first byte chose the bucket; the block comes from the bits after it.
    let index = usize::try_from(high & 0x00ff_ffff_ffff_ffff).unwrap_or(0) & (blocks - 1);
    let mut bits = [0; 8];
    for (n, bit) in bits.iter_mut().enumerate() {
        *bit = 1 << (low >> (n * 6) & 63);
    }
    (index, bits)
}

#[cfg(test)]
mod tests {
    use strongroom_store::{MemoryStore, Store};

    use super::*;

    fn hash(n: u64) -> Hash {
        let mac = strongroom_crypto::sha256(&[&n.to_be_bytes()]);
        *mac.first_chunk().unwrap()
    }

    #[test]
    fn runs_survive_a_restart_and_find_everything() {
        let store = MemoryStore::new();
        let mut writer = store.writer().unwrap();
        let mut reader = store.reader().unwrap();
        let (spent, reach) = Spent::load(&mut *reader).unwrap();
        let mut spent = spent.with_run_size(1_000);
        assert!(reach.is_empty());
        for n in 0..2_500u64 {
            spent.insert(hash(n), position(2, n + 1), Timestamp(5));
            if let Some((number, newest, frozen)) = spent.freeze() {
                assert_eq!(
                    spent.find(&hash(n), &mut *reader).unwrap(),
                    Some(position(2, n + 1))
                );
                let run = build(number, newest, &frozen);
                writer.apply(&run.batch).unwrap();
                spent.install(run);
            }
        }
        let (mut again, reach) = Spent::load(&mut *reader).unwrap();
        assert_eq!(reach.get(&2), Some(&2_000));
        for n in 0..2_000 {
            assert_eq!(
                again.find(&hash(n), &mut *reader).unwrap(),
                Some(position(2, n + 1)),
                "{n}"
            );
        }
        assert_eq!(again.find(&hash(2_100), &mut *reader).unwrap(), None);
        assert!(again.expire(Timestamp(5 + KEEP)).is_none());
        writer
            .apply(&again.expire(Timestamp(6 + KEEP)).unwrap())
            .unwrap();
        assert_eq!(again.find(&hash(1), &mut *reader).unwrap(), None);
        assert!(Spent::load(&mut *reader).unwrap().1.is_empty());
    }

    #[test]
    fn false_alarms_are_rare() {
        let mut filter = Filter::for_count(RUN);
        (0..200_000).for_each(|n| filter.add(&hash(n)));
        assert!((0..200_000).all(|n| filter.may_hold(&hash(n))));
        let alarms = (1_000_000..1_100_000)
            .filter(|n| filter.may_hold(&hash(*n)))
            .count();
        assert!(alarms < 100, "{alarms} of 100,000");
    }
}
