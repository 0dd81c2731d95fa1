//! A checkpoint kept elsewhere against a bundle.

use strongroom_audit::bundle::BundleConsistency;
use strongroom_audit::{Bundle, Checkpoint, Damage, NoteError, consistency_proof, verify_bundle};
use strongroom_crypto::SigningKey;

use crate::{Log, ORIGIN, hashes, partial, signed, whole};

#[test]
fn a_checkpoint_kept_elsewhere_finds_what_the_bundle_alone_cannot() {
    let log = Log::of(30);
    let json = whole(30).to_json().unwrap();
    for size in 0..=30 {
        let report = verify_bundle(&json, Some(&log.checkpoint(size))).unwrap();
        assert_eq!(report.pinned, Some(size));
        let forged = signed(ORIGIN, size, [9; 32]);
        assert_eq!(
            verify_bundle(&json, Some(&forged)),
            Err(Damage::Rewritten { pinned: size })
        );
    }
    let later = signed(ORIGIN, 31, [1; 32]);
    assert_eq!(
        verify_bundle(&json, Some(&later)),
        Err(Damage::CutBack {
            pinned: 31,
            size: 30
        })
    );
    let elsewhere = signed("another.example/log", 3, log.root(3));
    let found = "another.example/log".to_owned();
    assert_eq!(
        verify_bundle(&json, Some(&elsewhere)),
        Err(Damage::PinnedOrigin { found })
    );
    let by_another = Checkpoint {
        origin: ORIGIN.to_owned(),
        size: 3,
        root: log.root(3),
        extension: vec![],
    }
    .sign(ORIGIN, &SigningKey::from_seed(&[8; 32]));
    assert_eq!(
        verify_bundle(&json, Some(&by_another)),
        Err(Damage::Pinned(NoteError::Unsigned))
    );
    assert_eq!(
        verify_bundle(&json, Some("")),
        Err(Damage::Pinned(NoteError::Malformed))
    );
}

#[test]
fn a_partial_bundle_continues_a_checkpoint_only_by_proof() {
    let log = Log::of(30);
    for size in 1..30 {
        let mut bundle = partial(30, &[17]);
        let pinned = log.checkpoint(size);
        let against =
            |bundle: &Bundle, note: &str| verify_bundle(&bundle.to_json().unwrap(), Some(note));
        let lacking = Err(Damage::NoConsistency {
            pinned: size,
            size: 30,
        });
        assert_eq!(against(&bundle, &pinned), lacking);
        let proof = hashes(consistency_proof(&log, size, 30));
        bundle.consistency = Some(BundleConsistency { from: size, proof });
        assert_eq!(against(&bundle, &pinned).unwrap().pinned, Some(size));
        assert_eq!(
            against(&bundle, &signed(ORIGIN, size, [9; 32])),
            Err(Damage::Rewritten { pinned: size })
        );
        bundle.consistency.as_mut().unwrap().proof.pop();
        assert_eq!(against(&bundle, &pinned), lacking);
        bundle.consistency.as_mut().unwrap().from += 1;
        assert_eq!(against(&bundle, &pinned), lacking);
    }
    let json = partial(30, &[17]).to_json().unwrap();
    for size in [0, 30] {
        assert_eq!(
            verify_bundle(&json, Some(&log.checkpoint(size)))
                .unwrap()
                .pinned,
            Some(size)
        );
    }
    assert_eq!(
        verify_bundle(&json, Some(&signed(ORIGIN, 30, [9; 32]))),
        Err(Damage::Rewritten { pinned: 30 })
    );
}
