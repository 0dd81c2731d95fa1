//! The hashed layouts, spelled out a second time with an independent SHA-256. They never change.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]

use sha2::{Digest, Sha256};
use strongroom_audit::{
    Damage, EntryHead, PartHead, commitment, decode_parts, encode_parts, leaf_hash,
};

fn parts() -> Vec<PartHead> {
    (1..=3)
        .map(|tag| PartHead {
            tag,
            policy: tag + 10,
            commitment: commitment(tag, &[tag; 32], b"part"),
        })
        .collect()
}

#[test]
fn commitment_is_the_hash_of_its_documented_layout() {
    let mut layout = b"strongroom/part/1".to_vec();
    layout.push(4);
    layout.extend([0xab; 32]);
    layout.extend([0, 0, 0, 0, 0, 0, 0, 5]);
    layout.extend(b"facts");
    assert_eq!(
        commitment(4, &[0xab; 32], b"facts"),
        <[u8; 32]>::from(Sha256::digest(&layout))
    );
    assert_ne!(
        commitment(5, &[0xab; 32], b"facts"),
        commitment(4, &[0xab; 32], b"facts")
    );
    assert_ne!(
        commitment(4, &[0xac; 32], b"facts"),
        commitment(4, &[0xab; 32], b"facts")
    );
    assert_ne!(
        commitment(4, &[0xab; 32], b"fact"),
        commitment(4, &[0xab; 32], b"facts")
    );
}

#[test]
fn leaf_is_the_hash_of_its_documented_layout() {
    let head = EntryHead {
        organization: b"org-7",
        mode: 2,
        seq: 0x0102,
        time: -2,
        parts: &parts(),
    };
    let mut layout = vec![0];
    layout.extend(b"strongroom/entry/1");
    layout.extend([0, 0, 0, 5]);
    layout.extend(b"org-7");
    layout.push(2);
    layout.extend([0, 0, 0, 0, 0, 0, 1, 2]);
    layout.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]);
    layout.push(3);
    for part in parts() {
        layout.extend([part.tag, part.policy]);
        layout.extend(part.commitment);
    }
    assert_eq!(leaf_hash(&head), <[u8; 32]>::from(Sha256::digest(&layout)));
}

#[test]
fn every_field_changes_the_leaf() {
    let (base, swapped) = (parts(), parts().into_iter().rev().collect::<Vec<_>>());
    let head = EntryHead {
        organization: b"org",
        mode: 1,
        seq: 5,
        time: 9,
        parts: &base,
    };
    let others = [
        EntryHead {
            organization: b"orh",
            ..head
        },
        EntryHead {
            organization: b"org\x01",
            ..head
        },
        EntryHead { mode: 2, ..head },
        EntryHead { seq: 6, ..head },
        EntryHead { time: 10, ..head },
        EntryHead {
            parts: &base[..2],
            ..head
        },
        EntryHead { parts: &[], ..head },
        EntryHead {
            parts: &swapped,
            ..head
        },
    ];
    assert!(
        others
            .iter()
            .all(|other| leaf_hash(other) != leaf_hash(&head))
    );
}

#[test]
fn parts_round_trip_and_other_lengths_are_refused() {
    for count in [0, 1, 3, 255] {
        let many: Vec<PartHead> = parts().into_iter().cycle().take(count).collect();
        let encoded = encode_parts(&many);
        assert_eq!(encoded.len(), 1 + 34 * count);
        assert_eq!(decode_parts(&encoded), Ok(many));
        assert_eq!(
            decode_parts(&encoded[..encoded.len() - 1]),
            Err(Damage::Parts)
        );
        assert_eq!(
            decode_parts(&[encoded, vec![0]].concat()),
            Err(Damage::Parts)
        );
    }
    let too_many: Vec<PartHead> = parts().into_iter().cycle().take(256).collect();
    assert_eq!(decode_parts(&encode_parts(&too_many)), Err(Damage::Parts));
}
