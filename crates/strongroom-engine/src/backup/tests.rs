//! There and back; every altered byte, cut and order of a backup; what a forger could put together.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;

use proptest::prelude::*;
use strongroom_crypto::{Identity, RootKeys};
use strongroom_store::{MemoryStore, Row, Store, each_row};
use strongroom_types::currency::Currency;

use super::header::Opening;
use super::pieces::{FrameReader, FrameWriter};
use super::*;
use crate::{Engine, Settings, WallClock};

fn again(root: &RootKeys) -> RootKeys {
    RootKeys::from_recovery_text(&root.recovery_text()).unwrap()
}

/// A small installation that was stopped.
fn installation(root: &RootKeys) -> MemoryStore {
    let store = MemoryStore::default();
    let clock = Arc::new(WallClock);
    let engine = Engine::start(&store, again(root), clock, Settings::default(), None).unwrap();
    let euro = Currency::parse("EUR").unwrap();
    engine.create_organization("Acme", euro).unwrap();
    engine.stop();
    store
}

fn rows_of(store: &dyn Store) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut reader = store.reader().unwrap();
    each_row::<BackupError>(&mut *reader, &mut |row| {
        rows.push(row);
        Ok(())
    })
    .unwrap();
    rows
}

/// A backup of these books alone.
fn written(
    books: &dyn Store,
    to: SealTo,
    file: &mut Vec<u8>,
) -> Result<(Contents, u64), BackupError> {
    let moment = Moment::of(books, None)?;
    write_backup(moment, &Files::default(), to, file)
}

fn made(store: &dyn Store, root: &RootKeys) -> Vec<u8> {
    let mut file = Vec::new();
    written(store, SealTo::Installation(again(root)), &mut file).unwrap();
    file
}

fn look(file: &[u8], root: &RootKeys) -> Result<Contents, BackupError> {
    Sealed::read(file)?.unlock(again(root))?.look()
}

fn target(books: &dyn Store) -> Target<'_> {
    Target {
        books,
        vault: None,
        files: None,
    }
}

#[test]
fn every_row_comes_back_and_verifies() {
    let root = RootKeys::generate();
    let store = installation(&root);
    let file = made(&store, &root);
    let restored = MemoryStore::default();
    let sealed = Sealed::read(&*file).unwrap();
    let opened = sealed.unlock(again(&root)).unwrap();
    let contents = opened.restore(&target(&restored)).unwrap();
    assert_eq!(rows_of(&store), rows_of(&restored));
    assert_eq!(contents, look(&file, &root).unwrap());
    assert_eq!(contents.all_rows(), rows_of(&store).len() as u64);
    let report = crate::verify::verify(&restored, again(&root), 1).unwrap();
    assert!(report.is_clean(), "{report}");
    // Its checkpoints cover all that is in it.
    assert_eq!(
        contents.checkpoints.len(),
        report.logs.iter().filter(|log| log.entries > 0).count()
    );
    let text = contents.checkpoints.join("\n");
    assert_eq!(notes(&text), contents.checkpoints);
    assert_eq!(
        behind(&restored, again(&root), &contents.checkpoints).unwrap(),
        []
    );
    assert!(
        behind(&installation(&root), again(&root), &contents.checkpoints).is_err(),
        "not its own"
    );
}

#[test]
fn a_recipient_seals_what_the_keyring_opens() {
    let root = RootKeys::generate();
    let store = installation(&root);
    let recipient = recipient(&store, again(&root)).unwrap();
    let mut file = Vec::new();
    let (contents, bytes) = written(&store, SealTo::Recipient(recipient), &mut file).unwrap();
    assert_eq!(bytes, file.len() as u64);
    assert_eq!(look(&file, &root).unwrap(), contents);
    assert!(contents.checkpoints.is_empty());
    let other = RootKeys::generate();
    assert!(matches!(look(&file, &other), Err(BackupError::OtherKey)));
    let stranger = Identity::from_seed(&[9; 32]).recipient();
    let mut file = Vec::new();
    written(&store, SealTo::Recipient(stranger), &mut file).unwrap();
    assert!(matches!(look(&file, &root), Err(BackupError::OtherKey)));
}

#[test]
fn nothing_altered_cut_or_added_is_taken() {
    let root = RootKeys::generate();
    let file = made(&installation(&root), &root);
    assert!(look(&file, &root).is_ok());
    let body = Sealed::read(&*file).unwrap().header.encode().0.len();
    let places = (0..file.len())
        .filter(|place| *place < body || place % 97 == 0 || *place + 40 > file.len());
    for place in places {
        let mut altered = file.clone();
        altered[place] ^= 0x20;
        assert!(
            look(&altered, &root).is_err(),
            "byte {place} of {}",
            file.len()
        );
    }
    let cuts = (0..body + 20)
        .chain((body..file.len()).step_by(1_009))
        .chain([file.len() - 1]);
    for length in cuts.filter(|length| *length < file.len()) {
        assert!(look(&file[..length], &root).is_err(), "cut at {length}");
    }
    assert!(look(&[&file[..], b"\0"].concat(), &root).is_err());
    assert!(look(&[&file[..], &file[..]].concat(), &root).is_err());
    // A piece left out, and two changed about.
    let piece = strongroom_crypto::stream::SEALED_PIECE;
    if file.len() > body + 2 * piece {
        let (head, rest) = file.split_at(body);
        let (first, rest) = rest.split_at(piece);
        let (second, rest) = rest.split_at(piece);
        assert!(look(&[head, second, rest].concat(), &root).is_err());
        assert!(look(&[head, second, first, rest].concat(), &root).is_err());
    }
}

