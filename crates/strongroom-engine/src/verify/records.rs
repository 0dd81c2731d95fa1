//! Records: each row is the newest version that an entry made, and each version an entry made has its row.

use std::collections::HashMap;
use std::thread;

use strongroom_crypto::SealedView;
use strongroom_domain::record::Record;
use strongroom_store::{KeyRow, Reader, RecordRow, StoreError, Wanted};
use strongroom_types::id::{AnyId, Kind, RawId};
use strongroom_types::mode::Scope;

use crate::accept::lives_in_log;
use crate::opened::{OpenFault, Opener};
use crate::seal::read_body;
use crate::verify::due::Changed;
use crate::verify::open::Opened;
use crate::verify::report::Damages;
use crate::verify::unread::Unread;

/// The newest version of a record, as the log has it.
pub(super) struct Newest {
    version: u64,
    commitment: [u8; 32],
    seq: u64,
    changed: Changed,
    /// Time of the entry that made the first.
    created: i64,
    has_row: bool,
}

/// What the `changes` parts of all entries say.
#[derive(Default)]
pub(super) struct Changes {
    newest: HashMap<(u32, AnyId), Newest, foldhash::fast::RandomState>,
}

impl Changes {
    /// Takes in the changes of one entry.
    pub fn fold(&mut self, log: u32, opened: &Opened, unread: &Unread, damages: &mut Damages) {
        for line in opened.changes.iter().flat_map(|changes| &changes.0) {
            let known = self.newest.get(&(log, line.record));
            let (before, seen) = known.map_or((0, 0), |newest| (newest.version, newest.seq));
            // A payout to a wallet has its first version in its entry alone.
            let born = known.is_none() && line.version == 2 && lives_in_log(line.record.kind);
            if line.version != before + 1 && !born && !unread.any_between(log, seen, opened.seq) {
                let text = format!(
                    "entry {} of log {log}: it makes version {} of `{}`",
                    opened.seq, line.version, line.record
                );
                damages.note(format!("{text} where {} comes next", before + 1));
            }
            let payout = opened
                .facts
                .as_ref()
                .and_then(|facts| facts.payout.as_ref());
            let payout = payout.filter(|payout| payout.id.any() == line.record);
            let first = payout.map_or(opened.time, |payout| payout.created_at.0);
            let newest = Newest {
                version: line.version,
                commitment: line.commitment,
                seq: opened.seq,
                changed: Changed::again(known.map(|newest| newest.changed), opened.time),
                created: known.map_or(first, |newest| newest.created),
                has_row: false,
            };
            self.newest.insert((log, line.record), newest);
        }
    }

    /// Holds a row against the log.
    fn check(
        &mut self,
        id: AnyId,
        checked: &Checked,
        unread: &Unread,
        damages: &mut Damages,
    ) -> Option<&Newest> {
        let RecordRow {
            scope,
            version,
            seq,
            time,
            ..
        } = checked.row;
        let Some(newest) = self.newest.get_mut(&(scope, id)) else {
            if !unread.contains(scope, seq) {
                damages.note(format!("`{id}` of log {scope}: no entry made this record"));
            }
            return None;
        };
        newest.has_row = true;
        if unread.contains(scope, seq) && seq > newest.seq {
            return Some(newest);
        }
        let mut must = |holds: bool, fault: &str| {
            if !holds {
                damages.note(format!("`{id}` of log {scope}: {fault}"));
            }
        };
        let same = version == newest.version && seq == newest.seq;
        must(
            same,
            &format!(
                "version {version} is stored, entry {} made version {}",
                newest.seq, newest.version
            ),
        );
        must(
            time == newest.created,
            "its time of making is not that of its first entry",
        );
        if let (true, Ok((record, commitment))) = (checked.lacking.is_empty(), &checked.outcome) {
            must(
                !same || *commitment == newest.commitment,
                "it is not what its entry committed to",
            );
            must(
                checked.row.status == record.status(),
                "its clear status is not that of its body",
            );
        }
        Some(newest)
    }

    /// Names the records that entries made and that have no row.
    pub fn finish(&self, damages: &mut Damages) {
        let mut lost: Vec<_> = self
            .newest
            .iter()
            .filter(|(_, newest)| !newest.has_row)
            .collect();
        lost.sort_unstable_by_key(|(key, _)| **key);
        for ((log, id), newest) in lost {
            damages.note(format!(
                "`{id}` of log {log}: entry {} made it, and it is not there",
                newest.seq
            ));
        }
    }
}

