//! The key hierarchy: what is made comes back from its rows, and from nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::collections::HashSet;
use std::sync::Arc;

use strongroom_crypto::{DataKey, Hierarchy, KeyError, KeyRow, Purpose, RootKeys};

const NOW: i64 = 1_760_000_000_000;

fn copy_of(keys: &RootKeys) -> RootKeys {
    RootKeys::from_recovery_text(&keys.recovery_text()).unwrap()
}

fn refusal(root: &RootKeys, rows: &[KeyRow]) -> KeyError {
    match Hierarchy::open(copy_of(root), rows.to_vec()) {
        Ok(_) => panic!("opened"),
        Err(error) => error,
    }
}

fn data_purposes() -> impl Iterator<Item = Purpose> {
    let wrapping = [
        Purpose::Installation,
        Purpose::Scope,
        Purpose::Shred,
        Purpose::Subject,
    ];
    Purpose::ALL
        .into_iter()
        .filter(move |purpose| !wrapping.contains(purpose))
}

/// Every purpose in two scopes and some subjects.
fn populated(root: &RootKeys) -> (Vec<KeyRow>, Vec<Arc<DataKey>>) {
    let hierarchy = Hierarchy::create(copy_of(root), NOW);
    let mut keys = Vec::new();
    for scope in [1, 2] {
        keys.extend(data_purposes().map(|purpose| hierarchy.current(scope, purpose, 202_510, NOW)));
        keys.extend((0..40).map(|subject| hierarchy.new_subject(scope, [subject; 12], NOW)));
    }
    (hierarchy.take_new_rows(), keys)
}

#[test]
fn every_key_comes_back_from_its_row_in_any_order_of_rows() {
    let root = RootKeys::generate();
    let (mut rows, keys) = populated(&root);
    assert_eq!(
        rows.iter()
            .map(|row| row.number)
            .collect::<HashSet<_>>()
            .len(),
        rows.len()
    );
    for turn in 0..rows.len() {
        rows.rotate_left(turn);
        if turn % 2 == 0 {
            rows.reverse();
        }
        let opened = Hierarchy::open(copy_of(&root), rows.clone()).unwrap();
        for row in rows
            .iter()
            .filter(|row| row.purpose == Purpose::Subject.number())
        {
            assert!(opened.subject(row.number).is_none());
            opened.open_subject(row).unwrap();
        }
        for key in &keys {
            assert_eq!(opened.find(key.number).unwrap().seed(), key.seed());
        }
        assert!(opened.take_new_rows().is_empty(), "opening makes nothing");
    }
}

#[test]
fn keys_are_made_once_and_rows_handed_out_once() {
    let hierarchy = Hierarchy::create(RootKeys::generate(), NOW);
    let first = hierarchy.take_new_rows();
    assert_eq!(
        (first.len(), first[0].purpose, first[0].parent),
        (1, Purpose::Installation.number(), 0)
    );
    assert!(hierarchy.existing(7, Purpose::Facts, 202_510).is_none());
    let facts = hierarchy.current(7, Purpose::Facts, 202_510, NOW);
    assert_eq!(
        hierarchy.current(7, Purpose::Facts, 202_510, NOW).number,
        facts.number
    );
    assert_eq!(
        hierarchy
            .existing(7, Purpose::Facts, 202_510)
            .unwrap()
            .number,
        facts.number
    );
    let rows = hierarchy.take_new_rows();
    let purposes: Vec<u8> = rows.iter().map(|row| row.purpose).collect();
    assert_eq!(purposes, [Purpose::Scope.number(), Purpose::Facts.number()]);
    assert_eq!(
        (rows[0].parent, rows[1].parent),
        (first[0].number, rows[0].number)
    );
    assert!(
        rows.iter()
            .all(|row| row.created == NOW && row.version == 1)
    );
    assert!(hierarchy.take_new_rows().is_empty());
    assert_ne!(
        hierarchy.current(7, Purpose::Facts, 202_511, NOW).number,
        facts.number
    );
    assert_ne!(
        hierarchy.current(8, Purpose::Facts, 202_510, NOW).number,
        facts.number
    );
}

#[test]
fn rows_of_a_failed_commit_come_again_in_order() {
    let hierarchy = Hierarchy::create(RootKeys::generate(), NOW);
    hierarchy.current(1, Purpose::Record, 0, NOW);
    let failed = hierarchy.take_new_rows();
    hierarchy.current(2, Purpose::Record, 0, NOW);
    hierarchy.put_back_rows(failed);
    let numbers: Vec<u32> = hierarchy
        .take_new_rows()
        .iter()
        .map(|row| row.number)
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
}

