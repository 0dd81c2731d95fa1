//! Card numbers at rest: sealed under the vault's own keys, each at a seat that names its books and its token.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use strongroom_channel::message::{Claim, Kept, Place};
use strongroom_crypto::{DataKey, Hierarchy, KeyError, Purpose, RootKeys, equal, random, sha256};
use strongroom_store::{Reader, RecordRow, SqliteStore, Store, StoreError, Wanted};
use strongroom_types::id::{Kind, RawId, TokenId};
use strongroom_types::time::Timestamp;
use strongroom_vault::CardNumber;

use crate::bond;
use crate::encryption::EncryptionKeys;
use crate::replace::{self, Replacing};
use crate::sealed::{self, Commitment, SALT, commitment, opened, salted, sealed};
use crate::serve::Clock;
use crate::shelf::VaultShelf;
use crate::uses::Uses;
use crate::writer::{Change, Writing};

/// The books of the installation, under whose key requests are marked.
pub(crate) const INSTALLATION: u32 = 0;

/// Why the vault cannot do what it was asked.
#[derive(Debug)]
pub enum VaultError {
    Store(StoreError),
    Keys(KeyError),
    /// What is stored does not open.
    Altered(TokenId),
    /// What says whose the vault is does not open.
    Foreign,
    /// The store's thread has ended.
    Stopped,
}

impl fmt::Display for VaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VaultError::Store(error) => error.fmt(f),
            VaultError::Keys(error) => error.fmt(f),
            VaultError::Altered(token) => write!(f, "the number of `{token}` was altered"),
            VaultError::Foreign => f.write_str("what says whose the vault is was altered"),
            VaultError::Stopped => f.write_str("the vault's store has stopped"),
        }
    }
}

impl std::error::Error for VaultError {}

impl From<StoreError> for VaultError {
    fn from(error: StoreError) -> VaultError {
        VaultError::Store(error)
    }
}

/// All numbers.
pub struct Cards {
    hierarchy: Arc<Hierarchy>,
    encryption: EncryptionKeys,
    replacing: Replacing,
    uses: Uses,
    reader: Mutex<Box<dyn Reader>>,
    writing: Arc<Writing>,
    /// One at a time finds out that the vault is nobody's yet.
    bonding: tokio::sync::Mutex<()>,
    store: Box<dyn Store>,
}

impl Cards {
    /// Takes up the store in a folder, or makes it.
    ///
    /// # Errors
    /// [`VaultError`] when store and keys are not as they must be, or another process has them.
    pub fn open(dir: &Path, root: RootKeys, now: Timestamp) -> Result<Cards, VaultError> {
        let store = match SqliteStore::open(dir) {
            Err(StoreError::NotFound) => SqliteStore::create(dir)?,
            opened => opened?,
        };
        let mut reader = store.reader()?;
        let rows = reader.keys()?;
        let hierarchy = match rows.is_empty() {
            true => Hierarchy::create(root, now.0),
            false => Hierarchy::open(root, rows.clone()).map_err(VaultError::Keys)?,
        };
        let hierarchy = Arc::new(hierarchy);
        // Made before anything depends on it: a mark must be the same after a restart.
        hierarchy.current(INSTALLATION, Purpose::CardFingerprint, 0, now.0);
        let encryption = EncryptionKeys::open(Arc::clone(&hierarchy), &rows, now);
        let scopes = replace::scopes(&mut *reader)?;
        let uses = Uses::load(&mut *reader, &hierarchy, &scopes)?;
        let writing = Writing::start(store.writer()?, store.reader()?, Arc::clone(&hierarchy))?;
        let writing = Arc::new(writing);
        Ok(Cards {
            replacing: Replacing::of(&hierarchy, &scopes),
            hierarchy,
            encryption,
            uses,
            reader: Mutex::new(reader),
            writing,
            bonding: tokio::sync::Mutex::new(()),
            store: Box::new(store),
        })
    }

