//! Books and vault as they belong together, though each goes on by itself.
//!
//! A number is in the vault before its token is in the books, and is removed after the token lost it (INVARIANT(vault-first)).
//! So the vault is looked at before the books and again after them: what a token of the books needs was there before, or is
//! there afterwards, unless it came and went between the two looks; then all three are taken again. What is in the vault and no
//! token of the books needs – it came later, or waits to be swept – is left out. All of it is told from what stands in clear.

use std::collections::HashSet;

use strongroom_crypto::SealedView;
use strongroom_domain::tokens::TokenStatus;
use strongroom_store::{IdRange, Reader, RecordRow, Row, Store, StoreError, Wanted, each_row};
use strongroom_types::id::Kind;

use super::error::BackupError;
use crate::seal::{CARD, read_body};

/// Rows looked at together.
const PAGE: usize = 1_000;
/// Looks until a vault is taken as it is: numbers that lack in it lack for good.
const LOOKS: usize = 8;
/// A token's id among all books.
type Place = (u32, [u8; 12]);

/// One moment of both.
pub struct Moment {
    books: Box<dyn Reader>,
    vault: Option<VaultMoment>,
    /// Of the books, where it was opened for this.
    store: Option<Box<dyn Store>>,
}

/// The vault's part of it.
pub(super) struct VaultMoment {
    reader: Box<dyn Reader>,
    /// Numbers that were removed since the books were looked at.
    removed: Vec<RecordRow>,
}

/// Books at one moment, with their store where it was opened for that.
type Books = (Box<dyn Reader>, Option<Box<dyn Store>>);

impl Moment {
    /// Looks at both. The books are opened within: a database is one moment from then on, and the vault must be looked at
    /// before.
    ///
    /// # Errors
    /// [`BackupError`] of either store.
    pub fn opening(
        open: &dyn Fn() -> Result<Box<dyn Store>, StoreError>,
        vault: Option<&dyn Store>,
    ) -> Result<Moment, BackupError> {
        let books = || -> Result<Books, StoreError> {
            let store = open()?;
            let mut reader = store.reader()?;
            reader.snapshot()?;
            Ok((reader, Some(store)))
        };
        take(&books, vault)
    }

    /// The same of books that are open.
    #[cfg(test)]
    pub(super) fn of(books: &dyn Store, vault: Option<&dyn Store>) -> Result<Moment, BackupError> {
        let books = || -> Result<Books, StoreError> {
            let mut reader = books.reader()?;
            reader.snapshot()?;
            Ok((reader, None))
        };
        take(&books, vault)
    }

    pub(super) fn parts(self) -> (Books, Option<VaultMoment>) {
        ((self.books, self.store), self.vault)
    }
}

fn take(
    look: &dyn Fn() -> Result<Books, StoreError>,
    vault: Option<&dyn Store>,
) -> Result<Moment, BackupError> {
    let Some(vault) = vault else {
        let (books, store) = look()?;
        return Ok(Moment {
            books,
            vault: None,
            store,
        });
    };
    let mut looks = 0;
    loop {
        looks += 1;
        let mut earlier = vault.reader()?;
        earlier.snapshot()?;
        let (mut books, store) = look()?;
        let mut later = vault.reader()?;
        later.snapshot()?;
        let found = between(&mut *earlier, &mut *books, &mut *later)?;
        if found.lacks && looks < LOOKS {
            continue;
        }
        let vault = VaultMoment {
            reader: later,
            removed: found.removed,
        };
        return Ok(Moment {
            books,
            vault: Some(vault),
            store,
        });
    }
}

struct Between {
    removed: Vec<RecordRow>,
    /// Whether a token needs a number that was in neither look.
    lacks: bool,
}

