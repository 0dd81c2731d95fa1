//! Opening one entry and everything about it that needs no other entry; runs on several threads at once.

use std::thread;

use strongroom_audit::{EntryHead, PartHead, commitment, decode_parts, leaf_hash};
use strongroom_crypto::{SealedView, sha256};
use strongroom_domain::action::Action;
use strongroom_domain::entry::{
    EntryActor, EntryChanges, EntryFacts, TransactionKind, decode, tag,
};
use strongroom_domain::facts::Field;
use strongroom_ledger::Posting;
use strongroom_store::EntryRow;
use strongroom_types::id::AnyId;
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::draft::{key_of, spent_hashes};
use crate::seal::{Seat, entry_columns, open, read_framed};
use crate::spent::position;
use crate::verify::claim::Claimed;
use crate::verify::keys::{KeyPlace, Keys};

/// Lengths of the column of spent hashes: none, key and request, those and the signature.
const SPENT: [usize; 3] = [0, 32, 48];

/// An entry as far as it opens, with what is wrong in itself.
pub(super) struct Opened {
    pub seq: u64,
    pub time: i64,
    pub first_event: u64,
    pub event_count: u16,
    /// `None` when the head does not decode.
    pub leaf: Option<[u8; 32]>,
    pub facts: Option<EntryFacts>,
    pub changes: Option<EntryChanges>,
    /// Facts or changes are there but could not be read.
    pub unread: bool,
    /// Part and key of each part whose key is not there.
    pub missing: Vec<(u8, u32)>,
    pub faults: Vec<String>,
    /// Index rows that follow from the facts.
    pub claims: Vec<Claimed>,
    /// Spent hashes, each with a fingerprint of it and its place.
    pub spent: Vec<([u8; 16], u128)>,
}

/// What opening needs.
pub(super) struct Opening<'a> {
    pub keys: &'a Keys,
    pub scope: Scope,
    pub prints: &'a Prints,
}

/// Fingerprints under a secret of this run, so that nobody can have made two sets meet.
pub(super) struct Prints {
    secret: [u8; 32],
}

impl Prints {
    pub fn new() -> Prints {
        Prints {
            secret: strongroom_crypto::random(),
        }
    }

    pub fn of(&self, hash: &[u8; 16], position: u64) -> u128 {
        let digest = sha256(&[&self.secret, hash, &position.to_be_bytes()]);
        digest
            .first_chunk::<16>()
            .map_or(0, |half| u128::from_be_bytes(*half))
    }
}

