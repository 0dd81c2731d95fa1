//! Data subjects under keys of their own again: new shred keys, a new key for each subject under these, his personal parts
//! sealed again, and then the old ones of both destroyed.
//!
//! A subject has two keys meanwhile. New parts are sealed under the newer one from the commit on that makes it; an
//! erasure takes both away (`accept.rs`), and who is erased gets no new one. What is wrapped under a superseded shred key
//! is what is left to do.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use strongroom_crypto::{DataKey, KeyError, KeyRow, Purpose, SealedView};
use strongroom_store::{Batch, RecordRow, Wanted};
use strongroom_types::mode::Scope;

use crate::commit::Commit;
use crate::engine::Engine;
use crate::envelope::Failure;
use crate::opened::OpenFault;
use crate::rotation::order::KeyOrder;
use crate::rotation::pages::{Place, personal};
use crate::rotation::{MOST_PASSES, Rotated, Watch};
use crate::seal::{PERSONAL, read_body};
use crate::view::{ReadFault, View};

/// Subjects of one commit: each costs a look.
const PAGE: usize = 250;

/// A superseded key, and the one that takes its place.
pub(super) type Pair = (Arc<DataKey>, Arc<DataKey>);

/// Such pairs by the number of the first.
pub(super) type Successors = HashMap<u32, Pair>;

impl Engine {
    /// Replaces the keys of all subjects that superseded shred keys wrap, and destroys both.
    pub(super) async fn replace_subjects(
        &self,
        scope: Scope,
        mut so_far: Rotated,
        watch: Watch<'_>,
    ) -> Result<Rotated, Failure> {
        let hierarchy = &self.shared().hierarchy;
        let old: Arc<[u32]> = hierarchy.superseded(scope.number, Purpose::is_shred).into();
        if old.is_empty() {
            return Ok(so_far);
        }
        for _ in 0..MOST_PASSES {
            let (_, made) = self
                .each_subject(scope, &old, Some(KeyOrder::RenewSubjects))
                .await?;
            so_far.made += made;
            self.reseal_once(scope, Place::records(), &mut so_far, watch)
                .await?;
            so_far.left = self.personal_under(scope, &old).await?;
            watch(so_far);
            if so_far.left == 0 {
                break;
            }
        }
        if so_far.left > 0 {
            return Ok(so_far);
        }
        let (_, destroyed) = self
            .each_subject(scope, &old, Some(KeyOrder::DestroySubjects))
            .await?;
        so_far.destroyed += destroyed;
        (so_far.left, _) = self.each_subject(scope, &old, None).await?;
        self.destroy(scope, old.to_vec(), so_far, watch).await
    }

    /// Gives an order about every subject's key that these keys wrap; says how many there are, and of how many it was done.
    async fn each_subject(
        &self,
        scope: Scope,
        wrapping: &Arc<[u32]>,
        order: Option<fn(Vec<u32>) -> KeyOrder>,
    ) -> Result<(u64, usize), Failure> {
        let (mut found, mut done, mut after) = (0, 0, 0);
        loop {
            let wrapping = Arc::clone(wrapping);
            let (last, numbers) = self
                .with_view(scope, move |view| {
                    let rows = view.reader.subject_keys(after, PAGE)?;
                    let wrapped = rows.iter().filter(|row| {
                        row.scope == view.scope.number && wrapping.contains(&row.parent)
                    });
                    let numbers: Vec<u32> = wrapped.map(|row| row.number).collect();
                    Ok((rows.last().map(|row| row.number), numbers))
                })
                .await?;
            let Some(last) = last else {
                return Ok((found, done));
            };
            after = last;
            found += u64::try_from(numbers.len()).unwrap_or(u64::MAX);
            if let Some(order) = order.filter(|_| !numbers.is_empty()) {
                done += self.order(order(numbers)).await?;
            }
        }
    }

