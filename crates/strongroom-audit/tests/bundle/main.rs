//! The offline verifier: sound bundles pass, every damage is found and named, and nothing makes it panic.
#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests"
)]

mod damage;
mod mutation;
mod pinned;

use std::convert::Infallible;

use strongroom_audit::bundle::{Base64, FORMAT, Hash64, Hex, OpenedPart};
use strongroom_audit::tree::node_hash;
use strongroom_audit::{
    Bundle, BundleEntry, BundleLog, BundleReport, Checkpoint, Damage, EntryHead, Frontier,
    HashSource, PartHead, VerifierKey, commitment, inclusion_proof, verify_bundle,
};
use strongroom_crypto::SigningKey;

const ORIGIN: &str = "strongroom.example/org_7/live";
const ORGANIZATION: &[u8] = b"org_7";

fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

/// Part `tag` (1 to 3) of entry `seq`: salt and plaintext.
fn part(seq: u64, tag: u8) -> ([u8; 32], Vec<u8>) {
    (
        [tag ^ seq as u8; 32],
        format!("entry {seq} part {tag}").into_bytes(),
    )
}

fn heads(seq: u64) -> Vec<PartHead> {
    let head = |tag| {
        let (salt, plaintext) = part(seq, tag);
        PartHead {
            tag,
            policy: 7,
            commitment: commitment(tag, &salt, &plaintext),
        }
    };
    (1..=3).map(head).collect()
}

fn entry(seq: u64) -> BundleEntry {
    let parts = heads(seq);
    let time = 1_760_000_000_000 + seq as i64;
    let mut entry = BundleEntry::new(&EntryHead {
        organization: ORGANIZATION,
        mode: 1,
        seq,
        time,
        parts: &parts,
    });
    for part_of in entry.parts.iter_mut().filter(|part| part.tag != 2) {
        let (salt, plaintext) = part(seq, part_of.tag);
        part_of.opened = Some(OpenedPart {
            salt: Hash64(salt),
            plaintext: Base64(plaintext),
        });
    }
    entry
}

struct Log(Vec<[u8; 32]>);

impl Log {
    fn of(size: u64) -> Self {
        Self((1..=size).map(|seq| entry(seq).leaf.unwrap().0).collect())
    }

    fn root(&self, size: u64) -> [u8; 32] {
        let mut frontier = Frontier::default();
        self.0[..size as usize]
            .iter()
            .for_each(|leaf| frontier.push(*leaf));
        frontier.root()
    }

    fn checkpoint(&self, size: u64) -> String {
        signed(ORIGIN, size, self.root(size))
    }
}

impl HashSource for Log {
    type Error = Infallible;

    fn subtree(&self, level: u8, index: u64) -> Result<[u8; 32], Infallible> {
        match level {
            0 => Ok(self.0[index as usize]),
            _ => Ok(node_hash(
                &self.subtree(level - 1, 2 * index)?,
                &self.subtree(level - 1, 2 * index + 1)?,
            )),
        }
    }
}

fn signed(origin: &str, size: u64, root: [u8; 32]) -> String {
    Checkpoint {
        origin: origin.to_owned(),
        size,
        root,
        extension: vec![],
    }
    .sign(ORIGIN, &key())
}

fn hashes(proof: Result<Vec<[u8; 32]>, Infallible>) -> Vec<Hash64> {
    proof.unwrap().into_iter().map(Hash64).collect()
}

fn whole(size: u64) -> Bundle {
    Bundle {
        format: FORMAT.to_owned(),
        log: BundleLog {
            organization: Hex(ORGANIZATION.to_vec()),
            mode: 1,
            origin: ORIGIN.to_owned(),
        },
        verifier_key: VerifierKey {
            name: ORIGIN.to_owned(),
            public: key().public(),
        }
        .to_string(),
        checkpoint: Log::of(size).checkpoint(size),
        entries: (1..=size).map(entry).collect(),
        consistency: None,
    }
}

fn partial(size: u64, seqs: &[u64]) -> Bundle {
    let log = Log::of(size);
    let mut bundle = whole(size);
    bundle.entries.retain(|entry| seqs.contains(&entry.seq));
    for entry in &mut bundle.entries {
        entry.proof = Some(hashes(inclusion_proof(&log, size, entry.seq - 1)));
        entry.leaf = None;
    }
    bundle
}

fn verify(bundle: &Bundle) -> Result<BundleReport, Damage> {
    verify_bundle(&bundle.to_json().unwrap(), None)
}

fn damage(bundle: &Bundle) -> String {
    verify(bundle).unwrap_err().to_string()
}

#[test]
fn sound_bundles_say_what_they_prove() {
    let report = verify(&whole(20)).unwrap();
    assert_eq!(
        (
            report.organization.as_slice(),
            report.mode,
            report.origin.as_str()
        ),
        (ORGANIZATION, 1, ORIGIN)
    );
    assert_eq!(
        (report.size, report.entries, report.range, report.whole),
        (20, 20, Some((1, 20)), true)
    );
    assert_eq!(
        (report.opened_parts, report.sealed_parts, report.pinned),
        (40, 20, None)
    );
    assert_eq!(report.root, Log::of(20).root(20));
    let report = verify(&partial(20, &[3, 4, 17])).unwrap();
    assert_eq!(
        (report.size, report.entries, report.range, report.whole),
        (20, 3, Some((3, 17)), false)
    );
    for size in 0..40 {
        assert!(verify(&whole(size)).is_ok(), "size {size}");
    }
    for seq in 1..=20 {
        assert!(verify(&partial(20, &[seq])).is_ok(), "entry {seq}");
    }
    assert!(verify(&partial(1, &[1])).is_ok());
}

#[test]
fn the_golden_bundles_are_still_written_and_still_verify() {
    let golden = [
        (
            whole(5),
            &include_bytes!("../golden/bundle-1-whole.json")[..],
        ),
        (
            partial(20, &[3, 17]),
            include_bytes!("../golden/bundle-1-partial.json"),
        ),
    ];
    for (bundle, stored) in golden {
        let written = serde_json::to_string_pretty(&bundle).unwrap() + "\n";
        assert_eq!(
            written,
            String::from_utf8_lossy(stored),
            "written anew:\n{written}"
        );
        assert!(verify_bundle(stored, None).is_ok());
    }
}
