//! A steady rate per key: the generic cell rate algorithm, in a table of fixed size.
//!
//! Each key has one number, the time at which all it has asked for would have been served at its rate. A request that would
//! push that time further ahead than a window is refused and counts nothing. Slots are found as in [`crate::throttle`].

use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, PoisonError};

use foldhash::fast::RandomState;
use strongroom_types::time::{SECOND, Timestamp};

use crate::throttle::Standing;

/// Slots of a table.
const SLOTS: usize = 65_536;
/// Neighbouring slots one key may stand in.
const PROBES: usize = 8;
/// Nanoseconds of a millisecond: rates of many thousands a second have intervals below it.
const MILLISECOND: i64 = 1_000_000;

/// A rate per key.
pub struct Gcra<K> {
    /// Name of the policy in the headers.
    name: &'static str,
    limit: u32,
    /// Nanoseconds.
    window: i64,
    hasher: RandomState,
    slots: Mutex<Vec<Option<(K, i64)>>>,
}

impl<K: Copy + Eq + Hash> Gcra<K> {
    /// `limit` requests in a `window` of milliseconds, all of which may come at once.
    pub fn new(name: &'static str, limit: u32, window: i64) -> Gcra<K> {
        let window = window.max(SECOND).saturating_mul(MILLISECOND);
        Gcra {
            name,
            limit: limit.max(1),
            window,
            hasher: RandomState::default(),
            slots: Mutex::new(vec![None; SLOTS]),
        }
    }

    /// Counts one request of `key` that weighs as much as so many; never more than the limit, or it could never pass.
    pub fn count(&self, key: K, weight: u32, now: Timestamp) -> Standing {
        self.count_at(key, (self.name, self.limit), weight.max(1), now)
    }

    /// The same at a rate that the key brings along, and under its name; a weight of zero only looks.
    pub fn count_at(
        &self,
        key: K,
        (name, limit): (&'static str, u32),
        weight: u32,
        now: Timestamp,
    ) -> Standing {
        let rate = Rate::new(name, limit, self.window);
        let now = now.0.saturating_mul(MILLISECOND);
        let cost = rate
            .interval
            .saturating_mul(i64::from(weight.min(rate.limit)));
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let first = usize::try_from(self.hasher.hash_one(key) % self.homes()).unwrap_or(0);
        let near = slots.get_mut(first..first + PROBES).unwrap_or_default();
        let Some(slot) = choose(near, key, now) else {
            return rate.standing(0, 0, true);
        };
        let own = slot
            .filter(|(held, _)| *held == key)
            .map(|(_, served)| served);
        // A clock that was set back locks nobody out: no key can be served later than a window from now.
        let served = own.filter(|served| *served <= now.saturating_add(self.window));
        let ahead = served.map_or(0, |served| served.saturating_sub(now).max(0));
        let after = ahead.saturating_add(cost);
        if weight == 0 {
            return rate.standing(ahead, 0, true);
        }
        if after > self.window {
            return rate.standing(ahead, after - self.window, false);
        }
        *slot = Some((key, now.saturating_add(after)));
        rate.standing(after, 0, true)
    }

    /// What is not served yet, for a file: keys and times.
    pub fn waiting(&self, now: Timestamp) -> Vec<(K, i64)> {
        let now = now.0.saturating_mul(MILLISECOND);
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = slots.iter().flatten().filter(|(_, served)| *served > now);
        waiting.copied().collect()
    }

    /// Takes up what another process left.
    pub fn resume(&self, left: &[(K, i64)], now: Timestamp) {
        let now = now.0.saturating_mul(MILLISECOND);
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, served) in left {
            let first = usize::try_from(self.hasher.hash_one(*key) % self.homes()).unwrap_or(0);
            let near = slots.get_mut(first..first + PROBES).unwrap_or_default();
            if let Some(slot) = choose(near, *key, now) {
                *slot = Some((*key, *served));
            }
        }
    }

    /// First slots that leave room for all probes behind them.
    fn homes(&self) -> u64 {
        u64::try_from(SLOTS - PROBES).unwrap_or(1)
    }
}

/// One rate: so many in a window.
struct Rate {
    name: &'static str,
    limit: u32,
    /// Nanoseconds.
    window: i64,
    interval: i64,
}

impl Rate {
    fn new(name: &'static str, limit: u32, window: i64) -> Rate {
        let limit = limit.max(1);
        Rate {
            name,
            limit,
            window,
            interval: (window / i64::from(limit)).max(1),
        }
    }

