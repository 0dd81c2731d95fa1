//! How long to wait before something is tried again.

use std::time::Duration;

/// Doubles from attempt to attempt, up to a bound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pause {
    pub first: Duration,
    pub longest: Duration,
}

impl Pause {
    /// The wait after so many failures in a row.
    pub fn after(self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(16);
        self.first.saturating_mul(1 << doublings).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound() {
        let pause = Pause {
            first: Duration::from_millis(250),
            longest: Duration::from_secs(5),
        };
        let waits = [1, 2, 3, 5, 6, 1_000].map(|n| pause.after(n).as_millis());
        assert_eq!(waits, [250, 500, 1_000, 4_000, 5_000, 5_000]);
    }
}
