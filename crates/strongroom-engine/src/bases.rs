//! Where each entry's ids start: milliseconds and 48 further bits that only grow.
//!
//! Within one millisecond the further bits step on by a random distance of at least 2^16, so that the ids of one
//! entry never meet those of the next, and an index on ids only appends.

use strongroom_crypto::RandomPool;
use strongroom_types::id::{IdSource, RawId};
use strongroom_types::time::Timestamp;

/// Ids that one entry may use.
const ROOM: u64 = 1 << 16;

pub(crate) struct Bases {
    milliseconds: u64,
    rest: u64,
}

impl Bases {
    /// Starts after everything made until `last`.
    pub fn after(last: Timestamp) -> Bases {
        Bases {
            milliseconds: u64::try_from(last.0).unwrap_or(0),
            rest: (1 << 48) - 1,
        }
    }

    /// The next entry's ids, at `now` or, when that millisecond is used up, just after.
    pub fn next(&mut self, now: Timestamp, random: &mut RandomPool) -> IdSource {
        let now = u64::try_from(now.0).unwrap_or(0);
        let step = ROOM + (u64::from_le_bytes(random.take()) >> 40);
        if now > self.milliseconds {
            self.milliseconds = now;
            self.rest = u64::from_le_bytes(random.take()) >> 17;
        } else if self.rest + step + ROOM >= 1 << 48 {
            self.milliseconds += 1;
            self.rest = u64::from_le_bytes(random.take()) >> 17;
        } else {
            self.rest += step;
        }
        IdSource::starting_at(RawId::from_parts(self.milliseconds, self.rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_only_grow_and_keep_their_distance() {
        let mut random = RandomPool::new();
        let mut bases = Bases::after(Timestamp(1_000));
        let mut last = RawId::ZERO;
        for n in 0..50_000i64 {
            let next = bases
                .next(Timestamp(1_001 + n / 10_000), &mut random)
                .peek();
            assert!(
                last == RawId::ZERO || next.distance(last).unwrap() >= ROOM,
                "{last} {next}"
            );
            last = next;
        }
        assert_eq!(last.milliseconds(), 1_005);
    }

    #[test]
    fn a_full_millisecond_spills_into_the_next() {
        let mut random = RandomPool::new();
        let mut bases = Bases::after(Timestamp(1_000));
        let first = bases.next(Timestamp(1_000), &mut random).peek();
        assert_eq!(first.milliseconds(), 1_001);
    }
}
