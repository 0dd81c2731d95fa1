//! A row of a blind index that must be there, under whichever version of the key its hash is.

use std::sync::Arc;

use strongroom_crypto::DataKey;
use strongroom_domain::facts::Field;
use strongroom_store::IndexRow;
use strongroom_types::id::{AnyId, Kind, RawId};

use crate::shared::index_hash_under;

/// An index row that must be there.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Claim {
    pub scope: u32,
    pub field: u16,
    hash: [u8; 16],
    kind: u8,
    id: [u8; 12],
}

impl Claim {
    fn new(scope: u32, key: &DataKey, field: Field, text: &str, holder: AnyId) -> Claim {
        let hash = index_hash_under(key, field.code(), text);
        Claim {
            scope,
            field: field.code(),
            hash,
            kind: holder.kind.code(),
            id: holder.raw.0,
        }
    }

    pub fn of(row: &IndexRow) -> Claim {
        let IndexRow {
            scope,
            field,
            hash,
            kind,
            id,
            unique: _,
        } = *row;
        Claim {
            scope,
            field,
            hash,
            kind,
            id,
        }
    }

    pub fn name(&self) -> String {
        let holder = Kind::from_code(self.kind).map_or("?", Kind::prefix);
        format!(
            "the index row of field {} of log {} for `{holder}_{}`",
            self.field,
            self.scope,
            RawId(self.id)
        )
    }
}

/// A value that something holds, as each version of the key hashes it; in a row it stands under one of them.
#[derive(Clone)]
pub(super) struct Claimed {
    pub newest: Claim,
    /// None but while the key is being replaced.
    pub older: Vec<Claim>,
}

impl Claimed {
    /// `keys` are the newest first; none without any.
    pub fn new(
        scope: u32,
        keys: &[Arc<DataKey>],
        field: Field,
        text: &str,
        holder: AnyId,
    ) -> Option<Claimed> {
        let (newest, older) = keys.split_first()?;
        let claim = |key: &Arc<DataKey>| Claim::new(scope, key, field, text, holder);
        Some(Claimed {
            newest: claim(newest),
            older: older.iter().map(claim).collect(),
        })
    }
}
