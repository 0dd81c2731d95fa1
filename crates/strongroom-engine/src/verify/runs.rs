//! The stored runs of spent hashes against the column they were taken from, in one pass over the entries.
//!
//! Each run holds, for each log, the hashes of a stretch of entries. The sums of keyed fingerprints on both sides must
//! meet; only where they do not are single hashes looked at.

use std::collections::{BTreeSet, HashMap};

use strongroom_store::{Reader, SegmentRow, StoreError, Wanted};
use strongroom_types::mode::INSTALLATION;
use strongroom_types::time::Timestamp;

use crate::draft::spent_hashes;
use crate::log::segment;
use crate::spent::{BUCKETS, Hash, KEEP, ROW, build, place};
use crate::verify::open::{Opened, Prints};
use crate::verify::report::Damages;

/// Entries looked up at once.
const PAGE: usize = 1_000;

/// One stored run: what it holds, and what the entries it covers hold.
struct Run {
    number: u64,
    newest: i64,
    stored: u128,
    found: u128,
    found_newest: i64,
}

/// A stretch of a log's entries that a run covers.
struct Span {
    first: u64,
    last: u64,
    run: usize,
}

#[derive(Default)]
pub(super) struct Runs {
    runs: Vec<Run>,
    /// By log, ascending.
    spans: HashMap<u32, Vec<Span>>,
    /// The newest entry below the reach of the runs that none of them covers: log, sequence, time.
    uncovered: Option<(u32, u64, i64)>,
}

impl Runs {
    /// Reads all runs and checks their form: what they hold decides every byte of them.
    pub fn read(
        reader: &mut dyn Reader,
        prints: &Prints,
        damages: &mut Damages,
    ) -> Result<Runs, StoreError> {
        let mut runs = Runs::default();
        let mut known = BTreeSet::new();
        let mut from = 0;
        loop {
            let limit = usize::try_from(BUCKETS).unwrap_or(usize::MAX);
            let mut rows = reader.segments(INSTALLATION, segment::SPENT_RUN, from, limit)?;
            let Some(number) = rows.first().map(|row| row.number / BUCKETS) else {
                break;
            };
            rows.retain(|row| row.number / BUCKETS == number);
            from = (number + 1) * BUCKETS;
            known.insert(number);
            let filter = reader.segment(INSTALLATION, segment::SPENT_FILTER, number)?;
            runs.take(number, &rows, filter, prints, damages);
        }
        let mut from = 0;
        while let Some(row) = reader
            .segments(INSTALLATION, segment::SPENT_FILTER, from, 1)?
            .first()
        {
            if !known.contains(&row.number) {
                damages.note(format!(
                    "run {} of spent hashes: it is missing, its filter is there",
                    row.number
                ));
            }
            from = row.number + 1;
        }
        runs.spans
            .values_mut()
            .for_each(|spans| spans.sort_by_key(|span| span.first));
        Ok(runs)
    }

    fn take(
        &mut self,
        number: u64,
        rows: &[SegmentRow],
        filter: Option<SegmentRow>,
        prints: &Prints,
        damages: &mut Damages,
    ) {
        let hashes = read_run(rows);
        let newest = filter
            .as_ref()
            .and_then(|row| row.body.first_chunk())
            .map_or(0, |b| i64::from_be_bytes(*b));
        let rebuilt = build(number, Timestamp(newest), &hashes).batch.segments;
        let stored: Vec<&SegmentRow> = rows.iter().chain(&filter).collect();
        if !rebuilt.iter().eq(stored.iter().copied()) {
            damages.note(format!(
                "run {number} of spent hashes: it is not in the form it was written in"
            ));
        }
        let run = self.runs.len();
        let mut reach: HashMap<u32, (u64, u64)> = HashMap::new();
        let mut sum = 0u128;
        for (hash, position) in &hashes {
            let (log, seq) = place(*position);
            let (first, last) = reach.entry(log).or_insert((seq, seq));
            (*first, *last) = (seq.min(*first), seq.max(*last));
            sum = sum.wrapping_add(prints.of(hash, *position));
        }
        for (log, (first, last)) in reach {
            self.spans
                .entry(log)
                .or_default()
                .push(Span { first, last, run });
        }
        self.runs.push(Run {
            number,
            newest,
            stored: sum,
            found: 0,
            found_newest: 0,
        });
    }