    fn standing(&self, ahead: i64, late: i64, allowed: bool) -> Standing {
        let seconds = |nanoseconds: i64| {
            let second = SECOND.saturating_mul(MILLISECOND);
            nanoseconds.saturating_add(second - 1) / second
        };
        let left = self.window.saturating_sub(ahead) / self.interval;
        Standing {
            policy: self.name,
            limit: self.limit,
            remaining: u32::try_from(left).unwrap_or(0).min(self.limit),
            window: seconds(self.window),
            reset: seconds(ahead),
            retry: seconds(late),
            allowed,
        }
    }
}

/// The key's own slot, else a free one, else the one with the least to remember.
fn choose<K: Copy + Eq>(
    near: &mut [Option<(K, i64)>],
    key: K,
    now: i64,
) -> Option<&mut Option<(K, i64)>> {
    near.iter_mut().min_by_key(|slot| match slot {
        Some((held, _)) if *held == key => (0, 0),
        Some((_, served)) if *served > now => (2, *served),
        _ => (1, 0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_767_225_600_000);

    #[test]
    fn a_burst_is_served_and_then_a_steady_rate() {
        let rate = Gcra::new("key", 10, 1_000);
        let burst: Vec<bool> = (0..12)
            .map(|_| rate.count(1, 1, NOW).is_allowed())
            .collect();
        assert_eq!(burst.iter().filter(|allowed| **allowed).count(), 10);
        let over = rate.count(1, 1, NOW);
        assert_eq!(
            (over.rate_limit().as_str(), over.retry_after()),
            ("\"key\";r=0;t=1", 1)
        );
        assert_eq!(over.policy(), "\"key\";q=10;w=1");
        // A tenth of a second is worth one request, and no more.
        assert!(rate.count(1, 1, NOW.plus(100)).is_allowed());
        assert!(!rate.count(1, 1, NOW.plus(100)).is_allowed());
        assert!(!rate.count(1, 1, NOW.plus(199)).is_allowed());
        assert!(rate.count(2, 1, NOW).is_allowed());
        // No window of a second holds more than a burst and what a second is worth.
        let passed = (0..10_000).filter(|n| rate.count(3, 1, NOW.plus(n / 10)).is_allowed());
        assert_eq!(passed.count(), 10 + 9);
    }

    #[test]
    fn what_weighs_more_costs_more_and_refusals_cost_nothing() {
        let rate = Gcra::new("key", 10, 1_000);
        assert_eq!(rate.count(1, 4, NOW).rate_limit(), "\"key\";r=6;t=1");
        assert!(rate.count(1, 6, NOW).is_allowed());
        for _ in 0..100 {
            assert!(!rate.count(1, 6, NOW).is_allowed());
        }
        assert!(rate.count(1, 6, NOW.plus(600)).is_allowed());
        // Heavier than the limit is as heavy as the limit.
        assert!(rate.count(2, 1_000, NOW).is_allowed());
        assert!(!rate.count(2, 1, NOW.plus(99)).is_allowed());
    }

    #[test]
    fn a_high_rate_has_no_rounding_of_its_own() {
        let rate = Gcra::new("organization", 5_000, 1_000);
        let passed = (0..6_000)
            .filter(|_| rate.count(1, 1, NOW).is_allowed())
            .count();
        assert_eq!(passed, 5_000);
        let later = (0..6_000)
            .filter(|_| rate.count(1, 1, NOW.plus(500)).is_allowed())
            .count();
        assert_eq!(later, 2_500);
    }

    #[test]
    fn a_clock_that_steps_back_locks_nobody_out() {
        let rate = Gcra::new("key", 1, 1_000);
        assert!(rate.count(1, 1, NOW.plus(3_600_000)).is_allowed());
        assert!(rate.count(1, 1, NOW).is_allowed());
        assert!(!rate.count(1, 1, NOW).is_allowed());
    }

    #[test]
    fn what_was_left_is_taken_up() {
        let first = Gcra::new("key", 5, 1_000);
        for _ in 0..5 {
            first.count(1_u32, 1, NOW);
        }
        first.count(2, 1, NOW.plus(-5_000));
        let left = first.waiting(NOW);
        assert_eq!(
            left.len(),
            1,
            "what is served long ago is nobody's business"
        );
        let second = Gcra::new("key", 5, 1_000);
        second.resume(&left, NOW);
        assert!(!second.count(1, 1, NOW).is_allowed());
        assert!(second.count(1, 1, NOW.plus(200)).is_allowed());
        assert!(second.count(2, 1, NOW).is_allowed());
    }

    #[test]
    fn a_flood_of_keys_neither_grows_the_table_nor_frees_a_busy_one() {
        let rate = Gcra::new("key", 10, 900_000);
        for _ in 0..10 {
            rate.count(u32::MAX, 1, NOW);
        }
        for key in 0..200_000_u32 {
            rate.count(key, 1, NOW);
        }
        assert_eq!(rate.slots.lock().unwrap().len(), SLOTS);
        assert!(!rate.count(u32::MAX, 1, NOW).is_allowed());
    }
}
