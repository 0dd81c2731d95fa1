//! The tree against an independent RFC 6962 implementation, and the tiles against the tree.
#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::collections::HashMap;
use std::convert::Infallible;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use sha2::{Digest, Sha256};
use strongroom_audit::tree::{empty_root, node_hash};
use strongroom_audit::{
    Damage, Frontier, HashSource, ProofError, Tile, TileError, TileSource, TileWriter,
    consistency_proof, inclusion_proof, verify_consistency, verify_inclusion,
};

const MOST: usize = 300;

/// All perfect subtrees of some leaves, in memory.
struct Subtrees(Vec<Vec<[u8; 32]>>);

impl Subtrees {
    fn of(leaves: Vec<[u8; 32]>) -> Self {
        let mut levels = vec![leaves];
        while levels.last().unwrap().len() > 1 {
            let above = levels
                .last()
                .unwrap()
                .chunks_exact(2)
                .map(|pair| node_hash(&pair[0], &pair[1]))
                .collect();
            levels.push(above);
        }
        Self(levels)
    }
}

impl HashSource for Subtrees {
    type Error = Infallible;

    fn subtree(&self, level: u8, index: u64) -> Result<[u8; 32], Infallible> {
        Ok(self.0[usize::from(level)][index as usize])
    }
}

fn data(index: usize) -> Vec<u8> {
    format!("leaf {index}").into_bytes()
}

fn leaf(index: usize) -> [u8; 32] {
    Sha256::new()
        .chain_update([0])
        .chain_update(data(index))
        .finalize()
        .into()
}

fn root_of(size: usize) -> [u8; 32] {
    let mut frontier = Frontier::default();
    (0..size).for_each(|index| frontier.push(leaf(index)));
    frontier.root()
}

fn flat(proof: &[[u8; 32]]) -> Vec<u8> {
    proof.concat()
}

#[test]
fn roots_equal_the_oracle_at_every_size() {
    let mut oracle = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut frontier = Frontier::default();
    assert_eq!(frontier.root(), <[u8; 32]>::from(Sha256::digest(b"")));
    for size in 1..=MOST {
        oracle.push(data(size - 1));
        frontier.push(leaf(size - 1));
        assert_eq!(
            frontier.root().as_slice(),
            oracle.root().as_bytes().as_slice(),
            "size {size}"
        );
        assert_eq!(frontier.size(), size as u64);
        assert_eq!(Frontier::decode(&frontier.encode()), Ok(frontier.clone()));
    }
}