#[test]
fn numbers_go_on_above_those_stored() {
    let root = RootKeys::generate();
    let (rows, _) = populated(&root);
    let highest = rows.iter().map(|row| row.number).max().unwrap();
    let opened = Hierarchy::open(copy_of(&root), rows.clone()).unwrap();
    assert_eq!(
        opened.current(1, Purpose::Facts, 202_512, NOW).number,
        highest + 1
    );

    let without_subjects: Vec<KeyRow> = rows
        .into_iter()
        .filter(|row| row.purpose != Purpose::Subject.number())
        .collect();
    let opened = Hierarchy::open(copy_of(&root), without_subjects).unwrap();
    opened.number_above(highest);
    opened.number_above(3);
    assert_eq!(
        opened.current(1, Purpose::Facts, 202_512, NOW).number,
        highest + 1
    );
}

#[test]
fn subjects_share_at_most_sixteen_shred_keys_a_scope_and_no_other_path_reaches_them() {
    let root = RootKeys::generate();
    let hierarchy = Hierarchy::create(copy_of(&root), NOW);
    for subject in 0..=255 {
        hierarchy.new_subject(3, [subject; 12], NOW);
    }
    let rows = hierarchy.take_new_rows();
    let shreds: Vec<&KeyRow> = rows
        .iter()
        .filter(|row| row.purpose == Purpose::Shred.number())
        .collect();
    assert_eq!(shreds.len(), 16);
    assert!(
        shreds
            .iter()
            .all(|row| row.parent == 0 && row.scope == 3 && row.subject[11] < 16)
    );
    let parents: HashSet<u32> = shreds.iter().map(|row| row.number).collect();
    let subjects = rows
        .iter()
        .filter(|row| row.purpose == Purpose::Subject.number());
    assert!(subjects.clone().all(|row| parents.contains(&row.parent)));

    // Without the shred keys nothing else opens a subject: destroying them is enough.
    let without_shreds: Vec<KeyRow> = rows
        .iter()
        .filter(|row| row.purpose != Purpose::Shred.number())
        .cloned()
        .collect();
    let opened = Hierarchy::open(root, without_shreds).unwrap();
    for row in subjects {
        let refused = opened.open_subject(row).err().unwrap();
        assert_eq!(
            refused,
            KeyError::MissingParent {
                number: row.number,
                parent: row.parent
            }
        );
    }
}

#[test]
fn another_root_opens_nothing_and_the_error_names_the_first_key() {
    let root = RootKeys::generate();
    let (rows, _) = populated(&root);
    let installation = rows
        .iter()
        .find(|row| row.purpose == Purpose::Installation.number())
        .unwrap();
    let error = refusal(&RootKeys::generate(), &rows);
    assert_eq!(
        error,
        KeyError::NotAuthentic {
            number: installation.number
        }
    );
    assert!(
        error.to_string().starts_with("key 1 does not unwrap"),
        "{error}"
    );
    assert_eq!(refusal(&root, &[]), KeyError::NoInstallationKey);
}

#[test]
fn every_changed_byte_of_a_wrapped_key_is_found() {
    let root = RootKeys::generate();
    let (rows, _) = populated(&root);
    for index in [0, 1, 2, rows.len() - 1] {
        for place in 0..rows[index].wrapped.len() {
            let mut altered = rows.clone();
            altered[index].wrapped[place] ^= 0x10;
            check_refused(&root, &altered, index);
        }
        let mut cut = rows.clone();
        cut[index].wrapped.pop();
        check_refused(&root, &cut, index);
    }
}

#[test]
fn every_changed_field_of_a_row_is_found() {
    let root = RootKeys::generate();
    let (rows, _) = populated(&root);
    let changes: [fn(&mut KeyRow); 7] = [
        |row| row.number += 1000,
        |row| row.scope ^= 3,
        |row| row.period += 1,
        |row| row.version += 1,
        |row| row.subject[0] ^= 1,
        |row| row.subject[11] ^= 1,
        |row| row.parent = if row.parent == 0 { 1 } else { 0 },
    ];
    for index in 0..rows.len() {
        for change in changes {
            let mut altered = rows.clone();
            change(&mut altered[index]);
            check_refused(&root, &altered, index);
        }
        for purpose in (0..=16).filter(|purpose| *purpose != rows[index].purpose) {
            let mut altered = rows.clone();
            altered[index].purpose = purpose;
            check_refused(&root, &altered, index);
        }
    }
}

