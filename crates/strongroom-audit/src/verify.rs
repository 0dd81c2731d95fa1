//! The offline verifier: a bundle's text in, what it proves or the first damage out.
//!
//! No field is believed before the hash or signature that covers it. Bounded in size, never panics, and needs neither
//! server nor clock. What it cannot know: whether the named key is the right one. Compare
//! [`BundleReport::verifier_key`] with the published one, or give a checkpoint kept elsewhere.

use crate::bundle::{Bundle, BundleEntry, FORMAT, Hash64, OpenedPart};
use crate::checkpoint::{Checkpoint, VerifierKey};
use crate::damage::Damage;
use crate::entry::{MOST_PARTS, commitment};
use crate::proof::{ProofError, verify_consistency, verify_inclusion};
use crate::tree::Frontier;

/// Largest bundle that is looked at, in bytes.
pub const MOST_BYTES: usize = 256 * 1024 * 1024;

/// What a verified bundle proves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BundleReport {
    /// The organization's id bytes.
    pub organization: Vec<u8>,
    /// Test or live, by number.
    pub mode: u8,
    /// The log's name.
    pub origin: String,
    /// The key that signed; compare it with the one published.
    pub verifier_key: String,
    /// Entries under the checkpoint.
    pub size: u64,
    /// Root under the checkpoint.
    pub root: [u8; 32],
    /// Entries in the bundle, all of them proven to stand in the log.
    pub entries: usize,
    /// First and last sequence number in the bundle.
    pub range: Option<(u64, u64)>,
    /// Whether the bundle is the whole log.
    pub whole: bool,
    /// Parts whose plaintext is in the bundle and matches.
    pub opened_parts: usize,
    /// Parts of which only the commitment is here.
    pub sealed_parts: usize,
    /// Entries under the checkpoint kept elsewhere, which this log continues.
    pub pinned: Option<u64>,
}

/// Verifies a bundle, and that it continues a checkpoint kept elsewhere (a signed note) if there is one.
///
/// # Errors
/// The first [`Damage`].
pub fn verify_bundle(text: &[u8], pinned: Option<&str>) -> Result<BundleReport, Damage> {
    if text.len() > MOST_BYTES {
        return Err(Damage::TooLarge { bytes: text.len() });
    }
    let bundle: Bundle = serde_json::from_slice(text).map_err(|error| Damage::Shape {
        line: error.line(),
        column: error.column(),
    })?;
    if bundle.format != FORMAT {
        return Err(Damage::Format {
            found: bundle.format,
        });
    }
    let key = VerifierKey::parse(&bundle.verifier_key).map_err(Damage::Checkpoint)?;
    let head =
        Checkpoint::open(&bundle.checkpoint, &key.name, &key.public).map_err(Damage::Checkpoint)?;
    if head.origin != bundle.log.origin {
        return Err(Damage::Origin { found: head.origin });
    }
    let log = Verified::check(&bundle, head)?;
    let pinned = pinned
        .map(|note| log.check_pinned(note, &key))
        .transpose()?;
    Ok(log.report(pinned))
}

/// A bundle whose entries are proven to stand under the checkpoint.
struct Verified<'a> {
    bundle: &'a Bundle,
    head: Checkpoint,
    leaves: Vec<[u8; 32]>,
    whole: bool,
}

impl<'a> Verified<'a> {
    fn check(bundle: &'a Bundle, head: Checkpoint) -> Result<Self, Damage> {
        let entries = &bundle.entries;
        let whole = entries.iter().all(|entry| entry.proof.is_none());
        check_ascending(entries, head.size)?;
        if whole {
            check_dense(entries, head.size)?;
        }
        entries.iter().try_for_each(check_parts)?;
        let leaves: Vec<[u8; 32]> = entries
            .iter()
            .map(|entry| entry.leaf_hash(&bundle.log))
            .collect();
        if whole {
            check_root(entries, &head, &leaves)?;
        } else {
            entries
                .iter()
                .zip(&leaves)
                .try_for_each(|(entry, leaf)| check_proof(entry, leaf, &head))?;
        }
        Ok(Self {
            bundle,
            head,
            leaves,
            whole,
        })
    }

    /// The size under the pinned checkpoint, if this log continues it.
    fn check_pinned(&self, note: &str, key: &VerifierKey) -> Result<u64, Damage> {
        let pinned = Checkpoint::open(note, &key.name, &key.public).map_err(Damage::Pinned)?;
        if pinned.origin != self.head.origin {
            return Err(Damage::PinnedOrigin {
                found: pinned.origin,
            });
        }
        let (was, size) = (pinned.size, self.head.size);
        if was > size {
            return Err(Damage::CutBack { pinned: was, size });
        }
        let continues = if self.whole {
            self.begins_with(&pinned)
        } else {
            self.consistent_with(&pinned)?
        };
        if continues {
            Ok(was)
        } else {
            Err(Damage::Rewritten { pinned: was })
        }
    }

    /// In a whole log the earlier root can simply be computed.
    fn begins_with(&self, pinned: &Checkpoint) -> bool {
        let first = usize::try_from(pinned.size)
            .ok()
            .and_then(|size| self.leaves.get(..size));
        first.is_some_and(|leaves| root_of(leaves) == pinned.root)
    }

