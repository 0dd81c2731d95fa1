//! The writer: one transaction per batch, one statement per kind of change, all of them sent
//! before the first answer comes, and `COMMIT` only when every answer is good.
//!
//! The first statement moves the `store` row on: it fails to find the row when another store has
//! taken the writing over, or when the server is a copy that lacks a batch that was acknowledged,
//! and it leaves the batch's number behind. A connection lost before
//! `COMMIT` was sent wrote nothing. One lost after it is asked about: the row's lock is waited
//! for, so the old session has ended, and the number says whether it committed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Inner;
use super::cells::Table;
use super::fault::Trouble;
use super::load::load;
use super::reseal::reseal;
use super::session::{Session, Step};
use crate::{Batch, Id, IndexRow, Loaded, StoreError, Wanted, Writer};

/// How long a lost server is waited for before callers are told.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an unknown outcome is asked about before the writer gives up, and with it its time: the next one sees what
/// was written.
const RESOLVE: Duration = Duration::from_secs(60);
/// How long one answer is waited for: longer than the lease, after which nothing commits anyway.
pub(super) const ANSWER: Duration = Duration::from_secs(15);
/// How often a batch that others made fail is tried again.
const RETRIES: u32 = 10;

const FENCE: &str = "UPDATE strongroom.store SET batch = $2,
    until = CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint) + 6000
    WHERE one = 1 AND epoch = $1 AND batch = $3 RETURNING one";

const OUTCOME: &str = "SELECT epoch, batch FROM strongroom.store WHERE one = 1 FOR UPDATE";

/// Rows under the same hash that refuse a new one; where a unique row stands it stands alone, so
/// looking at two is enough.
const SECOND: &str = "SELECT 1 FROM
    unnest($1::bigint[], $2::integer[], $3::bytea[], $4::smallint[], $5::bytea[], $6::boolean[])
        AS w(scope, field, hash, kind, id, sole)
    CROSS JOIN LATERAL (SELECT kind, id, sole FROM strongroom.index_entry
        WHERE scope = w.scope AND field = w.field AND hash = w.hash LIMIT 2) AS r
    WHERE (r.kind <> w.kind OR r.id <> w.id) AND (r.sole OR w.sole) LIMIT 1";

pub(super) struct PostgresWriter {
    session: Option<Session>,
    /// Number of the newest batch; with the epoch it names one batch for ever.
    batch: i64,
    /// Number of the newest batch that is known to have committed.
    committed: i64,
    closed: bool,
    inner: Arc<Inner>,
}

/// How one try ended.
enum Try {
    Done,
    /// Surely nothing was written.
    Failed(Trouble),
    /// `COMMIT` was sent and nothing came back.
    Unknown(String),
}

impl PostgresWriter {
    /// Connects when it is first used.
    pub fn new(inner: Arc<Inner>) -> Self {
        Self {
            session: None,
            batch: 0,
            committed: 0,
            closed: false,
            inner,
        }
    }

    fn session(&mut self) -> Result<&mut Session, Trouble> {
        if self.session.is_none() {
            let mut session = Session::connect(&self.inner.options)?;
            session.limit = Some(ANSWER);
            self.session = Some(session);
        }
        self.session
            .as_mut()
            .ok_or_else(|| Trouble::Lost("there is no session".to_owned()))
    }

