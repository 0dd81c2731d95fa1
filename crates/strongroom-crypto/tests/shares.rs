//! Shares of a key, and keyrings that are kept by them: both directions, everything that can be wrong, and any bytes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use proptest::prelude::*;
use strongroom_crypto::shares::{combine, split};
use strongroom_crypto::{
    Custodian, Keyring, KeyringError, PassphraseCost, RootKeys, Share, ShareError,
};

fn refused(result: Result<impl Sized, ShareError>) -> ShareError {
    match result {
        Ok(_) => panic!("it was accepted"),
        Err(error) => error,
    }
}

#[test]
fn any_three_of_five_give_the_key_back_and_no_two_do() {
    let secret = [0xa5; 32];
    let shares = split(&secret, 3, 5).unwrap();
    for mask in 0_u8..32 {
        let chosen: Vec<Share> = (0..5)
            .filter(|n| mask >> n & 1 == 1)
            .map(|n| shares[n].clone())
            .collect();
        match chosen.len() {
            0..3 => assert!(matches!(
                refused(combine(&chosen)),
                ShareError::TooFew { .. }
            )),
            _ => assert_eq!(*combine(&chosen).unwrap(), secret),
        }
    }
}

/// Two of three say nothing: with any third value they give any secret, so each secret is as likely as before.
#[test]
fn fewer_shares_fit_other_secrets_as_well() {
    let shares = split(&[1; 32], 3, 3).unwrap();
    let others = split(&[2; 32], 3, 3).unwrap();
    // What was shared does not show: the same secret twice gives other shares.
    assert_ne!(shares[0].mark(), split(&[1; 32], 3, 3).unwrap()[0].mark());
    assert!(matches!(
        refused(combine(&[
            shares[0].clone(),
            shares[1].clone(),
            others[2].clone()
        ])),
        ShareError::OtherSet { number: 3 }
    ));
}

#[test]
fn impossible_counts_are_refused() {
    for (threshold, total) in [(0, 0), (0, 5), (1, 5), (6, 5), (2, 1)] {
        assert_eq!(
            refused(split(&[0; 32], threshold, total)),
            ShareError::Counts { threshold, total }
        );
        assert!(Custodian::of_shares(threshold, total).is_err());
    }
    assert_eq!(split(&[0; 32], 255, 255).unwrap().len(), 255);
}

#[test]
fn a_share_is_read_back_and_each_mistyped_character_is_found() {
    let share = &split(&[9; 32], 2, 3).unwrap()[1];
    let text = share.text();
    assert_eq!((text.lines().count(), share.number), (4, 2));
    let read = Share::parse(&text.to_lowercase().replace(' ', "-")).unwrap();
    assert_eq!(read.mark(), share.mark());
    assert_eq!(
        Share::parse(&format!("# Ana's\n{}", *text)).unwrap().mark(),
        share.mark()
    );
    let plain: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    assert_eq!(plain.len(), 80);
    for place in 0..80 {
        for other in "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
            .chars()
            .filter(|c| *c != plain[place])
        {
            let mut typed = plain.clone();
            typed[place] = other;
            let typed: String = typed.into_iter().collect();
            assert!(Share::parse(&typed).is_err(), "{other} at {place}");
        }
    }
    assert_eq!(refused(Share::parse("")), ShareError::Length(0));
    assert_eq!(
        refused(Share::parse(&"U".repeat(80))),
        ShareError::Character(1)
    );
}

#[test]
fn a_keyring_of_shares_opens_with_them_alone() {
    let keys = RootKeys::generate();
    let (custodian, shares) = Custodian::of_shares(2, 3).unwrap();
    let text = custodian.seal(&keys);
    let open = |shares: &[Share]| Keyring::parse(&text).unwrap().with_shares(shares);
    let (opened, again) = open(&shares[1..]).unwrap();
    assert_eq!(opened.check_value(), keys.check_value());
    assert!(matches!(
        open(&shares[..1]),
        Err(KeyringError::Shares(ShareError::TooFew {
            given: 1,
            needed: 2
        }))
    ));
    assert!(matches!(
        open(&[]),
        Err(KeyringError::Shares(ShareError::TooFew {
            given: 0,
            needed: 2
        }))
    ));
    let twice = [shares[0].clone(), shares[0].clone()];
    assert!(matches!(
        open(&twice),
        Err(KeyringError::Shares(ShareError::Duplicate { number: 1 }))
    ));
    let (_, others) = Custodian::of_shares(2, 3).unwrap();
    let mixed = [shares[0].clone(), others[1].clone()];
    assert!(matches!(
        open(&mixed),
        Err(KeyringError::Shares(ShareError::OtherSet { number: 2 }))
    ));
    // The right set and number with another value: made by somebody who knows the format.
    let mut forged = others[1].clone();
    forged.set = shares[0].set;
    assert!(matches!(
        open(&[shares[0].clone(), forged]),
        Err(KeyringError::Shares(ShareError::Wrong { number: 2 }))
    ));
    let by_passphrase = Keyring::parse(&text)
        .unwrap()
        .with_passphrase(b"correct horse");
    assert!(matches!(by_passphrase, Err(KeyringError::OtherCustody)));

    // Replaced roots: both versions while it lasts, under the same shares.
    let both = keys.with_next();
    let text = again.seal(&both);
    let (opened, _) = Keyring::parse(&text).unwrap().with_shares(&shares).unwrap();
    assert_eq!(
        opened.next().unwrap().check_value(),
        both.newest().check_value()
    );
    assert_eq!(
        opened.with_next().newest().check_value(),
        both.newest().check_value()
    );
    assert_eq!(
        (both.newest().root().0, both.newest().shred_root().0),
        (2, 2)
    );
}

