//! Frames: `length₄ ‖ number₄ ‖ bytes`, the length being that of number and bytes.

use std::hint::black_box;
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest question: a request's head and the largest body.
pub(crate) const LONGEST_QUESTION: usize = (1 << 20) + 128 * 1_024;
/// The longest answer.
pub(crate) const LONGEST_ANSWER: usize = (64 << 20) + 128 * 1_024;
/// The deciding node takes no more questions on this connection; those that it has are answered.
pub(crate) const GOODBYE: u32 = u32::MAX;

/// Bytes before a frame's own.
const HEAD: usize = 8;
/// What is read at once.
const READ: usize = 64 * 1_024;
/// A buffer that grew beyond this for one frame is given back.
const KEPT: usize = 4 * READ;

/// Appends a frame.
pub(crate) fn put(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    // Whoever makes longer ones than 4 GiB is cut off by the other end.
    let length = u32::try_from(bytes.len() + 4).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&number.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Forgets bytes that were carried. SECURITY: among them may be a card number.
pub(crate) fn forget(bytes: &mut Vec<u8>) {
    bytes.fill(0);
    black_box(&*bytes);
    bytes.clear();
    if bytes.capacity() > KEPT {
        *bytes = Vec::new();
    }
}

/// What comes in, cut into frames.
pub(crate) struct Frames {
    bytes: Vec<u8>,
    /// Of the first byte that no frame was cut from.
    start: usize,
    longest: usize,
}

impl Frames {
    pub fn new(longest: usize) -> Frames {
        Frames {
            bytes: Vec::new(),
            start: 0,
            longest,
        }
    }

    /// The next frame that is there already.
    ///
    /// # Errors
    /// One that is too long, or none.
    pub fn cut(&mut self) -> io::Result<Option<(u32, Vec<u8>)>> {
        let waiting = self.bytes.get_mut(self.start..).unwrap_or_default();
        let Some((head, rest)) = waiting.split_at_mut_checked(HEAD) else {
            return Ok(None);
        };
        let (length, number) = match *head {
            [a, b, c, d, e, f, g, h] => (
                u32::from_be_bytes([a, b, c, d]),
                u32::from_be_bytes([e, f, g, h]),
            ),
            _ => return Ok(None),
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let length = length
            .checked_sub(4)
            .filter(|length| *length <= self.longest);
        let Some(length) = length else {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        };
        let Some(bytes) = rest.get_mut(..length) else {
            return Ok(None);
        };
        let frame = bytes.to_vec();
        bytes.fill(0);
        black_box(&*bytes);
        self.start += HEAD + length;
        if self.start == self.bytes.len() {
            self.start = 0;
            self.bytes.clear();
            if self.bytes.capacity() > KEPT {
                self.bytes = Vec::new();
            }
        }
        Ok(Some((number, frame)))
    }

    /// Reads on; false at the end. Dropped before it is done it has read nothing.
    pub async fn fill(&mut self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<bool> {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.reserve(READ);
        Ok(from.read_buf(&mut self.bytes).await? > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_cut_wherever_the_bytes_are_broken() {
        let mut stream = Vec::new();
        for number in 0..20_u32 {
            put(
                &mut stream,
                number,
                &vec![7; usize::try_from(number).unwrap() * 3],
            );
        }
        for piece in 1..40 {
            let mut frames = Frames::new(100);
            let mut found = 0;
            for bytes in stream.chunks(piece) {
                frames.bytes.drain(..frames.start);
                frames.start = 0;
                frames.bytes.extend_from_slice(bytes);
                while let Some((number, bytes)) = frames.cut().unwrap() {
                    assert_eq!(
                        (number, bytes.len()),
                        (found, usize::try_from(found).unwrap() * 3)
                    );
                    assert!(bytes.iter().all(|byte| *byte == 7));
                    found += 1;
                }
            }
            assert_eq!(found, 20);
        }
    }

    #[test]
    fn a_frame_that_is_too_long_or_too_short_is_none() {
        let mut frames = Frames::new(10);
        put(&mut frames.bytes, 1, &[0; 11]);
        assert!(frames.cut().is_err());
        let mut frames = Frames::new(10);
        frames.bytes.extend_from_slice(&[0, 0, 0, 3, 0, 0, 0, 0]);
        assert!(frames.cut().is_err());
    }

    #[test]
    fn what_was_carried_is_forgotten() {
        let mut frames = Frames::new(10);
        put(&mut frames.bytes, 1, b"4242");
        put(&mut frames.bytes, 2, b"half");
        frames.bytes.truncate(22);
        assert!(frames.cut().unwrap().is_some());
        assert!(!frames.bytes.windows(4).any(|bytes| bytes == b"4242"));
        let mut out = b"4242".to_vec();
        forget(&mut out);
        assert!(out.is_empty());
    }
}
