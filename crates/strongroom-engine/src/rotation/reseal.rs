//! Sealing again: from a superseded key to the newest of its slot, at the same seat, the plaintext never leaving memory.

use std::collections::HashMap;
use std::sync::Arc;

use strongroom_crypto::{Hierarchy, RandomPool, SealedView};
use strongroom_store::{Batch, EntryRow, JobRow, RecordRow};
use strongroom_types::id::{AnyId, Kind, RawId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;
use zeroize::Zeroizing;

use crate::checkpoints::checkpoint_seat;
use crate::opened::OpenFault;
use crate::rotation::subjects::{Pair, Successors};
use crate::seal::{
    BUSINESS, BodyWriter, CARD, PERSONAL, Seat, entry_columns, framed, open, read_body, read_framed,
};
use crate::sealers::Sealer;
use crate::webhooks::{DELIVERY_JOB, LANE_JOB, work_seat};

/// What seals again, with one nonce prefix per new key.
pub(crate) struct Resealer {
    hierarchy: Arc<Hierarchy>,
    /// Of data subjects, whose keys are not all in memory.
    persons: Successors,
    sealers: HashMap<u32, Sealer>,
    random: RandomPool,
}

impl Resealer {
    pub fn new(hierarchy: Arc<Hierarchy>) -> Resealer {
        Resealer {
            hierarchy,
            persons: Successors::new(),
            sealers: HashMap::new(),
            random: RandomPool::new(),
        }
    }

    /// Knows these successors of subjects' keys from now on, and no others.
    pub fn succeed(&mut self, persons: Successors) {
        self.persons = persons;
    }

    /// A superseded key and the one in its place.
    fn successor(&self, number: u32) -> Result<Option<Pair>, OpenFault> {
        if let Some((old, new)) = self.persons.get(&number) {
            return Ok(Some((Arc::clone(old), Arc::clone(new))));
        }
        let Some(new) = self.hierarchy.successor(number) else {
            return Ok(None);
        };
        let old = self
            .hierarchy
            .find(number)
            .ok_or(OpenFault::NoKey(number))?;
        Ok(Some((old, new)))
    }

    /// Appends `blob`, sealed again if its key is superseded; says whether it was.
    fn blob(
        &mut self,
        blob: &[u8],
        seat: &Seat,
        what: &str,
        out: &mut Vec<u8>,
    ) -> Result<bool, OpenFault> {
        let malformed = |_| OpenFault::Malformed(what.to_owned());
        let view = SealedView::parse(blob).map_err(malformed)?;
        let Some((old, new)) = self.successor(view.key)? else {
            out.extend_from_slice(blob);
            return Ok(false);
        };
        let plain = open(&view, &old, seat).ok_or_else(|| OpenFault::Altered(what.to_owned()))?;
        let plain = Zeroizing::new(plain);
        let random = &mut self.random;
        let sealer = self
            .sealers
            .entry(new.number)
            .or_insert_with(|| Sealer::new(&new, 0, random));
        sealer.seal(seat, &plain, out);
        Ok(true)
    }

    /// An entry's parts, if any was under a superseded key.
    pub fn entry(&mut self, scope: &Scope, row: &EntryRow) -> Result<Option<Vec<u8>>, OpenFault> {
        let what = format!("entry {} of log {}", row.seq, row.log);
        let heads = strongroom_audit::decode_parts(&row.head)
            .map_err(|_| OpenFault::Malformed(what.clone()))?;
        let columns = entry_columns(row.action, row.first_event, row.event_count, &row.spent);
        let mut parts = Vec::with_capacity(row.parts.len());
        let (mut rest, mut any) = (row.parts.as_slice(), false);
        for head in &heads {
            let (blob, after) =
                read_framed(rest).ok_or_else(|| OpenFault::Malformed(what.clone()))?;
            rest = after;
            let seat = Seat::entry(scope, row.seq, head.tag, columns);
            let mut done = Ok(false);
            framed(&mut parts, |out| done = self.blob(blob, &seat, &what, out));
            any |= done?;
        }
        Ok(any.then_some(parts))
    }

    /// A record's body, if any part was under a superseded key.
    pub fn record(&mut self, scope: &Scope, row: &RecordRow) -> Result<Option<Vec<u8>>, OpenFault> {
        let malformed =
            || OpenFault::Malformed(format!("a body of kind {} of log {}", row.kind, row.scope));
        let kind = Kind::from_code(row.kind).ok_or_else(malformed)?;
        let id = AnyId {
            kind,
            raw: RawId(row.id),
        };
        let what = format!("the body of `{id}`");
        let parts = read_body(&row.body).ok_or_else(malformed)?;
        let mut body = BodyWriter::new(parts.len());
        let mut any = false;
        for part in &parts {
            let seat = match (part.part, part.subject) {
                (BUSINESS, _) if kind == Kind::Checkpoint => {
                    checkpoint_seat(scope, id, Timestamp(row.time))
                }
                (PERSONAL, Some(subject)) => Seat::record(scope, id, row.version).personal(subject),
                (CARD, _) => Seat {
                    part: CARD,
                    ..Seat::record(scope, id, 1)
                },
                _ => Seat::record(scope, id, row.version),
            };
            let mut done = Ok(false);
            body.part(part.part, part.subject, |out| {
                done = self.blob(part.blob, &seat, &what, out);
            });
            any |= done?;
        }
        Ok(any.then_some(body.bytes))
    }

    /// A job's body, if it was under a superseded key. Those of other kinds are marks, not ciphertext.
    pub fn job(&mut self, scope: &Scope, row: &JobRow) -> Result<Option<Vec<u8>>, OpenFault> {
        if ![LANE_JOB, DELIVERY_JOB].contains(&row.kind) {
            return Ok(None);
        }
        let seat = work_seat(scope, row.kind, RawId(row.id));
        let mut body = Vec::with_capacity(row.body.len());
        let done = self.blob(&row.body, &seat, "a webhook's work", &mut body)?;
        Ok(done.then_some(body))
    }

    /// Rows of a batch that were sealed just before their key was superseded. With this nothing is ever written under
    /// an old version, so what a scan found empty stays empty.
    pub fn late(
        &mut self,
        scope_of: impl Fn(u32) -> Option<Scope>,
        batch: &mut Batch,
    ) -> Result<Vec<(u32, AnyId)>, OpenFault> {
        let mut rewritten = Vec::new();
        for row in &mut batch.records {
            if let Some(scope) = scope_of(row.scope)
                && let Some(body) = self.record(&scope, row)?
            {
                row.body = body;
                if let Some(kind) = Kind::from_code(row.kind) {
                    let raw = RawId(row.id);
                    rewritten.push((row.scope, AnyId { kind, raw }));
                }
            }
        }
        for row in &mut batch.jobs {
            if let Some(scope) = scope_of(row.scope)
                && let Some(body) = self.job(&scope, row)?
            {
                row.body = body;
            }
        }
        Ok(rewritten)
    }
}

/// The key numbers of everything sealed in an entry.
pub(super) fn keys_of_entry(row: &EntryRow, each: &mut dyn FnMut(u32)) {
    let mut rest = row.parts.as_slice();
    while let Some((blob, after)) = read_framed(rest) {
        rest = after;
        key_of_blob(blob, each);
    }
}

/// The same of a record.
pub(super) fn keys_of_record(row: &RecordRow, each: &mut dyn FnMut(u32)) {
    for part in read_body(&row.body).unwrap_or_default() {
        key_of_blob(part.blob, each);
    }
}

/// The same of a record's personal parts alone.
pub(super) fn keys_of_persons(row: &RecordRow, each: &mut dyn FnMut(u32)) {
    let parts = read_body(&row.body).unwrap_or_default();
    let personal = parts.iter().filter(|part| part.part == PERSONAL);
    personal.for_each(|part| key_of_blob(part.blob, each));
}

/// The same of a job.
pub(super) fn keys_of_job(row: &JobRow, each: &mut dyn FnMut(u32)) {
    if [LANE_JOB, DELIVERY_JOB].contains(&row.kind) {
        key_of_blob(&row.body, each);
    }
}

fn key_of_blob(blob: &[u8], each: &mut dyn FnMut(u32)) {
    if let Ok(view) = SealedView::parse(blob) {
        each(view.key);
    }
}
