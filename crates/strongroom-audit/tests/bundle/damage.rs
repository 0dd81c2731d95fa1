//! Every damage is found and named.

use strongroom_audit::bundle::Hash64;
use strongroom_audit::{
    Bundle, BundleEntry, BundlePart, Damage, EntryHead, NoteError, ProofError, VerifierKey,
    leaf_hash, verify_bundle,
};
use strongroom_crypto::SigningKey;

use crate::{ORGANIZATION, ORIGIN, damage, entry, heads, partial, verify, whole};

#[test]
fn altered_parts_are_named() {
    for make in [|| whole(20), || partial(20, &[4, 17, 18])] {
        let mut bundle = make();
        let place = bundle
            .entries
            .iter()
            .position(|entry| entry.seq == 17)
            .unwrap();
        let altered = &mut bundle.entries[place].parts[2];
        altered.opened.as_mut().unwrap().plaintext.0[0] ^= 1;
        assert_eq!(
            damage(&bundle),
            "entry 17: part 3 does not match its commitment"
        );
        let mut bundle = make();
        bundle.entries[place].parts[0]
            .opened
            .as_mut()
            .unwrap()
            .salt
            .0[5] ^= 1;
        assert_eq!(
            damage(&bundle),
            "entry 17: part 1 does not match its commitment"
        );
        let mut bundle = make();
        bundle.entries[place].parts[2].commitment.0[0] ^= 1;
        assert_eq!(
            damage(&bundle),
            "entry 17: part 3 does not match its commitment"
        );
        let mut bundle = make();
        let opened = bundle.entries[place].parts[0].opened.take();
        bundle.entries[place].parts[2].opened = opened;
        assert_eq!(
            damage(&bundle),
            "entry 17: part 3 does not match its commitment"
        );
    }
}

#[test]
fn altered_headers_are_named() {
    let changes: [fn(&mut BundleEntry); 6] = [
        |entry| entry.time += 1,
        |entry| entry.parts[1].commitment.0[0] ^= 1,
        |entry| entry.parts[1].policy += 1,
        |entry| entry.parts[1].tag = 9,
        |entry| drop(entry.parts.remove(1)),
        |entry| entry.parts.reverse(),
    ];
    for change in changes {
        let mut bundle = whole(20);
        change(&mut bundle.entries[11]);
        assert_eq!(
            damage(&bundle),
            "entry 12: time, parts or commitments were altered"
        );
        bundle.entries[11].leaf = None;
        assert_eq!(
            verify(&bundle),
            Err(Damage::Root { size: 20 }),
            "nothing left that could name the entry"
        );
        let mut bundle = partial(20, &[3, 12]);
        change(&mut bundle.entries[1]);
        assert_eq!(
            verify(&bundle),
            Err(Damage::Inclusion {
                seq: 12,
                error: ProofError::Mismatch
            })
        );
    }
}

#[test]
fn a_forged_leaf_hash_beside_a_forged_entry_proves_nothing() {
    let mut bundle = whole(20);
    let forged = &mut bundle.entries[11];
    forged.time += 1;
    forged.leaf = Some(Hash64(forged.leaf_hash(&bundle.log)));
    assert_eq!(verify(&bundle), Err(Damage::Root { size: 20 }));
}

#[test]
fn swapped_missing_added_and_renumbered_entries_are_named() {
    let mut bundle = whole(20);
    bundle.entries.swap(11, 12);
    assert_eq!(
        damage(&bundle),
        "entries 12 and 13 are swapped or one is missing"
    );
    // Swapped and renumbered, so that the numbers look right; then with the leaf hashes left in their places too.
    (bundle.entries[11].seq, bundle.entries[12].seq) = (12, 13);
    assert_eq!(verify(&bundle), Err(Damage::Root { size: 20 }));
    let leaves = [bundle.entries[12].leaf, bundle.entries[11].leaf];
    [bundle.entries[11].leaf, bundle.entries[12].leaf] = leaves;
    assert_eq!(verify(&bundle), Err(Damage::Entry { seq: 12 }));
    for missing in [1, 12, 20] {
        let mut bundle = whole(20);
        bundle.entries.remove(missing - 1);
        assert_eq!(damage(&bundle), format!("entry {missing} is missing"));
    }
    let mut bundle = whole(20);
    bundle.entries.insert(5, entry(5));
    assert_eq!(damage(&bundle), "entry 5 stands twice");
    let mut bundle = whole(20);
    bundle.entries.push(entry(21));
    assert_eq!(
        damage(&bundle),
        "entry 21 is outside the checkpoint, which covers 1 to 20"
    );
    let mut bundle = whole(20);
    bundle.entries[0].seq = 0;
    assert_eq!(verify(&bundle), Err(Damage::Beyond { seq: 0, size: 20 }));
    let mut bundle = whole(20);
    bundle.entries.clear();
    assert_eq!(damage(&bundle), "entry 1 is missing");
}