/// The eight leaves and roots that the reference implementations of Certificate Transparency are tested with.
#[test]
fn roots_of_the_published_leaves() {
    let leaves: [&[u8]; 8] = [
        &[],
        &[0x00],
        &[0x10],
        &[0x20, 0x21],
        &[0x30, 0x31],
        &[0x40, 0x41, 0x42, 0x43],
        &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
        &[
            0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d,
            0x6e, 0x6f,
        ],
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut frontier = Frontier::default();
    for (leaf, root) in leaves.into_iter().zip(roots) {
        frontier.push(
            Sha256::new()
                .chain_update([0])
                .chain_update(leaf)
                .finalize()
                .into(),
        );
        let hex: String = frontier
            .root()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(hex, root);
    }
}

#[test]
fn frontiers_of_a_wrong_length_are_refused() {
    let mut frontier = Frontier::default();
    (0..11).for_each(|index| frontier.push(leaf(index)));
    let encoded = frontier.encode();
    assert_eq!(encoded.len(), 8 + 3 * 32);
    for length in 0..encoded.len() {
        assert_eq!(Frontier::decode(&encoded[..length]), Err(Damage::Frontier));
    }
    assert_eq!(
        Frontier::decode(&[encoded, vec![0]].concat()),
        Err(Damage::Frontier)
    );
    assert_eq!(Frontier::decode(&[0; 8]), Ok(Frontier::default()));
}

#[test]
fn inclusion_proofs_equal_the_oracle_and_verify_at_every_size_and_place() {
    let source = Subtrees::of((0..MOST).map(leaf).collect());
    let mut oracle = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    for size in 1..=MOST {
        oracle.push(data(size - 1));
        let root = root_of(size);
        for index in 0..size {
            let proof = inclusion_proof(&source, size as u64, index as u64).unwrap();
            assert_eq!(
                flat(&proof),
                oracle.prove_inclusion(index).as_bytes(),
                "leaf {index} of {size}"
            );
            let verify = |at: usize, of: usize, proof: &[_]| {
                verify_inclusion(&root, size as u64, at as u64, &leaf(of), proof)
            };
            assert_eq!(verify(index, index, &proof), Ok(()));
            assert!(verify((index + 1) % size.max(2), index, &proof).is_err());
            assert!(verify(index, index + 1, &proof).is_err());
            assert!(verify(index, index, &[proof.clone(), vec![[0; 32]]].concat()).is_err());
            if let Some((_, shorter)) = proof.split_last() {
                assert!(verify(index, index, shorter).is_err());
            }
        }
    }
}

#[test]
fn consistency_proofs_equal_the_oracle_and_verify_between_all_sizes() {
    let source = Subtrees::of((0..MOST).map(leaf).collect());
    let roots: Vec<[u8; 32]> = (0..=MOST).map(root_of).collect();
    let mut oracle = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    for new in 1..=MOST {
        oracle.push(data(new - 1));
        for old in 1..=new {
            let proof = consistency_proof(&source, old as u64, new as u64).unwrap();
            assert_eq!(
                flat(&proof),
                oracle.prove_consistency(new - old).as_bytes(),
                "{old} to {new}"
            );
            let verify = |old_root, new_root, proof: &[_]| {
                verify_consistency(old as u64, old_root, new as u64, new_root, proof)
            };
            assert_eq!(
                verify(&roots[old], &roots[new], &proof),
                Ok(()),
                "{old} to {new}"
            );
            assert!(
                verify(&roots[old - 1], &roots[new], &proof).is_err(),
                "{old} to {new}"
            );
            assert!(
                verify(&roots[old], &roots[new - 1], &proof).is_err(),
                "{old} to {new}"
            );
            assert!(
                verify(
                    &roots[old],
                    &roots[new],
                    &[proof.clone(), vec![[0; 32]]].concat()
                )
                .is_err()
            );
            if let Some((_, shorter)) = proof.split_last() {
                assert!(verify(&roots[old], &roots[new], shorter).is_err());
            }
        }
    }
}

#[test]
fn every_changed_hash_of_a_proof_is_found() {
    let source = Subtrees::of((0..MOST).map(leaf).collect());
    for size in [2, 3, 7, 8, 100, 255, 256, 257, 300] {
        let root = root_of(size);
        let middle = size / 2;
        let proof = inclusion_proof(&source, size as u64, middle as u64).unwrap();
        for place in 0..proof.len() {
            let mut altered = proof.clone();
            altered[place][31] ^= 1;
            let result =
                verify_inclusion(&root, size as u64, middle as u64, &leaf(middle), &altered);
            assert_eq!(result, Err(ProofError::Mismatch));
        }
        let proof = consistency_proof(&source, middle as u64, size as u64).unwrap();
        for place in 0..proof.len() {
            let mut altered = proof.clone();
            altered[place][0] ^= 1;
            let result = verify_consistency(
                middle as u64,
                &root_of(middle),
                size as u64,
                &root,
                &altered,
            );
            assert_eq!(result, Err(ProofError::Mismatch));
        }
    }
}

#[test]
fn proofs_at_the_edges() {
    let source = Subtrees::of((0..MOST).map(leaf).collect());
    assert_eq!(inclusion_proof(&source, 10, 10), Ok(vec![]));
    assert_eq!(inclusion_proof(&source, 0, 0), Ok(vec![]));
    assert_eq!(
        verify_inclusion(&root_of(10), 10, 10, &leaf(9), &[]),
        Err(ProofError::OutOfRange)
    );
    assert_eq!(
        verify_inclusion(&empty_root(), 0, 0, &leaf(0), &[]),
        Err(ProofError::OutOfRange)
    );
    let any = vec![[1; 32]; 70];
    assert_eq!(
        verify_inclusion(&[2; 32], u64::MAX, u64::MAX - 1, &leaf(0), &any),
        Err(ProofError::Length)
    );
    assert_eq!(
        verify_inclusion(&[2; 32], u64::MAX, 0, &leaf(0), &any),
        Err(ProofError::Length)
    );
    assert_eq!(consistency_proof(&source, 0, 10), Ok(vec![]));
    assert_eq!(consistency_proof(&source, 10, 9), Ok(vec![]));
    assert_eq!(
        verify_consistency(0, &empty_root(), 10, &root_of(10), &[]),
        Ok(())
    );
    assert_eq!(
        verify_consistency(0, &root_of(1), 10, &root_of(10), &[]),
        Err(ProofError::Mismatch)
    );
    assert_eq!(
        verify_consistency(0, &empty_root(), 0, &empty_root(), &[]),
        Ok(())
    );
    assert_eq!(
        verify_consistency(10, &root_of(10), 10, &root_of(10), &[]),
        Ok(())
    );
    assert_eq!(
        verify_consistency(10, &root_of(10), 10, &root_of(9), &[]),
        Err(ProofError::Mismatch)
    );
    assert_eq!(
        verify_consistency(10, &root_of(10), 10, &root_of(10), &any),
        Err(ProofError::Length)
    );
    assert_eq!(
        verify_consistency(10, &root_of(10), 9, &root_of(9), &[]),
        Err(ProofError::OutOfRange)
    );
    for old in [1, 2, u64::MAX / 2, 1 << 63, u64::MAX - 1] {
        assert_eq!(
            verify_consistency(old, &[1; 32], u64::MAX, &[2; 32], &any),
            Err(ProofError::Length)
        );
        assert_eq!(
            verify_consistency(old, &[1; 32], u64::MAX, &[2; 32], &[]),
            Err(ProofError::Length)
        );
    }
}

/// A log kept as the store keeps it: full tiles, and leaf hashes of the tail only.
#[derive(Default)]
struct Stored {
    writer: TileWriter,
    tiles: HashMap<(u8, u64), Vec<u8>>,
    leaves: Vec<[u8; 32]>,
}

impl Stored {
    fn push(&mut self, leaf: [u8; 32]) {
        self.leaves.push(leaf);
        for Tile {
            level,
            index,
            hashes,
        } in self.writer.push(leaf)
        {
            assert_eq!(hashes.len(), 8192);
            assert!(
                self.tiles.insert((level, index), hashes).is_none(),
                "tile {index} of {level} twice"
            );
        }
    }

    fn source(&self) -> impl HashSource<Error = TileError<&'static str>> {
        let tail = self.leaves.len() - self.leaves.len() % 256;
        TileSource::new(
            |level, index| Ok(self.tiles.get(&(level, index)).cloned()),
            move |index| {
                let index = index as usize;
                if index < tail {
                    Err("asked below a full tile")
                } else {
                    Ok(self.leaves[index])
                }
            },
        )
    }
}