/// Refused when opened with the rest, or, for a subject's row, when opened alone.
fn check_refused(root: &RootKeys, rows: &[KeyRow], index: usize) {
    if let Ok(opened) = Hierarchy::open(copy_of(root), rows.to_vec()) {
        assert!(
            opened.open_subject(&rows[index]).is_err(),
            "row {index} was altered and opened"
        );
    }
}

#[test]
fn rows_copied_over_one_another_are_found() {
    let root = RootKeys::generate();
    let (rows, _) = populated(&root);
    let of = |purpose: Purpose, scope| {
        rows.iter()
            .position(|row| row.purpose == purpose.number() && row.scope == scope)
            .unwrap()
    };
    for (from, to) in [
        (of(Purpose::Facts, 1), of(Purpose::Facts, 2)),
        (of(Purpose::Facts, 1), of(Purpose::Actor, 1)),
        (of(Purpose::Scope, 1), of(Purpose::Scope, 2)),
    ] {
        let mut altered = rows.clone();
        altered[to].wrapped = rows[from].wrapped.clone();
        assert_eq!(
            refusal(&root, &altered),
            KeyError::NotAuthentic {
                number: rows[to].number
            }
        );
    }
    let mut twice = rows.clone();
    twice.push(rows[of(Purpose::Facts, 1)].clone());
    assert_eq!(
        refusal(&root, &twice),
        KeyError::Duplicate {
            number: rows[of(Purpose::Facts, 1)].number
        }
    );
    let mut orphaned = rows.clone();
    let scope = orphaned.remove(of(Purpose::Scope, 2)).number;
    assert!(
        matches!(refusal(&root, &orphaned), KeyError::MissingParent { parent, .. } if parent == scope)
    );
}

#[test]
fn cipher_keys_and_keyed_hashes_of_different_keys_differ() {
    let (_, keys) = populated(&RootKeys::generate());
    let tags: HashSet<[u8; 32]> = keys.iter().map(|key| key.mac().tag(&[b"same"])).collect();
    assert_eq!(tags.len(), keys.len());
    let mut sealed = HashSet::new();
    for key in &keys {
        let mut out = Vec::new();
        key.seal_key().seal(&[0; 24], b"", b"same", &mut out);
        assert!(sealed.insert(out));
    }
}

#[test]
fn forgotten_keys_are_gone() {
    let hierarchy = Hierarchy::create(RootKeys::generate(), NOW);
    let segment = hierarchy
        .current(1, Purpose::RequestLog, 20_251_001, NOW)
        .number;
    let subject = hierarchy.new_subject(1, [5; 12], NOW).number;
    assert!(hierarchy.find(segment).is_some() && hierarchy.find(subject).is_some());
    hierarchy.forget(segment);
    hierarchy.forget(subject);
    assert!(hierarchy.find(segment).is_none() && hierarchy.find(subject).is_none());
    assert!(
        hierarchy
            .existing(1, Purpose::RequestLog, 20_251_001)
            .is_none()
    );
}

#[test]
fn threads_that_ask_at_once_get_the_same_key() {
    let hierarchy = Hierarchy::create(RootKeys::generate(), NOW);
    let numbers: HashSet<u32> = std::thread::scope(|scope| {
        let ask = || hierarchy.current(1, Purpose::Facts, 202_510, NOW).number;
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(numbers.len(), 1);
    assert_eq!(hierarchy.take_new_rows().len(), 3);
}

/// NIST SP 800-38D: a key has an end, even where nobody replaces it.
#[test]
fn a_key_that_is_used_up_ends_the_process_instead_of_sealing_once_more() {
    const ASKED: &str = "STRONGROOM_TEST_USED_UP";
    if std::env::var_os(ASKED).is_some() {
        let hierarchy = Hierarchy::create(RootKeys::generate(), NOW);
        let key = hierarchy.current(1, Purpose::Record, 0, NOW);
        hierarchy.used_before(key.number, (1 << 40) - 1);
        for time in ["once", "twice"] {
            key.seal_key().seal(&[7; 24], b"", b"x", &mut Vec::new());
            println!("sealed {time}");
        }
        return;
    }
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    let name = "a_key_that_is_used_up_ends_the_process_instead_of_sealing_once_more";
    let ended = again.args(["--exact", name, "--nocapture"]).env(ASKED, "1");
    let ended = ended.output().unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&ended.stdout),
        String::from_utf8_lossy(&ended.stderr),
    );
    assert!(!ended.status.success());
    assert!(
        out.contains("sealed once") && !out.contains("sealed twice"),
        "{out}"
    );
    assert!(err.contains("2^40 messages"), "{err}");
}
