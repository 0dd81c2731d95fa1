//! Counting requests per window and refusing those over the limit, in a table of fixed size.
//!
//! The table has as many slots as it will ever have: an attacker with a million addresses overwrites slots, he does
//! not grow memory. Slots are found by a randomly seeded hash, so nobody can aim at somebody else's.

use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, PoisonError};

use foldhash::fast::RandomState;
use strongroom_types::time::{SECOND, Timestamp};

/// Slots of a table.
const SLOTS: usize = 65_536;
/// Neighbouring slots one key may stand in.
const PROBES: usize = 8;

/// A fixed window per key.
pub struct Throttle<K> {
    /// Name of the policy in the headers.
    name: &'static str,
    limit: u32,
    /// Milliseconds.
    window: i64,
    hasher: RandomState,
    slots: Mutex<Vec<Option<Slot<K>>>>,
}

#[derive(Clone, Copy)]
struct Slot<K> {
    key: K,
    start: Timestamp,
    count: u32,
}

/// Where a key stands after a request was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub(crate) policy: &'static str,
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// Seconds of the whole window.
    pub(crate) window: i64,
    /// Seconds until nothing of it is used any more.
    pub(crate) reset: i64,
    /// Seconds until the same request would pass.
    pub(crate) retry: i64,
    pub(crate) allowed: bool,
}

impl Standing {
    pub fn is_allowed(&self) -> bool {
        self.allowed
    }

    /// The limit's name, as the headers have it.
    pub fn name(&self) -> &'static str {
        self.policy
    }

    /// Seconds until the same request would pass, at least one.
    pub fn retry_after(&self) -> u64 {
        u64::try_from(self.retry).unwrap_or(0).max(1)
    }

    /// The value of `RateLimit`.
    pub fn rate_limit(&self) -> String {
        format!("\"{}\";r={};t={}", self.policy, self.remaining, self.reset)
    }

    /// The value of `RateLimit-Policy`.
    pub fn policy(&self) -> String {
        format!("\"{}\";q={};w={}", self.policy, self.limit, self.window)
    }
}

impl<K: Copy + Eq + Hash> Throttle<K> {
    /// `window` is in milliseconds.
    pub fn new(name: &'static str, limit: u32, window: i64) -> Throttle<K> {
        Throttle {
            name,
            limit,
            window: window.max(SECOND),
            hasher: RandomState::default(),
            slots: Mutex::new(vec![None; SLOTS]),
        }
    }

    /// Counts one request of `key`.
    pub fn count(&self, key: K, now: Timestamp) -> Standing {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let first = usize::try_from(self.hasher.hash_one(key) % self.homes()).unwrap_or(0);
        let near = slots.get_mut(first..first + PROBES).unwrap_or_default();
        let Some(slot) = self.choose(near, key, now) else {
            return self.standing(now, 1, now);
        };
        let live = slot.filter(|slot| slot.key == key && self.is_live(slot, now));
        let mut counted = live.unwrap_or(Slot {
            key,
            start: now,
            count: 0,
        });
        counted.count = counted.count.saturating_add(1);
        *slot = Some(counted);
        self.standing(counted.start, counted.count, now)
    }

    /// What is counted and not over, for a file: keys, beginnings and counts.
    pub fn waiting(&self, now: Timestamp) -> Vec<(K, Timestamp, u32)> {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let live = slots
            .iter()
            .flatten()
            .filter(|slot| self.is_live(slot, now));
        live.map(|slot| (slot.key, slot.start, slot.count))
            .collect()
    }

    /// Takes up what another process left.
    pub fn resume(&self, left: &[(K, Timestamp, u32)], now: Timestamp) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, start, count) in left.iter().copied() {
            let first = usize::try_from(self.hasher.hash_one(key) % self.homes()).unwrap_or(0);
            let near = slots.get_mut(first..first + PROBES).unwrap_or_default();
            if let Some(slot) = self.choose(near, key, now) {
                *slot = Some(Slot { key, start, count });
            }
        }
    }

    /// First slots that leave room for all probes behind them.
    fn homes(&self) -> u64 {
        u64::try_from(SLOTS - PROBES).unwrap_or(1)
    }

    /// The key's own slot, else a free one, else the one with the least to remember.
    fn choose<'s>(
        &self,
        near: &'s mut [Option<Slot<K>>],
        key: K,
        now: Timestamp,
    ) -> Option<&'s mut Option<Slot<K>>> {
        near.iter_mut().min_by_key(|slot| match slot {
            Some(slot) if slot.key == key => (0, 0),
            Some(slot) if self.is_live(slot, now) => (2, slot.count),
            _ => (1, 0),
        })
    }

    fn is_live(&self, slot: &Slot<K>, now: Timestamp) -> bool {
        let age = now.0.saturating_sub(slot.start.0);
        (0..self.window).contains(&age)
    }

    fn standing(&self, start: Timestamp, count: u32, now: Timestamp) -> Standing {
        let left = start.0.saturating_add(self.window).saturating_sub(now.0);
        let reset = left.saturating_add(SECOND - 1) / SECOND;
        Standing {
            policy: self.name,
            limit: self.limit,
            remaining: self.limit.saturating_sub(count),
            window: self.window / SECOND,
            reset,
            retry: reset,
            allowed: count <= self.limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    #[test]
    fn the_limit_holds_until_the_window_ends() {
        let throttle = Throttle::new("unauthenticated", 3, 900_000);
        let standings: Vec<_> = (0..4).map(|_| throttle.count(7, NOW)).collect();
        let allowed: Vec<_> = standings.iter().map(Standing::is_allowed).collect();
        assert_eq!(allowed, [true, true, true, false]);
        assert_eq!(standings[0].rate_limit(), "\"unauthenticated\";r=2;t=900");
        assert_eq!(standings[3].rate_limit(), "\"unauthenticated\";r=0;t=900");
        assert_eq!(standings[3].policy(), "\"unauthenticated\";q=3;w=900");
        assert!(throttle.count(8, NOW).is_allowed());
        let late = throttle.count(7, NOW.plus(899_999));
        assert!(!late.is_allowed());
        assert_eq!(late.retry_after(), 1);
        assert!(throttle.count(7, NOW.plus(900_000)).is_allowed());
    }

    #[test]
    fn a_flood_of_keys_neither_grows_the_table_nor_frees_a_busy_one() {
        let throttle = Throttle::new("unauthenticated", 10, 900_000);
        for _ in 0..50 {
            throttle.count(u32::MAX, NOW);
        }
        for key in 0..200_000u32 {
            throttle.count(key, NOW);
        }
        assert_eq!(throttle.slots.lock().unwrap().len(), SLOTS);
        assert!(!throttle.count(u32::MAX, NOW).is_allowed());
    }

    #[test]
    fn a_clock_that_steps_back_locks_nobody_out() {
        let throttle = Throttle::new("unauthenticated", 1, 1_000);
        assert!(throttle.count(1, NOW).is_allowed());
        assert!(throttle.count(1, NOW.plus(-500)).is_allowed());
    }
}
