//! How many refusals of one credential are put on record: ten a second per code, the rest as sums.

use std::collections::HashMap;

use strongroom_types::id::AnyId;

/// A credential (or none, for the server) and a code.
pub(crate) type RefusalKey = (u32, Option<AnyId>, &'static str);

/// Counts per second; what is over the budget is summed up until taken.
pub(crate) struct Refusals {
    per_second: u32,
    second: i64,
    seen: HashMap<RefusalKey, u32>,
    over: HashMap<RefusalKey, u64>,
}

impl Refusals {
    pub fn new(per_second: u32) -> Refusals {
        Refusals {
            per_second,
            second: 0,
            seen: HashMap::new(),
            over: HashMap::new(),
        }
    }

    /// Whether this refusal still gets an entry of its own.
    pub fn allows(&mut self, key: RefusalKey, second: i64) -> bool {
        if second != self.second {
            self.second = second;
            self.seen.clear();
        }
        let seen = self.seen.entry(key).or_default();
        *seen += 1;
        if *seen <= self.per_second {
            return true;
        }
        *self.over.entry(key).or_default() += 1;
        false
    }

    /// Takes the sums.
    pub fn take(&mut self) -> Vec<(RefusalKey, u64)> {
        self.over.drain().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_a_second_then_sums() {
        let mut refusals = Refusals::new(10);
        let key = (2, None, "insufficient_funds");
        let recorded = (0..25).filter(|_| refusals.allows(key, 1)).count();
        assert_eq!(recorded, 10);
        assert_eq!(refusals.take(), vec![(key, 15)]);
        assert!(refusals.allows(key, 2));
        assert!(refusals.take().is_empty());
    }
}
