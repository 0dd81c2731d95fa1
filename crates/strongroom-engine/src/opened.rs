//! Opening what the store holds: records and entries, back from ciphertext.

use std::fmt;
use std::sync::Arc;

use strongroom_audit::{Damage, PartHead, commitment, decode_parts};
use strongroom_crypto::{DataKey, Hierarchy, SealedView};
use strongroom_domain::entry::{
    EntryActor, EntryChanges, EntryFacts, EntryMoves, Place, Transaction, decode, tag,
};
use strongroom_domain::record::{PersonalPart, Record};
use strongroom_store::{EntryRow, KeyRow, RecordRow};
use strongroom_types::id::{AnyId, Kind, RawId};
use strongroom_types::mode::{INSTALLATION, Scope};
use strongroom_types::time::Timestamp;

use crate::seal::{
    BUSINESS, CARD, ClearRecord, PERSONAL, SALT, Seat, entry_columns, open, read_body, read_framed,
};

/// Why stored bytes do not open. Says where, never what was inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenFault {
    /// Not in the form that was written.
    Malformed(String),
    /// The key is not there: destroyed, or never was.
    NoKey(u32),
    /// Altered, moved, or sealed under another key.
    Altered(String),
}

impl fmt::Display for OpenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenFault::Malformed(what) => write!(f, "{what} is not in a known form"),
            OpenFault::NoKey(number) => write!(f, "key {number} is not there"),
            OpenFault::Altered(what) => write!(f, "{what} was altered or moved"),
        }
    }
}

/// Gives the stored row of a subject's key.
pub(crate) type KeyRows<'a> = &'a mut dyn FnMut(u32) -> Option<KeyRow>;

/// Opens sealed rows with the installation's keys.
#[derive(Clone)]
pub struct Opener {
    pub(crate) hierarchy: Arc<Hierarchy>,
}

/// An entry, opened as far as its keys still exist.
pub struct OpenedEntry {
    pub place: Place,
    pub heads: Vec<PartHead>,
    pub facts: Option<EntryFacts>,
    pub actor: Option<EntryActor>,
    pub changes: Option<EntryChanges>,
    pub reply: Option<Vec<u8>>,
    /// Salt and plaintext of each part that opened, by tag.
    pub opened: Vec<(u8, [u8; 32], Vec<u8>)>,
}

impl Opener {
    pub fn new(hierarchy: Arc<Hierarchy>) -> Opener {
        Opener { hierarchy }
    }

    /// Opens a record row.
    ///
    /// # Errors
    /// [`OpenFault`], naming the record.
    pub fn record(
        &self,
        scope: &Scope,
        row: &RecordRow,
        rows: &mut dyn FnMut(u32) -> Option<KeyRow>,
    ) -> Result<Record, OpenFault> {
        let (record, _) = self.record_with_clear(scope, row, rows)?;
        Ok(record)
    }

    /// Opens a record row, also giving the bytes that its commitment covers.
    pub(crate) fn record_with_clear(
        &self,
        scope: &Scope,
        row: &RecordRow,
        rows: KeyRows<'_>,
    ) -> Result<(Record, ClearRecord), OpenFault> {
        let kind = Kind::from_code(row.kind)
            .ok_or_else(|| OpenFault::Malformed(format!("kind {}", row.kind)))?;
        let id = AnyId {
            kind,
            raw: RawId(row.id),
        };
        let malformed = || OpenFault::Malformed(format!("the body of `{id}`"));
        let mut clear = ClearRecord {
            business: Vec::new(),
            personal: Vec::new(),
            sealed: None,
        };
        for part in read_body(&row.body).ok_or_else(malformed)? {
            let seat = Seat::record(scope, id, row.version);
            match (part.part, part.subject) {
                (BUSINESS, _) => clear.business = self.blob(part.blob, &seat, &id, rows)?,
                (PERSONAL, Some(subject)) => {
                    match self.blob(part.blob, &seat.personal(subject), &id, rows) {
                        Ok(bytes) => clear.personal.push(PersonalPart { subject, bytes }),
                        // An erased subject's key is gone: the record stays, without the person.
                        Err(OpenFault::NoKey(_)) => {}
                        Err(fault) => return Err(fault),
                    }
                }
                (CARD, _) => clear.sealed = Some(part.blob.to_vec()),
                _ => return Err(malformed()),
            }
        }
        let personal: Vec<PersonalPart> = clear
            .personal
            .iter()
            .map(|part| PersonalPart {
                subject: part.subject,
                bytes: part.bytes.get(SALT..).unwrap_or(&[]).to_vec(),
            })
            .collect();
        let installation = scope.number == INSTALLATION;
        let mut record = Record::read(kind, installation, &clear.business, &personal)
            .map_err(|_| malformed())?;
        if let Some(sealed) = &clear.sealed {
            record.set_sealed(sealed.clone());
        }
        Ok((record, clear))
    }

