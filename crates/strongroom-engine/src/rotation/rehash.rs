//! Blind indexes under another key: what a text hashes to by the newest version takes the place of what it hashed to before.
//!
//! A row does not say under which version its hash is, and no hash leads back to its text. So the texts are read once more,
//! from entries and records, a page at a time beside the commits, and the commit thread moves what stands under their older
//! hashes. INVARIANT(index-moves): a row goes from an older version to the newest in one commit and never back, and nothing
//! is written under an older one any more: whoever claims or releases a value does it under all versions (`accept.rs`),
//! whoever asks for its holder asks under all (`load.rs`, `view/mod.rs`). So what one holder alone may have stays one
//! holder's, and a pass over all texts that finds no row under an older hash shows that there is none.

use std::collections::HashMap;
use std::sync::Arc;

use strongroom_crypto::Purpose;
use strongroom_store::{Batch, IndexRow, Wanted};
use strongroom_types::mode::Scope;

use crate::commit::Commit;
use crate::engine::Engine;
use crate::envelope::Failure;
use crate::rotation::order::KeyOrder;
use crate::rotation::pages::{Place, claimed};
use crate::rotation::{MOST_PASSES, Rotated, Watch};
use crate::scopes::installation;
use crate::shared::index_hash_under;
use crate::view::{ReadFault, View};

/// A hash that takes the place of another, under which something stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved {
    field: u16,
    from: [u8; 16],
    to: [u8; 16],
    /// The version that `from` is of, and how many rows stand there.
    version: u32,
    rows: u64,
}

impl Engine {
    /// Hashes again what is under superseded keys, until a pass finds nothing, and destroys them.
    pub(super) async fn rehash_scope(
        &self,
        scope: Scope,
        mut so_far: Rotated,
        watch: Watch<'_>,
    ) -> Result<Rotated, Failure> {
        let hierarchy = &self.shared().hierarchy;
        let old = hierarchy.superseded(scope.number, Purpose::is_rehashed);
        if old.is_empty() {
            return Ok(so_far);
        }
        for _ in 0..MOST_PASSES {
            so_far.left = self.rehash_once(scope, &mut so_far, watch).await?;
            watch(so_far);
            if so_far.left == 0 {
                break;
            }
        }
        self.destroy(scope, old, so_far, watch).await
    }

    /// One pass; says how many rows stood under an older version.
    async fn rehash_once(
        &self,
        scope: Scope,
        so_far: &mut Rotated,
        watch: Watch<'_>,
    ) -> Result<u64, Failure> {
        let mut found = 0;
        let mut place = Some(Place::start());
        while let Some(at) = place {
            let (next, moves) = self.with_view(scope, move |view| moves(view, at)).await?;
            place = next;
            if moves.is_empty() {
                continue;
            }
            found += moves.iter().map(|moved| moved.rows).sum::<u64>();
            let order = KeyOrder::Rehash {
                scope: scope.number,
                moves,
            };
            so_far.resealed += u64::try_from(self.order(order).await?).unwrap_or(0);
            watch(*so_far);
        }
        Ok(found)
    }

    /// Adds how many rows of blind indexes stand under each version of their keys.
    pub(super) async fn count_indexes(
        &self,
        sealed: &mut HashMap<u32, u64>,
    ) -> Result<(), Failure> {
        let mut rows = self
            .with_view(installation(), |view| {
                let mut rows: HashMap<u32, u64> = HashMap::new();
                let count = &mut |row: IndexRow| *rows.entry(row.scope).or_default() += 1;
                view.reader.all_indexes(count)?;
                Ok(rows)
            })
            .await?;
        let hierarchy = Arc::clone(&self.shared().hierarchy);
        for scope in self.scopes() {
            let Some(newest) = hierarchy.existing(scope.number, Purpose::BlindIndex, 0) else {
                continue;
            };
            let mut under_older = 0;
            let superseded = hierarchy.superseded(scope.number, Purpose::is_rehashed);
            let mut place = (!superseded.is_empty()).then(Place::start);
            while let Some(at) = place {
                let (next, moves) = self.with_view(scope, move |view| moves(view, at)).await?;
                place = next;
                for moved in moves {
                    *sealed.entry(moved.version).or_default() += moved.rows;
                    under_older += moved.rows;
                }
            }
            let all = rows.remove(&scope.number).unwrap_or(0);
            sealed.insert(newest.number, all.saturating_sub(under_older));
        }
        Ok(())
    }
}

/// What a page's texts stand under that is not the newest version, and where the next page is.
fn moves(view: &mut View<'_>, at: Place) -> Result<(Option<Place>, Vec<Moved>), ReadFault> {
    let number = view.scope().number;
    let hierarchy = Arc::clone(&view.shared.hierarchy);
    let Some(newest) = hierarchy.existing(number, Purpose::BlindIndex, 0) else {
        return Ok((None, Vec::new()));
    };
    let older = hierarchy.older(number, Purpose::BlindIndex);
    let mut known: HashMap<(u16, [u8; 16]), Moved> = HashMap::new();
    let next = claimed(view, at, &mut |field, text| {
        let field = field.code();
        let to = index_hash_under(&newest, field, text);
        for key in &older {
            let from = index_hash_under(key, field, text);
            let moved = Moved {
                field,
                from,
                to,
                version: key.number,
                rows: 0,
            };
            known.insert((field, from), moved);
        }
    })?;
    if known.is_empty() {
        return Ok((next, Vec::new()));
    }
    let wanted = Wanted {
        indexes: known
            .keys()
            .map(|(field, from)| (number, *field, *from))
            .collect(),
        ..Wanted::default()
    };
    for row in view.reader.load(&wanted)?.indexes {
        if let Some(moved) = known.get_mut(&(row.field, row.hash)) {
            moved.rows += 1;
        }
    }
    Ok((
        next,
        known.into_values().filter(|moved| moved.rows > 0).collect(),
    ))
}

impl Commit {
    /// Moves what still stands under these hashes; says how many rows that was.
    pub(super) fn rehash(&mut self, scope: u32, moves: &[Moved]) -> Result<usize, Failure> {
        let to: HashMap<(u16, [u8; 16]), [u8; 16]> = moves
            .iter()
            .map(|moved| ((moved.field, moved.from), moved.to))
            .collect();
        let wanted = Wanted {
            indexes: to
                .keys()
                .map(|(field, from)| (scope, *field, *from))
                .collect(),
            ..Wanted::default()
        };
        let mut count = 0;
        // A value that many share is loaded in parts.
        loop {
            let loaded = self.writer.load(&wanted);
            let rows = loaded.map_err(|error| self.failed(&error))?.indexes;
            if rows.is_empty() {
                return Ok(count);
            }
            count += rows.len();
            let moved = rows.iter().filter_map(|row| {
                let hash = *to.get(&(row.field, row.hash))?;
                Some(IndexRow {
                    hash,
                    ..row.clone()
                })
            });
            let mut batch = Batch {
                indexes: moved.collect(),
                removed_indexes: rows.clone(),
                ..Batch::default()
            };
            self.apply(&mut batch)?;
        }
    }
}
