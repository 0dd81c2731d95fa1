//! Work with a time of its own: what is due is done, the longest waiting first.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use strongroom_acquirer::Acquirer;
use strongroom_channel::Vault;
use strongroom_engine::{CardWork, DueJob, DueWork, Engine, Failure};
use strongroom_types::id::RawId;
use strongroom_types::time::Timestamp;
use tokio::sync::watch;
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use crate::payments::Attended;
use crate::till::{Connected, Till};
use crate::{approvals, files, payment_links, payments, planned, rail, reports, tokens};

/// The most jobs looked at, with those that are under way, rest, or wait for the vault.
const MOST: usize = 20_000;
/// Jobs under way at once, and those of them that ask somebody outside, who may be slow to answer.
const MOST_BUSY: usize = 256;
const MOST_ASKING: usize = 192;
/// So many places that are free again are worth a look before its time.
const ROOM: usize = 64;
/// Jobs that cannot be begun: with more of them a look costs more than it finds, and is not taken at each commit.
const MANY: usize = 1_000;
/// How many times as long as such a look took is waited for the next.
const TIMES: u32 = 40;
/// The longest nap between two looks, so that a clock set forward is noticed; and how long a job that failed rests.
const NAP: Duration = Duration::from_secs(5);
/// The nap while something is due that cannot be begun now.
const SOON: Duration = Duration::from_millis(100);
/// How long a payment rests whose number is not in this vault, or that waits for a vault where there is none.
const ELSEWHERE: Duration = Duration::from_secs(1);
/// How long one rests that the acquirer did not confirm: it is told again after twice as long each time, up to the last.
const UNHEARD: Duration = Duration::from_secs(1);
const UNHEARD_LAST: Duration = Duration::from_mins(5);
/// How long what is due gives way to clients, in milliseconds: a burst is taken first, and done with after it.
const GIVES_WAY: i64 = 10_000;
/// How long what is under way has to end when the server stops. What does not is asked about later.
const LAST: Duration = Duration::from_secs(2);

pub(crate) async fn run(
    engine: Engine,
    acquirer: Arc<dyn Acquirer>,
    vault: Option<(Vault, Connected)>,
    step: i64,
    mut stopped: watch::Receiver<bool>,
) {
    let mut desk = Desk {
        engine,
        acquirer,
        vault,
        step,
        under_way: JoinSet::new(),
        keys: HashMap::new(),
        busy: HashSet::new(),
        asking: 0,
        reports: 0,
        resting: HashMap::new(),
        elsewhere: HashSet::new(),
        fruitless: HashSet::new(),
        unheard: HashMap::new(),
    };
    loop {
        let nap = match desk.take_up().await {
            Ok(nap) => nap,
            Err(Failure::Halted | Failure::Stopped) => return,
            Err(failure) => {
                tracing::warn!(failure = ?failure, "what is due could not be looked up");
                Nap::UntilMore(NAP)
            }
        };
        if desk.wait(nap, &mut stopped).await.is_break() {
            return desk.leave().await;
        }
    }
}

/// How long there is nothing to do.
enum Nap {
    /// Unless a commit brings more.
    UntilMore(Duration),
    /// Whatever is committed, unless places become free.
    Whole(Duration),
}

/// A job among all.
type Key = (u32, RawId, DueWork);

fn key_of(job: DueJob) -> Key {
    (job.scope.number, job.id, job.work)
}

/// What is under way: each job by itself, so that one which waits for an answer, or fails, holds up no other.
struct Desk {
    engine: Engine,
    acquirer: Arc<dyn Acquirer>,
    vault: Option<(Vault, Connected)>,
    step: i64,
    under_way: JoinSet<Result<Attended, Failure>>,
    keys: HashMap<Id, Key>,
    busy: HashSet<Key>,
    asking: usize,
    /// Reports that wait for the one that is made, as the last look found them.
    reports: usize,
    /// Jobs that failed, and until when they are left alone.
    resting: HashMap<Key, Instant>,
    /// Payments whose number is in no vault of this server.
    elsewhere: HashSet<Key>,
    /// Jobs that came to nothing when they had their turn, though the engine took what they asked of it.
    fruitless: HashSet<Key>,
    /// How long those rest next that the acquirer did not confirm.
    unheard: HashMap<Key, Duration>,
}

