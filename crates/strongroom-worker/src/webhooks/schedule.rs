//! When to try again, and when to leave an endpoint alone for a while.

use strongroom_engine::RowId;
use strongroom_types::time::{DAY, SECOND, Timestamp};

/// The pause after a first failure.
pub(super) const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// Pauses after each failed attempt but the last.
const PAUSES: [i64; 7] = [
    MINUTE,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    10 * HOUR,
];

/// The longest that a receiver may ask for with `Retry-After`.
const MOST_ASKED: i64 = 10 * HOUR;

/// How long an event that was given up can still be replayed.
pub(super) const KEPT: i64 = 30 * DAY;

/// How long an endpoint may fail without one success before it is disabled.
pub(super) const PATIENCE: i64 = 3 * DAY;

/// The pause after the `attempts`-th failure; `None` when it was the last attempt. `first` is the one after the first
/// failure; the others grow with it. A tenth is added at most, by the
/// delivery's own number, so that what failed together is not tried again together.
pub(super) fn pause(attempts: u8, row: RowId, asked: Option<i64>, first: i64) -> Option<i64> {
    let standard = PAUSES.get(usize::from(attempts.checked_sub(1)?))?;
    let step = standard / MINUTE * first;
    let spread = row.0.last().copied().map_or(0, i64::from);
    let pause = step + step * spread / 2_560;
    Some(pause.max(asked.unwrap_or(0).min(MOST_ASKED)))
}

/// Failures in a row after which an endpoint is left alone.
const TRIPS_AT: u32 = 10;
const FIRST_REST: i64 = 10 * SECOND;
const LONGEST_REST: i64 = 10 * MINUTE;

/// Leaves an endpoint alone that fails all the time, and then tries it with one delivery.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    until: Timestamp,
    /// When the first failure since the last success was.
    since: Option<Timestamp>,
}

impl Breaker {
    pub fn succeeded(&mut self) {
        *self = Breaker::default();
    }

    pub fn failed(&mut self, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        self.since.get_or_insert(now);
        if let Some(over) = self.failures.checked_sub(TRIPS_AT) {
            let rest = FIRST_REST << over.min(6);
            self.until = now.plus(rest.min(LONGEST_REST));
        }
    }

    /// When something may be sent.
    pub fn opens_at(&self) -> Timestamp {
        self.until
    }

    /// How many deliveries may be under way at once.
    pub fn width(&self, most: usize) -> usize {
        if self.failures >= TRIPS_AT { 1 } else { most }
    }

    pub fn is_lost(&self, now: Timestamp) -> bool {
        self.since.is_some_and(|since| now >= since.plus(PATIENCE))
    }
}

#[cfg(test)]
mod tests {
    use strongroom_types::id::RawId;

    use super::*;

    #[test]
    fn eight_attempts_with_growing_pauses() {
        let row = RawId([0; 12]);
        let pauses: Vec<i64> = (1..).map_while(|n| pause(n, row, None, MINUTE)).collect();
        assert_eq!(pauses, PAUSES);
        let late = RawId([255; 12]);
        assert!((1..=7).all(|n| {
            let (least, most) = (
                pause(n, row, None, MINUTE).unwrap(),
                pause(n, late, None, MINUTE).unwrap(),
            );
            least < most && most < least + least / 10
        }));
    }

    #[test]
    fn a_receiver_may_ask_for_more_within_bounds_but_not_for_less() {
        let row = RawId([0; 12]);
        assert_eq!(pause(1, row, Some(5), MINUTE), Some(MINUTE));
        assert_eq!(pause(1, row, Some(HOUR), MINUTE), Some(HOUR));
        assert_eq!(pause(1, row, Some(i64::MAX), MINUTE), Some(MOST_ASKED));
        assert_eq!(pause(8, row, Some(HOUR), MINUTE), None);
    }

    #[test]
    fn the_breaker_trips_rests_longer_and_closes() {
        let (mut breaker, now) = (Breaker::default(), Timestamp(1_000_000));
        (0..9).for_each(|_| breaker.failed(now));
        assert_eq!((breaker.opens_at(), breaker.width(16)), (Timestamp(0), 16));
        breaker.failed(now);
        assert_eq!(
            (breaker.opens_at(), breaker.width(16)),
            (now.plus(FIRST_REST), 1)
        );
        (0..40).for_each(|_| breaker.failed(now));
        assert_eq!(breaker.opens_at(), now.plus(LONGEST_REST));
        assert!(!breaker.is_lost(now.plus(PATIENCE - 1)) && breaker.is_lost(now.plus(PATIENCE)));
        breaker.succeeded();
        assert_eq!((breaker.opens_at(), breaker.width(16)), (Timestamp(0), 16));
    }
}
