//! A batch being put together: entries sealed as they are decided, records sealed once at the end.

use std::collections::{BTreeSet, HashMap};

use strongroom_audit::{PartHead, commitment, encode_parts};
use strongroom_crypto::Purpose;
use strongroom_domain::entry::{EntryChanges, EntryFacts, encode, policy, tag};
use strongroom_store::{Batch, EntryRow, RecordRow};
use strongroom_types::id::{AnyId, SubjectId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::envelope::Envelope;
use crate::log::Log;
use crate::seal::{ClearRecord, Seat, entry_columns, framed};
use crate::sealers::{KeySlot, SealTools};
use crate::webhooks::{RowId, WebhookWork};

/// A record's last version in this batch.
pub(crate) struct Dirty {
    pub clear: ClearRecord,
    pub version: u64,
    pub sequence: u64,
    pub created: Timestamp,
    pub status: u8,
}

/// Rows of the coming commit.
pub(crate) struct Draft {
    pub now: Timestamp,
    pub batch: Batch,
    pub dirty: HashMap<(u32, AnyId), Dirty, foldhash::fast::RandomState>,
    /// Hashes that this batch spends, with their entries.
    pub spent: HashMap<[u8; 16], u64, foldhash::fast::RandomState>,
    /// Logs whose heads it moves.
    pub touched: BTreeSet<u32>,
    /// Blind index holders as this batch changed them; `None` is free.
    pub holders: HashMap<(u32, u16, [u8; 16]), Option<AnyId>>,
    /// Subjects whose keys go with this batch, and the numbers of those keys once they are known.
    pub erased: Vec<(Scope, SubjectId)>,
    pub erased_keys: Vec<u32>,
    /// Work for the sender of webhooks that this batch schedules.
    pub webhook_work: Vec<(Scope, RowId, WebhookWork)>,
}

impl Draft {
    pub fn new(now: Timestamp) -> Draft {
        Draft {
            now,
            batch: Batch::default(),
            dirty: HashMap::default(),
            spent: HashMap::default(),
            touched: BTreeSet::new(),
            holders: HashMap::new(),
            erased: Vec::new(),
            erased_keys: Vec::new(),
            webhook_work: Vec::new(),
        }
    }
}

/// A part of an entry in clear: salted, and committed to.
pub(crate) struct ClearPart {
    tag: u8,
    /// The salt, then the plaintext.
    salted: Vec<u8>,
    commitment: [u8; 32],
}

impl ClearPart {
    /// Salts and commits to what `write` appends.
    pub fn new(tag: u8, salt: [u8; 32], write: impl FnOnce(&mut Vec<u8>)) -> ClearPart {
        let mut salted = Vec::with_capacity(320);
        salted.extend_from_slice(&salt);
        write(&mut salted);
        let plain = salted.get(32..).unwrap_or(&[]);
        let commitment = commitment(tag, &salt, plain);
        ClearPart {
            tag,
            salted,
            commitment,
        }
    }
}

/// The parts of an entry, in clear. The actor's was prepared by whoever queued the command.
pub(crate) struct EntryParts<'a> {
    pub facts: &'a EntryFacts,
    pub actor: &'a ClearPart,
    pub changes: &'a EntryChanges,
    pub reply: Option<&'a [u8]>,
}

impl Draft {
    /// Seals an entry's parts and appends it to its log.
    pub fn entry(
        &mut self,
        log: &mut Log,
        tools: &mut SealTools<'_>,
        parts: &EntryParts<'_>,
        spent: Vec<u8>,
    ) {
        let mut entry = EntryRow {
            log: log.scope.number,
            seq: log.sequence + 1,
            time: self.now.0,
            action: parts.facts.action.code(),
            first_event: log.events + 1,
            event_count: u16::try_from(parts.facts.events.len()).unwrap_or(u16::MAX),
            spent,
            head: Vec::new(),
            parts: Vec::with_capacity(640),
        };
        let heads = self.seal_parts(log.scope, &mut entry, tools, parts);
        entry.head = encode_parts(&heads);
        self.touched.insert(entry.log);
        self.batch.segments.extend(log.append(&entry, &heads));
        self.batch.entries.push(entry);
    }