impl Desk {
    /// Begins what is due, the longest waiting first. Says how long there is nothing to do.
    async fn take_up(&mut self) -> Result<Nap, Failure> {
        let now = Instant::now();
        self.resting.retain(|_, until| *until > now);
        // What is left where it is does not hide what comes after it.
        let hiding = self.hiding();
        let take = MOST.min(MOST_BUSY + hiding);
        let jobs = self.engine.due_jobs(take).await?;
        let (found, mut begun) = (jobs.len(), Vec::new());
        if found < take && !self.fruitless.is_empty() {
            let due: HashSet<Key> = jobs.iter().copied().map(key_of).collect();
            let busy = &self.busy;
            let is_left = |key: &Key| due.contains(key) || busy.contains(key);
            self.fruitless.retain(is_left);
            self.unheard.retain(|key, _| is_left(key));
        }
        self.reports = 0;
        for job in jobs {
            let is_report = job.work == DueWork::Report;
            match self.takes_on(job) {
                true => begun.push(job),
                false => self.reports += usize::from(is_report),
            }
        }
        let time = self.engine.now();
        let mut begin = begun.iter();
        let is_late = begin.any(|job| is_late_at(time, *job, &self.fruitless));
        if !begun.is_empty() || found == 0 {
            self.engine.give_way_to_clients(!is_late);
        }
        let has_begun = !begun.is_empty();
        self.begin(begun).await;
        if hiding > MANY {
            let least = now.elapsed().saturating_mul(TIMES);
            return Ok(Nap::Whole(least.clamp(SOON, NAP)));
        }
        // Who else could be begun is looked for if these take long.
        if self.free().1 == 0 {
            return Ok(Nap::Whole(SOON));
        }
        Ok(Nap::UntilMore(match found {
            0 => until_next(&self.engine).await,
            _ if found == take && has_begun => Duration::ZERO,
            _ => SOON,
        }))
    }

    /// How many jobs that are due may stand before one that can be begun.
    fn hiding(&self) -> usize {
        match self.asking >= MOST_ASKING || self.is_vault_away() {
            true => MOST,
            false => self.busy.len() + self.resting.len() + self.reports,
        }
    }

    fn is_vault_away(&self) -> bool {
        self.vault.as_ref().is_some_and(|(vault, _)| !vault.is_up())
    }

    /// Places of each sort that are free.
    fn free(&self) -> (usize, usize) {
        (
            MOST_BUSY.saturating_sub(self.busy.len()),
            MOST_ASKING.saturating_sub(self.asking),
        )
    }

    /// Whether there is a place for it, which it has from then on.
    fn takes_on(&mut self, job: DueJob) -> bool {
        let key = key_of(job);
        let asks = asks(job.work);
        let is_away = is_carried(job.work) && self.is_vault_away();
        let (places, to_ask) = self.free();
        let is_full = places == 0 || (asks && to_ask == 0);
        // One report at a time: each reads as fast as it can.
        let is_full = is_full
            || (job.work == DueWork::Report && self.busy.iter().any(|key| key.2 == job.work));
        if is_away || is_full || self.resting.contains_key(&key) || !self.busy.insert(key) {
            return false;
        }
        self.asking += usize::from(asks);
        true
    }

    async fn begin(&mut self, jobs: Vec<DueJob>) {
        // What could not be looked up with the others is looked up, and told of, by itself.
        let known = self.engine.card_work(&jobs).await;
        let mut known = known.unwrap_or_default();
        for job in jobs {
            let known = known.remove(&(job.scope.number, job.id));
            let (engine, acquirer) = (self.engine.clone(), Arc::clone(&self.acquirer));
            let (vault, step) = (self.vault.clone(), self.step);
            let task = self.under_way.spawn(async move {
                let till = match &vault {
                    None => Till::Here(&*acquirer),
                    Some((vault, connected)) => Till::Vault(vault, *connected),
                };
                attend_at(&engine, till, step, job, known).await
            });
            self.keys.insert(task.id(), key_of(job));
        }
    }

