//! Opened records in the commit thread's memory: what decisions read and write.
//!
//! The commit thread is the only writer, so what is here is always the newest version. Bounded by count; when full it
//! is emptied between batches and fills again from the store.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use strongroom_domain::record::Record;
use strongroom_types::id::{AnyId, RawId};
use strongroom_types::time::Timestamp;

/// A record's newest version.
pub(crate) struct Slot {
    pub record: Arc<Record>,
    pub version: u64,
    pub created: Timestamp,
}

type Key = (u32, AnyId);

pub(crate) struct Cache {
    slots: HashMap<Key, Slot, foldhash::fast::RandomState>,
    /// Known not to exist, for this batch; of what there is one of in some books, until it does.
    absent: HashSet<Key>,
    limit: usize,
}

impl Cache {
    pub fn new(limit: usize) -> Cache {
        Cache {
            slots: HashMap::default(),
            absent: HashSet::new(),
            limit,
        }
    }

    pub fn knows(&self, key: Key) -> bool {
        self.slots.contains_key(&key) || self.absent.contains(&key)
    }

    pub fn get(&self, key: Key) -> Option<&Slot> {
        self.slots.get(&key)
    }

    pub fn put(&mut self, key: Key, slot: Slot) {
        self.absent.remove(&key);
        self.slots.insert(key, slot);
    }

    pub fn put_absent(&mut self, key: Key) {
        self.absent.insert(key);
    }

    /// Forgets one record.
    pub fn forget(&mut self, key: Key) {
        self.slots.remove(&key);
    }

    /// Ends a batch: forgets what was absent, and everything when there is too much. What every command of some books asks
    /// for – policies, schedules – is not looked up for each batch where there is none: of those there are few.
    pub fn settle(&mut self) {
        self.absent.retain(|(_, id)| id.raw == RawId::ZERO);
        if self.slots.len() > self.limit {
            self.slots.clear();
        }
    }

    /// Forgets everything, after a batch that was not stored.
    pub fn clear(&mut self) {
        self.slots.clear();
        self.absent.clear();
    }
}

#[cfg(test)]
mod tests {
    use strongroom_types::id::Kind;

    use super::*;

    #[test]
    fn what_is_absent_is_looked_up_again_but_what_there_is_one_of() {
        let mut cache = Cache::new(10);
        let key = |kind, raw| (7, AnyId { kind, raw });
        let only = key(Kind::ApprovalPolicy, RawId::ZERO);
        let other = key(Kind::Wallet, RawId([1; 12]));
        cache.put_absent(only);
        cache.put_absent(other);
        assert!(cache.knows(only) && cache.knows(other));
        cache.settle();
        assert!(cache.knows(only) && !cache.knows(other));
        cache.clear();
        assert!(!cache.knows(only));
    }
}
