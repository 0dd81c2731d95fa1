//! A bounded cache of opened subject keys: there may be millions of subjects, and few are in use at a time.
//!
//! Two generations instead of a linked list: when the young one is full it becomes the old one, and what nobody asked
//! for since is dropped (and wiped) with the generation before.

use std::collections::HashMap;
use std::sync::Arc;

use crate::data_key::DataKey;

/// Keys per generation; the cache holds at most twice as many.
const GENERATION: usize = 5_000;

#[derive(Default)]
pub(crate) struct SubjectCache {
    young: HashMap<u32, Arc<DataKey>>,
    old: HashMap<u32, Arc<DataKey>>,
}

impl SubjectCache {
    pub(crate) fn get(&mut self, number: u32) -> Option<Arc<DataKey>> {
        if let Some(key) = self.young.get(&number) {
            return Some(Arc::clone(key));
        }
        let key = self.old.remove(&number)?;
        self.put(Arc::clone(&key));
        Some(key)
    }

    pub(crate) fn put(&mut self, key: Arc<DataKey>) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key.number, key);
    }

    pub(crate) fn remove(&mut self, number: u32) {
        self.young.remove(&number);
        self.old.remove(&number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u32) -> Arc<DataKey> {
        Arc::new(DataKey::from_bytes(
            number,
            zeroize::Zeroizing::new([0; 32]),
        ))
    }

    #[test]
    fn stays_bounded_and_keeps_what_is_asked_for() {
        let mut cache = SubjectCache::default();
        for number in 0..40_000 {
            cache.put(key(number));
            assert!(
                cache.get(0).is_some(),
                "asked for at every step, gone at {number}"
            );
            assert!(cache.young.len() + cache.old.len() <= 2 * GENERATION);
        }
        assert!(cache.get(1).is_none());
        cache.remove(0);
        assert!(cache.get(0).is_none());
    }
}
