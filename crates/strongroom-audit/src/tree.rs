//! The Merkle tree of RFC 6962 (RFC 9162 section 2.1): leaf hashes come ready made, see [`crate::leaf_hash`].
//!
//! A [`Frontier`] is all a writer needs: the roots of the perfect subtrees, largest first. Proofs read older hashes
//! through a [`HashSource`].

use strongroom_crypto::sha256;

use crate::damage::Damage;

/// Where hashes of perfect subtrees come from.
pub trait HashSource {
    /// What reading may fail with.
    type Error;

    /// The hash of the perfect subtree of `2^level` leaves that starts at leaf `index · 2^level`.
    ///
    /// # Errors
    /// Whatever the source fails with.
    fn subtree(&self, level: u8, index: u64) -> Result<[u8; 32], Self::Error>;
}

/// The hash above two subtrees.
pub fn node_hash(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    sha256(&[&[1], left, right])
}

/// The root of a tree without leaves.
pub fn empty_root() -> [u8; 32] {
    sha256(&[])
}

/// The right edge of a growing tree: enough to append and to know the root.
///
/// # Invariants
/// `nodes` has one hash for each 1 bit of `size`, the largest subtree first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Frontier {
    size: u64,
    nodes: Vec<[u8; 32]>,
}

impl Frontier {
    /// Leaves so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf hash: one hash on average, at most 64.
    pub fn push(&mut self, leaf: [u8; 32]) {
        let mut node = leaf;
        for _ in 0..self.size.trailing_ones() {
            // INVARIANT(frontier-bits): each trailing 1 bit of the size has its subtree at the end of `nodes`.
            let Some(left) = self.nodes.pop() else { break };
            node = node_hash(&left, &node);
        }
        self.nodes.push(node);
        self.size += 1;
    }

    /// The root over all leaves.
    pub fn root(&self) -> [u8; 32] {
        let mut from_right = self.nodes.iter().rev();
        let Some(smallest) = from_right.next() else {
            return empty_root();
        };
        from_right.fold(*smallest, |right, left| node_hash(left, &right))
    }

    /// `u64 BE size ‖ nodes`.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.size.to_be_bytes().to_vec();
        out.extend(self.nodes.iter().flatten());
        out
    }

    /// The frontier of [`Frontier::encode`].
    ///
    /// # Errors
    /// [`Damage::Frontier`] unless the number of nodes is exactly what the size says.
    pub fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        let (size, rest) = bytes.split_first_chunk::<8>().ok_or(Damage::Frontier)?;
        let size = u64::from_be_bytes(*size);
        let (nodes, odd) = rest.as_chunks::<32>();
        if !odd.is_empty() || u32::try_from(nodes.len()) != Ok(size.count_ones()) {
            return Err(Damage::Frontier);
        }
        Ok(Self {
            size,
            nodes: nodes.to_vec(),
        })
    }
}