fn between(
    earlier: &mut dyn Reader,
    books: &mut dyn Reader,
    later: &mut dyn Reader,
) -> Result<Between, BackupError> {
    let keys: HashSet<u32> = later.keys()?.iter().map(|row| row.number).collect();
    let mut found = Between {
        removed: Vec::new(),
        lacks: false,
    };
    for head in books.heads()? {
        let mut range = IdRange::default();
        loop {
            let page = books.records(head.log, Kind::Token.code(), range, false, PAGE)?;
            let Some(last) = page.last() else { break };
            range.after = Some(last.id);
            let needing: Vec<&RecordRow> = page.iter().filter(|row| may_need(row)).collect();
            let there = places(&load(later, needing.iter().copied())?);
            let gone = needing.iter().filter(|row| !there.contains(&place(row)));
            let gone: Vec<&RecordRow> = gone.copied().collect();
            let was = load(earlier, gone.iter().copied())?;
            let opens = |row: &RecordRow| {
                SealedView::parse(&row.body).is_ok_and(|view| keys.contains(&view.key))
            };
            // One under a key that is gone as well was sealed again meanwhile: all is looked at again.
            let was: Vec<RecordRow> = was.into_iter().filter(opens).collect();
            let known = places(&was);
            let surely = TokenStatus::Active.code();
            found.lacks |= gone
                .iter()
                .any(|row| row.status == surely && !known.contains(&place(row)));
            found.removed.extend(was);
        }
    }
    Ok(found)
}

/// Whether a token may need a number of the vault: it has one, and not in its own row. Of a used one that is not told in
/// clear: it has its number until its payment is answered.
fn may_need(row: &RecordRow) -> bool {
    let statuses = [TokenStatus::Active, TokenStatus::Used].map(TokenStatus::code);
    let parts = read_body(&row.body).unwrap_or_default();
    statuses.contains(&row.status) && parts.iter().all(|part| part.part != CARD)
}

fn place(row: &RecordRow) -> Place {
    (row.scope, row.id)
}

fn places(rows: &[RecordRow]) -> HashSet<Place> {
    rows.iter().map(place).collect()
}

/// The rows of these tokens, of either store.
fn load<'r>(
    reader: &mut dyn Reader,
    rows: impl Iterator<Item = &'r RecordRow>,
) -> Result<Vec<RecordRow>, BackupError> {
    let wanted = Wanted {
        records: rows.map(|row| (row.scope, row.kind, row.id)).collect(),
        ..Wanted::default()
    };
    match wanted.records.is_empty() {
        true => Ok(Vec::new()),
        false => Ok(reader.load(&wanted)?.records),
    }
}

impl VaultMoment {
    /// Every row that belongs to these books.
    pub fn each(
        self,
        books: &mut dyn Reader,
        each: &mut dyn FnMut(&Row) -> Result<(), BackupError>,
    ) -> Result<(), BackupError> {
        let VaultMoment {
            mut reader,
            removed,
        } = self;
        let mut page = Vec::new();
        each_row::<BackupError>(&mut *reader, &mut |row| match row {
            Row::Record(row) if row.kind == Kind::Token.code() => {
                page.push(row);
                match page.len() < PAGE {
                    true => Ok(()),
                    false => needed(books, &mut page, each),
                }
            }
            row => each(&row),
        })?;
        needed(books, &mut page, each)?;
        let mut removed = removed.into_iter();
        removed.try_for_each(|row| each(&Row::Record(row)))
    }
}

/// Hands on those of a page that a token needs.
fn needed(
    books: &mut dyn Reader,
    page: &mut Vec<RecordRow>,
    each: &mut dyn FnMut(&Row) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    let tokens = load(books, page.iter())?;
    let needing: HashSet<Place> = tokens
        .iter()
        .filter(|row| may_need(row))
        .map(place)
        .collect();
    let mut kept = page.drain(..).filter(|row| needing.contains(&place(row)));
    kept.try_for_each(|row| each(&Row::Record(row)))
}

#[cfg(test)]
mod tests {
    use strongroom_crypto::write_sealed_header;
    use strongroom_store::{Batch, HeadRow, KeyRow, MemoryStore};

    use super::*;

    const LOG: u32 = 7;
    const KEY: u32 = 5;