#[test]
fn what_is_no_backup_is_told_apart() {
    let root = RootKeys::generate();
    let told = |bytes: &[u8]| look(bytes, &root).unwrap_err().to_string();
    assert!(told(b"").contains("no backup"));
    assert!(told(b"PGDMP something else entirely").contains("no backup"));
    assert!(told(b"strongroom/backup/2\nwhatever").contains("format `2`"));
    assert!(told(b"strongroom/backup/1\n").contains("cut off"));
    assert!(told(b"strongroom/backup/1\n\xff\xff\xff\xff").contains("header"));
}

/// Pieces that are sealed as they should be, around any frames.
fn sealed_frames(frames: &[(u8, Vec<u8>)]) -> (Vec<u8>, Opening) {
    let opening = || Opening {
        key: zeroize::Zeroizing::new([1; 32]),
        context: [2; 32],
    };
    let mut file = Vec::new();
    let mut writer = FrameWriter::new(&mut file, &opening());
    for (kind, bytes) in frames {
        writer.frame(*kind, bytes).unwrap();
    }
    writer.end().unwrap();
    (file, opening())
}

#[test]
fn frames_of_every_length_come_back() {
    let piece = strongroom_crypto::stream::PIECE;
    for length in [0, 1, piece - 6, piece - 5, piece - 4, piece, 3 * piece] {
        let frames = [(1, vec![7; length]), (2, vec![8; 3])];
        let (file, opening) = sealed_frames(&frames);
        let mut reader = FrameReader::new(&*file, &opening);
        for frame in frames {
            assert_eq!(reader.frame().unwrap(), Some(frame));
        }
        assert_eq!(reader.frame().unwrap(), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_are_refused_and_nothing_worse(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let root = RootKeys::generate();
        prop_assert!(look(&bytes, &root).is_err());
        let framed = [&b"strongroom/backup/1\n\0\0"[..], &bytes].concat();
        prop_assert!(look(&framed, &root).is_err());
        for kind in 0..=20 {
            let _ = rows::decode(kind, &bytes);
        }
        let _ = Contents::decode(&bytes);
        let _ = notes(&String::from_utf8_lossy(&bytes));
    }

    /// Who knows the recipient can seal anything.
    #[test]
    fn any_frames_are_refused_and_nothing_worse(
        frames in proptest::collection::vec((0_u8..22, proptest::collection::vec(any::<u8>(), 0..80)), 0..12),
    ) {
        let (file, opening) = sealed_frames(&frames);
        let folder = tempfile::tempdir().unwrap();
        let store = MemoryStore::default();
        let target = Target { books: &store, vault: None, files: Some(folder.path()) };
        let opened = restore::Opened::of(FrameReader::new(&*file, &opening));
        prop_assert!(opened.restore(&target).is_err());
    }

    #[test]
    fn rows_are_what_they_were(bytes in proptest::collection::vec(any::<u8>(), 0..40), number in any::<u64>()) {
        let rows = [
            Row::Entry(strongroom_store::EntryRow {
                log: 7, seq: number, time: -1, action: 3, first_event: number, event_count: 9,
                spent: bytes.clone(), head: vec![], parts: bytes.clone(),
            }),
            Row::Job(strongroom_store::JobRow {
                scope: 1, kind: 2, id: [3; 12], due: i64::MIN, attempt: 4, body: bytes.clone(),
            }),
            Row::Index(strongroom_store::IndexRow {
                scope: 1, field: 2, hash: [3; 16], kind: 4, id: [5; 12], unique: number.is_multiple_of(2),
            }),
        ];
        for row in rows {
            let mut out = Vec::new();
            let kind = rows::encode(&row, &mut out);
            prop_assert_eq!(rows::decode(kind, &out), Some(row));
            out.push(0);
            prop_assert_eq!(rows::decode(kind, &out), None);
        }
    }
}

/// The same installation root, and a shred root that was made anew since: what erasure leaves of a keyring.
fn with_another_shred_root(root: &RootKeys) -> RootKeys {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let (version, key) = root.root();
    let mut bytes = vec![1];
    bytes.extend(version.to_be_bytes());
    bytes.extend(key);
    bytes.extend(2_u32.to_be_bytes());
    bytes.extend([0x5a; 32]);
    let check = strongroom_crypto::sha256(&[b"strongroom/recovery/1", &bytes]);
    bytes.extend(&check[..7]);
    let bit = |place: usize| u32::from(bytes[place / 8] >> (7 - place % 8) & 1);
    let letter = |index: usize| {
        let value = (0..5).fold(0, |value, place| value << 1 | bit(5 * index + place));
        char::from(ALPHABET[value as usize])
    };
    let text: String = (0..bytes.len() * 8 / 5).map(letter).collect();
    RootKeys::from_recovery_text(&text).unwrap()
}

/// What was destroyed after the backup stays destroyed: the rows come back, the keys that open them do not.
#[test]
fn a_restore_opens_nothing_that_todays_keyring_does_not() {
    let root = RootKeys::generate();
    let file = made(&installation(&root), &root);
    let today = with_another_shred_root(&root);
    assert!(look(&file, &today).is_ok(), "the books are still there");
    let keys = strongroom_crypto::Hierarchy::create(again(&root), 1);
    let subject = keys.new_subject(1, [7; 12], 1);
    let rows = keys.take_new_rows();
    let (then, errors) =
        strongroom_crypto::Hierarchy::open_what_unwraps(again(&root), rows.clone());
    let row = rows
        .iter()
        .find(|row| row.number == subject.number)
        .unwrap();
    assert!(errors.is_empty() && then.open_subject(row).is_ok());
    let (now, _) = strongroom_crypto::Hierarchy::open_what_unwraps(today, rows.clone());
    assert!(
        now.open_subject(row).is_err(),
        "its subject's key is gone for good"
    );
}
