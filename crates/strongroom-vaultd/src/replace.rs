//! The vault's own keys, replaced while it serves: a new key for what seals numbers, every number sealed again under it,
//! the old one destroyed once a scan finds nothing under it; the keys above wrapped anew in one step each.
//!
//! All of it goes through the one thread that changes the store (`writer.rs`), which also seals again what was sealed just
//! before under a key that is superseded by then. So nothing is written under an old version once there is a newer one. What
//! is superseded and still there is what is left to do: a start goes on with it.
//!
//! Never replaced, only wrapped again: the keys by which a card is known again. Fingerprints are on record in the books and
//! with clients, also of cards whose numbers are gone: another key would give the same card another one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use strongroom_acquirer::Stored;
use strongroom_channel::keys::{Replaced, VaultKey};
use strongroom_crypto::{Hierarchy, Purpose, SealedView};
use strongroom_store::{Id, IdRange, Reader, RecordRow};
use strongroom_types::id::Kind;
use strongroom_types::time::Timestamp;
use tokio::sync::Notify;

use crate::cards::{Cards, INSTALLATION, VaultError};
use crate::sealed::{opened, place, sealed};
use crate::writer::{Change, Writing};
use crate::{bond, shelf};

/// Rows of one transaction.
const PAGE: usize = 1_000;
/// Passes before a replacement gives up: the second finds nothing, unless something does not open.
const MOST_PASSES: usize = 4;
/// Between two tries after the store failed.
const AGAIN: Duration = Duration::from_secs(10);
/// How long a destroyed key stays in memory, for who read a number before it was sealed again.
const GRACE: i64 = 60_000;

/// Where a row is.
pub(crate) type Spot = (u32, u8, Id);

/// What is asked for, and how far it is.
pub(crate) struct Replacing {
    asked: Notify,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whether new versions are to be made.
    begin: bool,
    so_far: Replaced,
}

impl Replacing {
    /// Of a vault that is taken up; what an earlier run began goes on.
    pub fn of(hierarchy: &Hierarchy, scopes: &[u32]) -> Replacing {
        let running = !superseded(hierarchy, scopes).is_empty();
        let so_far = Replaced {
            running,
            ..Replaced::default()
        };
        let state = State {
            begin: false,
            so_far,
        };
        let replacing = Replacing {
            asked: Notify::new(),
            state: Mutex::new(state),
        };
        if running {
            replacing.asked.notify_one();
        }
        replacing
    }

    /// Asks for new keys.
    pub fn begin(&self) -> Replaced {
        let so_far = self.with(|state| {
            state.begin = true;
            if !state.so_far.running {
                state.so_far = Replaced {
                    running: true,
                    ..Replaced::default()
                };
            }
            state.so_far
        });
        self.asked.notify_one();
        so_far
    }

    pub fn so_far(&self) -> Replaced {
        self.with(|state| state.so_far)
    }