    /// Waits until there is something to begin, or the server stops.
    async fn wait(&mut self, nap: Nap, stopped: &mut watch::Receiver<bool>) -> ControlFlow<()> {
        let (nap, is_whole) = match nap {
            Nap::UntilMore(nap) => (nap, false),
            Nap::Whole(nap) => (nap, true),
        };
        let before = self.free();
        let is_full = before.0 == 0;
        // With no place free, several are waited for, or a moment: each look costs a read.
        let until = Instant::now() + if is_full { nap.max(SOON) } else { nap };
        loop {
            let is_stuck = self.free().0 == 0;
            tokio::select! {
                () = sleep_until(until), if !is_stuck => return ControlFlow::Continue(()),
                () = self.engine.jobs_changed(), if !is_full && !is_whole => return ControlFlow::Continue(()),
                Some(ended) = self.under_way.join_next_with_id() => {
                    let done = match ended {
                        Ok((id, done)) => self.ended(id, done),
                        Err(error) => {
                            tracing::error!(%error, "what was due panicked");
                            self.ended(error.id(), Err(Failure::Internal))
                        }
                    };
                    if done.is_break() {
                        return ControlFlow::Break(());
                    }
                    if is_room(before, self.free()) || self.busy.is_empty() {
                        return ControlFlow::Continue(());
                    }
                }
                _ = stopped.changed() => return ControlFlow::Break(()),
            }
        }
    }

    fn ended(&mut self, id: Id, done: Result<Attended, Failure>) -> ControlFlow<()> {
        let Some(key) = self.keys.remove(&id) else {
            return ControlFlow::Continue(());
        };
        self.busy.remove(&key);
        self.asking -= usize::from(asks(key.2));
        let rest = match done {
            Ok(Attended::Done) => {
                self.elsewhere.remove(&key);
                self.fruitless.remove(&key);
                self.unheard.remove(&key);
                return ControlFlow::Continue(());
            }
            Ok(Attended::Waits) => {
                if self.elsewhere.insert(key) {
                    let payments = self.elsewhere.len();
                    tracing::error!(
                        payments,
                        "payments wait for card numbers that are in no vault of this server"
                    );
                }
                ELSEWHERE
            }
            Ok(Attended::Unheard) => {
                let next = self.unheard.entry(key).or_insert(UNHEARD);
                let rest = *next;
                *next = rest.saturating_mul(2).min(UNHEARD_LAST);
                rest
            }
            Ok(Attended::Away) => NAP,
            Err(Failure::Halted | Failure::Stopped) => return ControlFlow::Break(()),
            Err(Failure::Overloaded | Failure::Away) => SOON,
            Err(failure) => {
                tracing::warn!(failure = ?failure, work = ?key.2, "what is due could not be done");
                NAP
            }
        };
        // One that found the queue full waits for clients.
        if rest != SOON {
            self.fruitless.insert(key);
        }
        self.resting.insert(key, Instant::now() + rest);
        ControlFlow::Continue(())
    }

    async fn leave(mut self) {
        let all = async { while self.under_way.join_next().await.is_some() {} };
        // What is cut off here finds itself again: nothing is guessed.
        drop(timeout(LAST, all).await);
    }
}

fn is_carried(work: DueWork) -> bool {
    matches!(work, DueWork::Payment | DueWork::Refund)
}

/// Whether somebody outside of this process is asked, who may be slow to answer.
fn asks(work: DueWork) -> bool {
    is_carried(work) || work == DueWork::Token
}

/// Whether a refusal only says that somebody was quicker: what is asked for next is due again already.
fn is_kept(work: DueWork) -> bool {
    matches!(
        work,
        DueWork::Refund
            | DueWork::PayoutFile
            | DueWork::BankFile
            | DueWork::ScheduledPayout
            | DueWork::PayoutSchedule
    )
}

/// Whether so many places are free, of all and of those that ask somebody, where none was, that more is begun at once.
fn is_room(before: (usize, usize), free: (usize, usize)) -> bool {
    (before.0 == 0 && free.0 >= ROOM) || (before.1 == 0 && free.1 >= ROOM)
}

/// Whether clients came before it for too long. What came to nothing did not wait for them alone.
fn is_late_at(now: Timestamp, job: DueJob, fruitless: &HashSet<Key>) -> bool {
    job.due < now.plus(-GIVES_WAY) && !fruitless.contains(&key_of(job))
}

async fn until_next(engine: &Engine) -> Duration {
    let Ok(Some(due)) = engine.next_job().await else {
        return NAP;
    };
    let wait = u64::try_from(due.0.saturating_sub(engine.now().0)).unwrap_or(0);
    Duration::from_millis(wait).min(NAP)
}