/// A row as far as it opens.
pub(super) struct Checked {
    pub row: RecordRow,
    /// The record and the commitment to what its row holds.
    pub outcome: Result<(Record, [u8; 32]), OpenFault>,
    /// Subjects' keys that are not there.
    pub lacking: Vec<u32>,
}

impl Checked {
    /// The row's id, when its kind is known.
    pub fn id(&self) -> Option<AnyId> {
        let kind = Kind::from_code(self.row.kind)?;
        Some(AnyId {
            kind,
            raw: RawId(self.row.id),
        })
    }

    /// Says what is wrong with the row in itself and against the log.
    pub fn hold(
        &self,
        changes: &mut Changes,
        unread: &Unread,
        damages: &mut Damages,
    ) -> Option<Changed> {
        let Some(id) = self.id() else {
            damages.note(format!(
                "a record of log {}: its kind {} is not known",
                self.row.scope, self.row.kind
            ));
            return None;
        };
        match &self.outcome {
            Err(OpenFault::NoKey(_)) | Ok(_) => {}
            Err(fault) => damages.note(format!("`{id}` of log {}: {fault}", self.row.scope)),
        }
        changes
            .check(id, self, unread, damages)
            .map(|newest| newest.changed)
    }
}

/// Opens rows on several threads, in order.
pub(super) fn open_records(
    rows: Vec<RecordRow>,
    scope_of: &(dyn Fn(u32) -> Option<Scope> + Sync),
    opener: &Opener,
    reader: &mut dyn Reader,
    threads: usize,
) -> Result<Vec<Checked>, StoreError> {
    let keys = personal_keys(&rows, opener, reader)?;
    let share = rows.len().div_ceil(threads.max(1)).max(1);
    let mut rest = rows;
    let mut shares = Vec::new();
    while !rest.is_empty() {
        let after = rest.split_off(share.min(rest.len()));
        shares.push(std::mem::replace(&mut rest, after));
    }
    let open = |row| open_record(row, scope_of, opener, &keys);
    let opened = thread::scope(|scope| {
        let work = |rows: Vec<RecordRow>| rows.into_iter().map(open).collect::<Vec<_>>();
        let running: Vec<_> = shares
            .into_iter()
            .map(|rows| scope.spawn(move || work(rows)))
            .collect();
        let joined = running.into_iter().map(|thread| match thread.join() {
            Ok(opened) => opened,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.flatten().collect()
    });
    Ok(opened)
}

/// Rows of the subjects' keys that the records' personal parts are sealed under.
fn personal_keys(
    rows: &[RecordRow],
    opener: &Opener,
    reader: &mut dyn Reader,
) -> Result<HashMap<u32, KeyRow>, StoreError> {
    let mut keys: Vec<u32> = rows.iter().flat_map(personal_numbers).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.retain(|number| opener.hierarchy.find(*number).is_none());
    let loaded = reader
        .load(&Wanted {
            keys,
            ..Wanted::default()
        })?
        .keys;
    Ok(loaded.into_iter().map(|row| (row.number, row)).collect())
}

fn personal_numbers(row: &RecordRow) -> Vec<u32> {
    let parts = read_body(&row.body).unwrap_or_default();
    let personal = parts.iter().filter(|part| part.subject.is_some());
    personal
        .filter_map(|part| SealedView::parse(part.blob).ok())
        .map(|view| view.key)
        .collect()
}

fn open_record(
    row: RecordRow,
    scope_of: &(dyn Fn(u32) -> Option<Scope> + Sync),
    opener: &Opener,
    keys: &HashMap<u32, KeyRow>,
) -> Checked {
    let mut lacking = personal_numbers(&row);
    lacking.retain(|number| !keys.contains_key(number) && opener.hierarchy.find(*number).is_none());
    let outcome = match scope_of(row.scope) {
        None => Err(OpenFault::Malformed("its log".into())),
        Some(scope) => {
            opener.record_with_clear(&scope, &row, &mut |number| keys.get(&number).cloned())
        }
    };
    let version = row.version;
    let id = Kind::from_code(row.kind).map(|kind| AnyId {
        kind,
        raw: RawId(row.id),
    });
    let outcome = outcome.map(|(record, clear)| {
        let commitment = id.map_or([0; 32], |id| clear.commitment(id, version));
        (record, commitment)
    });
    Checked {
        row,
        outcome,
        lacking,
    }
}
