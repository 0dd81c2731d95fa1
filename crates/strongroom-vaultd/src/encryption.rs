//! The keys that card fields may be encrypted to: the newest one, and those before it until their time is over.
//!
//! Each is a row of the vault's key table, its period the generation. When a key ends follows from when the next one was
//! made, so nothing else is stored, and a restart knows the same. The keys of an older vault are none of these: what was
//! derived there from the key of the marks is generation 0, which ends as all others do.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use strongroom_channel::message::PublishedKey;
use strongroom_crypto::{EncryptionKey, Hierarchy, Purpose};
use strongroom_store::KeyRow;
use strongroom_types::time::Timestamp;

use crate::cards::{INSTALLATION, VaultError};
use crate::writer::{Change, Writing};

/// How long a key opens messages after the next one was made.
const OVERLAP: i64 = 24 * 60 * 60 * 1_000;

/// Keys in force at a time. SECURITY: whoever may ask for new keys cannot fill the key table.
const MOST: usize = 8;

/// All keys in force.
pub(crate) struct EncryptionKeys {
    hierarchy: Arc<Hierarchy>,
    /// Newest first; never empty.
    generations: RwLock<Vec<Generation>>,
    rotating: tokio::sync::Mutex<()>,
}

struct Generation {
    period: u32,
    /// Of its row; none for the one that was derived.
    number: Option<u32>,
    key: Arc<EncryptionKey>,
    created: Timestamp,
    /// Set once there is a newer one.
    expires: Option<Timestamp>,
}

impl EncryptionKeys {
    /// Those of a vault that is taken up with `rows`, which gets one if it has none. The new row waits in the hierarchy.
    pub fn open(hierarchy: Arc<Hierarchy>, rows: &[KeyRow], now: Timestamp) -> EncryptionKeys {
        let of = |purpose: Purpose| {
            let number = purpose.number();
            rows.iter()
                .filter(move |row| row.purpose == number && row.scope == INSTALLATION)
        };
        let mut made: Vec<(u32, Option<u32>, i64)> = of(Purpose::CardEncryption)
            .map(|row| (row.period, Some(row.number), row.created))
            .collect();
        if made.is_empty() {
            let key = hierarchy.current(INSTALLATION, Purpose::CardEncryption, 1, now.0);
            made.push((1, Some(key.number), now.0));
        }
        made.sort_unstable();
        let first = made.first().map_or(now.0, |(_, _, created)| *created);
        let derived = of(Purpose::CardFingerprint).find(|row| row.created < first);
        if let (Some(row), Some((1, ..))) = (derived, made.first()) {
            made.insert(0, (0, None, row.created));
        }
        made.reverse();
        let mut generations: Vec<Generation> = Vec::with_capacity(made.len());
        for (period, number, created) in made {
            generations.push(Generation {
                period,
                number,
                key: Arc::new(key_of(&hierarchy, period, now)),
                created: Timestamp(created),
                expires: generations.last().map(|next| next.created.plus(OVERLAP)),
            });
        }
        EncryptionKeys {
            hierarchy,
            generations: RwLock::new(generations),
            rotating: tokio::sync::Mutex::new(()),
        }
    }

    /// The keys that open messages now, newest first.
    pub fn in_force(&self, now: Timestamp) -> Vec<Arc<EncryptionKey>> {
        let generations = self.read();
        let in_force = generations.iter().filter(|key| key.is_in_force(now));
        in_force.map(|key| Arc::clone(&key.key)).collect()
    }

    /// The same, as they are published.
    pub fn published(&self, now: Timestamp) -> Vec<PublishedKey> {
        let generations = self.read();
        let in_force = generations.iter().filter(|key| key.is_in_force(now));
        in_force.map(Generation::published).collect()
    }

    /// Makes a new key. The one before opens messages for a while yet, or no more if it ends `at_once`. Says whether it
    /// was done: it is not while too many are in force.
    pub async fn rotate(
        &self,
        writing: &Writing,
        at_once: bool,
        now: Timestamp,
    ) -> Result<bool, VaultError> {
        let _one = self.rotating.lock().await;
        self.end(writing, now).await?;
        let (period, held) = {
            let generations = self.read();
            let newest = generations.first().map_or(0, |key| key.period);
            (newest.saturating_add(1), generations.len())
        };
        if held >= MOST && !at_once {
            return Ok(false);
        }
        let row = self
            .hierarchy
            .current(INSTALLATION, Purpose::CardEncryption, period, now.0);
        // Durable before anybody encrypts to it.
        writing.apply(Change::Keys(Vec::new())).await?;
        let fresh = Generation {
            period,
            number: Some(row.number),
            key: Arc::new(EncryptionKey::from_seed(row.seed())),
            created: now,
            expires: None,
        };
        {
            let mut generations = self.write();
            let overlap = if at_once { 0 } else { OVERLAP };
            for older in generations.iter_mut() {
                let ends = now.plus(overlap);
                older.expires = Some(older.expires.map_or(ends, |known| known.min(ends)));
            }
            generations.insert(0, fresh);
        }
        self.end(writing, now).await?;
        Ok(true)
    }

    /// Destroys the keys whose time is over.
    pub async fn retire(&self, writing: &Writing, now: Timestamp) -> Result<(), VaultError> {
        let _one = self.rotating.lock().await;
        self.end(writing, now).await
    }