/// Opens a run of entries on `threads` threads, in order; `meanwhile` runs on this one.
pub(super) fn open_all<T>(
    rows: &[EntryRow],
    opening: &Opening<'_>,
    threads: usize,
    meanwhile: impl FnOnce() -> T,
) -> (Vec<Opened>, T) {
    let share = rows.len().div_ceil(threads.max(1)).max(1);
    thread::scope(|scope| {
        let work =
            |part: &'_ [EntryRow]| part.iter().map(|row| opening.open(row)).collect::<Vec<_>>();
        let running: Vec<_> = rows
            .chunks(share)
            .map(|part| scope.spawn(move || work(part)))
            .collect();
        let other = meanwhile();
        let opened = running.into_iter().flat_map(|thread| match thread.join() {
            Ok(opened) => opened,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        (opened.collect(), other)
    })
}

impl Opening<'_> {
    fn open(&self, row: &EntryRow) -> Opened {
        let mut opened = Opened {
            seq: row.seq,
            time: row.time,
            first_event: row.first_event,
            event_count: row.event_count,
            leaf: None,
            facts: None,
            changes: None,
            unread: true,
            missing: Vec::new(),
            faults: Vec::new(),
            claims: Vec::new(),
            spent: self.spent(row),
        };
        match decode_parts(&row.head) {
            Ok(heads) => self.parts(row, &heads, &mut opened),
            Err(damage) => opened.faults.push(damage.to_string()),
        }
        if let Some(facts) = &opened.facts {
            opened.claims = self.claims(facts);
        }
        opened
    }

    fn spent(&self, row: &EntryRow) -> Vec<([u8; 16], u128)> {
        let place = position(row.log, row.seq);
        spent_hashes(&row.spent)
            .map(|hash| (hash, self.prints.of(&hash, place)))
            .collect()
    }

    fn parts(&self, row: &EntryRow, heads: &[PartHead], opened: &mut Opened) {
        opened.leaf = Some(leaf_hash(&EntryHead {
            organization: &self.scope.organization.0.0,
            mode: self.scope.mode.code(),
            seq: row.seq,
            time: row.time,
            parts: heads,
        }));
        let tags: Vec<u8> = heads.iter().map(|head| head.tag).collect();
        if !matches!(tags.as_slice(), [tag::FACTS, tag::ACTOR, rest @ ..] if known_end(rest)) {
            opened
                .faults
                .push("its parts are not those of an entry".into());
        }
        let mut parts = Parts {
            changes: Some(EntryChanges(Vec::new())),
            ..Parts::default()
        };
        let mut rest = row.parts.as_slice();
        for head in heads {
            let Some((blob, after)) = read_framed(rest) else {
                opened
                    .faults
                    .push(format!("its {} part is cut off", name(head.tag)));
                parts.lose(head.tag);
                continue;
            };
            rest = after;
            if let Err(fault) = self
                .part(row, head, blob)
                .and_then(|plain| parts.take(head.tag, &plain))
            {
                parts.lose(head.tag);
                fault.put(head.tag, opened);
            }
        }
        if !rest.is_empty() {
            opened.faults.push("bytes follow its last part".into());
        }
        opened.unread = parts.facts.is_none() || parts.changes.is_none();
        check(row, &parts, &mut opened.faults);
        opened.facts = parts.facts;
        opened.changes = parts.changes;
    }

    /// Opens a part at its seat and holds it against its commitment.
    fn part(&self, row: &EntryRow, head: &PartHead, blob: &[u8]) -> Result<Vec<u8>, PartFault> {
        let view =
            SealedView::parse(blob).map_err(|_| PartFault::Wrong("is not in a known form"))?;
        let key = self.keys.find(view.key).ok_or(PartFault::NoKey(view.key))?;
        let (purpose, period) = key_of(head.policy, Timestamp(row.time));
        let expected = KeyPlace {
            scope: self.scope.number,
            purpose: purpose.number(),
            period,
        };
        if self.keys.place(view.key) != Some(expected) {
            return Err(PartFault::Wrong(
                "is sealed under a key of another purpose or time",
            ));
        }
        let columns = entry_columns(row.action, row.first_event, row.event_count, &row.spent);
        let seat = Seat::entry(&self.scope, row.seq, head.tag, columns);
        let salted = open(&view, &key, &seat).ok_or(PartFault::Wrong("was altered or moved"))?;
        let Some((salt, plain)) = salted.split_first_chunk::<32>() else {
            return Err(PartFault::Wrong("has no salt"));
        };
        match commitment(head.tag, salt, plain) == head.commitment {
            true => Ok(plain.to_vec()),
            false => Err(PartFault::Wrong("does not match its commitment")),
        }
    }

    /// Index rows that live as long as the log.
    fn claims(&self, facts: &EntryFacts) -> Vec<Claimed> {
        let keys = self.keys.blind_index(self.scope.number);
        let claimed = claims_of_entry(facts).into_iter();
        let claimed = claimed.filter_map(|(field, text, holder)| {
            Claimed::new(self.scope.number, &keys, field, text, holder)
        });
        claimed.collect()
    }
}

/// What an entry is found by: references of payouts and transfers.
pub(crate) fn claims_of_entry(facts: &EntryFacts) -> Vec<(Field, &str, AnyId)> {
    let new_payout = facts
        .payout
        .as_ref()
        .filter(|_| facts.action == Action::PayoutCreated);
    let payout = new_payout.and_then(|payout| {
        let reference = payout.reference_id.as_ref()?;
        Some((Field::PayoutReference, reference.as_str(), payout.id.any()))
    });
    let transfers = facts
        .transactions
        .iter()
        .filter(|t| t.kind == TransactionKind::Transfer);
    let transfers = transfers.filter_map(|t| {
        let reference = t.reference.as_deref()?;
        Some((Field::TransferReference, reference, t.id.any()))
    });
    payout.into_iter().chain(transfers).collect()
}

enum PartFault {
    NoKey(u32),
    Wrong(&'static str),
}

impl PartFault {
    fn put(self, tag: u8, opened: &mut Opened) {
        match self {
            PartFault::NoKey(key) => opened.missing.push((tag, key)),
            PartFault::Wrong(what) => opened.faults.push(format!("its {} part {what}", name(tag))),
        }
    }
}

/// Parts in clear; `changes` starts out empty, for an entry without that part.
#[derive(Default)]
struct Parts {
    facts: Option<EntryFacts>,
    actor: Option<EntryActor>,
    changes: Option<EntryChanges>,
}

impl Parts {
    fn take(&mut self, tag: u8, plain: &[u8]) -> Result<(), PartFault> {
        let undecodable = |_| PartFault::Wrong("opens, but does not decode");
        match tag {
            tag::FACTS => self.facts = Some(decode(plain).map_err(undecodable)?),
            tag::ACTOR => self.actor = Some(decode(plain).map_err(undecodable)?),
            tag::CHANGES => self.changes = Some(decode(plain).map_err(undecodable)?),
            _ => {}
        }
        Ok(())
    }

    fn lose(&mut self, tag: u8) {
        match tag {
            tag::FACTS => self.facts = None,
            tag::CHANGES => self.changes = None,
            _ => {}
        }
    }
}

fn known_end(tags: &[u8]) -> bool {
    matches!(
        tags,
        [] | [tag::CHANGES] | [tag::REPLY] | [tag::CHANGES, tag::REPLY]
    )
}

pub(super) fn name(tag: u8) -> &'static str {
    match tag {
        tag::FACTS => "facts",
        tag::ACTOR => "actor",
        tag::CHANGES => "changes",
        tag::REPLY => "reply",
        _ => "unknown",
    }
}

/// What an entry's columns and parts say about each other.
fn check(row: &EntryRow, parts: &Parts, faults: &mut Vec<String>) {
    if !SPENT.contains(&row.spent.len()) {
        faults.push("its spent hashes have a wrong length".into());
    }
    if parts
        .actor
        .as_ref()
        .is_some_and(|actor| actor.signed != (row.spent.len() == 48))
    {
        faults.push("its signature's hash does not fit its actor".into());
    }
    let Some(facts) = &parts.facts else { return };
    let mut must = |holds: bool, fault: &str| {
        if !holds {
            faults.push(fault.to_owned());
        }
    };
    must(
        row.action == facts.action.code(),
        "its action is not that of its facts",
    );
    must(
        usize::from(row.event_count) == facts.events.len(),
        "its number of events is not that of its facts",
    );
    let changed = parts
        .changes
        .as_ref()
        .is_some_and(|changes| !changes.0.is_empty());
    let moved = !facts.transactions.is_empty()
        || facts.payout.is_some()
        || facts.payment.is_some()
        || facts.refund.is_some()
        || !facts.events.is_empty()
        || changed;
    must(
        facts.refusal.is_none() || !moved,
        "it was refused, and yet something moved",
    );
    // INVARIANT(ledger-balanced): every transaction sums to zero per currency.
    let balanced = |t: &strongroom_domain::entry::Transaction| {
        !t.postings.is_empty() && Posting::balance(&t.postings)
    };
    must(
        facts.transactions.iter().all(balanced),
        "a transaction of it does not balance",
    );
    let new_payout = facts.action == Action::PayoutCreated && facts.refusal.is_none();
    let born = facts
        .payout
        .as_ref()
        .is_some_and(|payout| payout.created_at.0 == row.time);
    must(!new_payout || born, "its payout was made at another time");
}
