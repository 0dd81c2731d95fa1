//! One log entry as the tree sees it: a clear header and, for each part, a salted commitment.
//!
//! Plaintext never enters the leaf, so a part can be destroyed and the log still verifies. Ciphertext and key numbers
//! never enter it either, so rotation changes no leaf. The layouts below never change.

use strongroom_crypto::sha256;

use crate::damage::Damage;

/// Most parts of one entry: their number is stored in a byte.
pub const MOST_PARTS: usize = 255;

/// Bytes of one encoded part.
const PART: usize = 1 + 1 + 32;

/// What stands in clear, for ever, for one part of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartHead {
    /// What the part is (facts, actor, personal, …).
    pub tag: u8,
    /// How long it is kept.
    pub policy: u8,
    /// See [`commitment`].
    pub commitment: [u8; 32],
}

/// The clear header of one entry.
#[derive(Clone, Copy, Debug)]
pub struct EntryHead<'a> {
    /// The organization's id bytes.
    pub organization: &'a [u8],
    /// Test or live, by number.
    pub mode: u8,
    /// Place in the log, from 1.
    pub seq: u64,
    /// Milliseconds since 1970.
    pub time: i64,
    /// At most [`MOST_PARTS`].
    pub parts: &'a [PartHead],
}

/// `SHA-256("strongroom/part/1" ‖ tag ‖ salt ‖ u64 BE length ‖ plaintext)`.
///
/// The salt is random and dies with the plaintext; without it a guess at the plaintext cannot be checked.
pub fn commitment(tag: u8, salt: &[u8; 32], plaintext: &[u8]) -> [u8; 32] {
    let length = u64::try_from(plaintext.len())
        .unwrap_or(u64::MAX)
        .to_be_bytes();
    sha256(&[b"strongroom/part/1", &[tag], salt, &length, plaintext])
}

/// `SHA-256(0x00 ‖ "strongroom/entry/1" ‖ u32 BE length ‖ organization ‖ mode ‖ u64 BE seq ‖ i64 BE time ‖ parts)`,
/// parts as in [`encode_parts`].
pub fn leaf_hash(head: &EntryHead<'_>) -> [u8; 32] {
    let EntryHead {
        organization,
        mode,
        seq,
        time,
        parts,
    } = head;
    let length = u32::try_from(organization.len())
        .unwrap_or(u32::MAX)
        .to_be_bytes();
    sha256(&[
        &[0],
        b"strongroom/entry/1",
        &length,
        organization,
        &[*mode],
        &seq.to_be_bytes(),
        &time.to_be_bytes(),
        &encode_parts(parts),
    ])
}

/// `u8 n ‖ n × (tag ‖ policy ‖ commitment)`. Must not be given more than [`MOST_PARTS`]: such bytes do not decode.
pub fn encode_parts(parts: &[PartHead]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + parts.len() * PART);
    out.push(u8::try_from(parts.len()).unwrap_or(u8::MAX));
    for PartHead {
        tag,
        policy,
        commitment,
    } in parts
    {
        out.extend_from_slice(&[*tag, *policy]);
        out.extend_from_slice(commitment);
    }
    out
}

/// The parts of [`encode_parts`].
///
/// # Errors
/// [`Damage::Parts`] unless the length is exactly what the count says.
pub fn decode_parts(bytes: &[u8]) -> Result<Vec<PartHead>, Damage> {
    let (count, rest) = bytes.split_first().ok_or(Damage::Parts)?;
    if rest.len() != usize::from(*count) * PART {
        return Err(Damage::Parts);
    }
    rest.chunks_exact(PART)
        .map(|part| decode_part(part).ok_or(Damage::Parts))
        .collect()
}

fn decode_part(bytes: &[u8]) -> Option<PartHead> {
    let (&[tag, policy], commitment) = bytes.split_first_chunk::<2>()?;
    Some(PartHead {
        tag,
        policy,
        commitment: commitment.try_into().ok()?,
    })
}
