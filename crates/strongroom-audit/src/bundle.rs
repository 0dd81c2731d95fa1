//! The offline bundle: log entries, the checkpoint they stand under, and what is needed to check both without a server.
//!
//! A bundle holds the whole log (entries 1 to the checkpoint's size, no proofs) or some entries with a proof each. It is
//! signed by the key it names, which proves nothing until that key is compared with the one published, or a checkpoint
//! kept elsewhere is given. This file is the shape only; [`crate::verify_bundle`] believes none of it unchecked.

use serde::{Deserialize, Serialize};

pub use crate::encoding::{Base64, Hash64, Hex};
use crate::entry::{EntryHead, PartHead, leaf_hash};

/// The only format so far.
pub const FORMAT: &str = "strongroom/bundle/1";

/// A bundle as it stands in JSON.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// [`FORMAT`].
    pub format: String,
    /// Which log.
    pub log: BundleLog,
    /// The key that signed the checkpoint: `name+hash+base64`.
    pub verifier_key: String,
    /// The signed note.
    pub checkpoint: String,
    /// In ascending order of sequence numbers.
    pub entries: Vec<BundleEntry>,
    /// Leads from an earlier checkpoint to this one; needed for a pinned checkpoint and a partial bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consistency: Option<BundleConsistency>,
}

/// The log a bundle is from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleLog {
    /// The organization's id bytes, in hex.
    pub organization: Hex,
    /// Test or live, by number.
    pub mode: u8,
    /// The checkpoint's origin.
    pub origin: String,
}

/// One entry of a bundle.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleEntry {
    /// Place in the log, from 1.
    pub seq: u64,
    /// Milliseconds since 1970.
    pub time: i64,
    /// Its parts, opened or not.
    pub parts: Vec<BundlePart>,
    /// Its leaf hash; only to name the damaged entry of a whole log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<Hash64>,
    /// Its inclusion proof; absent when the bundle holds the whole log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Vec<Hash64>>,
}

/// One part of an entry.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundlePart {
    /// See [`PartHead::tag`].
    pub tag: u8,
    /// See [`PartHead::policy`].
    pub policy: u8,
    /// See [`commitment`].
    pub commitment: Hash64,
    /// Salt and plaintext, where the reader may have them and they still exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<OpenedPart>,
}

/// What a commitment was made from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenedPart {
    /// The part's random salt.
    pub salt: Hash64,
    /// The part itself.
    pub plaintext: Base64,
}

/// A consistency proof that ends at the bundle's checkpoint.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleConsistency {
    /// Size of the earlier tree.
    pub from: u64,
    /// The hashes.
    pub proof: Vec<Hash64>,
}

impl Bundle {
    /// The bundle as JSON text.
    ///
    /// # Errors
    /// None in practice: every field has a JSON form.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

impl BundleEntry {
    /// An entry with no part opened, its leaf hash beside it, and no proof.
    pub fn new(head: &EntryHead<'_>) -> Self {
        let parts = head.parts.iter().map(BundlePart::sealed).collect();
        let leaf = Some(Hash64(leaf_hash(head)));
        Self {
            seq: head.seq,
            time: head.time,
            parts,
            leaf,
            proof: None,
        }
    }

    /// The leaf hash of the entry as it stands in a bundle of that log.
    pub fn leaf_hash(&self, log: &BundleLog) -> [u8; 32] {
        let parts: Vec<PartHead> = self.parts.iter().map(BundlePart::head).collect();
        let organization = &log.organization.0;
        leaf_hash(&EntryHead {
            organization,
            mode: log.mode,
            seq: self.seq,
            time: self.time,
            parts: &parts,
        })
    }
}

impl BundlePart {
    /// A part of which only the commitment is given.
    pub fn sealed(head: &PartHead) -> Self {
        let PartHead {
            tag,
            policy,
            commitment,
        } = *head;
        Self {
            tag,
            policy,
            commitment: Hash64(commitment),
            opened: None,
        }
    }

    fn head(&self) -> PartHead {
        PartHead {
            tag: self.tag,
            policy: self.policy,
            commitment: self.commitment.0,
        }
    }
}