    /// Seals a number for a new token and stores it; what comes back is durable.
    ///
    /// # Errors
    /// [`VaultError`] of the store.
    pub async fn keep(
        &self,
        scope: u32,
        number: &CardNumber,
        now: Timestamp,
    ) -> Result<Kept, VaultError> {
        // SECURITY: whoever knows the id can pay with it, so all of it is random.
        let token = TokenId(RawId(random()));
        self.keep_as(Place { scope, token }, number, now).await
    }

    /// The same for a token that is there already.
    ///
    /// # Errors
    /// As [`Cards::keep`].
    pub async fn keep_as(
        &self,
        place: Place,
        number: &CardNumber,
        now: Timestamp,
    ) -> Result<Kept, VaultError> {
        let salted = salted(number.expose());
        let key = self.key(place.scope, Purpose::Card, now);
        // Both are stored with the number, also when it is the first of these books: a fingerprint whose key was lost
        // with the process would never be met again.
        let known = self.key(place.scope, Purpose::CardFingerprint, now);
        let row = RecordRow {
            scope: place.scope,
            kind: Kind::Token.code(),
            id: place.token.0.0,
            version: 1,
            seq: 0,
            time: now.0,
            status: 0,
            body: sealed(&key, place, &salted),
        };
        self.writing.apply(Change::Put(row)).await?;
        let Commitment {
            digest,
            fingerprint,
        } = commitment(&known, &salted);
        Ok(Kept {
            id: place.token,
            brand: number.brand(),
            bin: number.bin().to_owned(),
            last4: number.last4().to_owned(),
            fingerprint,
            digest,
        })
    }

    /// The number of a token, if there is one that the core's hash commits to.
    ///
    /// # Errors
    /// [`VaultError::Altered`] when it does not open.
    pub fn open_number(
        &self,
        place: Place,
        digest: &[u8; 32],
    ) -> Result<Option<CardNumber>, VaultError> {
        let wanted = Wanted {
            records: vec![key_of(place)],
            ..Wanted::default()
        };
        let loaded = self.reader().load(&wanted)?;
        let Some(row) = loaded.records.first() else {
            return Ok(None);
        };
        let salted = opened(&self.hierarchy, place, &row.body)?;
        if !equal(&sha256(&[&salted]), digest) {
            return Err(VaultError::Altered(place.token));
        }
        let digits = std::str::from_utf8(salted.get(SALT..).unwrap_or(&[])).ok();
        let number = digits.map(CardNumber::parse);
        match number {
            Some(Ok(number)) => Ok(Some(number)),
            _ => Err(VaultError::Altered(place.token)),
        }
    }

    /// The hash that commits to a stored number.
    #[cfg(test)]
    fn digest(&self, row: &RecordRow) -> Result<[u8; 32], VaultError> {
        let place = sealed::place(row).ok_or(VaultError::Foreign)?;
        Ok(sha256(&[&opened(&self.hierarchy, place, &row.body)?]))
    }

    /// Removes a number for good.
    ///
    /// # Errors
    /// [`VaultError`] of the store.
    pub async fn remove(&self, place: Place) -> Result<(), VaultError> {
        self.writing.apply(Change::Remove(place)).await
    }

    /// What acquirers' connectors keep, beside the numbers.
    pub(crate) fn shelf(&self, clock: Clock) -> Result<VaultShelf, VaultError> {
        Ok(VaultShelf {
            hierarchy: Arc::clone(&self.hierarchy),
            reader: Mutex::new(self.store.reader()?),
            writing: Arc::clone(&self.writing),
            clock,
        })
    }

    /// What clients may encrypt card fields to.
    pub(crate) fn encryption(&self) -> &EncryptionKeys {
        &self.encryption
    }

    pub(crate) fn writing(&self) -> &Writing {
        &self.writing
    }

    pub(crate) fn hierarchy(&self) -> &Hierarchy {
        &self.hierarchy
    }

    pub(crate) fn replacing(&self) -> &Replacing {
        &self.replacing
    }

    /// A reader for long walks, which nothing waits for.
    pub(crate) fn own_reader(&self) -> Result<Box<dyn Reader>, VaultError> {
        Ok(self.store.reader()?)
    }

    /// Writes down how often keys were used, ahead of the truth unless it is the `last` time.
    ///
    /// # Errors
    /// [`VaultError`] of the store.
    pub async fn save_uses(&self, last: bool) -> Result<(), VaultError> {
        self.uses.save(&self.hierarchy, &self.writing, last).await
    }

