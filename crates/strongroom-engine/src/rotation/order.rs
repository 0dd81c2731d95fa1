//! The commit thread's part: keys change only where rows change.

use std::sync::Arc;

use strongroom_crypto::{Hierarchy, KeyRow, Purpose, Rewrap, RootKeys};
use strongroom_store::Batch;
use strongroom_types::id::Kind;

use crate::commit::Commit;
use crate::envelope::Failure;
use crate::rotation::rehash::Moved;
use crate::rotation::reseal::Resealer;

/// What is to be done with keys.
pub(crate) enum KeyOrder {
    /// New versions of a scope's data keys, or of those of one purpose.
    Renew { scope: u32, only: Option<Purpose> },
    /// Rows of blind indexes, from the hashes of older versions to those of the newest.
    Rehash { scope: u32, moves: Vec<Moved> },
    /// New keys for the subjects that have these.
    RenewSubjects(Vec<u32>),
    /// Keys of subjects that have newer ones, which nothing is sealed under.
    DestroySubjects(Vec<u32>),
    /// A new key for a scope, or for the installation, with all it wraps.
    Wrap { scope: Option<u32> },
    /// Other roots.
    Roots(Box<RootKeys>),
    /// Superseded data keys that nothing is sealed under.
    Destroy { scope: u32, numbers: Vec<u32> },
}

impl Commit {
    /// Says how many keys it was about.
    pub(crate) fn keys(&mut self, order: KeyOrder) -> Result<usize, Failure> {
        match order {
            KeyOrder::Renew { scope, only } => self.renew(scope, only),
            KeyOrder::Rehash { scope, moves } => self.rehash(scope, &moves),
            KeyOrder::RenewSubjects(numbers) => self.renew_subjects(numbers),
            KeyOrder::DestroySubjects(numbers) => self.destroy_subjects(numbers),
            KeyOrder::Wrap { scope } => {
                let (rows, now) = (self.key_rows()?, self.shared.now());
                let planned = self.shared.hierarchy.plan_wrapping(scope, &rows, now.0);
                match planned {
                    Some(planned) => self.wrapped(planned, &rows),
                    None => Ok(0),
                }
            }
            KeyOrder::Roots(roots) => {
                let rows = self.key_rows()?;
                let (version, _) = self.shared.hierarchy.root_versions();
                let (wanted, _) = roots.root();
                if wanted == version && Hierarchy::open(roots.copy(), rows.clone()).is_ok() {
                    // It was done before.
                    return Ok(0);
                }
                // SECURITY: only what follows the roots in use takes their place; who read the keyring before another
                // replacement would have all keys wrapped under roots that no file holds.
                if Some(wanted) != version.checked_add(1) {
                    return Err(Failure::KeyReused);
                }
                let planned = self.shared.hierarchy.plan_roots(&roots, &rows);
                self.wrapped(planned, &rows)
            }
            KeyOrder::Destroy { scope, numbers } => self.destroy(scope, numbers),
        }
    }

    fn renew(&mut self, scope: u32, only: Option<Purpose>) -> Result<usize, Failure> {
        let now = self.shared.now();
        let wanted = |purpose: Purpose| match only {
            Some(only) => purpose == only,
            None => purpose.is_resealed(),
        };
        let made = self.shared.hierarchy.renew(scope, wanted, now.0);
        // From here on this thread seals under the new versions alone.
        self.sealers.clear();
        self.apply(&mut Batch::default())?;
        Ok(made)
    }

    fn key_rows(&mut self) -> Result<Vec<KeyRow>, Failure> {
        self.reader.keys().map_err(|error| self.failed(&error))
    }

    fn wrapped(&mut self, planned: Rewrap, stored: &[KeyRow]) -> Result<usize, Failure> {
        let is_stored = |number: u32| stored.iter().any(|row| row.number == number);
        let replaced = planned.rows.iter().map(|row| row.number);
        let replaced: Vec<u32> = replaced.filter(|number| is_stored(*number)).collect();
        let count = replaced.len();
        let batch = Batch {
            removed_keys: replaced.into_iter().chain(planned.retired).collect(),
            keys: planned.rows.clone(),
            ..Batch::default()
        };
        match self.writer.apply(&batch) {
            Ok(()) => {
                self.shared.hierarchy.install(planned);
                Ok(count)
            }
            Err(error) => {
                self.shared.hierarchy.put_back_rows(planned.waiting);
                Err(self.failed(&error))
            }
        }
    }

    fn destroy(&mut self, scope: u32, numbers: Vec<u32>) -> Result<usize, Failure> {
        let hierarchy = Arc::clone(&self.shared.hierarchy);
        let old = hierarchy.superseded(scope, |_| true);
        let numbers: Vec<u32> = numbers.into_iter().filter(|n| old.contains(n)).collect();
        let mut batch = Batch {
            removed_keys: numbers.clone(),
            ..Batch::default()
        };
        self.apply(&mut batch)?;
        hierarchy.destroyed(&numbers, self.shared.now().0);
        Ok(numbers.len())
    }

    /// Seals rows again that were sealed elsewhere, under a key that was superseded since.
    pub(crate) fn reseal_late(&mut self, batch: &mut Batch) {
        if !self.shared.hierarchy.has_superseded() {
            return;
        }
        let shared = &self.shared;
        let mut resealer = Resealer::new(Arc::clone(&shared.hierarchy));
        match resealer.late(|number| shared.scope(number), batch) {
            // A token in memory carries its number as it was sealed before.
            Ok(rows) => {
                let tokens = rows.into_iter().filter(|(_, id)| id.kind == Kind::Token);
                tokens.for_each(|key| self.cache.forget(key));
            }
            Err(fault) => tracing::error!(fault = %fault, "a row could not be sealed again"),
        }
    }
}
