//! The provable log: leaf hashes, the RFC 6962 tree, checkpoints, proofs, and the offline verifier of a bundle.
//!
//! Pure: no store, no clock, no network, no domain type. The server uses it to grow a log; `audit verify` uses the same
//! code with nothing but a file in hand. What comes from a file is bounded, never panics, and damage is named by
//! sequence number.

pub mod bundle;
pub mod checkpoint;
pub mod damage;
mod encoding;
pub mod entry;
pub mod proof;
pub mod tile;
pub mod tree;
pub mod verify;

pub use bundle::{Bundle, BundleEntry, BundleLog, BundlePart, OpenedPart};
pub use checkpoint::{Checkpoint, NoteError, VerifierKey};
pub use damage::Damage;
pub use entry::{EntryHead, PartHead, commitment, decode_parts, encode_parts, leaf_hash};
pub use proof::{
    ProofError, consistency_proof, inclusion_proof, verify_consistency, verify_inclusion,
};
pub use tile::{TILE, Tile, TileError, TileSource, TileWriter};
pub use tree::{Frontier, HashSource};
pub use verify::{BundleReport, verify_bundle};
