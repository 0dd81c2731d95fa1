//! What a till sold without a connection: signed, each naming the one before.
//!
//! `hash = SHA-256("strongroom/till/1" ‖ till₁₂ ‖ u64 sequence ‖ previous₃₂ ‖ payload)`; the signature is Ed25519 over the
//! hash. Every field but the last has a fixed length, so no two transactions share one encoding.

use std::fmt;

use minicbor::{Decode, Decoder, Encode, Encoder};
use serde::{Serialize, Serializer};
use strongroom_auth::{sha256, verify_ed25519};
use strongroom_types::id::TillId;

/// 32 bytes, as 64 lower-case hexadecimal digits on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    pub fn parse(text: &str) -> Option<Digest> {
        hex::<32>(text).map(Digest)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<C> Encode<C> for Digest {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Digest {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        <[u8; 32]>::try_from(d.bytes()?)
            .map(Digest)
            .map_err(|_| minicbor::decode::Error::message("a digest has 32 bytes"))
    }
}

/// An Ed25519 signature, as 128 lower-case hexadecimal digits.
pub fn parse_signature(text: &str) -> Option<[u8; 64]> {
    hex::<64>(text)
}

fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != N.checked_mul(2)? {
        return None;
    }
    let digit = |letter: u8| match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        _ => None,
    };
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

/// One transaction of a till's chain.
pub struct Link<'a> {
    pub till: TillId,
    /// From 1.
    pub sequence: u64,
    pub previous: Digest,
    pub payload: &'a str,
}

impl Link<'_> {
    pub fn hash(&self) -> Digest {
        let mut text = Vec::with_capacity(self.payload.len().saturating_add(80));
        text.extend_from_slice(b"strongroom/till/1");
        text.extend_from_slice(&self.till.0.0);
        text.extend_from_slice(&self.sequence.to_be_bytes());
        text.extend_from_slice(&self.previous.0);
        text.extend_from_slice(self.payload.as_bytes());
        Digest(sha256(&text))
    }
}

impl Digest {
    /// Whether the holder of `public` signed this.
    pub fn is_signed(&self, public: &Digest, signature: &[u8; 64]) -> bool {
        verify_ed25519(&public.0, &self.0, signature)
    }
}

#[cfg(test)]
mod tests {
    use strongroom_types::id::RawId;

    use super::*;

    #[test]
    fn digests_are_read_as_they_are_written() {
        let digest = Digest([0xa5; 32]);
        assert_eq!(Digest::parse(&digest.to_string()), Some(digest));
        for text in ["", &"a".repeat(63), &"A5".repeat(32), &"ü".repeat(32)] {
            assert_eq!(Digest::parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_field_changes_the_hash() {
        let link = |till, sequence, previous, payload| {
            let (till, previous) = (TillId(RawId([till; 12])), Digest([previous; 32]));
            Link {
                till,
                sequence,
                previous,
                payload,
            }
            .hash()
        };
        let all = [
            link(1, 1, 0, "{}"),
            link(2, 1, 0, "{}"),
            link(1, 2, 0, "{}"),
            link(1, 1, 1, "{}"),
            link(1, 1, 0, "{} "),
        ];
        let others = |n: usize| all.iter().skip(n + 1).all(|other| *other != all[n]);
        assert!((0..all.len()).all(others));
    }
}
