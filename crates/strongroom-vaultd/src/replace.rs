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
use strongroom_store::{Id, IdRange, KeyRow, Reader, RecordRow};
use strongroom_types::id::Kind;
use strongroom_types::time::Timestamp;
use tokio::sync::Notify;

use crate::cards::{Cards, INSTALLATION, VaultError};
use crate::sealed::{opened, place, sealed};
use crate::writer::{Change, Writing};
use crate::{bond, shelf, walk};

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

/// How many rows and keys each key sealed.
pub(crate) fn counted(
    reader: &mut dyn Reader,
    rows: &[KeyRow],
) -> Result<HashMap<u32, u64>, VaultError> {
    let mut sealed: HashMap<u32, u64> = HashMap::new();
    for row in rows {
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
    Ok(sealed)
}

/// Keys of one page: far fewer bytes than a frame holds.
const KEYS: usize = 10_000;

/// A page of the vault's keys by number, behind `after`; with `scan`, and what is under each.
pub(crate) async fn keys(
    cards: &Cards,
    scan: bool,
    after: Option<u32>,
) -> Result<Vec<VaultKey>, VaultError> {
    let (mut rows, sealed) = walk::keys(cards, scan, after).await?;
    rows.sort_unstable_by_key(|row| row.number);
    let held = cards.hierarchy().uses();
    let held: HashMap<u32, _> = held.into_iter().map(|held| (held.number, held)).collect();
    let keys = rows.iter().filter_map(|row| {
        let held = held.get(&row.number)?;
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
            sealed: sealed
                .as_ref()
                .map(|sealed| sealed.get(&row.number).copied().unwrap_or(0)),
        })
    });
    Ok(keys.take(KEYS).collect())
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
mod tests;
