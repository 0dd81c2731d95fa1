//! The roots a log must have had: its stored checkpoints, heads on record in the installation's log, and a checkpoint
//! that someone kept elsewhere.

use strongroom_audit::{Checkpoint, NoteError, VerifierKey};
use strongroom_crypto::{Hierarchy, Purpose, SigningKey};
use strongroom_domain::action::Action;
use strongroom_domain::entry::EntryFacts;
use strongroom_store::{IdRange, Reader, RecordRow, StoreError};
use strongroom_types::id::{Kind, RawId};
use strongroom_types::mode::{INSTALLATION, Scope};

use crate::checkpoints::{checkpoint_size, origin};
use crate::opened::{OpenFault, Opener};
use crate::verify::report::Damages;
use crate::verify::tree::{Point, Witness};

/// Checkpoints read at once.
const PAGE: usize = 1_000;

/// The key that a log's checkpoints are signed with, if it was ever made. Never makes one.
pub(super) fn verifier(hierarchy: &Hierarchy, scope: &Scope) -> Option<VerifierKey> {
    let key = hierarchy.existing(INSTALLATION, Purpose::Checkpoint, 0)?;
    Some(VerifierKey {
        name: origin(scope),
        public: SigningKey::from_seed(key.seed()).public(),
    })
}

/// Opens a log's stored checkpoints, ascending, and names those that are not what was signed.
pub(super) fn stored(
    reader: &mut dyn Reader,
    opener: &Opener,
    scope: &Scope,
    damages: &mut Damages,
) -> Result<Vec<Point>, StoreError> {
    let mut points = Vec::new();
    let mut range = IdRange::default();
    loop {
        let rows = reader.records(scope.number, Kind::Checkpoint.code(), range, false, PAGE)?;
        let Some(last) = rows.last() else {
            return Ok(points);
        };
        range.after = Some(last.id);
        for row in &rows {
            match stored_one(opener, scope, row) {
                Ok(point) => points.push(point),
                Err(fault) => {
                    damages.note(format!("a checkpoint of log {}: {fault}", scope.number))
                }
            }
        }
    }
}

fn stored_one(opener: &Opener, scope: &Scope, row: &RecordRow) -> Result<Point, String> {
    let note = opener
        .checkpoint(scope, row)
        .map_err(|fault: OpenFault| fault.to_string())?;
    let key = verifier(&opener.hierarchy, scope).ok_or("the key that signed it is missing")?;
    let checkpoint = open_note(&note, &key).map_err(|error| error.to_string())?;
    let size = checkpoint_size(RawId(row.id));
    let columns = (row.version, row.seq, row.status) == (1, size, 0);
    match columns && checkpoint.size == size {
        true => Ok(Point {
            size,
            root: checkpoint.root,
            from: Witness::Checkpoint(row.time),
        }),
        false => Err(format!(
            "its columns do not fit the {} entries it covers",
            checkpoint.size
        )),
    }
}

/// Opens a checkpoint kept elsewhere.
pub(super) fn pinned(note: &str, key: &VerifierKey) -> Result<Point, NoteError> {
    let checkpoint = open_note(note, key)?;
    Ok(Point {
        size: checkpoint.size,
        root: checkpoint.root,
        from: Witness::Pinned,
    })
}

/// A note of that key about its own log.
fn open_note(note: &str, key: &VerifierKey) -> Result<Checkpoint, NoteError> {
    let checkpoint = Checkpoint::open(note, &key.name, &key.public)?;
    match checkpoint.origin == key.name {
        true => Ok(checkpoint),
        false => Err(NoteError::NotACheckpoint),
    }
}

/// Heads of other logs that an entry of the installation's puts on record, by log.
pub(super) fn recorded(seq: u64, facts: &EntryFacts) -> Vec<(u32, Point)> {
    if facts.action != Action::HeadsRecorded || facts.refusal.is_some() {
        return Vec::new();
    }
    let parsed = facts.details.iter().filter_map(|(name, value)| {
        let log = name.strip_prefix("log_")?.parse().ok()?;
        let (size, root) = value.split_once(':')?;
        let point = Point {
            size: size.parse().ok()?,
            root: from_hex(root)?,
            from: Witness::Heads(seq),
        };
        Some((log, point))
    });
    parsed.collect()
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut root = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (n, byte) in root.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * n..2 * n + 2)?, 16).ok()?;
    }
    Some(root)
}
