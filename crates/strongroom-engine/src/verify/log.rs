//! One log, entry by entry: dense, in time, opened, hashed, and applied to everything that is derived from it.

use strongroom_domain::action::Action;
use strongroom_domain::entry::tag;
use strongroom_store::{EntryRow, HeadRow, MAX_SEQ, Reader, StoreError};
use strongroom_types::id::RawId;
use strongroom_types::mode::{INSTALLATION, Scope};

use crate::log::stored_leaf;
use crate::verify::Verifier;
use crate::verify::indexes::Locators;
use crate::verify::open::{Opened, Opening, name, open_all};
use crate::verify::points;
use crate::verify::report::{Damages, LogReport};
use crate::verify::tree::{Point, Tree, Witness};

/// Entries opened at once.
const CHUNK: u64 = 2_048;

/// One pass over a log.
pub(super) struct Walk<'v, 'a> {
    verifier: &'v mut Verifier<'a>,
    scope: Scope,
    head: HeadRow,
    tree: Tree,
    locators: Locators,
    /// What the next entry must follow.
    last: Last,
    entries: u64,
}

struct Last {
    seq: u64,
    time: i64,
    /// Number of the newest event.
    event: u64,
    base: RawId,
}

impl<'v, 'a> Walk<'v, 'a> {
    pub fn new(
        verifier: &'v mut Verifier<'a>,
        scope: Scope,
        head: HeadRow,
    ) -> Result<Self, StoreError> {
        let points = verifier.points.remove(&scope.number).unwrap_or_default();
        let newest = points
            .iter()
            .filter(|point| matches!(point.from, Witness::Checkpoint(_)));
        let checkpoint = newest.map(|point| point.size).max().unwrap_or(0);
        let locators = Locators::new(verifier.store.reader()?, scope.number);
        verifier.report.logs.push(LogReport {
            log: scope.number,
            organization: scope.organization,
            mode: scope.mode,
            entries: 0,
            root: String::new(),
            checkpoint,
        });
        let last = Last {
            seq: 0,
            time: i64::MIN,
            event: 0,
            base: RawId::ZERO,
        };
        Ok(Walk {
            tree: Tree::new(scope.number, points),
            verifier,
            scope,
            head,
            locators,
            last,
            entries: 0,
        })
    }

    /// Reads and checks all entries.
    pub fn run(mut self) -> Result<(), StoreError> {
        let log = self.scope.number;
        let mut rows = read(&mut *self.verifier.reader, log, 1, self.head.seq);
        while let Some(last) = rows.last().map(|row| row.seq) {
            let Verifier {
                keys,
                prints,
                reader,
                threads,
                ..
            } = &mut *self.verifier;
            let opening = Opening {
                keys,
                scope: self.scope,
                prints,
            };
            let next = || read(&mut **reader, log, last + 1, self.head.seq);
            let (opened, next) = open_all(&rows, &opening, *threads, next);
            for entry in opened {
                self.take(&entry)?;
            }
            rows = next;
        }
        self.finish()
    }

    fn take(&mut self, entry: &Opened) -> Result<(), StoreError> {
        let log = self.scope.number;
        self.entries += 1;
        self.follow(entry);
        let Verifier {
            damages,
            unread,
            keys,
            reader,
            ..
        } = &mut *self.verifier;
        for fault in &entry.faults {
            damages.note(format!("entry {} of log {log}: {fault}", entry.seq));
        }
        for (part, key) in &entry.missing {
            keys.lacks(*key, *part == tag::REPLY, || {
                format!(
                    "the {} part of entry {} of log {log}",
                    name(*part),
                    entry.seq
                )
            });
        }
        if entry.unread {
            unread.add(log, entry.seq, entry.seq);
        }
        match entry.leaf {
            Some(leaf) => self.tree.push(entry.time, leaf, &mut **reader, damages)?,
            None => self.tree.break_off(),
        }
        self.derive(entry)
    }

    /// What the clear columns say about the entry before.
    fn follow(&mut self, entry: &Opened) {
        let log = self.scope.number;
        let Verifier {
            damages,
            unread,
            report,
            ..
        } = &mut *self.verifier;
        let Last {
            seq,
            time,
            event,
            base,
        } = &mut self.last;
        gap(log, *seq, entry.seq, &mut self.tree, damages);
        let after_gap = entry.seq > *seq + 1;
        if after_gap {
            unread.add(log, *seq + 1, entry.seq - 1);
        }
        let mut must = |holds: bool, fault: &str| {
            if !holds {
                damages.note(format!("entry {} of log {log}: {fault}", entry.seq));
            }
        };
        must(
            entry.time >= *time,
            "its time is before that of the entry before",
        );
        must(
            after_gap || entry.first_event == *event + 1,
            "its event number does not follow from the entry before",
        );
        if let Some(facts) = &entry.facts {
            must(
                facts.base > *base,
                "its ids do not follow those of the entry before",
            );
            *base = facts.base;
        }
        (*seq, *time) = (entry.seq, entry.time);
        *event = (entry.first_event + u64::from(entry.event_count)).saturating_sub(1);
        report.events += u64::from(entry.event_count);
    }

