//! Work with a time of its own: what is due is done, the longest waiting first.

use std::sync::Arc;
use std::time::Duration;

use strongroom_acquirer::Acquirer;
use strongroom_channel::Vault;
use strongroom_engine::{DueJob, DueWork, Engine, Failure};
use tokio::sync::watch;

use crate::payments::Attended;
use crate::till::Till;
use crate::{approvals, payments, rail, tokens};

/// Jobs taken at once.
const TAKE: usize = 200;
/// The most, with those that wait for the vault.
const MOST: usize = 20_000;
/// The longest nap between two looks, so that a clock set forward is noticed.
const NAP: Duration = Duration::from_secs(5);
/// The nap while the vault is away.
const CLOSED: Duration = Duration::from_millis(100);
/// The nap while payments wait for a number that is not in this vault, or for a vault where there is none.
const ELSEWHERE: Duration = Duration::from_secs(1);

pub(crate) async fn run(
    engine: Engine,
    acquirer: Arc<dyn Acquirer>,
    vault: Option<Vault>,
    step: i64,
    mut stopped: watch::Receiver<bool>,
) {
    let mut take = TAKE;
    let mut elsewhere = 0;
    loop {
        let till = vault.as_ref().map_or(Till::Here(&*acquirer), Till::Vault);
        let nap = match advance(&engine, till, step, take).await {
            Ok(Turn {
                done: 0,
                skipped: 0,
            }) => until_next(&engine).await,
            Ok(Turn { skipped: 0, .. }) => {
                take = TAKE;
                Duration::ZERO
            }
            // The vault is away for moments, or has not the number.
            Ok(turn) => {
                if till.is_open() && turn.skipped > elsewhere {
                    let payments = turn.skipped;
                    tracing::error!(
                        payments,
                        "payments wait for card numbers that are in no vault of this server"
                    );
                }
                elsewhere = turn.skipped;
                // What waits for the vault does not hide what comes after it.
                take = MOST.min(TAKE + turn.skipped);
                match (till.is_open(), turn.done) {
                    (false, _) => CLOSED,
                    (true, 0) => ELSEWHERE,
                    (true, _) => Duration::ZERO,
                }
            }
            Err(Failure::Halted | Failure::Stopped) => return,
            Err(failure) => {
                tracing::warn!(failure = ?failure, "the turn of what is due failed");
                NAP
            }
        };
        tokio::select! {
            () = tokio::time::sleep(nap) => {}
            () = engine.jobs_changed() => {}
            _ = stopped.changed() => return,
        }
    }
}

async fn until_next(engine: &Engine) -> Duration {
    let Ok(Some(due)) = engine.next_job().await else {
        return NAP;
    };
    let wait = u64::try_from(due.0.saturating_sub(engine.now().0)).unwrap_or(0);
    Duration::from_millis(wait).min(NAP)
}

/// Does every job that is due once: payouts go one step along their rail, payments and refunds have one exchange with
/// the acquirer, tokens whose time is over lose their number, approvals that nobody ended in time end. Says how many there were.
///
/// # Errors
/// [`Failure`] of the engine; what can never be done is dropped from the jobs instead.
pub async fn advance_due(
    engine: &Engine,
    acquirer: &dyn Acquirer,
    step: i64,
) -> Result<usize, Failure> {
    let turn = advance(engine, Till::Here(acquirer), step, TAKE).await?;
    Ok(turn.done)
}

/// What came of the jobs that were due.
struct Turn {
    done: usize,
    /// Left for later, because the vault is away, or their number is elsewhere.
    skipped: usize,
}

async fn advance(engine: &Engine, till: Till<'_>, step: i64, take: usize) -> Result<Turn, Failure> {
    let jobs = engine.due_jobs(take).await?;
    let mut turn = Turn {
        done: 0,
        skipped: 0,
    };
    let mut stuck = None;
    for job in jobs {
        let carried = matches!(job.work, DueWork::Payment | DueWork::Refund);
        if carried && !till.is_open() {
            turn.skipped += 1;
            continue;
        }
        match attend_at(engine, till, step, job).await {
            Ok(Attended::Waits) => {
                turn.skipped += 1;
                continue;
            }
            // It waits without holding up the others.
            Err(refused @ Failure::Rejected { .. }) => stuck = Some(refused),
            Ok(Attended::Done) => {}
            Err(failure) => return Err(failure),
        }
        turn.done += 1;
    }
    stuck.map_or(Ok(turn), Err)
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
    attend_at(engine, Till::Here(acquirer), step, job)
        .await
        .map(drop)
}

async fn attend_at(
    engine: &Engine,
    till: Till<'_>,
    step: i64,
    job: DueJob,
) -> Result<Attended, Failure> {
    let done = match job.work {
        DueWork::Rail => rail::advance(engine, step, job).await,
        DueWork::Approval => approvals::expire(engine, job).await,
        DueWork::Token => tokens::expire(engine, till, job).await,
        DueWork::Payment => return payments::attend(engine, till, step, job).await,
        DueWork::Refund => payments::attend_refund(engine, till, step, job).await,
    };
    let done = match done {
        // It was ended meanwhile, or can never move: nothing is left to do for it.
        Err(Failure::Rejected { .. }) if job.work != DueWork::Refund => engine.drop_job(job).await,
        done => done,
    };
    done.map(|()| Attended::Done)
}