    /// Personal parts under subject keys that these keys wrap.
    async fn personal_under(&self, scope: Scope, wrapping: &Arc<[u32]>) -> Result<u64, Failure> {
        let mut count = 0;
        let mut place = Some(Place::records());
        while let Some(at) = place {
            let wrapping = Arc::clone(wrapping);
            let (next, found) = self
                .with_view(scope, move |view| personal(view, at, &wrapping))
                .await?;
            place = next;
            count += found;
        }
        Ok(count)
    }
}

/// The keys in the place of those that personal parts of these rows are under, where there are newer ones.
pub(super) fn successors(view: &mut View<'_>, rows: &[RecordRow]) -> Result<Successors, ReadFault> {
    let scope = view.scope.number;
    let mut found = Successors::new();
    let mut seen = HashSet::new();
    for part in rows
        .iter()
        .flat_map(|row| read_body(&row.body).unwrap_or_default())
    {
        let (PERSONAL, Some(subject), Ok(sealed)) =
            (part.part, part.subject, SealedView::parse(part.blob))
        else {
            continue;
        };
        if !seen.insert(sealed.key) {
            continue;
        }
        // Without a key the subject is erased.
        let Some(newest) = view.reader.subject_key(scope, &subject.0.0)? else {
            continue;
        };
        if newest.number == sealed.key {
            continue;
        }
        if let Some(old) = key(view, sealed.key)? {
            found.insert(sealed.key, (old, opened(view, &newest)?));
        }
    }
    Ok(found)
}

fn key(view: &mut View<'_>, number: u32) -> Result<Option<Arc<DataKey>>, ReadFault> {
    if let Some(key) = view.shared.hierarchy.subject(number) {
        return Ok(Some(key));
    }
    let wanted = Wanted {
        keys: vec![number],
        ..Wanted::default()
    };
    let row = view.reader.load(&wanted)?.keys.into_iter().next();
    row.map(|row| opened(view, &row)).transpose()
}

fn opened(view: &View<'_>, row: &KeyRow) -> Result<Arc<DataKey>, ReadFault> {
    let opened = view.shared.hierarchy.open_subject(row);
    let altered = |error: KeyError| OpenFault::Altered(error.to_string());
    opened.map_err(|error| altered(error).into())
}

impl Commit {
    /// A new key for each subject whose newest key one of these is; from then on his parts are sealed under it.
    pub(super) fn renew_subjects(&mut self, numbers: Vec<u32>) -> Result<usize, Failure> {
        let now = self.shared.now();
        let mut made = 0;
        for row in self.subject_rows(numbers)? {
            if self.newest_version(&row)? == Some(row.number) {
                self.shared.hierarchy.renew_subject(&row, now.0);
                made += 1;
            }
        }
        // What is remembered may be what is replaced, or a key that was not stored.
        self.subjects.clear();
        self.apply(&mut Batch::default())?;
        Ok(made)
    }

    /// Destroys those of these keys whose subjects have newer ones.
    pub(super) fn destroy_subjects(&mut self, numbers: Vec<u32>) -> Result<usize, Failure> {
        let mut gone = Vec::new();
        for row in self.subject_rows(numbers)? {
            if self.newest_version(&row)? != Some(row.number) {
                gone.push(row.number);
            }
        }
        let mut batch = Batch {
            removed_keys: gone.clone(),
            ..Batch::default()
        };
        self.apply(&mut batch)?;
        gone.iter()
            .for_each(|number| self.shared.hierarchy.forget(*number));
        Ok(gone.len())
    }

    /// Those that are there still: who was erased meanwhile has none.
    fn subject_rows(&mut self, numbers: Vec<u32>) -> Result<Vec<KeyRow>, Failure> {
        let wanted = Wanted {
            keys: numbers,
            ..Wanted::default()
        };
        let loaded = self.writer.load(&wanted);
        Ok(loaded.map_err(|error| self.failed(&error))?.keys)
    }

    fn newest_version(&mut self, row: &KeyRow) -> Result<Option<u32>, Failure> {
        let newest = self.reader.subject_key(row.scope, &row.subject);
        let newest = newest.map_err(|error| self.failed(&error))?;
        Ok(newest.map(|newest| newest.number))
    }
}