    /// Appends each part as `u32 length ‖ sealed(salt ‖ plaintext)` and gives their clear heads.
    fn seal_parts(
        &self,
        scope: Scope,
        entry: &mut EntryRow,
        tools: &mut SealTools<'_>,
        parts: &EntryParts<'_>,
    ) -> Vec<PartHead> {
        let about_money = !parts.facts.transactions.is_empty()
            || parts.facts.payout.is_some()
            || parts.facts.payment.is_some()
            || parts.facts.refund.is_some()
            // A count of stock is derived from all of them.
            || !parts.facts.detail("stock").is_empty();
        let kept = if about_money {
            policy::MONEY
        } else {
            policy::AUDIT
        };
        let mut salt = || tools.random.take();
        let facts = ClearPart::new(tag::FACTS, salt(), |out| encode(parts.facts, out));
        let changes = (!parts.changes.0.is_empty())
            .then(|| ClearPart::new(tag::CHANGES, salt(), |out| encode(parts.changes, out)));
        let reply = parts
            .reply
            .map(|reply| ClearPart::new(tag::REPLY, salt(), |out| out.extend_from_slice(reply)));
        let clear = [(Some(&facts), kept), (Some(parts.actor), kept)]
            .into_iter()
            .chain([
                (changes.as_ref(), policy::LOG),
                (reply.as_ref(), policy::REPLY),
            ]);
        let columns = entry_columns(
            entry.action,
            entry.first_event,
            entry.event_count,
            &entry.spent,
        );
        let mut heads = Vec::with_capacity(4);
        for (part, policy) in clear {
            let Some(part) = part else { continue };
            let (purpose, period) = key_of(policy, self.now);
            let slot = KeySlot {
                scope,
                purpose,
                period,
            };
            let seat = Seat::entry(&scope, entry.seq, part.tag, columns);
            framed(&mut entry.parts, |out| {
                tools.seal(slot, self.now, &seat, &part.salted, out)
            });
            heads.push(PartHead {
                tag: part.tag,
                policy,
                commitment: part.commitment,
            });
        }
        heads
    }

    /// Moves the last version of each record into the batch, sealed by `seal`.
    pub fn take_dirty(&mut self) -> Vec<((u32, AnyId), Dirty)> {
        let mut dirty: Vec<_> = self.dirty.drain().collect();
        dirty.sort_unstable_by_key(|(key, _)| *key);
        dirty
    }

    pub fn record_row(scope: &Scope, id: AnyId, dirty: &Dirty, body: Vec<u8>) -> RecordRow {
        RecordRow {
            scope: scope.number,
            kind: id.kind.code(),
            id: id.raw.0,
            version: dirty.version,
            seq: dirty.sequence,
            time: dirty.created.0,
            status: dirty.status,
            body,
        }
    }
}

/// The key that seals a part: one per retention policy and period, so that a period can be forgotten.
pub(crate) fn key_of(policy: u8, now: Timestamp) -> (Purpose, u32) {
    match policy {
        policy::MONEY => (Purpose::Facts, now.month()),
        policy::AUDIT => (Purpose::Actor, now.month()),
        policy::REPLY => (Purpose::StoredReply, now.day()),
        _ => (Purpose::Changes, 0),
    }
}

/// The `spent` column: idempotency key ‖ request ‖ signature, zeros where there is none.
pub(crate) fn spent_column(envelope: &Envelope, pin_key: bool) -> Vec<u8> {
    let idempotency = envelope.idempotency.filter(|_| pin_key);
    let mut out = Vec::new();
    if idempotency.is_none() && envelope.signature.is_none() {
        return out;
    }
    match idempotency {
        Some(idempotency) => {
            out.extend_from_slice(&idempotency.key);
            out.extend_from_slice(&idempotency.request);
        }
        None => out.resize(32, 0),
    }
    if let Some(signature) = envelope.signature {
        out.extend_from_slice(&signature);
    }
    out
}

/// The hashes of a `spent` column that are looked up: the idempotency key and the signature.
pub(crate) fn spent_hashes(column: &[u8]) -> impl Iterator<Item = [u8; 16]> + '_ {
    let (hashes, _) = column.as_chunks::<16>();
    hashes
        .iter()
        .enumerate()
        .filter(|(n, hash)| *n != 1 && **hash != [0; 16])
        .map(|(_, hash)| *hash)
}
