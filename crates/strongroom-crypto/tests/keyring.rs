//! The keyring file and the recovery kit: both directions, and everything that can be wrong with them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use strongroom_crypto::{KeyringError, KeyringFile, PassphraseCost, RecoveryError, RootKeys};

const PASSPHRASE: &[u8] = b"correct horse battery staple";

fn sealed(keys: &RootKeys) -> String {
    KeyringFile::seal(keys, PASSPHRASE, PassphraseCost::for_tests())
}

fn refusal(text: &str, passphrase: &[u8]) -> KeyringError {
    match KeyringFile::open(text, passphrase) {
        Ok(_) => panic!("opened:\n{text}"),
        Err(error) => error,
    }
}

fn same(a: &RootKeys, b: &RootKeys) -> bool {
    a.root() == b.root() && a.shred_root() == b.shred_root()
}

#[test]
fn keyring_round_trips_and_two_files_of_the_same_keys_differ() {
    let keys = RootKeys::generate();
    assert_ne!(keys.root().1, keys.shred_root().1);
    let (one, two) = (sealed(&keys), sealed(&keys));
    assert_ne!(one, two);
    for text in [
        one.as_str(),
        two.as_str(),
        &format!("# a note\n\n{one}\n# the end\n"),
        &one.replace('\n', "\r\n"),
    ] {
        assert!(same(&keys, &KeyringFile::open(text, PASSPHRASE).unwrap()));
    }
}

#[test]
fn wrong_passphrases_are_told_apart_from_other_files() {
    let text = sealed(&RootKeys::generate());
    for wrong in [
        &b""[..],
        b"correct horse battery stapl",
        b"correct horse battery staple ",
    ] {
        assert_eq!(refusal(&text, wrong), KeyringError::WrongPassphrase);
    }
    assert_eq!(refusal("", PASSPHRASE), KeyringError::Malformed("format"));
    assert_eq!(
        refusal("SQLite format 3", PASSPHRASE),
        KeyringError::Malformed("format")
    );
    assert_eq!(
        refusal(&text.replace("keyring/1", "keyring/3"), PASSPHRASE),
        KeyringError::UnsupportedFormat
    );
    assert_eq!(
        refusal(&text.repeat(100), PASSPHRASE),
        KeyringError::Malformed("too long")
    );
    assert_eq!(
        refusal(&text.repeat(2), PASSPHRASE),
        KeyringError::Malformed("something follows `sealed`")
    );
}

#[test]
fn every_changed_character_outside_comments_is_found() {
    let text = sealed(&RootKeys::generate());
    let start = text.find("format").unwrap();
    for place in start..text.len() - 1 {
        let mut altered = text.clone().into_bytes();
        altered[place] ^= 1;
        let altered = String::from_utf8(altered).unwrap();
        assert!(
            KeyringFile::open(&altered, PASSPHRASE).is_err(),
            "character {place} of:\n{altered}"
        );
    }
}

#[test]
fn every_missing_line_is_found() {
    let text = sealed(&RootKeys::generate());
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines.len(), 6);
    for skipped in 0..lines.len() {
        let kept: Vec<&str> = (0..lines.len())
            .filter(|line| *line != skipped)
            .map(|line| lines[line])
            .collect();
        assert!(
            matches!(
                refusal(&kept.join("\n"), PASSPHRASE),
                KeyringError::Malformed(_)
            ),
            "line {skipped}"
        );
    }
}

#[test]
fn costs_are_bounded_and_bound_to_the_file() {
    let text = sealed(&RootKeys::generate());
    let dearer = |line: &str, to: &str| refusal(&text.replace(line, to), PASSPHRASE);
    assert_eq!(
        dearer("memory_kib = 8192", "memory_kib = 1048577"),
        KeyringError::CostRefused
    );
    assert_eq!(
        dearer("memory_kib = 8192", "memory_kib = 4294967295"),
        KeyringError::CostRefused
    );
    assert_eq!(
        dearer("memory_kib = 8192", "memory_kib = 4294967296"),
        KeyringError::Malformed("memory_kib")
    );
    assert_eq!(
        dearer("memory_kib = 8192", "memory_kib = +8192"),
        KeyringError::Malformed("memory_kib")
    );
    assert_eq!(
        dearer("memory_kib = 8192", "memory_kib = 08192"),
        KeyringError::Malformed("memory_kib")
    );
    assert_eq!(
        dearer("passes = 1", "passes = 65"),
        KeyringError::CostRefused
    );
    assert_eq!(dearer("lanes = 1", "lanes = 17"), KeyringError::CostRefused);
    assert_eq!(
        dearer("passes = 1", "passes = 2"),
        KeyringError::WrongPassphrase
    );
    assert_eq!(
        dearer("passes = 1", "passes = "),
        KeyringError::Malformed("passes")
    );
}

#[test]
fn a_cost_out_of_range_is_never_written() {
    let cost = PassphraseCost {
        memory_kib: 1,
        passes: 0,
        lanes: 0,
    };
    let text = KeyringFile::seal(&RootKeys::generate(), PASSPHRASE, cost);
    assert!(
        text.contains("memory_kib = 65536\npasses = 3\nlanes = 1\n"),
        "{text}"
    );
    assert!(KeyringFile::open(&text, PASSPHRASE).is_ok());
}

#[test]
fn recovery_text_round_trips_however_it_is_typed() {
    let keys = RootKeys::generate();
    let text = keys.recovery_text();
    assert_eq!(text.lines().count(), 8);
    assert!(
        text.lines()
            .all(|line| line.len() == 19 && line.split(' ').count() == 4),
        "{}",
        *text
    );
    let typed = [
        text.to_lowercase(),
        text.replace([' ', '\n'], ""),
        text.replace(' ', "-"),
        text.replace('0', "O").replace('1', "l"),
        text.replace('0', "o").replace('1', "I"),
    ];
    for typed in typed {
        assert!(
            same(&keys, &RootKeys::from_recovery_text(&typed).unwrap()),
            "{typed}"
        );
    }
}

#[test]
fn every_mistyped_missing_or_added_character_of_a_recovery_text_is_found() {
    let text = RootKeys::generate()
        .recovery_text()
        .replace([' ', '\n'], "");
    let refusal = |text: &str| RootKeys::from_recovery_text(text).err().unwrap();
    for place in 0..text.len() {
        for other in ["0", "5", "H", "Z"] {
            let mut typed = text.clone();
            typed.replace_range(place..=place, other);
            if typed != text {
                assert_eq!(refusal(&typed), RecoveryError::Checksum);
            }
        }
        let mut typed = text.clone();
        typed.replace_range(place..=place, "U");
        assert_eq!(refusal(&typed), RecoveryError::Character(place + 1));
        typed.remove(place);
        assert_eq!(refusal(&typed), RecoveryError::Length(127));
    }
    assert_eq!(refusal(&format!("{text}0")), RecoveryError::Length(129));
    assert_eq!(refusal(""), RecoveryError::Length(0));
}