/// Does every job that is due once: payouts go one step along their rail, payments and refunds have one exchange with
/// the acquirer, tokens whose time is over lose their number, approvals that nobody ended in time end, files to and from
/// banks go on. Says how many there were.
///
/// # Errors
/// [`Failure`] of the engine; what can never be done is dropped from the jobs instead.
pub async fn advance_due(
    engine: &Engine,
    acquirer: &dyn Acquirer,
    step: i64,
) -> Result<usize, Failure> {
    let jobs = engine.due_jobs(MOST_BUSY).await?;
    let (mut done, mut stuck) = (0, None);
    for job in jobs {
        match attend_at(engine, Till::Here(acquirer), step, job, None).await {
            Ok(Attended::Waits | Attended::Unheard | Attended::Away) => continue,
            // It waits without holding up the others.
            Err(refused @ Failure::Rejected { .. }) => stuck = Some(refused),
            Ok(Attended::Done) => {}
            Err(failure) => return Err(failure),
        }
        done += 1;
    }
    stuck.map_or(Ok(done), Err)
}

/// Does one job once, whether or not it is due.
///
/// # Errors
/// As [`advance_due`].
pub async fn attend(
    engine: &Engine,
    acquirer: &dyn Acquirer,
    step: i64,
    job: DueJob,
) -> Result<(), Failure> {
    attend_at(engine, Till::Here(acquirer), step, job, None)
        .await
        .map(drop)
}

async fn attend_at(
    engine: &Engine,
    till: Till<'_>,
    step: i64,
    job: DueJob,
    known: Option<CardWork>,
) -> Result<Attended, Failure> {
    let done = match job.work {
        DueWork::Rail => rail::advance(engine, step, job).await,
        DueWork::ScheduledPayout => planned::execute(engine, job).await,
        DueWork::PayoutSchedule => planned::run(engine, job).await,
        DueWork::PaymentLink => payment_links::expire(engine, job).await,
        DueWork::Report => reports::attend(engine, job).await,
        DueWork::Approval => approvals::expire(engine, job).await,
        DueWork::Token => tokens::expire(engine, till, job).await,
        DueWork::Payment => return payments::attend(engine, till, step, job, known).await,
        DueWork::Refund => {
            let done = payments::attend_refund(engine, till, step, job, known).await;
            match done {
                Ok(Attended::Done) => Ok(()),
                other => return other,
            }
        }
        DueWork::PayoutFile => files::attend_payout_file(engine, job).await,
        DueWork::BankFile => files::attend_bank_file(engine, job).await,
    };
    let done = match done {
        // It was ended meanwhile, or can never move: nothing is left to do for it.
        // One that is not due stays: the clock was set back since it was looked up.
        Err(Failure::Rejected { .. }) if !is_kept(job.work) && job.due <= engine.now() => {
            engine.drop_job(job).await
        }
        done => done,
    };
    done.map(|()| Attended::Done)
}

#[cfg(test)]
mod tests {
    use strongroom_types::id::OrganizationId;
    use strongroom_types::mode::{Mode, Scope};

    use super::*;

    #[test]
    fn several_places_are_waited_for_where_none_was_free() {
        for (before, free, is_enough) in [
            ((0, 0), (ROOM - 1, 0), false),
            ((0, 0), (ROOM, 0), true),
            ((0, 3), (ROOM - 1, ROOM), false),
            ((1, 0), (ROOM, ROOM - 1), false),
            ((1, 0), (ROOM, ROOM), true),
            ((1, 1), (MOST_BUSY, MOST_ASKING), false),
        ] {
            assert_eq!(is_room(before, free), is_enough, "{before:?}, {free:?}");
        }
    }

    #[test]
    fn clients_come_first_until_something_else_has_waited_ten_seconds_for_them() {
        let job = DueJob {
            scope: Scope {
                organization: OrganizationId(RawId([7; 12])),
                mode: Mode::Test,
                number: 1,
            },
            id: RawId([9; 12]),
            work: DueWork::Payment,
            due: Timestamp(50_000),
        };
        let (fresh, tried) = (HashSet::new(), HashSet::from([key_of(job)]));
        for (now, tried, late) in [
            (50_000, &fresh, false),
            (60_000, &fresh, false),
            (60_001, &fresh, true),
            (90_000, &tried, false),
        ] {
            assert_eq!(is_late_at(Timestamp(now), job, tried), late, "at {now}");
        }
    }
}