    /// What stands for a number in the hash of a request. SECURITY: keyed, and another one for each request that may
    /// be repeated, so that it confirms no guess.
    pub fn mark(&self, bound: &[&[u8]], number: &str) -> [u8; 16] {
        let key = self
            .hierarchy
            .current(INSTALLATION, Purpose::CardFingerprint, 0, 0);
        let mut fields: Vec<&[u8]> = vec![b"request"];
        fields.extend_from_slice(bound);
        fields.push(number.as_bytes());
        key.mac().short_fields(&fields)
    }

    /// Which of these numbers are there as their tokens commit to them.
    ///
    /// # Errors
    /// [`VaultError`] of the store.
    pub fn holds(&self, claims: &[Claim]) -> Result<Vec<bool>, VaultError> {
        let place = |claim: &Claim| claim.place;
        let wanted = Wanted {
            records: claims.iter().map(place).map(key_of).collect(),
            ..Wanted::default()
        };
        let rows = self.reader().load(&wanted)?.records;
        let found: HashMap<Place, Option<Commitment>> = rows
            .iter()
            .filter_map(|row| Some((sealed::place(row)?, self.committed(row))))
            .collect();
        let fits = |claim: &Claim| {
            let wanted = Commitment {
                digest: claim.digest,
                fingerprint: claim.fingerprint,
            };
            found.get(&claim.place) == Some(&Some(wanted))
        };
        Ok(claims.iter().map(fits).collect())
    }

    fn committed(&self, row: &RecordRow) -> Option<Commitment> {
        let place = sealed::place(row)?;
        let salted = opened(&self.hierarchy, place, &row.body).ok()?;
        let known = self
            .hierarchy
            .existing(place.scope, Purpose::CardFingerprint, 0)?;
        Some(commitment(&known, &salted))
    }

    /// Whether this vault is that installation's; a vault that is nobody's yet is from now on.
    ///
    /// # Errors
    /// [`VaultError::Foreign`] when the record of it does not open, else [`VaultError`] of the store.
    pub async fn belongs_to(&self, owner: [u8; 32], now: Timestamp) -> Result<bool, VaultError> {
        let _one = self.bonding.lock().await;
        let wanted = Wanted {
            records: vec![bond::KEY],
            ..Wanted::default()
        };
        let found = self.reader().load(&wanted)?.records.into_iter().next();
        if let Some(row) = found {
            let known = bond::opened(&self.hierarchy, &row).ok_or(VaultError::Foreign)?;
            return Ok(equal(&known, &owner));
        }
        let key = self.key(INSTALLATION, Purpose::Record, now);
        let row = bond::row(&key, &owner, now);
        self.writing.apply(Change::Put(row)).await?;
        Ok(true)
    }

    fn key(&self, scope: u32, purpose: Purpose, now: Timestamp) -> Arc<DataKey> {
        self.hierarchy.current(scope, purpose, 0, now.0)
    }

    fn reader(&self) -> std::sync::MutexGuard<'_, Box<dyn Reader>> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the thread of the store, after what it was given.
    pub fn stop(&self) {
        self.writing.stop();
    }
}

/// Where a number's row is.
fn key_of(place: Place) -> (u32, u8, [u8; 12]) {
    (place.scope, Kind::Token.code(), place.token.0.0)
}

