//! Loading facts: what a batch names is read as a set, and handed to each decision as it stands by then.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use strongroom_domain::entry::EntryFacts;
use strongroom_domain::facts::{Facts, IndexKey, Keys};
use strongroom_domain::payouts::Payout;
use strongroom_domain::record::Record;
use strongroom_domain::view::rendered_reply;
use strongroom_store::{EntryRow, Loaded, Reader, RecordRow, StoreError, Wanted};
use strongroom_types::id::{AnyId, Kind, RawId, RequestId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::accept::lives_in_log;
use crate::cache::Slot;
use crate::commit::Commit;
use crate::draft::Draft;
use crate::envelope::{Committed, Failure};
use crate::item::Pending;
use crate::opened::{OpenFault, Opener};
use crate::spent::{Hash, place};

/// How often a command may ask for more. The longest way: an approval, its transaction, that one's payment, its wallet.
const ROUNDS: usize = 4;

/// What a command asks for; `None` when it panicked, which is that command's alone: it has changed nothing.
fn keys_of(pending: &Pending, facts: &Facts) -> Option<Keys> {
    catch_unwind(AssertUnwindSafe(|| {
        pending.command.keys(facts, pending.scope)
    }))
    .ok()
}

impl Commit {
    /// Reads what the batch names and memory does not hold, as one set, twice at most.
    pub(crate) fn prefetch(
        &mut self,
        draft: &mut Draft,
        commands: &[Pending],
    ) -> Result<(), StoreError> {
        let mut open: Vec<(&Pending, Facts)> = commands
            .iter()
            .map(|pending| (pending, Facts::default()))
            .collect();
        for _ in 0..2 {
            let mut wanted = Missing::default();
            let mut again = Vec::new();
            for (pending, facts) in open {
                // One that panics is answered when its turn comes.
                let Some(keys) = keys_of(pending, &facts) else {
                    continue;
                };
                if self.note_missing(draft, pending.scope, &keys, &mut wanted) {
                    again.push((pending, keys));
                }
            }
            if again.is_empty() {
                return Ok(());
            }
            self.fetch(draft, wanted)?;
            open = Vec::with_capacity(again.len());
            for (pending, keys) in again {
                let mut facts = Facts::default();
                self.fill(draft, pending.scope, &keys, &mut facts)?;
                open.push((pending, facts));
            }
        }
        Ok(())
    }

    /// The facts of one command, as the commands before it left them; `None` when it panicked asking for them.
    pub(crate) fn facts(
        &mut self,
        draft: &mut Draft,
        pending: &Pending,
    ) -> Result<Option<Facts>, StoreError> {
        let mut facts = Facts::default();
        for _ in 0..ROUNDS {
            let Some(keys) = keys_of(pending, &facts) else {
                return Ok(None);
            };
            if !self.fill(draft, pending.scope, &keys, &mut facts)? {
                break;
            }
        }
        Ok(Some(facts))
    }

    /// Adds what `keys` names and `facts` lacks; says whether there was any.
    fn fill(
        &mut self,
        draft: &mut Draft,
        scope: Scope,
        keys: &Keys,
        facts: &mut Facts,
    ) -> Result<bool, StoreError> {
        let mut wanted = Missing::default();
        if self.note_missing(draft, scope, keys, &mut wanted) {
            self.fetch(draft, wanted)?;
        }
        let mut grew = false;
        for id in &keys.records {
            if !facts.knows(*id) {
                let record = self
                    .cache
                    .get((scope.number, *id))
                    .map(|slot| Arc::clone(&slot.record));
                facts.insert(*id, record);
                grew = true;
            }
        }
        for key in &keys.indexes {
            if !facts.knows_holder(key) {
                let hash = self.holder_key(scope, key);
                facts.insert_holder(key.clone(), draft.holders.get(&hash).copied().flatten());
                grew = true;
            }
        }
        Ok(grew)
    }

    fn holder_key(&self, scope: Scope, key: &IndexKey) -> (u32, u16, Hash) {
        let field = key.field.code();
        (
            scope.number,
            field,
            self.shared.index_hash(scope.number, field, &key.text),
        )
    }

    fn note_missing(&self, draft: &Draft, scope: Scope, keys: &Keys, wanted: &mut Missing) -> bool {
        let mut missing = false;
        for id in &keys.records {
            if !self.cache.knows((scope.number, *id)) {
                wanted.records.push((scope, *id));
                missing = true;
            }
        }
        for key in &keys.indexes {
            let hash = self.holder_key(scope, key);
            if !draft.holders.contains_key(&hash) {
                let (number, field, _) = hash;
                let older = self.shared.older_hashes(number, field, &key.text);
                let older = older.into_iter().map(|old| ((number, field, old), hash));
                wanted.older.extend(older);
                wanted.holders.push(hash);
                missing = true;
            }
        }
        missing
    }

    fn fetch(&mut self, draft: &mut Draft, wanted: Missing) -> Result<(), StoreError> {
        let mut set = Wanted::default();
        for (scope, id) in &wanted.records {
            set.records.push((scope.number, id.kind.code(), id.raw.0));
            if lives_in_log(id.kind) {
                set.locators.push((scope.number, id.raw.0));
            }
        }
        set.indexes.clone_from(&wanted.holders);
        set.indexes.extend(wanted.older.keys());
        let loaded = self.writer.load(&set)?;
        for row in &loaded.records {
            self.take_record(row)?;
        }
        self.take_from_log(&wanted, &loaded)?;
        for (scope, id) in wanted.records {
            let key = (scope.number, id);
            if !self.cache.knows(key) {
                self.cache.put_absent(key);
            }
        }
        for hash in wanted.holders {
            draft.holders.entry(hash).or_insert(None);
        }
        for row in loaded.indexes {
            let Some(kind) = Kind::from_code(row.kind) else {
                continue;
            };
            let holder = AnyId {
                kind,
                raw: RawId(row.id),
            };
            let found = (row.scope, row.field, row.hash);
            let newest = wanted.older.get(&found).copied().unwrap_or(found);
            draft.holders.insert(newest, Some(holder));
        }
        Ok(())
    }

    fn take_record(&mut self, row: &RecordRow) -> Result<(), StoreError> {
        let Some(scope) = self.logs.get(&row.scope).map(|log| log.scope) else {
            return Ok(());
        };
        let Some(kind) = Kind::from_code(row.kind) else {
            return Ok(());
        };
        let (record, unread) = open_with(&self.opener, &mut *self.reader, &scope, row);
        // SECURITY: a key that could not be read is not an erased one; taken for that, a person would be lost with the
        // next version of the record.
        if let Some(Unread::Failed(error)) = unread {
            return Err(error);
        }
        let record = record.map_err(corrupt)?;
        let key = (
            row.scope,
            AnyId {
                kind,
                raw: RawId(row.id),
            },
        );
        let slot = Slot {
            record: Arc::new(record),
            version: row.version,
            created: Timestamp(row.time),
        };
        self.cache.put(key, slot);
        Ok(())
    }

    /// Records that begin in the log: their first version is the entry's.
    fn take_from_log(&mut self, wanted: &Missing, loaded: &Loaded) -> Result<(), StoreError> {
        let missing: Vec<(u32, u64)> = loaded
            .locators
            .iter()
            .filter(|row| Kind::from_code(row.kind).is_some_and(lives_in_log))
            .filter(|row| {
                let stored =
                    |r: &RecordRow| r.scope == row.scope && r.kind == row.kind && r.id == row.id;
                !loaded.records.iter().any(stored)
            })
            .map(|row| (row.scope, row.seq))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let entries = self
            .writer
            .load(&Wanted {
                entries: missing,
                ..Wanted::default()
            })?
            .entries;
        for row in entries {
            let Some(scope) = wanted
                .records
                .iter()
                .map(|(s, _)| *s)
                .find(|s| s.number == row.log)
            else {
                continue;
            };
            let facts = self.opener.entry(&scope, &row).map_err(corrupt)?.facts;
            if let Some(body) = facts.and_then(|facts| facts.payout) {
                let key = (row.log, body.id.any());
                let record = Arc::new(Record::Payout(Payout { body, bank: None }));
                self.cache.put(
                    key,
                    Slot {
                        record,
                        version: 1,
                        created: Timestamp(row.time),
                    },
                );
            }
        }
        Ok(())
    }

    /// Whether an earlier request spent this one's key or signature, and what is to be answered then.
    pub(crate) fn replayed(
        &mut self,
        draft: &Draft,
        pending: &Pending,
    ) -> Result<Option<Result<Committed, Failure>>, StoreError> {
        if let Some(idempotency) = pending.envelope.idempotency
            && let Some(position) = self.spent.find(&idempotency.key, &mut *self.reader)?
        {
            let (log, sequence) = place(position);
            let wanted = Wanted {
                entries: vec![(log, sequence)],
                ..Wanted::default()
            };
            let row = self.writer.load(&wanted)?.entries.into_iter().next();
            let row = row.ok_or_else(|| {
                StoreError::Corrupt(format!("entry {sequence} of log {log} is missing"))
            })?;
            if let Some(answer) = self.first_answer(pending.scope, &row, &idempotency.request)? {
                crate::shared::Counters::add(&self.shared.counters.replayed, 1);
                return Ok(Some(answer));
            }
        }
        if let Some(signature) = pending.envelope.signature {
            let in_batch = draft.spent.contains_key(&signature);
            if in_batch || self.spent.find(&signature, &mut *self.reader)?.is_some() {
                return Ok(Some(Err(Failure::SignatureReplayed)));
            }
        }
        Ok(None)
    }

    /// The answer that the first request under a key got; none to another request, if the first can never succeed.
    fn first_answer(
        &self,
        scope: Scope,
        row: &EntryRow,
        request: &Hash,
    ) -> Result<Option<Result<Committed, Failure>>, StoreError> {
        let is_same = row.spent.get(16..32) == Some(request.as_slice());
        let entry = self.opener.entry(&scope, row).map_err(corrupt)?;
        let Some(facts) = entry.facts else {
            let unknown = match is_same {
                true => Failure::ReplyNotKept { resource: None },
                false => Failure::KeyReused,
            };
            return Ok(Some(Err(unknown)));
        };
        match facts.refusal {
            Some(rejection) if is_same => {
                let request = RequestId(entry.actor.map_or(RawId::ZERO, |actor| actor.request));
                return Ok(Some(Err(Failure::Rejected {
                    rejection,
                    replayed: true,
                    request,
                })));
            }
            Some(rejection) if !rejection.is_transient() => return Ok(None),
            _ if !is_same => return Ok(Some(Err(Failure::KeyReused))),
            _ => {}
        }
        let rendered = entry
            .reply
            .or_else(|| stored_rendering(&facts, Timestamp(row.time)));
        let Some(kept) = rendered else {
            return Ok(Some(Err(Failure::ReplyNotKept {
                resource: facts.resource,
            })));
        };
        Ok(Some(Ok(Committed {
            facts: Box::new(facts),
            time: Timestamp(row.time),
            sequence: row.seq,
            kept: Some(kept),
            replayed: true,
        })))
    }
}

/// The reply of an act whose reply is rendered; acts that keep theirs have none once it is gone.
fn stored_rendering(facts: &EntryFacts, time: Timestamp) -> Option<Vec<u8>> {
    use strongroom_domain::action::Action;
    use strongroom_domain::payouts::Recipient;
    let to_wallet = facts
        .payout
        .as_ref()
        .is_some_and(|payout| matches!(payout.recipient, Recipient::Wallet(_)));
    // Whoever agreed last was told of the approval, not of what came of it.
    let voted = !facts.detail("approval").is_empty();
    let rendered = match facts.action {
        _ if voted => false,
        Action::PayoutCreated => to_wallet,
        Action::WalletCredited | Action::WalletDebited | Action::TransferCreated => true,
        Action::PaymentCaptured | Action::PaymentVoided => facts.payment.is_some(),
        // Whoever pays by a link is told nothing more than that.
        Action::PaymentCreated => facts.payment.as_ref().is_some_and(|p| p.link.is_none()),
        Action::RefundCreated => facts.refund.is_some(),
        _ => false,
    };
    rendered.then(|| rendered_reply(facts, time)).flatten()
}

/// Why a subject's key was not had.
pub(crate) enum Unread {
    /// It is not there.
    Gone,
    Failed(StoreError),
}

/// Opens a record with the subject keys that the reader finds, and says what became of one that it did not find.
pub(crate) fn open_with(
    opener: &Opener,
    reader: &mut dyn Reader,
    scope: &Scope,
    row: &RecordRow,
) -> (Result<Record, OpenFault>, Option<Unread>) {
    let mut unread = None;
    let mut keys = |number| {
        let wanted = Wanted {
            keys: vec![number],
            ..Wanted::default()
        };
        let found = reader.load(&wanted);
        match found.map(|loaded| loaded.keys.into_iter().next()) {
            Ok(Some(row)) => return Some(row),
            Ok(None) => drop(unread.get_or_insert(Unread::Gone)),
            Err(error) => unread = Some(Unread::Failed(error)),
        }
        None
    };
    let record = opener.record(scope, row, &mut keys);
    (record, unread)
}

fn corrupt(fault: OpenFault) -> StoreError {
    StoreError::Corrupt(fault.to_string())
}

/// What has to be read.
#[derive(Default)]
struct Missing {
    records: Vec<(Scope, AnyId)>,
    holders: Vec<(u32, u16, Hash)>,
    /// Under what else these may stand while their key is replaced.
    older: HashMap<(u32, u16, Hash), (u32, u16, Hash)>,
}
