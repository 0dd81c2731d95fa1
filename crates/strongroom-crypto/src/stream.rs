//! A long text sealed piece by piece, so that it can be written and read as it flows and no piece can be altered, left
//! out, moved, repeated or cut off unseen.
//!
//! The STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015): each piece's nonce is its number and whether it is
//! the last. The key seals one stream only; `context` binds it to what stands before it.

use crate::aead::{BatchSealer, OpenError, SealKey, TAG};

/// Bytes of a full piece in clear; only the last may be shorter.
pub const PIECE: usize = 64 * 1024;

/// Bytes of a full piece when sealed.
pub const SEALED_PIECE: usize = PIECE + TAG;

/// One key seals one stream, so the first half of its nonces may be the same in all.
const PREFIX: [u8; 12] = [0; 12];

/// Seals the pieces of one stream in their order.
pub struct StreamSealer {
    sealer: BatchSealer,
    context: [u8; 32],
    next: u64,
}

/// Opens them in the same order.
pub struct StreamOpener {
    key: SealKey,
    context: [u8; 32],
    next: u64,
}

impl StreamSealer {
    /// `key` was never used for another stream and never will be.
    pub fn new(key: [u8; 32], context: [u8; 32]) -> StreamSealer {
        StreamSealer {
            sealer: SealKey::new(key).batch(PREFIX),
            context,
            next: 0,
        }
    }

    /// Appends the next piece, sealed. All but the last have [`PIECE`] bytes.
    pub fn seal(&mut self, piece: &[u8], last: bool, out: &mut Vec<u8>) {
        let suffix = suffix(self.next, last);
        self.next = self.next.wrapping_add(1);
        self.sealer.seal(suffix, &self.context, piece, out);
    }
}

impl StreamOpener {
    pub fn new(key: [u8; 32], context: [u8; 32]) -> StreamOpener {
        StreamOpener {
            key: SealKey::new(key),
            context,
            next: 0,
        }
    }

    /// The next piece in clear.
    ///
    /// # Errors
    /// [`OpenError`] when it is not this stream's next piece, or is the last and `last` was not said, or the reverse.
    pub fn open(&mut self, sealed: &[u8], last: bool) -> Result<Vec<u8>, OpenError> {
        let mut nonce = [0; 24];
        let suffix = suffix(self.next, last);
        for (to, byte) in nonce.iter_mut().zip(PREFIX.into_iter().chain(suffix)) {
            *to = byte;
        }
        let opened = self.key.open(&nonce, &self.context, sealed)?;
        self.next = self.next.wrapping_add(1);
        Ok(opened)
    }
}

/// `000000 ‖ number u64 BE ‖ last`.
fn suffix(number: u64, last: bool) -> [u8; 12] {
    let bytes = [0; 3]
        .into_iter()
        .chain(number.to_be_bytes())
        .chain([u8::from(last)]);
    let mut suffix = [0; 12];
    for (to, byte) in suffix.iter_mut().zip(bytes) {
        *to = byte;
    }
    suffix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_open_in_their_order_and_only_so() {
        let mut sealer = StreamSealer::new([1; 32], [2; 32]);
        let pieces: Vec<Vec<u8>> = (0..3_u8)
            .map(|n| {
                let mut out = Vec::new();
                sealer.seal(&[n; 10], n == 2, &mut out);
                out
            })
            .collect();
        let opened = |order: &[(usize, bool)], context: u8| {
            let mut opener = StreamOpener::new([1; 32], [context; 32]);
            order
                .iter()
                .all(|(piece, last)| opener.open(&pieces[*piece], *last).is_ok())
        };
        assert!(opened(&[(0, false), (1, false), (2, true)], 2));
        for wrong in [
            &[(1, false)][..],
            &[(0, false), (2, true)],
            &[(0, false), (0, false)],
            &[(0, true)],
            &[(0, false), (1, true)],
            &[(0, false), (1, false), (2, false)],
        ] {
            assert!(!opened(wrong, 2), "{wrong:?}");
        }
        assert!(!opened(&[(0, false)], 3), "another context");
    }
}
