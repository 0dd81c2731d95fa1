//! The keys below root custody, in memory.
//!
//! ```text
//! installation root → installation key → scope key (organization and mode) → data keys
//! shred root        → 16 shred keys a scope → subject keys
//! ```
//! Readers and the writer share one [`Hierarchy`]. It makes keys when first asked for and collects their rows; the
//! caller stores those rows in the same commit as whatever was sealed under them. It never touches a store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use zeroize::Zeroizing;

use crate::aead::SealKey;
use crate::data_key::DataKey;
use crate::fatal::fatal;
use crate::key_row::{KeyError, KeyRow, Purpose};
use crate::random::fill_random;
use crate::root::RootKeys;
use crate::roots::{HeldRoots, RootSeal, Roots};
use crate::slot::{NO_SUBJECT, Slot};
use crate::subject_cache::SubjectCache;

/// The parent number of keys wrapped by root custody.
const ROOT: u32 = 0;

/// A key with its place.
pub(crate) struct Held {
    pub key: Arc<DataKey>,
    pub slot: Slot,
    pub version: u32,
}

#[derive(Default)]
pub(crate) struct Keys {
    pub by_number: HashMap<u32, Held>,
    pub by_slot: HashMap<Slot, (u32, Arc<DataKey>)>,
    /// Numbers of versions that are not the newest of their slot.
    pub older: HashMap<Slot, Vec<u32>>,
    highest_number: u32,
    pub new_rows: Vec<KeyRow>,
    /// When the row of a key in memory was removed.
    pub destroyed: HashMap<u32, i64>,
}

pub(crate) enum Parent {
    Root(Arc<RootSeal>),
    Key(Arc<DataKey>),
}

/// All keys of an installation, shared by reference between threads.
pub struct Hierarchy {
    roots: HeldRoots,
    keys: RwLock<Keys>,
    subjects: Mutex<SubjectCache>,
}

impl Hierarchy {
    /// A new installation: makes the installation key, whose row waits in [`Hierarchy::take_new_rows`].
    pub fn create(root: RootKeys, now_ms: i64) -> Self {
        let hierarchy = Self::without_keys(&root);
        hierarchy.get_or_make(&mut hierarchy.write(), Slot::installation(), now_ms);
        hierarchy
    }

    /// An existing installation: unwraps every row but those of subjects, in any order of rows.
    ///
    /// Where subject rows are not among `rows`, call [`Hierarchy::number_above`] with the highest number stored.
    ///
    /// # Errors
    /// [`KeyError`] names the first row, from the root downwards, that does not unwrap.
    pub fn open(root: RootKeys, rows: Vec<KeyRow>) -> Result<Self, KeyError> {
        let (hierarchy, errors) = Self::open_what_unwraps(root, rows);
        match errors.into_iter().next() {
            None => Ok(hierarchy),
            Some(error) => Err(error),
        }
    }

    /// Like [`Hierarchy::open`], but goes on past rows that do not unwrap and names each. Only for looking at damage.
    pub fn open_what_unwraps(root: RootKeys, mut rows: Vec<KeyRow>) -> (Self, Vec<KeyError>) {
        let hierarchy = Self::without_keys(&root);
        // Parents before children; by number within, so that the first damage named is always the same.
        rows.sort_by_key(|row| (Purpose::from_number(row.purpose).map(depth), row.number));
        let mut keys = hierarchy.write();
        let admitted = rows.iter().map(|row| hierarchy.admit(&mut keys, row));
        let mut errors: Vec<KeyError> = admitted.filter_map(Result::err).collect();
        if !keys.by_slot.contains_key(&Slot::installation()) {
            errors.push(KeyError::NoInstallationKey);
        }
        drop(keys);
        // A replacement that was cut short after its commit: everything is under the next roots already.
        let stands = rows
            .iter()
            .find(|row| row.purpose == Purpose::Installation.number());
        hierarchy
            .roots
            .prefer(stands.and_then(|row| row.wrapped_under().ok()));
        (hierarchy, errors)
    }

    /// The current key of a slot; made, with the scope key above it, if there is none.
    ///
    /// For data keys only: wrapping keys are made as needed, subject keys by [`Hierarchy::new_subject`].
    pub fn current(&self, scope: u32, purpose: Purpose, period: u32, now_ms: i64) -> Arc<DataKey> {
        assert!(
            depth(purpose) == DATA,
            "`current` was asked for a wrapping or subject key"
        );
        let slot = Slot {
            scope,
            purpose,
            period,
            subject: NO_SUBJECT,
        };
        if let Some(key) = self.read().current(&slot) {
            return key;
        }
        self.get_or_make(&mut self.write(), slot, now_ms)
    }

    /// The current key of a slot, if there is one.
    pub fn existing(&self, scope: u32, purpose: Purpose, period: u32) -> Option<Arc<DataKey>> {
        self.read().current(&Slot {
            scope,
            purpose,
            period,
            subject: NO_SUBJECT,
        })
    }

