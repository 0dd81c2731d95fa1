//! How many refusals of one credential are put on record: ten a second per code, the rest as sums.

use std::collections::HashMap;

use strongroom_types::id::AnyId;

/// How often one credential raises an alert: once in so many seconds.
const ALERT_EVERY: i64 = 60;
/// Credentials that are remembered for it.
const MOST_ALERTED: usize = 100_000;

/// A credential (or none, for the server) and a code.
pub(crate) type RefusalKey = (u32, Option<AnyId>, &'static str);

/// Counts per second; what is over the budget is summed up until taken.
pub(crate) struct Refusals {
    per_second: u32,
    second: i64,
    seen: HashMap<RefusalKey, u32>,
    over: HashMap<RefusalKey, u64>,
    /// When each credential last raised an alert.
    alerted: HashMap<RefusalKey, i64>,
    /// Those of the batch that is being made.
    given: Vec<RefusalKey>,
}

impl Refusals {
    pub fn new(per_second: u32) -> Refusals {
        Refusals {
            per_second,
            second: 0,
            seen: HashMap::new(),
            over: HashMap::new(),
            alerted: HashMap::new(),
            given: Vec::new(),
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

    /// Whether this refusal raises an alert: the first of its kind within a minute.
    pub fn alerts(&mut self, key: RefusalKey, second: i64) -> bool {
        if self.alerted.len() >= MOST_ALERTED {
            self.alerted
                .retain(|_, last| second.saturating_sub(*last) < ALERT_EVERY);
        }
        let last = self.alerted.get(&key);
        let alerts = last.is_none_or(|last| second.saturating_sub(*last) >= ALERT_EVERY);
        if alerts {
            self.alerted.insert(key, second);
            self.given.push(key);
        }
        alerts
    }

    /// Ends a batch. What the store did not take silences nothing.
    pub fn settle(&mut self, is_stored: bool) {
        for key in self.given.drain(..) {
            if !is_stored {
                self.alerted.remove(&key);
            }
        }
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

    #[test]
    fn an_alert_a_minute() {
        let mut refusals = Refusals::new(10);
        let key = (2, None, "card_number_refused");
        let raised: Vec<i64> = (0..150).filter(|s| refusals.alerts(key, *s)).collect();
        assert_eq!(raised, [0, 60, 120]);
        assert!(refusals.alerts((3, None, "card_number_refused"), 1));
        refusals.settle(true);
        assert!(!refusals.alerts((3, None, "card_number_refused"), 2));
        assert!(refusals.alerts((4, None, "card_number_refused"), 2));
        refusals.settle(false);
        assert!(refusals.alerts((4, None, "card_number_refused"), 3));
    }
}
