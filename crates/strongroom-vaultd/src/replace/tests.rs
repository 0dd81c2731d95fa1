//! Replacements that end, that are cut short, and that meet what does not open.

use std::path::Path;

use strongroom_channel::message::{Claim, Kept, Place};
use strongroom_crypto::RootKeys;
use strongroom_types::id::{RawId, TokenId};
use strongroom_vault::CardNumber;

use super::*;
use crate::sealed::salted;

const NOW: Timestamp = Timestamp(1_767_225_600_000);
const OWNER: [u8; 32] = [7; 32];

fn open(dir: &Path, root: &RootKeys) -> Cards {
    Cards::open(dir, root.copy(), NOW).unwrap()
}

fn close(cards: Cards) {
    cards.stop();
    drop(cards);
}

fn number(text: &str) -> CardNumber {
    CardNumber::parse(text).ok().unwrap()
}

/// Lets what is asked for be done.
async fn done(cards: &Cards) -> Replaced {
    let ended = async {
        loop {
            let so_far = cards.replacing().so_far();
            if !so_far.running {
                return so_far;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::select! {
        () = run(cards, || NOW) => panic!("it ended"),
        so_far = ended => so_far,
    }
}

fn stored(cards: &Cards, scope: u32) -> Vec<RecordRow> {
    let mut reader = cards.own_reader().unwrap();
    let range = IdRange::default();
    reader
        .records(scope, Kind::Token.code(), range, false, 100)
        .unwrap()
}

fn claim(scope: u32, kept: &Kept) -> Claim {
    let place = Place {
        scope,
        token: kept.id,
    };
    Claim {
        place,
        digest: kept.digest,
        fingerprint: kept.fingerprint,
    }
}

async fn versions(cards: &Cards, purpose: Purpose) -> Vec<(u32, u32, bool, u64)> {
    let keys = keys(cards, true, None).await.unwrap().into_iter();
    let of = keys.filter(|key| key.purpose == purpose.number());
    of.map(|key| (key.scope, key.version, key.newest, key.sealed.unwrap()))
        .collect()
}

#[tokio::test]
async fn every_number_is_sealed_again_and_fingerprints_stay_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let root = RootKeys::generate();
    let cards = open(dir.path(), &root);
    assert!(cards.belongs_to(OWNER, NOW).await.unwrap());
    let first = cards
        .keep(7, &number("4242424242424242"), NOW)
        .await
        .unwrap();
    let second = cards
        .keep(7, &number("5555555555554444"), NOW)
        .await
        .unwrap();
    let other = cards
        .keep(8, &number("4242424242424242"), NOW)
        .await
        .unwrap();
    let before = stored(&cards, 7);

    cards.replacing().begin();
    let replaced = done(&cards).await;
    assert_eq!(
        (replaced.resealed, replaced.left),
        (4, 0),
        "three numbers and whose the vault is"
    );
    // The keys of three scopes and of the installation above; two of cards and one of the record.
    assert_eq!((replaced.made, replaced.destroyed), (7, 7), "{replaced:?}");
    assert_eq!(
        versions(&cards, Purpose::Card).await,
        [(7, 2, true, 2), (8, 2, true, 1)]
    );
    assert_eq!(
        versions(&cards, Purpose::Record).await,
        [(INSTALLATION, 2, true, 1)]
    );
    assert!(
        versions(&cards, Purpose::Scope)
            .await
            .iter()
            .all(|(_, version, ..)| *version == 2)
    );
    assert!(
        versions(&cards, Purpose::CardFingerprint)
            .await
            .iter()
            .all(|(_, version, ..)| *version == 1)
    );

    let claims = [claim(7, &first), claim(7, &second), claim(8, &other)];
    assert_eq!(cards.holds(&claims).unwrap(), [true; 3]);
    let again = cards
        .keep(7, &number("4242424242424242"), NOW)
        .await
        .unwrap();
    assert_eq!(again.fingerprint, first.fingerprint);
    // What was read just before opens for a while yet, and then nowhere.
    let opens = |row: &RecordRow| opened(cards.hierarchy(), place(row).unwrap(), &row.body).is_ok();
    assert!(before.iter().all(opens));
    forget(&cards, NOW.plus(GRACE));
    assert!(!before.iter().any(opens));
    close(cards);

    let cards = open(dir.path(), &root);
    assert!(!cards.replacing().so_far().running);
    assert_eq!(cards.holds(&claims).unwrap(), [true; 3]);
    assert!(cards.belongs_to(OWNER, NOW).await.unwrap());
    assert!(!cards.belongs_to([8; 32], NOW).await.unwrap());
    close(cards);
}

/// What is kept of exchanges with an acquirer moves along, and is read on by whoever holds the shelf.
#[tokio::test]
async fn the_sheets_of_an_acquirer_are_sealed_again() {
    use strongroom_acquirer::{Seat, Sheet, Shelf};

    let dir = tempfile::tempdir().unwrap();
    let cards = open(dir.path(), &RootKeys::generate());
    let held = cards.shelf(std::sync::Arc::new(|| NOW)).unwrap();
    let seats = Stored::ALL.map(|stored| Seat {
        scope: 7,
        stored,
        id: RawId([9; 12]),
    });
    for seat in seats {
        let sheet = Sheet {
            seat,
            body: zeroize::Zeroizing::new(vec![seat.stored.code(); 40]),
            since: NOW,
            has_number: seat.stored == Stored::Payment,
        };
        held.put(sheet).await.unwrap();
    }
    cards.replacing().begin();
    let replaced = done(&cards).await;
    let all = u64::try_from(seats.len()).unwrap();
    assert_eq!((replaced.resealed, replaced.left), (all, 0));
    assert_eq!(
        versions(&cards, Purpose::AcquirerExchange).await,
        [(7, 2, true, all)]
    );
    for seat in seats {
        let body = held.get(seat).unwrap().unwrap();
        assert_eq!(*body, vec![seat.stored.code(); 40]);
    }
    assert_eq!(held.with_numbers(NOW.plus(1)).unwrap(), [seats[1]]);
    close(cards);
}

#[tokio::test]
async fn what_was_cut_short_goes_on_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let root = RootKeys::generate();
    let cards = open(dir.path(), &root);
    let kept = cards
        .keep(7, &number("4242424242424242"), NOW)
        .await
        .unwrap();
    cards
        .keep(8, &number("4242424242424242"), NOW)
        .await
        .unwrap();
    // As far as it had come when it was killed: there are new keys, and one number is under its own.
    for scope in [7, 8] {
        cards.hierarchy().renew(scope, is_resealed, NOW.0);
    }
    let place = claim(7, &kept).place;
    let one = (7, Kind::Token.code(), place.token.0.0);
    cards
        .writing()
        .apply(Change::Reseal(vec![one]))
        .await
        .unwrap();
    close(cards);

    let cards = open(dir.path(), &root);
    assert!(cards.replacing().so_far().running);
    assert!(cards.open_number(place, &kept.digest).unwrap().is_some());
    let replaced = done(&cards).await;
    assert_eq!(
        (replaced.resealed, replaced.left, replaced.destroyed),
        (1, 0, 2)
    );
    assert_eq!(
        versions(&cards, Purpose::Card).await,
        [(7, 2, true, 1), (8, 2, true, 1)]
    );
    assert!(cards.open_number(place, &kept.digest).unwrap().is_some());
    close(cards);
}

/// Sealed before the key was replaced and stored after it, a number is under the new one.
#[tokio::test]
async fn nothing_is_written_under_a_superseded_key() {
    let dir = tempfile::tempdir().unwrap();
    let cards = open(dir.path(), &RootKeys::generate());
    cards
        .keep(7, &number("5555555555554444"), NOW)
        .await
        .unwrap();
    let old = cards.hierarchy().existing(7, Purpose::Card, 0).unwrap();
    let place = Place {
        scope: 7,
        token: TokenId(RawId([9; 12])),
    };
    let salted = salted("4242424242424242");
    let body = sealed(&old, place, &salted);
    let row = RecordRow {
        id: [9; 12],
        body,
        ..stored(&cards, 7).remove(0)
    };
    cards.replacing().begin();
    done(&cards).await;
    cards.writing().apply(Change::Put(row)).await.unwrap();
    let rows = stored(&cards, 7);
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| key_of(row) != Some(old.number)));
    let digest = strongroom_crypto::sha256(&[&salted]);
    assert!(cards.open_number(place, &digest).unwrap().is_some());
    close(cards);
}

