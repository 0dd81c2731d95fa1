//! The one random source: the generator of aws-lc, seeded by the operating system.
//!
//! A failing source ends the process: a key or nonce that is not random is worse than no service.

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::fatal::fatal;

/// Bytes a [`RandomPool`] draws at once.
const POOL: usize = 4096;

/// Fills `out` with random bytes; aborts the process if the source fails.
pub fn fill_random(out: &mut [u8]) {
    if aws_lc_rs::rand::fill(out).is_err() {
        fatal("the random source failed");
    }
}

/// `N` random bytes; aborts the process if the source fails.
pub fn random<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    fill_random(&mut out);
    out
}

/// A buffered random source for hot paths: one draw of 4 KiB serves many small takes.
///
/// Bytes are wiped as they are handed out, so the pool never holds a value that somebody uses. One owner; not shared.
#[derive(ZeroizeOnDrop)]
pub struct RandomPool {
    bytes: Vec<u8>,
    used: usize,
}

impl RandomPool {
    /// An empty pool; the first take fills it.
    pub fn new() -> Self {
        Self {
            bytes: vec![0; POOL],
            used: POOL,
        }
    }

    /// The next `N` bytes, never handed out before. `N` above 4 KiB bypasses the pool.
    pub fn take<const N: usize>(&mut self) -> [u8; N] {
        if let Some(taken) = self.next_chunk() {
            return taken;
        }
        fill_random(&mut self.bytes);
        self.used = 0;
        self.next_chunk().unwrap_or_else(random)
    }

    fn next_chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        let chunk: &mut [u8; N] = self.bytes.get_mut(self.used..)?.first_chunk_mut()?;
        let taken = *chunk;
        chunk.zeroize();
        self.used += N;
        Some(taken)
    }
}

impl Default for RandomPool {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn takes_never_repeat_across_refills_and_leave_no_trace() {
        let mut pool = RandomPool::new();
        let mut seen = HashSet::new();
        for _ in 0..2000 {
            assert!(seen.insert(pool.take::<24>()));
            let used = pool.used;
            assert!(pool.bytes[..used].iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn sizes_that_do_not_divide_the_pool_and_larger_ones_work() {
        let mut pool = RandomPool::new();
        assert_ne!(pool.take::<1000>(), pool.take::<1000>());
        assert_ne!(pool.take::<5000>(), [0; 5000]);
        assert_eq!(pool.take::<0>(), [0_u8; 0]);
    }
}