#[test]
fn partial_bundles_need_a_sound_proof_for_each_entry() {
    let mut bundle = partial(20, &[3, 4, 17]);
    bundle.entries[1].proof = None;
    assert_eq!(damage(&bundle), "entry 4: no inclusion proof");
    let mut bundle = partial(20, &[3, 4, 17]);
    let other = bundle.entries[0].proof.clone();
    bundle.entries[1].proof = other;
    assert_eq!(
        verify(&bundle),
        Err(Damage::Inclusion {
            seq: 4,
            error: ProofError::Mismatch
        })
    );
    bundle.entries[1].proof = Some(vec![]);
    assert_eq!(
        verify(&bundle),
        Err(Damage::Inclusion {
            seq: 4,
            error: ProofError::Length
        })
    );
    let mut bundle = partial(20, &[3, 4, 17]);
    bundle.entries.swap(0, 1);
    assert_eq!(
        verify(&bundle),
        Err(Damage::Order {
            lower: 3,
            higher: 4
        })
    );
}

#[test]
fn another_organization_mode_log_or_key_is_found() {
    let altered = |change: fn(&mut Bundle)| {
        let mut bundle = whole(3);
        change(&mut bundle);
        verify(&bundle).unwrap_err()
    };
    assert_eq!(
        altered(|bundle| bundle.log.organization.0[0] ^= 1),
        Damage::Entry { seq: 1 }
    );
    assert_eq!(
        altered(|bundle| bundle.log.mode = 2),
        Damage::Entry { seq: 1 }
    );
    assert_eq!(
        altered(|b| b.log.origin.push('x')),
        Damage::Origin {
            found: ORIGIN.to_owned()
        }
    );
    assert_eq!(
        altered(|b| b.format = "strongroom/bundle/2".into()),
        Damage::Format {
            found: "strongroom/bundle/2".into()
        }
    );
    let other = || VerifierKey {
        name: ORIGIN.to_owned(),
        public: SigningKey::from_seed(&[8; 32]).public(),
    };
    let mut bundle = whole(3);
    bundle.verifier_key = other().to_string();
    assert_eq!(
        verify(&bundle),
        Err(Damage::Checkpoint(NoteError::Unsigned))
    );
    assert_eq!(
        altered(|b| b.verifier_key.push('=')),
        Damage::Checkpoint(NoteError::BadVerifierKey)
    );
    let mut bundle = whole(3);
    bundle.checkpoint = bundle.checkpoint.replace("\n3\n", "\n4\n");
    assert_eq!(
        verify(&bundle),
        Err(Damage::Checkpoint(NoteError::BadSignature))
    );
}

#[test]
fn unreadable_bundles_are_refused() {
    let text = String::from_utf8(whole(2).to_json().unwrap()).unwrap();
    let shape = |text: &str| {
        matches!(
            verify_bundle(text.as_bytes(), None),
            Err(Damage::Shape { .. })
        )
    };
    assert!(
        shape("") && shape("{}") && shape("null") && shape("[]") && shape(&"[".repeat(100_000))
    );
    assert!(
        shape(&text.replacen("\"seq\":1", "\"seq\":1,\"seq\":1", 1)),
        "a field twice"
    );
    assert!(
        shape(&text.replacen("\"seq\":1", "\"seq\":1,\"note\":1", 1)),
        "an unknown field"
    );
    assert!(shape(&text.replacen("\"seq\":1", "\"seq\":-1", 1)));
    assert!(shape(&text.replacen("\"seq\":1", "\"seq\":1.0", 1)));
    assert!(shape(&format!("{text}x")));
    let many = vec![heads(1)[0]; 256];
    let mut bundle = whole(1);
    bundle.entries[0].parts = many.iter().map(BundlePart::sealed).collect();
    assert_eq!(verify(&bundle), Err(Damage::TooManyParts { seq: 1 }));
    let head = EntryHead {
        organization: ORGANIZATION,
        mode: 1,
        seq: 1,
        time: 0,
        parts: &many,
    };
    assert_ne!(
        leaf_hash(&head),
        leaf_hash(&EntryHead {
            parts: &many[..255],
            ..head
        })
    );
}