    fn consistent_with(&self, pinned: &Checkpoint) -> Result<bool, Damage> {
        let (was, size) = (pinned.size, self.head.size);
        let lacking = Damage::NoConsistency { pinned: was, size };
        let proof: Vec<[u8; 32]> = match &self.bundle.consistency {
            _ if was == 0 || was == size => Vec::new(),
            Some(consistency) if consistency.from == was => {
                consistency.proof.iter().map(|hash| hash.0).collect()
            }
            _ => return Err(lacking),
        };
        match verify_consistency(was, &pinned.root, size, &self.head.root, &proof) {
            Ok(()) => Ok(true),
            Err(ProofError::Mismatch) => Ok(false),
            Err(ProofError::Length | ProofError::OutOfRange) => Err(lacking),
        }
    }

    fn report(self, pinned: Option<u64>) -> BundleReport {
        let Self {
            bundle,
            head,
            leaves: _,
            whole,
        } = self;
        let (log, entries) = (&bundle.log, &bundle.entries);
        let parts: usize = entries.iter().map(|entry| entry.parts.len()).sum();
        let opened_parts = entries
            .iter()
            .flat_map(|entry| &entry.parts)
            .filter(|part| part.opened.is_some())
            .count();
        BundleReport {
            organization: log.organization.0.clone(),
            mode: log.mode,
            origin: head.origin,
            verifier_key: bundle.verifier_key.clone(),
            size: head.size,
            root: head.root,
            entries: entries.len(),
            range: entries
                .first()
                .zip(entries.last())
                .map(|(first, last)| (first.seq, last.seq)),
            whole,
            opened_parts,
            sealed_parts: parts - opened_parts,
            pinned,
        }
    }
}

/// Each entry after the one before, and all within the checkpoint.
fn check_ascending(entries: &[BundleEntry], size: u64) -> Result<(), Damage> {
    if let Some(BundleEntry { seq, .. }) = entries
        .iter()
        .find(|entry| entry.seq == 0 || entry.seq > size)
    {
        return Err(Damage::Beyond { seq: *seq, size });
    }
    for (before, after) in entries.iter().zip(entries.iter().skip(1)) {
        if after.seq == before.seq {
            return Err(Damage::Twice { seq: after.seq });
        }
        if after.seq < before.seq {
            return Err(Damage::Order {
                lower: after.seq,
                higher: before.seq,
            });
        }
    }
    Ok(())
}

/// No hole from 1 to `size`; the entries ascend already.
fn check_dense(entries: &[BundleEntry], size: u64) -> Result<(), Damage> {
    if let Some((seq, _)) = (1..)
        .zip(entries)
        .find(|(expected, entry)| *expected != entry.seq)
    {
        return Err(Damage::Missing { seq });
    }
    match entries.last().map_or(0, |entry| entry.seq) {
        last if last < size => Err(Damage::Missing { seq: last + 1 }),
        _ => Ok(()),
    }
}

fn check_parts(entry: &BundleEntry) -> Result<(), Damage> {
    let seq = entry.seq;
    if entry.parts.len() > MOST_PARTS {
        return Err(Damage::TooManyParts { seq });
    }
    for (index, part) in entry.parts.iter().enumerate() {
        let Some(OpenedPart { salt, plaintext }) = &part.opened else {
            continue;
        };
        if commitment(part.tag, &salt.0, &plaintext.0) != part.commitment.0 {
            return Err(Damage::Part {
                seq,
                part: index + 1,
            });
        }
    }
    Ok(())
}

/// The root over a whole log; where it fails, the recorded leaf hashes name the entry if they are sound themselves.
fn check_root(
    entries: &[BundleEntry],
    head: &Checkpoint,
    leaves: &[[u8; 32]],
) -> Result<(), Damage> {
    if root_of(leaves) == head.root {
        return Ok(());
    }
    let recorded: Option<Vec<[u8; 32]>> = entries
        .iter()
        .map(|entry| entry.leaf.map(|leaf| leaf.0))
        .collect();
    let sound = recorded
        .filter(|recorded| root_of(recorded) == head.root)
        .unwrap_or_default();
    match entries
        .iter()
        .zip(sound.iter().zip(leaves))
        .find(|(_, (recorded, found))| recorded != found)
    {
        Some((entry, _)) => Err(Damage::Entry { seq: entry.seq }),
        None => Err(Damage::Root { size: head.size }),
    }
}

fn check_proof(entry: &BundleEntry, leaf: &[u8; 32], head: &Checkpoint) -> Result<(), Damage> {
    let seq = entry.seq;
    let proof: Vec<[u8; 32]> = match &entry.proof {
        Some(proof) => proof.iter().map(|Hash64(hash)| *hash).collect(),
        None => return Err(Damage::NoProof { seq }),
    };
    // The first entry is leaf 0; `check_ascending` has refused entry 0.
    verify_inclusion(&head.root, head.size, seq.saturating_sub(1), leaf, &proof)
        .map_err(|error| Damage::Inclusion { seq, error })
}

fn root_of(leaves: &[[u8; 32]]) -> [u8; 32] {
    let mut frontier = Frontier::default();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    frontier.root()
}
