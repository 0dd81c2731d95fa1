//! Replacing keys while they are in use: which are superseded, what a new wrapping key wraps again.
//!
//! A data key is superseded once its slot has a newer version; what it sealed is sealed again by whoever owns the rows,
//! and then its row is removed. A wrapping key is replaced in one step: a [`Rewrap`] is stored as one batch, then taken
//! up with [`Hierarchy::install`]. Until then nothing in memory has changed.

use std::sync::Arc;

use crate::data_key::DataKey;
use crate::hierarchy::{Held, Hierarchy, Keys, Parent};
use crate::key_row::{KeyRow, Purpose};
use crate::root::RootKeys;
use crate::roots::Roots;
use crate::slot::Slot;

/// A wrapping key's replacement, ready to be stored.
pub struct Rewrap {
    /// Rows to be written; those that exist replace what is stored under their number.
    pub rows: Vec<KeyRow>,
    /// The key that nothing is wrapped under any more.
    pub retired: Option<u32>,
    /// Rows that waited to be stored, as they were: to be put back if nothing is stored.
    pub waiting: Vec<KeyRow>,
    change: Change,
}

enum Change {
    Key(Slot, u32, Arc<DataKey>),
    Roots(Roots),
}

/// A key in memory, as it is told to an operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyUse {
    /// Its number.
    pub number: u32,
    /// Whether its slot has no newer version.
    pub newest: bool,
    /// Messages sealed with it, as far as they were counted.
    pub uses: u64,
}

impl Purpose {
    /// Whether what such keys seal is sealed again when they are replaced.
    pub const fn is_resealed(self) -> bool {
        matches!(
            self,
            Self::Facts
                | Self::Actor
                | Self::Changes
                | Self::Record
                | Self::StoredReply
                | Self::Card
        )
    }

    /// Whether what such keys hash is hashed again when they are replaced.
    pub const fn is_rehashed(self) -> bool {
        matches!(self, Self::BlindIndex)
    }

    /// Whether the keys that such keys wrap are made anew when they are replaced.
    pub const fn is_shred(self) -> bool {
        matches!(self, Self::Shred)
    }
}

impl Hierarchy {
    /// Gives every slot of a scope with such a purpose a new version, and says how many. Their rows wait in
    /// [`Hierarchy::take_new_rows`]. For wrapping keys there is [`Hierarchy::plan_wrapping`].
    pub fn renew(&self, scope: u32, of: impl Fn(Purpose) -> bool, now_ms: i64) -> usize {
        let mut keys = self.write();
        let slots: Vec<(Slot, u32)> = keys
            .by_slot
            .iter()
            .map(|(slot, (version, _))| (*slot, *version))
            .filter(|(slot, _)| slot.scope == scope && of(slot.purpose))
            .collect();
        for (slot, version) in &slots {
            let key = self.make(&mut keys, *slot, version + 1, now_ms);
            keys.insert(*slot, version + 1, key);
        }
        slots.len()
    }

    /// Whether a scope has a key of that purpose.
    pub fn has(&self, scope: u32, purpose: Purpose) -> bool {
        let keys = self.read();
        let mut slots = keys.by_slot.keys();
        slots.any(|slot| slot.scope == scope && slot.purpose == purpose)
    }

    /// A slot's next version, when its key is worn out.
    pub fn renew_one(&self, number: u32, now_ms: i64) {
        let mut keys = self.write();
        let Some((slot, version)) = keys
            .by_number
            .get(&number)
            .map(|held| (held.slot, held.version))
        else {
            return;
        };
        if slot.purpose.is_resealed() && keys.current(&slot).is_some_and(|key| key.number == number)
        {
            let key = self.make(&mut keys, slot, version + 1, now_ms);
            keys.insert(slot, version + 1, key);
        }
    }

    /// Numbers of a scope's keys of such purposes that have a newer version and are not destroyed, ascending.
    pub fn superseded(&self, scope: u32, of: impl Fn(Purpose) -> bool) -> Vec<u32> {
        let keys = self.read();
        let slots = keys.older.iter();
        let slots = slots.filter(|(slot, _)| slot.scope == scope && of(slot.purpose));
        let numbers = slots.flat_map(|(_, numbers)| numbers.iter().copied());
        let mut numbers: Vec<u32> = numbers.filter(|number| keys.is_there(*number)).collect();
        numbers.sort_unstable();
        numbers
    }

