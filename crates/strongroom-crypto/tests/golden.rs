//! Files written by the first version. They stay as they are, and every later version must open them.
#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests"
)]

use strongroom_crypto::{
    Hierarchy, KeyRow, KeyringFile, RootKeys, SealKey, SealedView, write_sealed_header,
};

const KEYRING: &str = include_str!("golden/keyring-1.txt");
const RECOVERY: &str = include_str!("golden/recovery-1.txt");
const ROWS: &str = include_str!("golden/key-rows-1.txt");

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().map(|c| c.to_digit(16).unwrap()).collect();
    digits
        .chunks_exact(2)
        .map(|pair| (pair[0] * 16 + pair[1]) as u8)
        .collect()
}

fn root() -> RootKeys {
    RootKeys::from_recovery_text(RECOVERY).unwrap()
}

/// The rows with the keys inside them.
fn rows() -> Vec<(KeyRow, [u8; 32])> {
    let row = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |place: usize| words[place].parse::<u32>().unwrap();
        let row = KeyRow {
            number: number(0),
            scope: number(1),
            purpose: words[2].parse().unwrap(),
            period: number(3),
            subject: hex(words[4]).try_into().unwrap(),
            version: number(5),
            parent: number(6),
            created: words[7].parse().unwrap(),
            wrapped: hex(words[8]),
        };
        (row, hex(words[9]).try_into().unwrap())
    };
    ROWS.lines()
        .filter(|line| !line.starts_with('#'))
        .map(row)
        .collect()
}

#[test]
fn the_first_keyring_file_and_recovery_kit_hold_the_same_keys() {
    let opened = KeyringFile::open(KEYRING, b"a golden passphrase").unwrap();
    assert_eq!(
        (opened.root(), opened.shred_root()),
        (root().root(), root().shred_root())
    );
    assert_eq!(opened.recovery_text().as_str(), RECOVERY);
}

#[test]
fn the_first_key_rows_unwrap() {
    let rows = rows();
    assert_eq!(rows.len(), 6);
    let hierarchy =
        Hierarchy::open(root(), rows.iter().map(|(row, _)| row.clone()).collect()).unwrap();
    for (row, key) in &rows {
        let found = hierarchy
            .find(row.number)
            .or_else(|| hierarchy.open_subject(row).ok())
            .unwrap();
        assert_eq!(found.seed(), key, "key {}", row.number);
    }
}

/// The rows' file as this version writes it: the same keys and nonces under today's wrap.
fn written_today() -> String {
    let rows = rows();
    let mut text = format!("{}\n", ROWS.lines().next().unwrap());
    for ((row, key), line) in rows.iter().zip(ROWS.lines().skip(1)) {
        let view = SealedView::parse(&row.wrapped).unwrap();
        let mut wrapped = Vec::new();
        write_sealed_header(view.key, view.nonce, &mut wrapped);
        SealKey::new(parent_of(row, &rows)).seal(view.nonce, &place_of(row), key, &mut wrapped);
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        words[8] = wrapped.iter().map(|byte| format!("{byte:02x}")).collect();
        text.push_str(&format!("{}\n", words.join(" ")));
    }
    text
}

fn parent_of(row: &KeyRow, rows: &[(KeyRow, [u8; 32])]) -> [u8; 32] {
    match (row.parent, row.purpose) {
        (0, 1) => *root().root().1,
        (0, 9) => *root().shred_root().1,
        (parent, _) => rows.iter().find(|(row, _)| row.number == parent).unwrap().1,
    }
}

/// The associated data of a wrap, spelled out a second time.
fn place_of(row: &KeyRow) -> Vec<u8> {
    let mut place = b"strongroom/key/1".to_vec();
    place.extend(row.number.to_be_bytes());
    place.extend(row.scope.to_be_bytes());
    place.push(row.purpose);
    place.extend(row.period.to_be_bytes());
    place.extend(row.subject);
    place.extend(row.version.to_be_bytes());
    place.extend(row.parent.to_be_bytes());
    place.extend(row.created.to_be_bytes());
    place
}

#[test]
fn the_wrap_is_as_documented() {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/key-rows-1.txt");
        std::fs::write(file, written_today()).unwrap();
        return;
    }
    assert_eq!(written_today(), ROWS);
    for (row, _) in rows() {
        let view = SealedView::parse(&row.wrapped).unwrap();
        assert_eq!(view.key, if row.parent == 0 { 1 } else { row.parent });
    }
}
