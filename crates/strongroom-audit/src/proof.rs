//! Inclusion and consistency proofs (RFC 9162 sections 2.1.3 and 2.1.4), made from a [`HashSource`] and verified alone.

use std::fmt;

use crate::tree::{HashSource, empty_root, node_hash};

/// Why a proof was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProofError {
    /// The leaf index, or the old size, is beyond the tree.
    OutOfRange,
    /// More or fewer hashes than a proof for these sizes has.
    Length,
    /// The hashes lead to another root.
    Mismatch,
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfRange => "proof is about a place beyond the tree",
            Self::Length => "proof has a wrong number of hashes",
            Self::Mismatch => "proof leads to another root",
        })
    }
}

impl std::error::Error for ProofError {}

/// The proof that the leaf at `leaf_index` (from 0) is in the tree of `size` leaves; empty where it is not.
///
/// # Errors
/// What the source fails with.
pub fn inclusion_proof<S: HashSource>(
    source: &S,
    size: u64,
    leaf_index: u64,
) -> Result<Vec<[u8; 32]>, S::Error> {
    let mut siblings = Vec::new();
    let (mut start, mut count) = (0, size);
    while leaf_index < size && count > 1 {
        let left = split(count);
        if leaf_index - start < left {
            siblings.push((start + left, count - left));
            count = left;
        } else {
            siblings.push((start, left));
            start += left;
            count -= left;
        }
    }
    range_hashes(source, siblings)
}

/// The proof that the tree of `old` leaves is a prefix of the tree of `new`; empty where nothing is to be proven.
///
/// # Errors
/// What the source fails with.
pub fn consistency_proof<S: HashSource>(
    source: &S,
    old: u64,
    new: u64,
) -> Result<Vec<[u8; 32]>, S::Error> {
    if old == 0 || old >= new {
        return Ok(Vec::new());
    }
    let mut ranges = Vec::new();
    let (mut start, mut count) = (0, new);
    while old - start < count {
        let left = split(count);
        if old - start <= left {
            ranges.push((start + left, count - left));
            count = left;
        } else {
            ranges.push((start, left));
            start += left;
            count -= left;
        }
    }
    // The verifier knows the old root, which is this last range only when the walk never turned right.
    if start > 0 {
        ranges.push((start, count));
    }
    range_hashes(source, ranges)
}

/// Whether `leaf` stands at `leaf_index` (from 0) in the tree of `size` leaves with that root.
///
/// # Errors
/// See [`ProofError`].
pub fn verify_inclusion(
    root: &[u8; 32],
    size: u64,
    leaf_index: u64,
    leaf: &[u8; 32],
    proof: &[[u8; 32]],
) -> Result<(), ProofError> {
    if leaf_index >= size {
        return Err(ProofError::OutOfRange);
    }
    let (mut node, mut last) = (leaf_index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            let up = if node & 1 == 1 {
                0
            } else {
                node.trailing_zeros()
            };
            (node, last) = (node >> up, last >> up);
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    conclude(last, &hash, root)
}

/// Whether the tree of `old` leaves with `old_root` is a prefix of the tree of `new` leaves with `new_root`.
///
/// # Errors
/// See [`ProofError`].
pub fn verify_consistency(
    old: u64,
    old_root: &[u8; 32],
    new: u64,
    new_root: &[u8; 32],
    proof: &[[u8; 32]],
) -> Result<(), ProofError> {
    if old > new {
        return Err(ProofError::OutOfRange);
    }
    if old == 0 || old == new {
        let known = if old == new { new_root } else { &empty_root() };
        let reached = if proof.is_empty() {
            old_root
        } else {
            return Err(ProofError::Length);
        };
        return if known == reached {
            Ok(())
        } else {
            Err(ProofError::Mismatch)
        };
    }
    let shift = (old - 1).trailing_ones();
    let (node, last) = ((old - 1) >> shift, (new - 1) >> shift);
    // Where the old tree is perfect, its root is where both walks start and is not repeated in the proof.
    let (seed, rest) = if old.is_power_of_two() {
        (old_root, proof)
    } else {
        proof.split_first().ok_or(ProofError::Length)?
    };
    walk_consistency(node, last, seed, rest, old_root, new_root)
}

fn walk_consistency(
    mut node: u64,
    mut last: u64,
    seed: &[u8; 32],
    proof: &[[u8; 32]],
    old_root: &[u8; 32],
    new_root: &[u8; 32],
) -> Result<(), ProofError> {
    let (mut old_hash, mut new_hash) = (*seed, *seed);
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            let up = if node & 1 == 1 {
                0
            } else {
                node.trailing_zeros()
            };
            (node, last) = (node >> up, last >> up);
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    conclude(last, &new_hash, new_root)?;
    if old_hash == *old_root {
        Ok(())
    } else {
        Err(ProofError::Mismatch)
    }
}

fn conclude(last: u64, hash: &[u8; 32], root: &[u8; 32]) -> Result<(), ProofError> {
    match (last, hash == root) {
        (0, true) => Ok(()),
        (0, false) => Err(ProofError::Mismatch),
        _ => Err(ProofError::Length),
    }
}

/// Leaves in the left subtree of a tree of `count` > 1: the largest power of two below it.
fn split(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// Proofs run from the leaf to the root, the walks above from the root to the leaf.
fn range_hashes<S: HashSource>(
    source: &S,
    ranges: Vec<(u64, u64)>,
) -> Result<Vec<[u8; 32]>, S::Error> {
    ranges
        .into_iter()
        .rev()
        .map(|(start, count)| range_hash(source, start, count))
        .collect()
}

/// The hash over `count` > 0 leaves from `start`, which is a multiple of the largest subtree inside.
fn range_hash<S: HashSource>(source: &S, start: u64, count: u64) -> Result<[u8; 32], S::Error> {
    if count.is_power_of_two() {
        let level = count.trailing_zeros();
        return source.subtree(u8::try_from(level).unwrap_or(u8::MAX), start >> level);
    }
    let left = split(count);
    let (left_hash, right_hash) = (
        range_hash(source, start, left)?,
        range_hash(source, start + left, count - left)?,
    );
    Ok(node_hash(&left_hash, &right_hash))
}