    fn attempt(&mut self, steps: &[Step<'_>]) -> Try {
        let session = match self.session() {
            Ok(session) => session,
            Err(trouble) => return Try::Failed(trouble),
        };
        let answers = match session.run(steps) {
            Ok(answers) => answers,
            Err(trouble) => return self.refused(trouble),
        };
        for (step, rows) in steps.iter().zip(&answers) {
            if step.text == FENCE && rows.is_empty() {
                let cause = self.whose();
                return self.undo(cause);
            }
            if step.text == SECOND && !rows.is_empty() {
                let twice = StoreError::Duplicate("index_entry".to_owned());
                return self.undo(Trouble::of(twice));
            }
        }
        match self.session().and_then(|s| s.one(Step::plain("COMMIT"))) {
            Ok(_) => Try::Done,
            Err(Trouble::Retry(cause)) => Try::Failed(Trouble::Retry(cause)),
            Err(Trouble::Lost(cause)) => Try::Unknown(cause),
            Err(Trouble::Store(error)) => Try::Unknown(error.to_string()),
        }
    }

    /// Rolls back after an error. What a successor wrote stands in the way of one that was replaced: that is no failure of
    /// the store's, so whose the writing is counts first.
    fn refused(&mut self, trouble: Trouble) -> Try {
        let is_answer = matches!(trouble, Trouble::Store(_));
        let undone = self.undo(trouble);
        if !is_answer {
            return undone;
        }
        match self.whose() {
            // It is still this writer's.
            Trouble::Retry(_) => undone,
            other => Try::Failed(other),
        }
    }

    /// Rolls back; a session that cannot is ended, which rolls back too.
    fn undo(&mut self, trouble: Trouble) -> Try {
        let rolled_back = match (&trouble, self.session.as_mut()) {
            (Trouble::Lost(_), _) | (_, None) => false,
            (_, Some(session)) => session.one(Step::plain("ROLLBACK")).is_ok(),
        };
        if !rolled_back {
            self.end_session();
        }
        Try::Failed(trouble)
    }

    /// Leaves a session that is not trusted any more.
    fn end_session(&mut self) {
        drop(self.session.take());
    }

    /// Why the row of `store` is not as this writer left it.
    fn whose(&mut self) -> Trouble {
        let text = "SELECT epoch, batch FROM strongroom.store WHERE one = 1";
        let rows = match self.session().and_then(|s| s.one(Step::plain(text))) {
            Ok(rows) => rows,
            Err(trouble) => return trouble,
        };
        let Some(row) = rows.first() else {
            return Trouble::of(gone());
        };
        Trouble::of(match self.judge(row.get(0), row.get(1)) {
            Err(error) => error,
            // It was as it should be after all, a moment later.
            Ok(_) => return Trouble::Retry("the row of `store` moved".to_owned()),
        })
    }

    /// Whether the newest batch is the one that the row tells of.
    ///
    /// # Errors
    /// Somebody else's epoch, or a server that lost what it had acknowledged: on such a one nothing
    /// is built.
    fn judge(&self, epoch: i64, batch: i64) -> Result<bool, StoreError> {
        if epoch > self.inner.epoch() {
            return Err(StoreError::TakenOver);
        }
        match epoch == self.inner.epoch() {
            true if batch == self.batch => Ok(true),
            true if batch == self.committed => Ok(false),
            _ => Err(StoreError::Corrupt(
                "the server lacks batches that it had acknowledged: it is an older copy".to_owned(),
            )),
        }
    }

    /// Asks whether the newest batch committed, once its session has surely ended.
    fn resolve(&mut self, cause: &str) -> Result<bool, StoreError> {
        tracing::warn!(
            cause,
            "a commit's answer was lost: its outcome is looked up"
        );
        let old = self.session.take().map_or(0, |session| session.backend);
        let until = Instant::now() + RESOLVE;
        let mut tries = 0;
        loop {
            match self.look_up(old) {
                Ok((epoch, batch)) => return self.judge(epoch, batch),
                Err(Trouble::Retry(_)) => {}
                Err(trouble) => {
                    self.end_session();
                    let error = trouble.while_running();
                    if !matches!(error, StoreError::Unreachable(_)) {
                        return Err(error);
                    }
                }
            }
            if Instant::now() >= until || self.is_hurried() {
                return Err(StoreError::Unresolved(cause.to_owned()));
            }
            tries += 1;
            self.pause(tries);
        }
    }

    fn look_up(&mut self, old: i32) -> Result<(i64, i64), Trouble> {
        let session = self.session()?;
        // A hint: an engine without it, or a session that is gone, is no error. The lock decides.
        drop(session.one(Step::plain("SELECT pg_terminate_backend($1)").with(old)));
        let rows = session.one(Step::plain(OUTCOME))?;
        let row = rows.first().ok_or_else(|| Trouble::of(gone()))?;
        Ok((row.get(0), row.get(1)))
    }

    fn is_hurried(&self) -> bool {
        self.inner.options.hurry().is_on()
    }

    /// Waits longer each time, by lengths that differ between sessions.
    fn pause(&self, tries: u32) {
        let spread = u64::from(self.inner.spread.wrapping_mul(tries.wrapping_mul(40_503)) % 16);
        let time = Duration::from_millis((4 << tries.min(6)) + spread);
        match &self.session {
            Some(session) => session.wait(time),
            None => super::rest(time),
        }
    }

    fn settle(&mut self, steps: &[Step<'_>]) -> Result<(), StoreError> {
        let patience = Instant::now() + PATIENCE;
        let mut tries = 0;
        loop {
            let asked = Instant::now();
            match self.attempt(steps) {
                Try::Done => {
                    self.inner.renew(asked);
                    return Ok(());
                }
                Try::Failed(trouble @ Trouble::Store(_)) => {
                    let error = trouble.while_running();
                    if matches!(error, StoreError::Unreachable(_)) {
                        // The next one looks for a server that takes it.
                        self.end_session();
                    }
                    return Err(error);
                }
                Try::Failed(Trouble::Retry(cause)) if tries >= RETRIES => {
                    return Err(StoreError::Unreachable(cause));
                }
                Try::Failed(Trouble::Lost(cause))
                    if Instant::now() >= patience || self.is_hurried() =>
                {
                    return Err(StoreError::Unreachable(cause));
                }
                Try::Failed(_) => {}
                Try::Unknown(cause) => {
                    if self.resolve(&cause)? {
                        return Ok(());
                    }
                }
            }
            tries += 1;
            self.pause(tries);
        }
    }
}

impl Writer for PostgresWriter {
    fn load(&mut self, wanted: &Wanted) -> Result<Loaded, StoreError> {
        if self.closed {
            return Err(StoreError::Closed);
        }
        // A reply that is given again is only read: it is no more ours to give than anything else.
        self.inner.check()?;
        let patience = Instant::now() + PATIENCE;
        let mut tries = 0;
        loop {
            match self
                .session()
                .and_then(|session| load(session, wanted, false))
            {
                Ok(loaded) => return Ok(loaded),
                Err(Trouble::Retry(_)) if tries < RETRIES => {}
                Err(Trouble::Lost(_)) if Instant::now() < patience && !self.is_hurried() => {
                    self.end_session();
                }
                Err(trouble) => {
                    self.end_session();
                    return Err(trouble.while_running());
                }
            }
            tries += 1;
            self.pause(tries);
        }
    }

    fn apply(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if self.closed {
            return Err(StoreError::Closed);
        }
        self.batch += 1;
        let steps = steps(batch, self.inner.epoch(), self.batch, self.committed)?;
        let outcome = self.settle(&steps);
        if outcome.is_ok() {
            self.committed = self.batch;
        }
        if let Err(error) = &outcome
            && !error.leaves_writer_open()
        {
            self.closed = true;
            tracing::error!(%error, "writing stops");
        }
        outcome
    }
}

/// The whole transaction but its `COMMIT`.
fn steps(batch: &Batch, epoch: i64, number: i64, before: i64) -> Result<Vec<Step<'_>>, StoreError> {
    let fence = Step::plain(FENCE).with(epoch).with(number).with(before);
    let mut steps = vec![Step::plain("BEGIN"), fence];
    remove(batch, &mut steps)?;
    put(&batch.entries, &mut steps)?;
    put_last(&batch.records, &mut steps)?;
    put(&batch.locators, &mut steps)?;
    put_indexes(&batch.indexes, &mut steps)?;
    put(&batch.keys, &mut steps)?;
    put_last(&batch.heads, &mut steps)?;
    put(&batch.segments, &mut steps)?;
    put_last(&batch.jobs, &mut steps)?;
    reseal(&batch.resealed, &mut steps)?;
    Ok(steps)
}

fn gone() -> StoreError {
    StoreError::Corrupt("the row of `store` is gone".to_owned())
}

/// Rows that are new, in key order.
fn put<'a, T: Table>(rows: &'a [T], steps: &mut Vec<Step<'a>>) -> Result<(), StoreError> {
    let mut sorted: Vec<&T> = rows.iter().collect();
    sorted.sort_by_key(|row| row.key());
    push(&sorted, steps)
}