    /// Takes in the spent hashes of one entry.
    pub fn fold(&mut self, log: u32, opened: &Opened) {
        let Some(spans) = self.spans.get(&log).filter(|_| !opened.spent.is_empty()) else {
            return;
        };
        let at = spans.partition_point(|span| span.last < opened.seq);
        let Some(span) = spans.get(at) else { return };
        let covering = self
            .runs
            .get_mut(span.run)
            .filter(|_| span.first <= opened.seq);
        let Some(run) = covering else {
            if self
                .uncovered
                .is_none_or(|(_, _, time)| time <= opened.time)
            {
                self.uncovered = Some((log, opened.seq, opened.time));
            }
            return;
        };
        run.found_newest = run.found_newest.max(opened.time);
        for (_, print) in &opened.spent {
            run.found = run.found.wrapping_add(*print);
        }
    }

    /// Names the runs that do not hold what their entries do.
    pub fn finish(
        &self,
        reader: &mut dyn Reader,
        latest: Timestamp,
        damages: &mut Damages,
    ) -> Result<(), StoreError> {
        for run in &self.runs {
            if run.stored != run.found {
                damages.note(format!(
                    "run {} of spent hashes: it does not hold what its entries do",
                    run.number
                ));
                name_strangers(reader, run.number, damages)?;
            } else if run.newest != run.found_newest {
                damages.note(format!(
                    "run {} of spent hashes: its time is not that of its newest entry",
                    run.number
                ));
            }
        }
        match self.uncovered {
            Some((log, seq, time)) if Timestamp(time).plus(KEEP) >= latest => {
                damages.note(format!(
                    "entry {seq} of log {log}: no run holds its spent hashes"
                ));
            }
            _ => {}
        }
        Ok(())
    }
}

fn read_run(rows: &[SegmentRow]) -> HashMap<Hash, u64, foldhash::fast::RandomState> {
    rows.iter()
        .flat_map(|row| row.body.as_chunks::<ROW>().0)
        .filter_map(split)
        .collect()
}

fn split(row: &[u8; ROW]) -> Option<(Hash, u64)> {
    Some((*row.first_chunk()?, u64::from_be_bytes(*row.last_chunk()?)))
}

