//! Entries whose facts or changes could not be read: what follows from them is not blamed on what is derived.

use std::collections::HashMap;

/// Sequence numbers that could not be read, as ranges, by log.
#[derive(Default)]
pub(super) struct Unread {
    ranges: HashMap<u32, Vec<(u64, u64)>>,
}

impl Unread {
    /// Adds `from..=to`; ranges of a log are added in ascending order.
    pub fn add(&mut self, log: u32, from: u64, to: u64) {
        let ranges = self.ranges.entry(log).or_default();
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == from => *last = to,
            _ => ranges.push((from, to)),
        }
    }

    pub fn contains(&self, log: u32, seq: u64) -> bool {
        self.any_between(log, seq, seq)
    }

    /// Whether any entry of `from..=to` could not be read.
    pub fn any_between(&self, log: u32, from: u64, to: u64) -> bool {
        let Some(ranges) = self.ranges.get(&log) else {
            return false;
        };
        let at = ranges.partition_point(|(_, last)| *last < from);
        ranges.get(at).is_some_and(|(first, _)| *first <= to)
    }

    pub fn any(&self, log: u32) -> bool {
        self.ranges.contains_key(&log)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_found() {
        let mut unread = Unread::default();
        unread.add(2, 3, 3);
        unread.add(2, 4, 6);
        unread.add(2, 9, 9);
        let known: Vec<u64> = (0..12).filter(|seq| unread.contains(2, *seq)).collect();
        assert_eq!(known, [3, 4, 5, 6, 9]);
        assert!(unread.any_between(2, 7, 9) && !unread.any_between(2, 7, 8));
        assert!(!unread.any(1) && !unread.contains(1, 3));
    }
}