/// Rows of one scope, for tests of what is at rest.
#[cfg(test)]
fn rows(cards: &Cards, scope: u32) -> Vec<RecordRow> {
    let kind = Kind::Token.code();
    let range = strongroom_store::IdRange::default();
    cards
        .reader()
        .records(scope, kind, range, false, 100)
        .unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::walk;

    const NOW: Timestamp = Timestamp(1_767_225_600_000);

    fn number(text: &str) -> CardNumber {
        CardNumber::parse(text).ok().unwrap()
    }

    fn again(root: &RootKeys) -> RootKeys {
        RootKeys::from_recovery_text(&root.recovery_text()).unwrap()
    }

    #[tokio::test]
    async fn a_number_is_kept_found_again_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let root = RootKeys::generate();
        let cards = Cards::open(dir.path(), again(&root), NOW).unwrap();
        let first = cards
            .keep(7, &number("4242424242424242"), NOW)
            .await
            .unwrap();
        let second = cards
            .keep(7, &number("4242 4242 4242 4242"), NOW)
            .await
            .unwrap();
        let other = cards
            .keep(8, &number("4242424242424242"), NOW)
            .await
            .unwrap();
        assert_eq!(first.fingerprint, second.fingerprint);
        assert_ne!(first.fingerprint, other.fingerprint);
        assert_ne!(first.digest, second.digest);
        let mark = cards.mark(&[b"key"], "4242424242424242");
        cards.stop();
        drop(cards);

        let cards = Cards::open(dir.path(), again(&root), NOW).unwrap();
        assert_eq!(cards.mark(&[b"key"], "4242424242424242"), mark);
        assert_ne!(cards.mark(&[b"other"], "4242424242424242"), mark);
        let place = Place {
            scope: 7,
            token: first.id,
        };
        let found = cards.open_number(place, &first.digest).unwrap().unwrap();
        assert_eq!(found.expose(), "4242424242424242");
        assert!(cards.open_number(place, &second.digest).is_err());
        let older = walk::older_than(&cards, NOW.plus(1)).await.unwrap();
        assert_eq!(older.concat().len(), 3);
        assert!(walk::older_than(&cards, NOW).await.unwrap().is_empty());
        cards.remove(place).await.unwrap();
        assert!(cards.open_number(place, &first.digest).unwrap().is_none());
        cards.stop();
        drop(cards);
        assert!(Cards::open(dir.path(), RootKeys::generate(), NOW).is_err());
    }

    /// Issue 5: what an attacker has who took the vault's database, and the masked parts from the core's.
    #[tokio::test]
    async fn a_database_dump_and_bin_and_last_four_do_not_confirm_a_card_number() {
        let dir = tempfile::tempdir().unwrap();
        let cards = Cards::open(dir.path(), RootKeys::generate(), NOW).unwrap();
        let kept = cards
            .keep(7, &number("4242424242424242"), NOW)
            .await
            .unwrap();
        let row = rows(&cards, 7).remove(0);
        let mut tried = 0;
        for middle in 0..1_000_000u32 {
            let guess = format!("{}{middle:06}{}", kept.bin, kept.last4);
            if CardNumber::parse(&guess).is_err() {
                continue;
            }
            tried += 1;
            let hash = sha256(&[guess.as_bytes()]);
            assert_ne!(hash, kept.digest, "the digest is salted");
            assert_ne!(hash[..16], kept.fingerprint, "the fingerprint is keyed");
            assert!(!contains(&row.body, &hash[..16]) && !contains(&row.body, guess.as_bytes()));
        }
        assert!(tried > 50_000, "{tried}");
    }

    fn contains(hay: &[u8], needle: &[u8]) -> bool {
        hay.windows(needle.len()).any(|window| window == needle)
    }

    #[tokio::test]
    async fn ciphertext_opens_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let cards = Cards::open(dir.path(), RootKeys::generate(), NOW).unwrap();
        let kept = cards
            .keep(7, &number("4242424242424242"), NOW)
            .await
            .unwrap();
        let other = cards
            .keep(7, &number("5555555555554444"), NOW)
            .await
            .unwrap();
        let row = rows(&cards, 7)
            .into_iter()
            .find(|row| row.id == kept.id.0.0);
        let row = row.unwrap();
        assert_eq!(cards.digest(&row).unwrap(), kept.digest);
        let moved = RecordRow {
            id: other.id.0.0,
            ..row.clone()
        };
        assert!(cards.digest(&moved).is_err());
        assert!(
            cards
                .digest(&RecordRow {
                    scope: 8,
                    ..row.clone()
                })
                .is_err()
        );
        for place in 0..row.body.len() {
            let mut body = row.body.clone();
            body[place] ^= 1;
            assert!(
                cards
                    .digest(&RecordRow {
                        body,
                        ..row.clone()
                    })
                    .is_err(),
                "{place}"
            );
        }
    }
}