    fn note(&self, change: impl FnOnce(&mut Replaced)) {
        self.with(|state| change(&mut state.so_far));
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Does what is asked for, whenever it is.
pub(crate) async fn run(cards: &Cards, now: impl Fn() -> Timestamp) {
    let replacing = cards.replacing();
    let mut failed = false;
    loop {
        let asked = replacing.asked.notified();
        match failed {
            // Either way there is something to do.
            true => drop(tokio::time::timeout(AGAIN, asked).await),
            false => asked.await,
        }
        failed = false;
        loop {
            let begin = replacing.with(|state| std::mem::take(&mut state.begin));
            if let Err(error) = replace(cards, begin, now()).await {
                tracing::error!(error = %error, "the vault's keys are not replaced yet; it is tried again");
                replacing.note(|so_far| so_far.left = so_far.left.max(1));
                failed = true;
            }
            let asked_again = replacing.with(|state| {
                state.so_far.running = state.begin;
                state.begin
            });
            if !asked_again {
                break;
            }
        }
    }
}

async fn replace(cards: &Cards, begin: bool, now: Timestamp) -> Result<(), VaultError> {
    let (hierarchy, writing, replacing) = (cards.hierarchy(), cards.writing(), cards.replacing());
    let mut reader = cards.own_reader()?;
    let scopes = scopes(&mut *reader)?;
    if begin {
        renew(hierarchy, writing, (&scopes, now), replacing).await?;
    }
    for _ in 0..MOST_PASSES {
        let old = superseded(hierarchy, &scopes);
        let mut left = 0;
        for (scope, kind) in sealed_kinds(&scopes) {
            left += reseal(&mut *reader, writing, (scope, kind, &old), replacing).await?;
        }
        replacing.note(|so_far| so_far.left = left);
        if left == 0 {
            return destroy(hierarchy, writing, old, (replacing, now)).await;
        }
    }
    tracing::error!("numbers of the vault do not open under the key that sealed them: it is kept");
    Ok(())
}

/// New versions of what seals, then of what wraps.
async fn renew(
    hierarchy: &Hierarchy,
    writing: &Writing,
    (scopes, now): (&[u32], Timestamp),
    replacing: &Replacing,
) -> Result<(), VaultError> {
    let mut made = 0;
    for scope in scopes {
        made += hierarchy.renew(*scope, is_resealed, now.0);
    }
    // Stored now, though what is sealed under them would take them along.
    writing.apply(Change::Keys(Vec::new())).await?;
    replacing.note(|so_far| so_far.made += count(made));
    let wrapping = std::iter::once(None).chain(scopes.iter().map(|scope| Some(*scope)));
    for scope in wrapping {
        let wrapped = writing.wrap(scope, now).await?;
        replacing.note(|so_far| {
            so_far.made += 1;
            so_far.destroyed += 1;
            so_far.wrapped += count(wrapped);
        });
    }
    Ok(())
}

/// Has every row of a kind sealed again that is under one of these keys; says how many there were.
async fn reseal(
    reader: &mut dyn Reader,
    writing: &Writing,
    (scope, kind, old): (u32, u8, &[u32]),
    replacing: &Replacing,
) -> Result<u64, VaultError> {
    let mut found = 0;
    let mut range = IdRange::default();
    loop {
        let rows = reader.records(scope, kind, range, false, PAGE)?;
        let Some(last) = rows.last() else {
            return Ok(found);
        };
        range.after = Some(last.id);
        let under_old = rows
            .iter()
            .filter(|row| key_of(row).is_some_and(|key| old.contains(&key)));
        let spots: Vec<Spot> = under_old.map(|row| (row.scope, row.kind, row.id)).collect();
        if spots.is_empty() {
            continue;
        }
        let rows = u64::try_from(spots.len()).unwrap_or(u64::MAX);
        writing.apply(Change::Reseal(spots)).await?;
        found += rows;
        replacing.note(|so_far| so_far.resealed += rows);
    }
}

async fn destroy(
    hierarchy: &Hierarchy,
    writing: &Writing,
    old: Vec<u32>,
    (replacing, now): (&Replacing, Timestamp),
) -> Result<(), VaultError> {
    if old.is_empty() {
        return Ok(());
    }
    writing.apply(Change::Keys(old.clone())).await?;
    hierarchy.destroyed(&old, now.0);
    replacing.note(|so_far| so_far.destroyed += count(old.len()));
    tracing::info!(
        keys = old.len(),
        "superseded keys of the vault are destroyed"
    );
    Ok(())
}

/// Drops from memory what was destroyed a while ago.
pub(crate) fn forget(cards: &Cards, now: Timestamp) {
    cards.hierarchy().forget_destroyed(now.0 - GRACE);
}

/// Every key of the vault; with `scan`, and what is under each.
pub(crate) fn keys(cards: &Cards, scan: bool) -> Result<Vec<VaultKey>, VaultError> {
    let mut reader = cards.own_reader()?;
    let rows = reader.keys()?;
    let mut sealed: HashMap<u32, u64> = HashMap::new();
    if scan {
        for row in &rows {
            *sealed.entry(row.parent).or_default() += 1;
        }
        let scopes = scopes(&mut *reader)?;
        for (scope, kind) in sealed_kinds(&scopes) {
            let mut range = IdRange::default();
            loop {
                let page = reader.records(scope, kind, range, false, PAGE)?;
                let Some(last) = page.last() else { break };
                range.after = Some(last.id);
                for key in page.iter().filter_map(key_of) {
                    *sealed.entry(key).or_default() += 1;
                }
            }
        }
    }
    let held = cards.hierarchy().uses();
    let keys = rows.iter().filter_map(|row| {
        let held = held.iter().find(|held| held.number == row.number)?;
        Some(VaultKey {
            number: row.number,
            scope: row.scope,
            purpose: row.purpose,
            period: row.period,
            version: row.version,
            parent: row.parent,
            created: Timestamp(row.created),
            newest: held.newest,
            uses: held.uses,
            sealed: scan.then(|| sealed.get(&row.number).copied().unwrap_or(0)),
        })
    });
    Ok(keys.collect())
}

/// A row's body under the key that takes the place of the one it is under, if that is superseded.
pub(crate) fn resealed(
    hierarchy: &Hierarchy,
    row: &RecordRow,
) -> Result<Option<Vec<u8>>, VaultError> {
    let Some(new) = key_of(row).and_then(|key| hierarchy.successor(key)) else {
        return Ok(None);
    };
    if let Some(place) = place(row) {
        let salted = opened(hierarchy, place, &row.body)?;
        return Ok(Some(sealed(&new, place, &salted)));
    }
    if let Some(sheet) = shelf::resealed(hierarchy, &new, row) {
        return Ok(Some(sheet));
    }
    let owner = bond::opened(hierarchy, row).ok_or(VaultError::Foreign)?;
    Ok(Some(bond::row(&new, &owner, Timestamp(row.time)).body))
}

/// Whose rows are sealed: each organization and mode, and the vault itself.
pub(crate) fn scopes(reader: &mut dyn Reader) -> Result<Vec<u32>, VaultError> {
    let rows = reader.keys()?;
    let mut scopes: Vec<u32> = rows
        .iter()
        .filter(|row| row.purpose == Purpose::Scope.number())
        .map(|row| row.scope)
        .collect();
    scopes.sort_unstable();
    scopes.dedup();
    Ok(scopes)
}

/// What seals and is replaced. SECURITY: what fingerprints and marks are made with stays, see above.
fn is_resealed(purpose: Purpose) -> bool {
    matches!(
        purpose,
        Purpose::Card | Purpose::Record | Purpose::AcquirerExchange
    )
}

fn superseded(hierarchy: &Hierarchy, scopes: &[u32]) -> Vec<u32> {
    let of = |scope: &u32| hierarchy.superseded(*scope, is_resealed);
    scopes.iter().flat_map(of).collect()
}

fn sealed_kinds(scopes: &[u32]) -> impl Iterator<Item = (u32, u8)> {
    let (_, owner, _) = bond::KEY;
    let sheets = Stored::ALL.map(Stored::code);
    let kinds = std::iter::once(Kind::Token.code()).chain(sheets);
    let all = scopes
        .iter()
        .flat_map(move |scope| kinds.clone().map(move |kind| (*scope, kind)));
    all.chain(std::iter::once((INSTALLATION, owner)))
}

fn key_of(row: &RecordRow) -> Option<u32> {
    SealedView::parse(&row.body).ok().map(|view| view.key)
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
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

    fn versions(cards: &Cards, purpose: Purpose) -> Vec<(u32, u32, bool, u64)> {
        let keys = keys(cards, true).unwrap().into_iter();
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
            versions(&cards, Purpose::Card),
            [(7, 2, true, 2), (8, 2, true, 1)]
        );
        assert_eq!(
            versions(&cards, Purpose::Record),
            [(INSTALLATION, 2, true, 1)]
        );
        assert!(
            versions(&cards, Purpose::Scope)
                .iter()
                .all(|(_, version, ..)| *version == 2)
        );
        assert!(
            versions(&cards, Purpose::CardFingerprint)
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
        let opens =
            |row: &RecordRow| opened(cards.hierarchy(), place(row).unwrap(), &row.body).is_ok();
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
        assert_eq!((replaced.resealed, replaced.left), (3, 0));
        assert_eq!(
            versions(&cards, Purpose::AcquirerExchange),
            [(7, 2, true, 3)]
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
            versions(&cards, Purpose::Card),
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
            versions(&cards, Purpose::Card),
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
        let uses = |cards: &Cards| {
            let keys = keys(cards, false).unwrap().into_iter();
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
        assert_eq!(uses(&cards), 3);
        cards.save_uses(false).await.unwrap();
        // Killed: what was written ahead counts.
        close(cards);
        let cards = open(dir.path(), &root);
        let ahead = uses(&cards);
        assert!(ahead > 3);
        cards
            .keep(7, &number("4242424242424242"), NOW)
            .await
            .unwrap();
        assert_eq!(uses(&cards), ahead + 1);
        cards.save_uses(true).await.unwrap();
        close(cards);
        let cards = open(dir.path(), &root);
        assert!(uses(&cards) > ahead);
        close(cards);
    }
}
