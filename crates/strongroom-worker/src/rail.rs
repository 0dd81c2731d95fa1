//! The sandbox rail: moves bank payouts one step when their job is due.

use std::time::Duration;

use strongroom_auth::{Caller, SystemActor};
use strongroom_domain::payouts::AdvancePayout;
use strongroom_engine::{DueJob, Engine, Envelope, Failure};
use strongroom_types::id::PayoutId;
use tokio::sync::watch;

/// Jobs taken at once.
const TAKE: usize = 200;
/// The longest nap between two looks, so that a clock set forward is noticed.
const NAP: Duration = Duration::from_secs(5);

pub(crate) async fn run(engine: Engine, step: i64, mut stopped: watch::Receiver<bool>) {
    loop {
        let nap = match advance_due(&engine, step).await {
            Ok(0) => until_next(&engine).await,
            Ok(_) => Duration::ZERO,
            Err(Failure::Halted) => return,
            Err(failure) => {
                tracing::warn!(failure = ?failure, "the rail's turn failed");
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

/// Takes every payout whose job is due one step on; says how many.
///
/// # Errors
/// [`Failure`] of the engine; a payout that may not move on is dropped from the jobs instead.
pub async fn advance_due(engine: &Engine, step: i64) -> Result<usize, Failure> {
    let jobs = engine.due_jobs(TAKE).await?;
    let count = jobs.len();
    for job in jobs {
        advance(engine, step, job).await?;
    }
    Ok(count)
}

async fn advance(engine: &Engine, step: i64, job: DueJob) -> Result<(), Failure> {
    let caller = Caller::system(SystemActor::Rail, job.scope);
    let command = AdvancePayout {
        id: PayoutId(job.id),
        pause: step,
    };
    match engine.execute(&caller, command, Envelope::internal()).await {
        Ok(_) => Ok(()),
        // It was cancelled meanwhile, or can never move: nothing is left to do for it.
        Err(Failure::Rejected { .. }) => engine.drop_job(job).await,
        Err(failure) => Err(failure),
    }
}