    /// The key of that number, looked for among subjects too.
    pub fn find(&self, number: u32) -> Option<Arc<DataKey>> {
        let found = self
            .read()
            .by_number
            .get(&number)
            .map(|held| Arc::clone(&held.key));
        found.or_else(|| self.subject(number))
    }

    /// A fresh key for a data subject, wrapped under the shred key of its bucket.
    pub fn new_subject(&self, scope: u32, subject: [u8; 12], now_ms: i64) -> Arc<DataKey> {
        let slot = Slot {
            scope,
            purpose: Purpose::Subject,
            period: 0,
            subject,
        };
        let key = self.make(&mut self.write(), slot, 1, now_ms);
        self.keep_subject(Arc::clone(&key));
        key
    }

    pub(crate) fn keep_subject(&self, key: Arc<DataKey>) {
        self.lock_subjects().put(key);
    }

    /// Unwraps a subject's row and keeps the key for a while.
    ///
    /// # Errors
    /// [`KeyError`] names the row.
    pub fn open_subject(&self, row: &KeyRow) -> Result<Arc<DataKey>, KeyError> {
        if row.purpose != Purpose::Subject.number() {
            return Err(KeyError::UnknownPurpose {
                number: row.number,
                purpose: row.purpose,
            });
        }
        let bytes = self.unwrap_row(&self.read(), row, Purpose::Subject)?;
        self.number_above(row.number);
        let key = Arc::new(DataKey::from_bytes(row.number, bytes));
        self.lock_subjects().put(Arc::clone(&key));
        Ok(key)
    }

    /// A subject's key, if it was opened or made lately.
    pub fn subject(&self, number: u32) -> Option<Arc<DataKey>> {
        self.lock_subjects().get(number)
    }

    /// Rows made since the last call, to be stored in the same commit as what was sealed under them.
    pub fn take_new_rows(&self) -> Vec<KeyRow> {
        if self.read().new_rows.is_empty() {
            return Vec::new();
        }
        std::mem::take(&mut self.write().new_rows)
    }

    /// Gives rows back whose commit failed; without this, later bodies would be sealed under keys nobody stored.
    pub fn put_back_rows(&self, mut rows: Vec<KeyRow>) {
        let mut keys = self.write();
        rows.append(&mut keys.new_rows);
        keys.new_rows = rows;
    }

    /// Makes new numbers start above `highest`, the highest number in the key table.
    pub fn number_above(&self, highest: u32) {
        if self.read().highest_number < highest {
            let mut keys = self.write();
            keys.highest_number = keys.highest_number.max(highest);
        }
    }

    /// The highest number that a key has, or had, as far as is known.
    pub fn highest_number(&self) -> u32 {
        self.read().highest_number
    }

    /// Drops a key from memory, after its row was destroyed (retention, erasure).
    pub fn forget(&self, number: u32) {
        let mut keys = self.write();
        keys.remove(number);
        keys.by_slot.retain(|_, (_, key)| key.number != number);
        drop(keys);
        self.lock_subjects().remove(number);
    }

    fn without_keys(root: &RootKeys) -> Self {
        Self {
            roots: HeldRoots::new(root),
            keys: RwLock::default(),
            subjects: Mutex::default(),
        }
    }

    fn admit(&self, keys: &mut Keys, row: &KeyRow) -> Result<(), KeyError> {
        let Some(purpose) = Purpose::from_number(row.purpose) else {
            return Err(KeyError::UnknownPurpose {
                number: row.number,
                purpose: row.purpose,
            });
        };
        keys.highest_number = keys.highest_number.max(row.number);
        if purpose == Purpose::Subject {
            return Ok(());
        }
        if keys.by_number.contains_key(&row.number) {
            return Err(KeyError::Duplicate { number: row.number });
        }
        let bytes = self.unwrap_row(keys, row, purpose)?;
        let slot = Slot {
            scope: row.scope,
            purpose,
            period: row.period,
            subject: row.subject,
        };
        keys.insert(
            slot,
            row.version,
            Arc::new(DataKey::from_bytes(row.number, bytes)),
        );
        Ok(())
    }