    /// The versions of a key without a period before its newest, newest first; none but while what they hashed is hashed
    /// again.
    pub fn older(&self, scope: u32, purpose: Purpose) -> Vec<Arc<DataKey>> {
        let keys = self.read();
        let Some(numbers) = keys.older.get(&Slot::of(scope, purpose)) else {
            return Vec::new();
        };
        let numbers = numbers.iter().filter(|number| keys.is_there(**number));
        let mut older: Vec<&Held> = numbers
            .filter_map(|number| keys.by_number.get(number))
            .collect();
        older.sort_unstable_by_key(|held| std::cmp::Reverse(held.version));
        older.iter().map(|held| Arc::clone(&held.key)).collect()
    }

    /// The next version of a data subject's key, wrapped under the newest shred key of its bucket. Its row waits in
    /// [`Hierarchy::take_new_rows`].
    pub fn renew_subject(&self, row: &KeyRow, now_ms: i64) -> Arc<DataKey> {
        let slot = Slot {
            scope: row.scope,
            purpose: Purpose::Subject,
            period: 0,
            subject: row.subject,
        };
        let version = row.version.saturating_add(1);
        let key = self.make(&mut self.write(), slot, version, now_ms);
        self.keep_subject(Arc::clone(&key));
        key
    }

    /// Whether any key has a newer version: asked with every commit.
    pub fn has_superseded(&self) -> bool {
        !self.read().older.is_empty()
    }

    /// Notes that rows of keys are gone; they stay in memory for who read something before.
    pub fn destroyed(&self, numbers: &[u32], now_ms: i64) {
        let mut keys = self.write();
        keys.destroyed
            .extend(numbers.iter().map(|number| (*number, now_ms)));
    }

    /// Drops keys from memory that were destroyed before this time.
    pub fn forget_destroyed(&self, before_ms: i64) {
        let gone: Vec<u32> = {
            let mut keys = self.write();
            let gone = keys
                .destroyed
                .iter()
                .filter(|(_, time)| **time <= before_ms);
            let gone: Vec<u32> = gone.map(|(number, _)| *number).collect();
            keys.destroyed.retain(|number, _| !gone.contains(number));
            gone
        };
        gone.into_iter().for_each(|number| self.forget(number));
    }

    /// Versions of the installation root and the shred root in use.
    pub fn root_versions(&self) -> (u32, u32) {
        let roots = self.current_roots();
        (roots.root.version, roots.shred_root.version)
    }

    /// Number, scope and uses of every key that seals and was used.
    pub fn uses_of_sealing_keys(&self) -> Vec<(u32, u32, u64)> {
        let keys = self.read();
        let used = keys.by_number.values().filter(|held| held.key.uses() > 0);
        used.map(|held| (held.key.number, held.slot.scope, held.key.uses()))
            .collect()
    }

    /// The newest key of the slot that a key belongs to, if that is another one.
    pub fn successor(&self, number: u32) -> Option<Arc<DataKey>> {
        let keys = self.read();
        let held = keys.by_number.get(&number)?;
        keys.current(&held.slot).filter(|key| key.number != number)
    }

    /// Every key in memory but those of subjects, by number.
    pub fn uses(&self) -> Vec<KeyUse> {
        let keys = self.read();
        let mut uses: Vec<KeyUse> = keys
            .by_number
            .values()
            .map(|held| KeyUse {
                number: held.key.number,
                newest: keys
                    .current(&held.slot)
                    .is_some_and(|key| key.number == held.key.number),
                uses: held.key.uses(),
            })
            .collect();
        uses.sort_unstable_by_key(|held| held.number);
        uses
    }

    /// Takes in how often a key was used before this process.
    pub fn used_before(&self, number: u32, uses: u64) {
        if let Some(key) = self.find(number) {
            key.seal_key().add_uses(uses);
        }
    }