/// Rows that replace, in key order; of two with one key the later one stands.
fn put_last<'a, T: Table>(rows: &'a [T], steps: &mut Vec<Step<'a>>) -> Result<(), StoreError> {
    push(&last(rows), steps)
}

fn last<T: Table>(rows: &[T]) -> Vec<&T> {
    let by_key: BTreeMap<T::Key, &T> = rows.iter().map(|row| (row.key(), row)).collect();
    by_key.into_values().collect()
}

fn push<'a, T: Table>(rows: &[&'a T], steps: &mut Vec<Step<'a>>) -> Result<(), StoreError> {
    if !rows.is_empty() {
        steps.push(T::bind(Step::plain(T::INSERT), rows)?);
    }
    Ok(())
}

fn put_indexes<'a>(rows: &'a [IndexRow], steps: &mut Vec<Step<'a>>) -> Result<(), StoreError> {
    let rows = last(rows);
    let under = |row: &IndexRow| (row.scope, row.field, row.hash);
    // Neighbours in key order: two under one hash, one of them unique.
    let twice = rows.windows(2).any(|pair| match pair {
        [one, other] => under(one) == under(other) && (one.unique || other.unique),
        _ => false,
    });
    if twice {
        return Err(StoreError::Duplicate("index_entry".to_owned()));
    }
    if !rows.is_empty() {
        steps.push(IndexRow::bind(Step::plain(SECOND), &rows)?);
    }
    push(&rows, steps)
}