    fn token(n: u8, status: TokenStatus) -> RecordRow {
        RecordRow {
            scope: LOG,
            kind: Kind::Token.code(),
            id: [n; 12],
            version: 1,
            seq: 1,
            time: 1,
            status: status.code(),
            body: vec![1, 0],
        }
    }

    fn number(n: u8, key: u32) -> RecordRow {
        let mut body = Vec::new();
        write_sealed_header(key, &[n; 24], &mut body);
        body.extend_from_slice(&[n; 40]);
        RecordRow {
            body,
            ..token(n, TokenStatus::Active)
        }
    }

    fn store(records: Vec<RecordRow>) -> MemoryStore {
        let key = KeyRow {
            number: KEY,
            scope: LOG,
            purpose: 16,
            period: 0,
            subject: [0; 12],
            version: 1,
            parent: 0,
            created: 1,
            wrapped: vec![1],
        };
        let head = HeadRow {
            log: LOG,
            organization: [1; 12],
            mode: 0,
            seq: 0,
            time: 1,
            events: 0,
            frontier: Vec::new(),
        };
        let store = MemoryStore::default();
        let batch = Batch {
            records,
            keys: vec![key],
            heads: vec![head],
            ..Batch::default()
        };
        store.writer().unwrap().apply(&batch).unwrap();
        store
    }

    fn ids(rows: &[RecordRow]) -> Vec<u8> {
        rows.iter().map(|row| row.id[0]).collect()
    }

    /// 1 stays, 2 is removed between the looks, 3 came after the books, 4 was deleted in them, 5 is paid and removed.
    #[test]
    fn a_vault_is_taken_as_it_belongs_to_the_books() {
        let books = store(vec![
            token(1, TokenStatus::Active),
            token(2, TokenStatus::Active),
            token(4, TokenStatus::Deleted),
            token(5, TokenStatus::Used),
            token(6, TokenStatus::Used),
        ]);
        let earlier = store([1, 2, 4, 5].map(|n| number(n, KEY)).into());
        let later = store([1, 3, 4].map(|n| number(n, KEY)).into());
        let mut books = books.reader().unwrap();
        let mut later = later.reader().unwrap();
        let found = between(&mut *earlier.reader().unwrap(), &mut *books, &mut *later).unwrap();
        assert!(!found.lacks);
        assert_eq!(ids(&found.removed), [2, 5]);
        let taken = VaultMoment {
            reader: later,
            removed: found.removed,
        };
        let mut kept = Vec::new();
        let each = &mut |row: &Row| {
            if let Row::Record(row) = row {
                kept.push(row.clone());
            }
            Ok(())
        };
        taken.each(&mut *books, each).unwrap();
        assert_eq!(ids(&kept), [1, 2, 5]);
    }

    #[test]
    fn what_came_and_went_is_looked_at_again() {
        let books = store(vec![token(1, TokenStatus::Active)]);
        let mut books = books.reader().unwrap();
        let empty = store(Vec::new());
        let mut look = |earlier: &MemoryStore, later: &MemoryStore| {
            let (mut earlier, mut later) = (earlier.reader().unwrap(), later.reader().unwrap());
            between(&mut *earlier, &mut *books, &mut *later).unwrap()
        };
        assert!(look(&empty, &empty).lacks);
        // Sealed again between the looks, and its old key is gone.
        let old = store(vec![number(1, 4)]);
        assert!(look(&old, &empty).lacks);
        let good = store(vec![number(1, KEY)]);
        assert!(!look(&empty, &good).lacks);
    }

    /// A vault that lacks a number for good is taken as it is: that it does is for `verify` to say.
    #[test]
    fn a_vault_with_damage_is_taken_all_the_same() {
        let books = store(vec![token(1, TokenStatus::Active)]);
        let vault = store(Vec::new());
        let taken = Moment::of(&books, Some(&vault)).unwrap();
        assert!(taken.vault.unwrap().removed.is_empty());
    }
}