    async fn end(&self, writing: &Writing, now: Timestamp) -> Result<(), VaultError> {
        let over: Vec<u32> = {
            let generations = self.read();
            let over = generations.iter().filter(|key| !key.is_in_force(now));
            over.map(|key| key.period).collect()
        };
        if over.is_empty() {
            return Ok(());
        }
        let numbers: Vec<u32> = {
            let generations = self.read();
            let over = generations.iter().filter(|key| over.contains(&key.period));
            over.filter_map(|key| key.number).collect()
        };
        writing.apply(Change::Keys(numbers.clone())).await?;
        numbers
            .iter()
            .for_each(|number| self.hierarchy.forget(*number));
        self.write().retain(|key| !over.contains(&key.period));
        Ok(())
    }

    // A poisoned lock is entered all the same: no code here panics between two writes that belong together.
    fn read(&self) -> RwLockReadGuard<'_, Vec<Generation>> {
        self.generations
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Vec<Generation>> {
        self.generations
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generation {
    fn is_in_force(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }

    fn published(&self) -> PublishedKey {
        let (x, y) = self.key.public();
        PublishedKey {
            id: self.key.id().to_owned(),
            x: x.to_owned(),
            y: y.to_owned(),
            created: self.created,
            expires: self.expires,
        }
    }
}

fn key_of(hierarchy: &Hierarchy, period: u32, now: Timestamp) -> EncryptionKey {
    let row = match period {
        0 => hierarchy.current(INSTALLATION, Purpose::CardFingerprint, 0, now.0),
        period => hierarchy.current(INSTALLATION, Purpose::CardEncryption, period, now.0),
    };
    EncryptionKey::from_seed(row.seed())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use strongroom_crypto::RootKeys;

    use super::*;
    use crate::cards::Cards;

    const NOW: Timestamp = Timestamp(1_767_225_600_000);

    fn open(dir: &Path, root: &RootKeys, now: Timestamp) -> Cards {
        let root = RootKeys::from_recovery_text(&root.recovery_text()).unwrap();
        Cards::open(dir, root, now).unwrap()
    }

    fn close(cards: Cards) {
        cards.stop();
        drop(cards);
    }

    fn in_force(cards: &Cards, now: Timestamp) -> Vec<String> {
        let keys = cards.encryption().in_force(now);
        keys.iter().map(|key| key.id().to_owned()).collect()
    }

    async fn rotate(cards: &Cards, at_once: bool, now: Timestamp) -> bool {
        let rotated = cards.encryption().rotate(cards.writing(), at_once, now);
        rotated.await.unwrap()
    }

    #[tokio::test]
    async fn the_key_before_opens_for_a_day_and_is_gone_then() {
        let dir = tempfile::tempdir().unwrap();
        let root = RootKeys::generate();
        let cards = open(dir.path(), &root, NOW);
        let first = in_force(&cards, NOW);
        assert_eq!(first.len(), 1);
        close(cards);
        let cards = open(dir.path(), &root, NOW.plus(5));
        assert_eq!(in_force(&cards, NOW.plus(5)), first, "over a restart");

        let rotated = NOW.plus(1_000);
        assert!(rotate(&cards, false, rotated).await);
        let both = in_force(&cards, rotated);
        assert_eq!((both.len(), &both[1]), (2, &first[0]));
        let published = cards.encryption().published(rotated);
        assert_eq!(published[0].expires, None);
        assert_eq!(published[1].expires, Some(rotated.plus(OVERLAP)));
        close(cards);
        let last = rotated.plus(OVERLAP - 1);
        let cards = open(dir.path(), &root, last);
        assert_eq!(in_force(&cards, last), both, "over a restart");
        assert_eq!(in_force(&cards, last.plus(1)), both[..1]);
        let retired = cards.encryption().retire(cards.writing(), last.plus(1));
        retired.await.unwrap();
        close(cards);
        // The clock went back, and there is nothing to be opened with.
        let cards = open(dir.path(), &root, last);
        assert_eq!(in_force(&cards, last), both[..1]);
        close(cards);
    }

    #[tokio::test]
    async fn keys_end_at_once_where_that_is_asked_for_and_their_number_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let root = RootKeys::generate();
        let cards = open(dir.path(), &root, NOW);
        for held in 1..MOST {
            assert_eq!(in_force(&cards, NOW).len(), held);
            assert!(rotate(&cards, false, NOW).await);
        }
        assert!(!rotate(&cards, false, NOW).await, "there are too many");
        assert_eq!(in_force(&cards, NOW).len(), MOST);
        assert!(rotate(&cards, true, NOW).await);
        let one = in_force(&cards, NOW);
        assert_eq!(one.len(), 1);
        close(cards);
        let cards = open(dir.path(), &root, NOW);
        assert_eq!(in_force(&cards, NOW), one);
        close(cards);
    }

    #[tokio::test]
    async fn the_key_of_an_older_vault_ends_as_all_others_do() {
        let dir = tempfile::tempdir().unwrap();
        let root = RootKeys::generate();
        let cards = open(dir.path(), &root, NOW);
        // As it was before there were keys of their own.
        let own = cards
            .encryption()
            .hierarchy
            .existing(INSTALLATION, Purpose::CardEncryption, 1);
        let removed = Change::Keys(vec![own.unwrap().number]);
        cards.writing().apply(removed).await.unwrap();
        close(cards);
        let later = NOW.plus(OVERLAP);
        let cards = open(dir.path(), &root, later);
        let marks =
            cards
                .encryption()
                .hierarchy
                .existing(INSTALLATION, Purpose::CardFingerprint, 0);
        let derived = EncryptionKey::from_seed(marks.unwrap().seed());
        let keys = in_force(&cards, later);
        assert_eq!((keys.len(), keys[1].as_str()), (2, derived.id()));
        assert_eq!(in_force(&cards, later.plus(OVERLAP)), keys[..1]);
        close(cards);
    }
}