    pub(crate) fn blob(
        &self,
        blob: &[u8],
        seat: &Seat,
        what: &dyn fmt::Display,
        rows: KeyRows<'_>,
    ) -> Result<Vec<u8>, OpenFault> {
        let view = SealedView::parse(blob)
            .map_err(|_| OpenFault::Malformed(format!("a part of `{what}`")))?;
        let key = self.key(view.key, rows).ok_or(OpenFault::NoKey(view.key))?;
        open(&view, &key, seat).ok_or_else(|| OpenFault::Altered(format!("a part of `{what}`")))
    }

    fn key(&self, number: u32, rows: KeyRows<'_>) -> Option<Arc<DataKey>> {
        if let Some(key) = self.hierarchy.find(number) {
            return Some(key);
        }
        let row = rows(number)?;
        self.hierarchy.open_subject(&row).ok()
    }

    /// Opens every part of an entry whose key still exists, and checks each against its commitment.
    ///
    /// # Errors
    /// [`OpenFault`], naming the entry and the part.
    pub fn entry(&self, scope: &Scope, row: &EntryRow) -> Result<OpenedEntry, OpenFault> {
        let heads =
            decode_parts(&row.head).map_err(|d: Damage| OpenFault::Malformed(d.to_string()))?;
        let mut entry = OpenedEntry {
            place: Place {
                sequence: row.seq,
                time: Timestamp(row.time),
                first_event: row.first_event,
            },
            heads: Vec::new(),
            facts: None,
            actor: None,
            changes: None,
            reply: None,
            opened: Vec::new(),
        };
        let columns = entry_columns(row.action, row.first_event, row.event_count, &row.spent);
        let mut rest = row.parts.as_slice();
        for head in &heads {
            let name = || format!("part {} of entry {}", head.tag, row.seq);
            let (blob, after) = read_framed(rest).ok_or_else(|| OpenFault::Malformed(name()))?;
            rest = after;
            match self.blob(
                blob,
                &Seat::entry(scope, row.seq, head.tag, columns),
                &name(),
                &mut |_| None,
            ) {
                Ok(salted) => entry
                    .take(head, &salted)
                    .map_err(|_| OpenFault::Altered(name()))?,
                Err(OpenFault::NoKey(_)) => {}
                Err(fault) => return Err(fault),
            }
        }
        if !rest.is_empty() {
            return Err(OpenFault::Malformed(format!("entry {}", row.seq)));
        }
        entry.heads = heads;
        Ok(entry)
    }
}

impl Opener {
    /// What an entry moved, and nothing else of it: its other parts stay sealed. That the part is the one of its place its
    /// seat says; whether it is what the log committed to is asked by `verify`.
    ///
    /// # Errors
    /// As [`Opener::entry`], and [`OpenFault::NoKey`] once it is no longer kept.
    pub(crate) fn moves(
        &self,
        scope: &Scope,
        row: &EntryRow,
    ) -> Result<Vec<Transaction>, OpenFault> {
        let name = FactsOf(row.seq);
        let malformed = || OpenFault::Malformed(name.to_string());
        let heads = decode_parts(&row.head).map_err(|_| malformed())?;
        let columns = entry_columns(row.action, row.first_event, row.event_count, &row.spent);
        let mut rest = row.parts.as_slice();
        for head in &heads {
            let (blob, after) = read_framed(rest).ok_or_else(malformed)?;
            rest = after;
            if head.tag == tag::FACTS {
                let seat = Seat::entry(scope, row.seq, head.tag, columns);
                let salted = self.blob(blob, &seat, &name, &mut |_| None)?;
                let plain = salted.get(32..).unwrap_or(&[]);
                let moves: EntryMoves = decode(plain).map_err(|_| malformed())?;
                return Ok(moves.transactions);
            }
        }
        Err(malformed())
    }
}

/// How faults name what did not open; written only then.
struct FactsOf(u64);

impl fmt::Display for FactsOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the facts of entry {}", self.0)
    }
}

impl OpenedEntry {
    fn take(&mut self, head: &PartHead, salted: &[u8]) -> Result<(), String> {
        let (salt, plain) = salted.split_first_chunk::<32>().ok_or("no salt")?;
        if commitment(head.tag, salt, plain) != head.commitment {
            return Err("it does not match its commitment".into());
        }
        match head.tag {
            tag::FACTS => self.facts = Some(decode(plain)?),
            tag::ACTOR => self.actor = Some(decode(plain)?),
            tag::CHANGES => self.changes = Some(decode(plain)?),
            tag::REPLY => self.reply = Some(plain.to_vec()),
            other => return Err(format!("unknown tag {other}")),
        }
        self.opened.push((head.tag, *salt, plain.to_vec()));
        Ok(())
    }
}
