//! What somebody kept of a store's past, held against what a backup brought back.

use strongroom_audit::Checkpoint;
use strongroom_crypto::{RootKeys, SigningKey};
use strongroom_store::{IdRange, Store};
use strongroom_types::id::Kind;
use strongroom_types::mode::INSTALLATION;

use crate::checkpoints::origin;
use crate::clock::{Clock, WallClock};
use crate::opened::Opener;
use crate::start::{StartError, hierarchy, scope_of};

/// A log that is shorter than a checkpoint of it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind {
    /// The log, by its name in checkpoints.
    pub log: String,
    /// Entries under the checkpoint.
    pub known: u64,
    /// Entries that are there.
    pub here: u64,
}

/// The signed notes in a text that holds one after another.
pub fn notes(text: &str) -> Vec<String> {
    let mut notes = Vec::new();
    let mut note = String::new();
    let mut signed = false;
    for line in text.lines() {
        if signed && !line.starts_with("— ") {
            notes.push(std::mem::take(&mut note));
            signed = false;
        }
        if note.is_empty() && line.trim().is_empty() {
            continue;
        }
        signed |= line.starts_with("— ");
        note.push_str(line);
        note.push('\n');
    }
    if !note.is_empty() {
        notes.push(note);
    }
    notes
}

/// The logs that are shorter than checkpoints of this installation say. What a checkpoint says of entries that are
/// there is for [`crate::verify::audit_verify`].
///
/// # Errors
/// [`StartError`] when the store does not open, or a note is no checkpoint that this installation signed.
pub fn behind(
    store: &dyn Store,
    root: RootKeys,
    notes: &[String],
) -> Result<Vec<Behind>, StartError> {
    let mut reader = store.reader()?;
    let heads = reader.heads()?;
    let keys = hierarchy(&mut *reader, root, WallClock.now())?;
    let lacking = || StartError::Damage("no checkpoint was ever signed here".into());
    let key = keys
        .existing(INSTALLATION, strongroom_crypto::Purpose::Checkpoint, 0)
        .ok_or_else(lacking)?;
    let public = SigningKey::from_seed(key.seed()).public();
    let mut found = Vec::new();
    for note in notes {
        let log = note.lines().next().unwrap_or_default().to_owned();
        let checkpoint = Checkpoint::open(note, &log, &public)
            .map_err(|error| StartError::Damage(format!("a known checkpoint: {error}")))?;
        let mut here = 0;
        for head in &heads {
            if origin(&scope_of(head)?) == log {
                here = head.seq;
            }
        }
        if here < checkpoint.size {
            found.push(Behind {
                log,
                known: checkpoint.size,
                here,
            });
        }
    }
    Ok(found)
}

/// How many of a log's checkpoints are tried, the newest first.
const TRIED: usize = 100;

/// The newest checkpoint of each log that opens.
///
/// # Errors
/// [`StartError`] when store or keys do not open, or of a log none of several that it has: nothing would be known of it.
pub fn checkpoints(store: &dyn Store, root: RootKeys) -> Result<Vec<String>, StartError> {
    let mut reader = store.reader()?;
    let heads = reader.heads()?;
    let opener = Opener::new(std::sync::Arc::new(hierarchy(
        &mut *reader,
        root,
        WallClock.now(),
    )?));
    let mut notes = Vec::new();
    for head in &heads {
        let scope = scope_of(head)?;
        let kind = Kind::Checkpoint.code();
        let rows = reader.records(scope.number, kind, IdRange::default(), true, TRIED)?;
        let opened = rows
            .iter()
            .find_map(|row| opener.checkpoint(&scope, row).ok());
        if opened.is_none() && !rows.is_empty() {
            let text = format!("no checkpoint of {} opens", origin(&scope));
            return Err(StartError::Damage(text));
        }
        notes.extend(opened);
    }
    Ok(notes)
}