/// Names the entries that a run names and that do not hold what it says.
fn name_strangers(
    reader: &mut dyn Reader,
    number: u64,
    damages: &mut Damages,
) -> Result<(), StoreError> {
    for bucket in 0..BUCKETS {
        let row = reader.segment(INSTALLATION, segment::SPENT_RUN, number * BUCKETS + bucket)?;
        let hashes: Vec<(Hash, u64)> = read_run(row.as_slice()).into_iter().collect();
        for page in hashes.chunks(PAGE) {
            let entries = page.iter().map(|(_, position)| place(*position)).collect();
            let found = reader
                .load(&Wanted {
                    entries,
                    ..Wanted::default()
                })?
                .entries;
            let held: HashMap<(u32, u64), Vec<u8>> = found
                .into_iter()
                .map(|row| ((row.log, row.seq), row.spent))
                .collect();
            for (hash, position) in page {
                let (log, seq) = place(*position);
                let holds = held
                    .get(&(log, seq))
                    .is_some_and(|column| spent_hashes(column).any(|h| h == *hash));
                if !holds {
                    damages.note(format!(
                        "entry {seq} of log {log}: run {number} has a spent hash that it does not"
                    ));
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "test")]

    use strongroom_store::{Batch, MemoryStore, Store};

    use super::*;

    fn hash(n: u64) -> Hash {
        *strongroom_crypto::sha256(&[&n.to_be_bytes()])
            .first_chunk()
            .unwrap()
    }

    fn entry(prints: &Prints, seq: u64, hashes: &[Hash]) -> Opened {
        let position = crate::spent::position(2, seq);
        Opened {
            seq,
            time: i64::try_from(seq).unwrap() * 10,
            first_event: 1,
            event_count: 0,
            leaf: None,
            facts: None,
            changes: None,
            unread: false,
            missing: Vec::new(),
            faults: Vec::new(),
            claims: Vec::new(),
            spent: hashes
                .iter()
                .map(|hash| (*hash, prints.of(hash, position)))
                .collect(),
        }
    }

    /// Two runs over entries 1 to 100 and 101 to 200 of log 2, changed by `change`; what is said about them.
    fn damages(change: impl Fn(&mut Vec<SegmentRow>)) -> Vec<String> {
        let store = MemoryStore::new();
        let mut segments = Vec::new();
        for number in [1u64, 2] {
            let seqs = (number - 1) * 100 + 1..=number * 100;
            let newest = Timestamp(i64::try_from(number).unwrap() * 1_000);
            let held = seqs
                .map(|seq| (hash(seq), crate::spent::position(2, seq)))
                .collect();
            segments.extend(build(number, newest, &held).batch.segments);
        }
        change(&mut segments);
        store
            .writer()
            .unwrap()
            .apply(&Batch {
                segments,
                ..Batch::default()
            })
            .unwrap();
        let mut reader = store.reader().unwrap();
        let (prints, mut damages) = (Prints::new(), Damages::default());
        let mut runs = Runs::read(&mut *reader, &prints, &mut damages).unwrap();
        for seq in 1..=250 {
            runs.fold(2, &entry(&prints, seq, &[hash(seq)]));
        }
        runs.finish(&mut *reader, Timestamp(2_500), &mut damages)
            .unwrap();
        let mut report = crate::verify::VerifyReport::default();
        damages.into_report(&mut report);
        report.damages
    }

    #[test]
    fn runs_that_hold_what_their_entries_do_are_clean() {
        assert_eq!(damages(|_| {}), Vec::<String>::new());
    }

    #[test]
    fn every_changed_byte_of_a_run_is_named() {
        let first = |text: &str, change: &dyn Fn(&mut Vec<SegmentRow>)| {
            let found = damages(change);
            assert!(
                found.iter().any(|damage| damage.contains(text)),
                "{text}: {found:?}"
            );
        };
        let run = |rows: &[SegmentRow]| {
            rows.iter()
                .position(|row| row.kind == segment::SPENT_RUN && !row.body.is_empty())
                .unwrap()
        };
        first("run 1 of spent hashes: it does not hold", &|rows| {
            let at = run(rows);
            rows[at].body[5] ^= 1;
        });
        first("run 1 of spent hashes: it does not hold", &|rows| {
            let at = run(rows);
            rows[at].body[23] ^= 1;
        });
        let filter = |rows: &[SegmentRow]| {
            rows.iter()
                .position(|row| row.kind == segment::SPENT_FILTER)
                .unwrap()
        };
        first("its time is not that of its newest entry", &|rows| {
            let at = filter(rows);
            rows[at].body[7] ^= 1;
        });
        first("it is not in the form it was written in", &|rows| {
            let at = filter(rows);
            *rows[at].body.last_mut().unwrap() ^= 1;
        });
        first("run 2 of spent hashes: it is missing", &|rows| {
            rows.retain(|row| row.kind != segment::SPENT_RUN || row.number / BUCKETS != 2);
        });
        first("no run holds its spent hashes", &|rows| {
            rows.retain(|row| row.number != 1 && row.number / BUCKETS != 1);
        });
    }
}
