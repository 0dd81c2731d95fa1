//! The stored form of a sealed body: `0x01 ‖ key number u32 BE ‖ nonce[24] ‖ ciphertext ‖ tag[16]`.
//!
//! The header stands in clear; callers put the key number into the associated data, so a changed one does not open.

use crate::aead::{OpenError, TAG};

/// The first byte of every sealed body of this format.
pub const FORMAT: u8 = 1;

/// Bytes before the ciphertext.
pub const HEADER: usize = 1 + 4 + 24;

/// A sealed body taken apart, borrowed from its bytes. Nothing in it is authenticated yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SealedView<'a> {
    /// Number of the key that sealed it.
    pub key: u32,
    /// The nonce it was sealed with.
    pub nonce: &'a [u8; 24],
    /// Ciphertext and tag, as [`crate::SealKey::open`] takes them.
    pub ciphertext: &'a [u8],
}

impl<'a> SealedView<'a> {
    /// Takes a stored body apart.
    ///
    /// # Errors
    /// [`OpenError::Truncated`] without room for header and tag, [`OpenError::UnknownFormat`] for another first byte.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, OpenError> {
        let (format, rest) = bytes.split_first().ok_or(OpenError::Truncated)?;
        if *format != FORMAT {
            return Err(OpenError::UnknownFormat(*format));
        }
        let (key, rest) = rest.split_first_chunk::<4>().ok_or(OpenError::Truncated)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<24>().ok_or(OpenError::Truncated)?;
        if ciphertext.len() < TAG {
            return Err(OpenError::Truncated);
        }
        Ok(Self {
            key: u32::from_be_bytes(*key),
            nonce,
            ciphertext,
        })
    }
}

/// Appends the header; ciphertext and tag follow it.
pub fn write_sealed_header(key: u32, nonce: &[u8; 24], out: &mut Vec<u8>) {
    out.push(FORMAT);
    out.extend_from_slice(&key.to_be_bytes());
    out.extend_from_slice(nonce);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_round_trips_and_every_shorter_body_is_refused() {
        let mut body = Vec::new();
        write_sealed_header(0x0102_0304, &[7; 24], &mut body);
        assert_eq!(body.len(), HEADER);
        body.extend_from_slice(&[9; TAG]);
        let view = SealedView::parse(&body).unwrap();
        assert_eq!(
            (view.key, view.nonce, view.ciphertext),
            (0x0102_0304, &[7; 24], &[9; TAG][..])
        );
        for end in 0..body.len() {
            assert_eq!(SealedView::parse(&body[..end]), Err(OpenError::Truncated));
        }
        body[0] = 2;
        assert_eq!(SealedView::parse(&body), Err(OpenError::UnknownFormat(2)));
    }
}