#[test]
fn every_changed_character_of_a_keyring_of_shares_is_found() {
    let (custodian, shares) = Custodian::of_shares(2, 2).unwrap();
    let text = custodian.seal(&RootKeys::generate());
    let start = text.find("format").unwrap();
    for place in start..text.len() - 1 {
        let mut altered = text.clone().into_bytes();
        altered[place] ^= 1;
        let altered = String::from_utf8(altered).unwrap();
        let opened =
            Keyring::parse(&altered).and_then(|keyring| keyring.with_shares(&shares).map(drop));
        let same = altered
            .lines()
            .map(str::trim)
            .eq(text.lines().map(str::trim));
        assert!(
            opened.is_err() || same,
            "byte {place} may be changed:\n{altered}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_threshold_gives_the_key_back(secret: [u8; 32], threshold in 2_u8..9, more in 0_u8..5, seed: u16) {
        let total = threshold + more;
        let mut shares = split(&secret, threshold, total).unwrap();
        // Any order, any choice.
        let count = shares.len();
        for place in 0..count {
            shares.swap(place, usize::from(seed).wrapping_mul(31).wrapping_add(place * 7) % count);
        }
        shares.truncate(usize::from(threshold));
        prop_assert_eq!(*combine(&shares).unwrap(), secret);
        let read: Vec<Share> = shares.iter().map(|share| Share::parse(&share.text()).unwrap()).collect();
        prop_assert_eq!(*combine(&read).unwrap(), secret);
    }

    #[test]
    fn any_text_is_no_share(text in ".{0,200}") {
        prop_assert!(Share::parse(&text).is_err());
    }

    #[test]
    fn any_text_is_no_keyring(text in "(?s).{0,400}") {
        prop_assert!(Keyring::parse(&text).is_err());
    }

    /// Lines of a keyring in any order, doubled, left out, with other values: read or refused, never a panic, and what
    /// is read opens with nothing.
    #[test]
    fn lines_of_keyrings_in_disorder(picks in proptest::collection::vec((0_usize..18, any::<u16>()), 0..14)) {
        let lines = [
            "format = \"strongroom/keyring/1\"", "format = \"strongroom/keyring/2\"", "memory_kib = 8192", "passes = 1",
            "lanes = 1", "salt = \"AAAAAAAAAAAAAAAAAAAAAA==\"", "sealed = \"AQ==\"", "custody = \"shares\"",
            "custody = \"hsm\"", "set = \"AAAAAAAAAAA=\"", "threshold = 2", "shares = 3", "marks = \"AAAA\"",
            "token = \"pay\"", "serial = \"1\"", "key = \"k\"", "wrapped = \"AAAA\"", "# note",
        ];
        let mut text = String::new();
        for (pick, number) in picks {
            match number % 5 {
                0 => text.push_str(&lines[pick].replace(char::is_numeric, &number.to_string())),
                _ => text.push_str(lines[pick]),
            }
            text.push('\n');
        }
        if let Ok(keyring) = Keyring::parse(&text) {
            prop_assert!(keyring.with_shares(&[]).is_err());
        }
    }
}

#[test]
fn a_passphrase_custodian_seals_again_what_it_opened() {
    let keys = RootKeys::generate();
    let custodian = Custodian::of_passphrase(b"correct horse", PassphraseCost::for_tests());
    let text = custodian.seal(&keys);
    let (_, again) = Keyring::parse(&text)
        .unwrap()
        .with_passphrase(b"correct horse")
        .unwrap();
    let text = again.seal(&keys.with_next());
    let (opened, _) = Keyring::parse(&text)
        .unwrap()
        .with_passphrase(b"correct horse")
        .unwrap();
    assert!(opened.next().is_some());
}