/// A row that does not open keeps its key, and is told.
#[tokio::test]
async fn what_does_not_open_is_left_and_its_key_kept() {
    let dir = tempfile::tempdir().unwrap();
    let cards = open(dir.path(), &RootKeys::generate());
    let kept = cards
        .keep(7, &number("4242424242424242"), NOW)
        .await
        .unwrap();
    let mut altered = stored(&cards, 7).remove(0);
    altered.id = [9; 12];
    cards.writing().apply(Change::Put(altered)).await.unwrap();
    cards.replacing().begin();
    let replaced = done(&cards).await;
    assert_eq!(replaced.left, 1, "{replaced:?}");
    assert_eq!(
        versions(&cards, Purpose::Card).await,
        [(7, 1, false, 1), (7, 2, true, 1)]
    );
    let place = claim(7, &kept).place;
    assert!(cards.open_number(place, &kept.digest).unwrap().is_some());
    close(cards);
}

#[tokio::test]
async fn uses_are_counted_over_restarts_and_never_behind_the_truth() {
    let dir = tempfile::tempdir().unwrap();
    let root = RootKeys::generate();
    let uses = async |cards: &Cards| {
        let keys = keys(cards, false, None).await.unwrap().into_iter();
        let card = |key: &VaultKey| key.purpose == Purpose::Card.number();
        keys.filter(card).map(|key| key.uses).sum::<u64>()
    };
    let cards = open(dir.path(), &root);
    for _ in 0..3 {
        cards
            .keep(7, &number("4242424242424242"), NOW)
            .await
            .unwrap();
    }
    assert_eq!(uses(&cards).await, 3);
    cards.save_uses(false).await.unwrap();
    // Killed: what was written ahead counts.
    close(cards);
    let cards = open(dir.path(), &root);
    let ahead = uses(&cards).await;
    assert!(ahead > 3);
    cards
        .keep(7, &number("4242424242424242"), NOW)
        .await
        .unwrap();
    assert_eq!(uses(&cards).await, ahead + 1);
    cards.save_uses(true).await.unwrap();
    close(cards);
    let cards = open(dir.path(), &root);
    assert!(uses(&cards).await > ahead);
    close(cards);
}

#[tokio::test]
async fn keys_are_told_in_pages() {
    let dir = tempfile::tempdir().unwrap();
    let root = RootKeys::generate();
    let cards = open(dir.path(), &root);
    for scope in [7, 8] {
        let number = number("4242424242424242");
        cards.keep(scope, &number, NOW).await.unwrap();
    }
    let numbers = async |after| {
        let page = keys(&cards, true, after).await.unwrap().into_iter();
        page.map(|key| key.number).collect::<Vec<u32>>()
    };
    let all = numbers(None).await;
    assert!(all.len() > 4 && all.is_sorted(), "{all:?}");
    assert_eq!(numbers(all.first().copied()).await, all[1..]);
    assert!(numbers(all.last().copied()).await.is_empty());
    close(cards);
}
