//! A journal's thread: gathers lines into blocks, seals each under its scope's key of the day, appends it.
//!
//! A block is written once it is full, and after a second at the latest. What cannot be written (a full disk, keys that
//! cannot be stored) is dropped and counted: nobody ever waits for a line.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use strongroom_crypto::DataKey;
use strongroom_store::Batch;
use tokio::sync::oneshot;

use crate::envelope::Failure;
use crate::item::Item;
use crate::journal::block::Block;
use crate::journal::folder::Folder;
use crate::journal::inbox::Inbox;
use crate::journal::line::Line;
use crate::shared::Shared;

/// Longest that a line waits to be written.
const TICK: Duration = Duration::from_secs(1);

/// Most bytes of blocks that are not yet full.
const MOST_GATHERED: usize = 8 * 1024 * 1024;

/// Key numbers remembered as stored; beyond, they are stored "again", which stores nothing.
const MOST_STORED: usize = 100_000;

/// Everything the writing thread owns.
pub(super) struct Writer<L> {
    shared: Arc<Shared>,
    inbox: Arc<Inbox<L>>,
    folder: Arc<Folder>,
    blocks: HashMap<(u32, u32), Block, foldhash::fast::RandomState>,
    gathered: usize,
    /// Keys whose rows are known to be durable.
    stored: HashSet<u32>,
    failing: bool,
}

impl<L: Line> Writer<L> {
    pub fn new(shared: Arc<Shared>, inbox: Arc<Inbox<L>>, folder: Arc<Folder>) -> Writer<L> {
        Writer {
            shared,
            inbox,
            folder,
            blocks: HashMap::default(),
            gathered: 0,
            stored: HashSet::new(),
            failing: false,
        }
    }

    /// Runs until the inbox is closed.
    pub fn run(mut self) {
        let mut lines = Vec::new();
        let mut written = Instant::now();
        loop {
            let taken = self
                .inbox
                .take(&mut lines, TICK.saturating_sub(written.elapsed()));
            self.gather(&lines);
            lines.clear();
            let due = taken.flush
                || taken.closed
                || written.elapsed() >= TICK
                || self.gathered >= MOST_GATHERED;
            self.write(due);
            if due {
                written = Instant::now();
                if taken.sync {
                    self.sync();
                }
                self.inbox.settle(taken.upto, taken.sync);
            }
            if taken.closed {
                return;
            }
        }
    }

    /// Adds lines to the blocks of their scopes and days. Lines that are past keeping are dropped, so that no key is
    /// made again that was destroyed.
    fn gather(&mut self, lines: &[L]) {
        let first = L::KIND.first_kept_day(self.shared.now());
        for line in lines {
            match line.mark().time.day() {
                day if day >= first => self.add(day, line),
                _ => self.inbox.drop_lines(1),
            }
        }
    }

    fn add(&mut self, day: u32, line: &L) {
        let key = (line.scope().number, day);
        let before = self.blocks.get(&key).map_or(0, |block| block.plain.len());
        let slot = self.blocks.entry(key).and_modify(|block| block.add(line));
        let block = slot.or_insert_with(|| Block::of(line));
        let (after, full) = (block.plain.len(), block.is_full());
        self.gathered = self.gathered.saturating_add(after.saturating_sub(before));
        if full {
            self.write(false);
        }
    }

    /// Writes the full blocks, or all of them.
    fn write(&mut self, all: bool) {
        let ready: Vec<Block> = self
            .blocks
            .extract_if(|_, block| all || block.is_full())
            .map(|(_, b)| b)
            .collect();
        if ready.is_empty() {
            return;
        }
        let bytes = ready.iter().map(|block| block.plain.len()).sum();
        self.gathered = self.gathered.saturating_sub(bytes);
        for (block, key) in self.with_stored_keys(ready) {
            let appended = self
                .folder
                .for_writing(block.day)
                .and_then(|segment| segment.append(&block, &key));
            self.note(&block, appended);
        }
    }

    /// The blocks with their keys; those whose new key cannot be stored are dropped.
    /// INVARIANT(key-before-block): nothing is written under a key whose row may be lost.
    fn with_stored_keys(&mut self, blocks: Vec<Block>) -> Vec<(Block, Arc<DataKey>)> {
        let hierarchy = &self.shared.hierarchy;
        // A key is made in its period, wherever the clock was set to meanwhile.
        let current = |block: &Block| {
            let made = block.earliest.0;
            hierarchy.current(block.scope.number, L::KIND.purpose, block.day, made)
        };
        let keyed: Vec<(Block, Arc<DataKey>)> = blocks
            .into_iter()
            .map(|block| (current(&block), block))
            .map(|(key, block)| (block, key))
            .collect();
        if keyed
            .iter()
            .all(|(_, key)| self.stored.contains(&key.number))
        {
            return keyed;
        }
        match self.store_keys() {
            Ok(()) => {
                if self.stored.len() > MOST_STORED {
                    self.stored.clear();
                }
                self.stored.extend(keyed.iter().map(|(_, key)| key.number));
                keyed
            }
            Err(failure) => {
                let (kept, lost): (Vec<_>, Vec<_>) = keyed
                    .into_iter()
                    .partition(|(_, key)| self.stored.contains(&key.number));
                for (block, _) in lost {
                    self.note(
                        &block,
                        Err(io::Error::other(format!(
                            "its key cannot be stored: {failure:?}"
                        ))),
                    );
                }
                kept
            }
        }
    }

    /// Has the commit thread store the rows of new keys, and waits for it.
    fn store_keys(&self) -> Result<(), Failure> {
        let (answer, outcome) = oneshot::channel();
        self.shared
            .queue
            .push_own(Item::Derived(Batch::default(), answer))?;
        outcome.blocking_recv().unwrap_or(Err(Failure::Halted))
    }

    fn sync(&mut self) {
        if let Err(error) = self.folder.sync() {
            tracing::warn!(journal = L::KIND.name, error = %error, "its last lines may be lost in a power failure");
        }
    }

    /// Counts a block that was not written; says so once per trouble, not once per block.
    fn note(&mut self, block: &Block, written: io::Result<()>) {
        match written {
            Ok(()) if self.failing => {
                self.failing = false;
                tracing::info!(
                    journal = L::KIND.name,
                    lines.dropped = self.inbox.dropped(),
                    "it is written again"
                );
            }
            Ok(()) => {}
            Err(error) => {
                self.inbox.drop_lines(block.lines);
                if !self.failing {
                    tracing::warn!(journal = L::KIND.name, error = %error, "it cannot be written: lines are dropped");
                }
                self.failing = true;
            }
        }
    }
}
