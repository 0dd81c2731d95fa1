//! Whatever bytes are changed, the verifier refuses, or nothing that is claimed has changed; and it never panics.

use proptest::prelude::*;
use strongroom_audit::{Bundle, verify_bundle};

use crate::{partial, whole};

/// What a bundle claims: all of it but the hints that name damage, and proofs nobody asked for.
fn claims(text: &[u8]) -> Bundle {
    let mut bundle: Bundle = serde_json::from_slice(text).unwrap();
    bundle
        .entries
        .iter_mut()
        .for_each(|entry| entry.leaf = None);
    bundle.consistency = None;
    bundle
}

fn fails_or_claims_the_same(original: &[u8], altered: &[u8]) -> Result<(), String> {
    match verify_bundle(altered, None) {
        Err(_) => Ok(()),
        Ok(report)
            if Ok(&report) == verify_bundle(original, None).as_ref()
                && claims(original) == claims(altered) =>
        {
            Ok(())
        }
        Ok(_) => Err(String::from_utf8_lossy(altered).into_owned()),
    }
}

#[test]
fn every_changed_byte_fails_or_changes_nothing_that_is_claimed() {
    for bundle in [whole(2), partial(9, &[3])] {
        let original = bundle.to_json().unwrap();
        for place in 0..original.len() {
            for bit in [0x01, 0x04, 0x20] {
                let mut altered = original.clone();
                altered[place] ^= bit;
                fails_or_claims_the_same(&original, &altered).unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn spliced_bundles_fail_or_claim_the_same(
        from in any::<prop::sample::Index>(),
        length in 0_usize..40,
        with in prop::collection::vec(any::<u8>(), 0..12),
        printable in "[0-9a-zA-Z+/={}\\[\\]:,\" \\\\-]{0,12}",
        text in any::<bool>(),
    ) {
        let original = whole(3).to_json().unwrap();
        let start = from.index(original.len());
        let end = (start + length).min(original.len());
        let with = if text { printable.into_bytes() } else { with };
        let mut altered = original.clone();
        altered.splice(start..end, with);
        fails_or_claims_the_same(&original, &altered).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn copied_ranges_fail_or_claim_the_same(
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
        length in 1_usize..300,
    ) {
        let original = whole(3).to_json().unwrap();
        let (from, to) = (from.index(original.len()), to.index(original.len()));
        let copied = original[from..(from + length).min(original.len())].to_vec();
        let mut altered = original.clone();
        altered.splice(to..to, copied);
        fails_or_claims_the_same(&original, &altered).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), note in ".{0,80}") {
        prop_assert!(verify_bundle(&bytes, Some(&note)).is_err());
    }
}