    /// Applies the entry to what is derived from the log.
    fn derive(&mut self, entry: &Opened) -> Result<(), StoreError> {
        let log = self.scope.number;
        let Verifier {
            damages,
            unread,
            keys,
            books,
            changes,
            claims,
            payments,
            fees,
            shop,
            planned,
            runs,
            points,
            ..
        } = &mut *self.verifier;
        runs.fold(log, entry);
        changes.fold(log, entry, unread, damages);
        claims.extend(entry.claims.iter().cloned());
        let Some(facts) = &entry.facts else {
            return Ok(());
        };
        books.fold(log, entry.seq, facts, unread, damages);
        payments.fold(log, facts);
        planned.fold(log, facts);
        let place = (entry.seq, entry.time);
        fees.fold(log, place, facts, unread, damages);
        shop.fold(log, entry.seq, facts, damages);
        if facts.action == Action::KeysDestroyed {
            keys.destroyed(&facts.details);
        }
        if log == INSTALLATION {
            for (log, point) in points::recorded(entry.seq, facts) {
                points.entry(log).or_default().push(point);
            }
        }
        self.locators.fold(entry.seq, facts, unread, damages)
    }

    fn finish(self) -> Result<(), StoreError> {
        let Walk {
            verifier,
            scope,
            head,
            mut tree,
            locators,
            last,
            entries,
        } = self;
        let Verifier {
            damages,
            unread,
            reader,
            report,
            ..
        } = verifier;
        let log = scope.number;
        gap(log, last.seq, head.seq + 1, &mut tree, damages);
        if last.seq < head.seq {
            unread.add(log, last.seq + 1, head.seq);
        }
        let ends_alike = last.seq == head.seq
            && (head.seq == 0 || last.time == head.time)
            && last.event == head.events;
        if last.seq >= head.seq && !ends_alike {
            damages.note(format!(
                "log {log}: its head does not say what its last entry, {}, says",
                last.seq
            ));
        }
        tree.finish(&head, &mut **reader, damages)?;
        locators.finish(unread, damages)?;
        if let Some(line) = report.logs.last_mut() {
            line.entries = entries;
            line.root = tree.root();
        }
        Ok(())
    }
}

/// Entries from `from` on, however far the log goes. Where a page cannot be read, its entries are tried one by one up to
/// `known`, the last that must be there.
fn read(reader: &mut dyn Reader, log: u32, from: u64, known: u64) -> Vec<EntryRow> {
    let limit = usize::try_from(CHUNK).unwrap_or(usize::MAX);
    if let Ok(rows) = reader.entries(log, from, MAX_SEQ, false, limit) {
        return rows;
    }
    let mut rows = Vec::new();
    for seq in from..=known {
        rows.extend(reader.entries(log, seq, seq, false, 1).unwrap_or_default());
        if rows.len() >= limit {
            break;
        }
    }
    rows
}

/// Walks a log's clear heads: dense, in time, and hashed. Opens nothing.
pub(super) fn walk_heads(
    reader: &mut dyn Reader,
    scope: &Scope,
    head: &HeadRow,
    points: Vec<Point>,
    damages: &mut Damages,
) -> Result<LogReport, StoreError> {
    let log = scope.number;
    let checkpoints = points
        .iter()
        .filter(|point| matches!(point.from, Witness::Checkpoint(_)));
    let checkpoint = checkpoints.map(|point| point.size).max().unwrap_or(0);
    let mut tree = Tree::new(log, points);
    let (mut last, mut time, mut entries) = (0, i64::MIN, 0);
    loop {
        let rows = heads_after(reader, log, last)?;
        if rows.is_empty() {
            break;
        }
        for (seq, at, parts) in rows {
            entries += 1;
            gap(log, last, seq, &mut tree, damages);
            if at < time {
                damages.note(format!(
                    "entry {seq} of log {log}: its time is before that of the entry before"
                ));
            }
            (last, time) = (seq, at);
            match stored_leaf(scope, seq, at, &parts) {
                Ok(leaf) => tree.push(at, leaf, reader, damages)?,
                Err(error) => {
                    damages.note(error.to_string());
                    tree.break_off();
                }
            }
        }
    }
    gap(log, last, head.seq + 1, &mut tree, damages);
    tree.finish(head, reader, damages)?;
    let root = tree.root();
    Ok(LogReport {
        log,
        organization: scope.organization,
        mode: scope.mode,
        entries,
        root,
        checkpoint,
    })
}

/// Names the entries between two that should be neighbours.
fn gap(log: u32, last: u64, next: u64, tree: &mut Tree, damages: &mut Damages) {
    if next > last + 1 {
        damages.note(format!(
            "log {log}: entries {} to {} are missing or cannot be read",
            last + 1,
            next - 1
        ));
        tree.break_off();
    }
}

/// The clear heads of the next entries there are, however far away.
fn heads_after(
    reader: &mut dyn Reader,
    log: u32,
    last: u64,
) -> Result<Vec<(u64, i64, Vec<u8>)>, StoreError> {
    let rows = reader.entry_heads(log, last + 1, last + CHUNK)?;
    if !rows.is_empty() {
        return Ok(rows);
    }
    match reader.entries(log, last + 1, MAX_SEQ, false, 1)?.first() {
        Some(next) => reader.entry_heads(log, next.seq, next.seq + CHUNK),
        None => Ok(Vec::new()),
    }
}