#[test]
fn tiles_give_every_hash_and_restore_the_writer() {
    let mut stored = Stored::default();
    let size = 65_536 + 256 + 77;
    let steps = [
        0, 1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 65_792, size,
    ];
    for step in steps {
        while stored.leaves.len() < step {
            stored.push(leaf(stored.leaves.len()));
        }
        let mut restored = TileWriter::restore(&stored.source(), step as u64).unwrap();
        assert_eq!(restored.size(), step as u64);
        assert_eq!(
            restored.push([9; 32]),
            stored.writer.clone().push([9; 32]),
            "at {step}"
        );
    }
    assert_eq!(stored.tiles.len(), 257 + 1);
    let reference = Subtrees::of(stored.leaves.clone());
    let source = stored.source();
    for (level, hashes) in reference.0.iter().enumerate() {
        let count = hashes.len();
        let places =
            (0..count).filter(|place| count < 300 || place % 97 == 0 || *place > count - 5);
        for place in places {
            assert_eq!(
                source.subtree(level as u8, place as u64),
                Ok(hashes[place]),
                "{place} of level {level}"
            );
        }
    }
    let proof = inclusion_proof(&source, size as u64, 65_000).unwrap();
    assert_eq!(
        verify_inclusion(&root_of(size), size as u64, 65_000, &leaf(65_000), &proof),
        Ok(())
    );
    let proof = consistency_proof(&source, 65_600, size as u64).unwrap();
    assert_eq!(
        verify_consistency(
            65_600,
            &root_of(65_600),
            size as u64,
            &root_of(size),
            &proof
        ),
        Ok(())
    );
}

#[test]
fn a_restored_writer_goes_on_as_if_never_stopped() {
    let mut stored = Stored::default();
    let mut straight = TileWriter::default();
    for index in 0..2_000 {
        straight.push(leaf(index));
        if index % 61 == 0 {
            let restored = TileWriter::restore(&stored.source(), index as u64).unwrap();
            stored.writer = restored;
        }
        stored.push(leaf(index));
    }
    for index in 2_000..2_600 {
        assert_eq!(stored.writer.push(leaf(index)), straight.push(leaf(index)));
    }
}

#[test]
fn damaged_tiles_are_named() {
    let short = TileSource::new(|_, _| Ok(Some(vec![0; 8191])), |_| Err("not asked"));
    assert_eq!(
        short.subtree(9, 3),
        Err(TileError::Damaged { level: 1, index: 0 })
    );
    let failing = TileSource::new(
        |_, _| Err::<Option<Vec<u8>>, _>("disk"),
        |_| Err("not asked"),
    );
    assert_eq!(failing.subtree(0, 3), Err(TileError::Source("disk")));
}