fn remove<'a>(batch: &'a Batch, steps: &mut Vec<Step<'a>>) -> Result<(), StoreError> {
    let record = "DELETE FROM strongroom.record WHERE (scope, kind, id) IN
        (SELECT * FROM unnest($1::bigint[], $2::smallint[], $3::bytea[]))";
    named(record, &batch.removed_records, steps);
    let job = "DELETE FROM strongroom.job WHERE (scope, kind, id) IN
        (SELECT * FROM unnest($1::bigint[], $2::smallint[], $3::bytea[]))";
    named(job, &batch.removed_jobs, steps);
    let indexes: Vec<&IndexRow> = batch.removed_indexes.iter().collect();
    if !indexes.is_empty() {
        let text = "DELETE FROM strongroom.index_entry WHERE (scope, field, hash, kind, id) IN
            (SELECT * FROM unnest($1::bigint[], $2::integer[], $3::bytea[], $4::smallint[],
                $5::bytea[]))";
        let step = Step::plain(text)
            .column(&indexes, |row| i64::from(row.scope))
            .column(&indexes, |row| i32::from(row.field))
            .column(&indexes, |row| row.hash.as_slice())
            .column(&indexes, |row| i16::from(row.kind));
        steps.push(step.column(&indexes, |row| row.id.as_slice()));
    }
    if !batch.removed_keys.is_empty() {
        let text = "DELETE FROM strongroom.wrapped_key WHERE number IN
            (SELECT * FROM unnest($1::bigint[]))";
        let numbers: Vec<i64> = batch.removed_keys.iter().map(|n| i64::from(*n)).collect();
        steps.push(Step::plain(text).with(numbers));
    }
    if !batch.removed_segments.is_empty() {
        let text = "DELETE FROM strongroom.segment WHERE (scope, kind, number) IN
            (SELECT * FROM unnest($1::bigint[], $2::smallint[], $3::bigint[]))";
        let rows: Vec<_> = batch.removed_segments.iter().collect();
        let step = Step::plain(text)
            .column(&rows, |(scope, _, _)| i64::from(*scope))
            .column(&rows, |(_, kind, _)| i16::from(*kind));
        steps.push(step.numbers("number", &rows, |(_, _, number)| *number)?);
    }
    Ok(())
}

fn named<'a>(text: &'static str, keys: &'a [(u32, u8, Id)], steps: &mut Vec<Step<'a>>) {
    if keys.is_empty() {
        return;
    }
    let keys: Vec<_> = keys.iter().collect();
    let step = Step::plain(text)
        .column(&keys, |(scope, _, _)| i64::from(*scope))
        .column(&keys, |(_, kind, _)| i16::from(*kind));
    steps.push(step.column(&keys, |(_, _, id)| id.as_slice()));
}
