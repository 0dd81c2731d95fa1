//! Nonces that proofs of possession repeat (RFC 9449, section 8), and the proofs that were seen under each.
//!
//! Every proof repeats a nonce that this process drew lately, and is remembered for as long as its nonce is good: so none is taken
//! twice, memory is bounded, and nothing need be written down. After a restart no nonce of before is known, and with them every proof
//! of before is worthless.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use strongroom_types::time::Timestamp;

/// Milliseconds that a nonce is given out; it is good for as long again.
const LASTS: i64 = 150_000;

/// Proofs that are remembered under one nonce. Beyond them the next is drawn at once, and the one before the last ends early.
const MOST: usize = 200_000;

/// What became of a proof's nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// It is ours, and the proof is the first of its kind.
    Fresh,
    /// It is none of ours, or too old.
    Stale,
    /// The proof was seen before.
    Replayed,
}

/// The nonces that are good, and what was proven under each.
#[derive(Default)]
pub(crate) struct Nonces(Mutex<Drawn>);

#[derive(Default)]
struct Drawn {
    now: Option<Nonce>,
    before: Option<Nonce>,
}

struct Nonce {
    text: String,
    since: Timestamp,
    seen: HashSet<[u8; 32]>,
}

impl Nonces {
    /// The nonce that proofs should repeat from now on.
    pub fn current(&self, now: Timestamp) -> String {
        let mut drawn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        drawn.turn(now).text.clone()
    }

    /// Takes a proof under the nonce that it repeats. SECURITY: looked at and remembered in one step, so that of two at once one is
    /// the second.
    pub fn take(&self, nonce: Option<&str>, proof: [u8; 32], now: Timestamp) -> Freshness {
        let mut drawn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        drawn.turn(now);
        let Drawn { now, before } = &mut *drawn;
        let mut known = now.iter_mut().chain(before.iter_mut());
        match known.find(|known| nonce == Some(known.text.as_str())) {
            None => Freshness::Stale,
            // The one of before, which is not drawn anew where it is full.
            Some(known) if known.seen.len() >= MOST => Freshness::Stale,
            Some(known) => match known.seen.insert(proof) {
                true => Freshness::Fresh,
                false => Freshness::Replayed,
            },
        }
    }
}

impl Drawn {
    /// Draws the next nonce when it is time, and forgets those that are over.
    fn turn(&mut self, now: Timestamp) -> &Nonce {
        // A clock that was set back must not make one last.
        let age = |nonce: &Nonce| now.0.saturating_sub(nonce.since.0);
        let is_good = |nonce: &Nonce, lasts| (0..lasts).contains(&age(nonce));
        self.before = self.before.take().filter(|nonce| is_good(nonce, 2 * LASTS));
        let current = self.now.take();
        match current {
            Some(nonce) if is_good(&nonce, LASTS) && nonce.seen.len() < MOST => {
                self.now.insert(nonce)
            }
            other => {
                self.before = other.filter(|nonce| is_good(nonce, 2 * LASTS));
                self.now.insert(Nonce {
                    text: URL_SAFE_NO_PAD.encode(strongroom_crypto::random::<16>()),
                    since: now,
                    seen: HashSet::new(),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    #[test]
    fn a_proof_is_taken_once_for_as_long_as_its_nonce_is_good() {
        let nonces = Nonces::default();
        let first = nonces.current(NOW);
        let take = |nonce: &str, n: u8, at: i64| nonces.take(Some(nonce), [n; 32], NOW.plus(at));
        assert_eq!(take(&first, 1, 0), Freshness::Fresh);
        for _ in 0..100 {
            assert_eq!(take(&first, 1, 0), Freshness::Replayed);
        }
        assert_eq!(take("another", 2, 0), Freshness::Stale);
        assert_eq!(nonces.take(None, [2; 32], NOW), Freshness::Stale);
        let second = nonces.current(NOW.plus(LASTS));
        assert_ne!(first, second);
        assert_eq!(take(&first, 1, LASTS), Freshness::Replayed, "remembered");
        assert_eq!(take(&first, 3, 2 * LASTS - 1), Freshness::Fresh);
        assert_eq!(take(&first, 4, 2 * LASTS), Freshness::Stale);
    }

    #[test]
    fn another_process_knows_none_of_them() {
        let (before, after) = (Nonces::default(), Nonces::default());
        let nonce = before.current(NOW);
        assert_eq!(before.take(Some(&nonce), [1; 32], NOW), Freshness::Fresh);
        assert_eq!(after.take(Some(&nonce), [1; 32], NOW), Freshness::Stale);
    }

    #[test]
    fn a_clock_that_is_set_back_or_a_long_pause_ends_them() {
        let nonces = Nonces::default();
        let nonce = nonces.current(NOW);
        assert_eq!(
            nonces.take(Some(&nonce), [1; 32], NOW.plus(-1)),
            Freshness::Stale
        );
        let nonce = nonces.current(NOW);
        let late = NOW.plus(1_000 * LASTS);
        assert_eq!(nonces.take(Some(&nonce), [1; 32], late), Freshness::Stale);
    }

    #[test]
    fn memory_is_bounded() {
        let nonces = Nonces::default();
        for n in 0..3 * u32::try_from(MOST).unwrap() {
            let mut proof = [0; 32];
            proof[..4].copy_from_slice(&n.to_be_bytes());
            let nonce = nonces.current(NOW);
            assert_eq!(nonces.take(Some(&nonce), proof, NOW), Freshness::Fresh);
        }
        let drawn = nonces.0.lock().unwrap();
        let held = [&drawn.now, &drawn.before].map(|n| n.as_ref().map_or(0, |n| n.seen.len()));
        assert!(held.iter().all(|held| *held <= MOST), "{held:?}");
        // A nonce that is full takes none after it is the one of before, either.
        let full = drawn.now.as_ref().map(|nonce| nonce.text.clone());
        drop(drawn);
        let beyond = nonces.take(full.as_deref(), [255; 32], NOW);
        assert_eq!(beyond, Freshness::Stale);
    }
}