    /// A new installation key (`scope` none) or a new key of a scope, and everything below it wrapped again. `rows` are
    /// all stored rows but those of subjects.
    pub fn plan_wrapping(
        &self,
        scope: Option<u32>,
        rows: &[KeyRow],
        now_ms: i64,
    ) -> Option<Rewrap> {
        let mut keys = self.write();
        let slot = match scope {
            None => Slot::installation(),
            Some(scope) => Slot::scope_key(scope),
        };
        let (version, old) = keys
            .by_slot
            .get(&slot)
            .map(|(version, key)| (*version, key.number))?;
        let mut waiting = std::mem::take(&mut keys.new_rows);
        let fresh = self.make(&mut keys, slot, version + 1, now_ms);
        let mut made = std::mem::take(&mut keys.new_rows);
        let below = rows.iter().chain(&waiting).filter(|row| row.parent == old);
        let parent = Parent::Key(Arc::clone(&fresh));
        made.extend(below.filter_map(|row| keys.wrapped_again(row, &parent)));
        // Rows that waited and are wrapped under something else are stored as they are, in the same batch.
        made.extend(waiting.iter().filter(|row| row.parent != old).cloned());
        Some(Rewrap {
            rows: made,
            retired: Some(old),
            waiting: std::mem::take(&mut waiting),
            change: Change::Key(slot, version + 1, fresh),
        })
    }

    /// The installation key and all shred keys, wrapped under other roots.
    pub fn plan_roots(&self, roots: &RootKeys, rows: &[KeyRow]) -> Rewrap {
        let mut keys = self.write();
        let roots = Roots::new(roots);
        let waiting = std::mem::take(&mut keys.new_rows);
        let mut made = Vec::new();
        for row in rows.iter().chain(&waiting) {
            let parent = match Purpose::from_number(row.purpose) {
                Some(Purpose::Installation) => Parent::Root(Arc::clone(&roots.root)),
                Some(Purpose::Shred) => Parent::Root(Arc::clone(&roots.shred_root)),
                _ => continue,
            };
            made.extend(keys.wrapped_again(row, &parent));
        }
        let depends = |row: &&KeyRow| {
            ![Purpose::Installation, Purpose::Shred]
                .map(Purpose::number)
                .contains(&row.purpose)
        };
        made.extend(waiting.iter().filter(depends).cloned());
        Rewrap {
            rows: made,
            retired: None,
            waiting,
            change: Change::Roots(roots),
        }
    }

    /// Takes up what was stored. Rows made since under the retired key are wrapped again before they are stored.
    pub fn install(&self, stored: Rewrap) {
        let Rewrap {
            retired, change, ..
        } = stored;
        let mut keys = self.write();
        match change {
            Change::Roots(roots) => {
                self.install_roots(roots.clone());
                keys.wrap_waiting(|row| match Purpose::from_number(row.purpose) {
                    Some(Purpose::Installation) => Some(Parent::Root(Arc::clone(&roots.root))),
                    Some(Purpose::Shred) => Some(Parent::Root(Arc::clone(&roots.shred_root))),
                    _ => None,
                });
            }
            Change::Key(slot, version, key) => {
                keys.insert(slot, version, Arc::clone(&key));
                if let Some(old) = retired {
                    keys.remove(old);
                    keys.wrap_waiting(|row| {
                        (row.parent == old).then(|| Parent::Key(Arc::clone(&key)))
                    });
                }
            }
        }
    }
}

impl Keys {
    fn is_there(&self, number: u32) -> bool {
        !self.destroyed.contains_key(&number)
    }

    /// The row of a key in memory under another parent, under its own number.
    fn wrapped_again(&self, row: &KeyRow, parent: &Parent) -> Option<KeyRow> {
        let held = self.by_number.get(&row.number)?;
        let mut again = KeyRow {
            parent: parent.number(),
            ..row.clone()
        };
        again.wrap(parent.seal_key(), parent.label(), held.key.bytes());
        Some(again)
    }

    fn wrap_waiting(&mut self, parent: impl Fn(&KeyRow) -> Option<Parent>) {
        let waiting = std::mem::take(&mut self.new_rows);
        let wrapped = waiting.into_iter().map(|row| match parent(&row) {
            Some(parent) => self.wrapped_again(&row, &parent).unwrap_or(row),
            None => row,
        });
        let wrapped: Vec<KeyRow> = wrapped.collect();
        self.new_rows = wrapped;
    }
}