    fn unwrap_row(
        &self,
        keys: &Keys,
        row: &KeyRow,
        purpose: Purpose,
    ) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        let wrapped_under = row.wrapped_under()?;
        let parent = self.stored_parent(keys, row, purpose, wrapped_under)?;
        let label = parent.label();
        match parent {
            Parent::Root(root) if label != wrapped_under => Err(KeyError::RootVersion {
                number: row.number,
                wrapped_under,
                held: root.version,
            }),
            _ if label != wrapped_under => Err(KeyError::NotAuthentic { number: row.number }),
            parent => row.unwrap_with(parent.seal_key()),
        }
    }

    fn stored_parent(
        &self,
        keys: &Keys,
        row: &KeyRow,
        purpose: Purpose,
        version: u32,
    ) -> Result<Parent, KeyError> {
        match (purpose, row.parent) {
            (Purpose::Installation, ROOT) => Ok(Parent::Root(self.roots.with_root(version).root)),
            (Purpose::Shred, ROOT) => {
                Ok(Parent::Root(self.roots.with_shred_root(version).shred_root))
            }
            (_, parent) => match keys.by_number.get(&parent) {
                Some(held) => Ok(Parent::Key(Arc::clone(&held.key))),
                None => Err(KeyError::MissingParent {
                    number: row.number,
                    parent,
                }),
            },
        }
    }

    /// The roots in use.
    pub(crate) fn current_roots(&self) -> Roots {
        self.roots.current()
    }

    /// Puts other roots in use, from now on the only ones.
    pub(crate) fn install_roots(&self, roots: Roots) {
        self.roots.install(roots);
    }

    fn get_or_make(&self, keys: &mut Keys, slot: Slot, now_ms: i64) -> Arc<DataKey> {
        // Asked again under the write lock: another thread may have made it meanwhile.
        if let Some(key) = keys.current(&slot) {
            return key;
        }
        let key = self.make(keys, slot, 1, now_ms);
        keys.insert(slot, 1, Arc::clone(&key));
        key
    }

    pub(crate) fn make(
        &self,
        keys: &mut Keys,
        slot: Slot,
        version: u32,
        now_ms: i64,
    ) -> Arc<DataKey> {
        let parent = self.parent_for(keys, &slot, now_ms);
        let mut bytes = Zeroizing::new([0; 32]);
        fill_random(&mut bytes[..]);
        let mut row = KeyRow {
            number: keys.next_number(),
            scope: slot.scope,
            purpose: slot.purpose.number(),
            period: slot.period,
            subject: slot.subject,
            version,
            parent: parent.number(),
            created: now_ms,
            wrapped: Vec::new(),
        };
        row.wrap(parent.seal_key(), parent.label(), &bytes);
        let key = Arc::new(DataKey::from_bytes(row.number, bytes));
        keys.new_rows.push(row);
        key
    }

    fn parent_for(&self, keys: &mut Keys, slot: &Slot, now_ms: i64) -> Parent {
        let above = match slot.purpose {
            Purpose::Installation => return Parent::Root(self.current_roots().root),
            Purpose::Shred => return Parent::Root(self.current_roots().shred_root),
            Purpose::Scope => Slot::installation(),
            Purpose::Subject => Slot::shred(slot.scope, &slot.subject),
            _ => Slot::scope_key(slot.scope),
        };
        Parent::Key(self.get_or_make(keys, above, now_ms))
    }

    // A poisoned lock is entered all the same: no code here panics between two writes that belong together.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Keys> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_subjects(&self) -> MutexGuard<'_, SubjectCache> {
        self.subjects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Parent {
    pub fn seal_key(&self) -> &SealKey {
        match self {
            Self::Root(root) => &root.key,
            Self::Key(key) => key.seal_key(),
        }
    }

    pub fn number(&self) -> u32 {
        match self {
            Self::Root(_) => ROOT,
            Self::Key(key) => key.number,
        }
    }

    /// What the wrapped body's clear header says: the root's version, or the parent's number.
    pub fn label(&self) -> u32 {
        match self {
            Self::Root(root) => root.version,
            Self::Key(key) => key.number,
        }
    }
}

impl Keys {
    pub fn current(&self, slot: &Slot) -> Option<Arc<DataKey>> {
        self.by_slot.get(slot).map(|(_, key)| Arc::clone(key))
    }

    pub fn insert(&mut self, slot: Slot, version: u32, key: Arc<DataKey>) {
        let held = Held {
            key: Arc::clone(&key),
            slot,
            version,
        };
        let number = key.number;
        self.by_number.insert(number, held);
        let older = match self.by_slot.get(&slot) {
            Some((held, _)) if *held > version => Some(number),
            _ => {
                let before = self.by_slot.insert(slot, (version, key));
                before.map(|(_, key)| key.number)
            }
        };
        if let Some(older) = older {
            self.older.entry(slot).or_default().push(older);
        }
    }

    /// Takes a key out, but for its place as the newest of a slot.
    pub fn remove(&mut self, number: u32) {
        let Some(held) = self.by_number.remove(&number) else {
            return;
        };
        if let Some(older) = self.older.get_mut(&held.slot) {
            older.retain(|known| *known != number);
            if older.is_empty() {
                self.older.remove(&held.slot);
            }
        }
    }

    pub fn next_number(&mut self) -> u32 {
        match self.highest_number.checked_add(1) {
            Some(number) => self.highest_number = number,
            None => fatal("all 4,294,967,295 key numbers are used"),
        }
        self.highest_number
    }
}

/// The depth of data keys.
const DATA: u8 = 2;

/// Steps below root custody; a row is unwrapped after all rows of less depth.
fn depth(purpose: Purpose) -> u8 {
    match purpose {
        Purpose::Installation | Purpose::Shred => 0,
        Purpose::Scope | Purpose::Subject => 1,
        _ => DATA,
    }
}
