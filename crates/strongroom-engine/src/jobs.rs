//! Work that is due after a commit, as the workers see it.

use strongroom_store::Batch;
use strongroom_types::id::RawId;
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::accept::RAIL_JOB;
use crate::engine::Engine;
use crate::envelope::Failure;
use crate::scopes::installation;

/// A rail job that is due: the payout with this number in this scope.
#[derive(Clone, Copy, Debug)]
pub struct DueJob {
    pub scope: Scope,
    pub id: RawId,
}

impl Engine {
    /// The jobs due now, the longest waiting first.
    ///
    /// # Errors
    /// [`Failure`] of the read.
    pub async fn due_jobs(&self, limit: usize) -> Result<Vec<DueJob>, Failure> {
        let now = self.now();
        let rows = self
            .with_view(installation(), move |view| {
                Ok(view.reader.jobs_due(now.0, limit)?)
            })
            .await?;
        let jobs = rows.iter().filter(|row| row.kind == RAIL_JOB);
        Ok(jobs
            .filter_map(|row| {
                Some(DueJob {
                    scope: self.shared().scope(row.scope)?,
                    id: RawId(row.id),
                })
            })
            .collect())
    }

    /// When the next job is due.
    ///
    /// # Errors
    /// [`Failure`] of the read.
    pub async fn next_job(&self) -> Result<Option<Timestamp>, Failure> {
        let next = self
            .with_view(installation(), |view| Ok(view.reader.next_job()?))
            .await?;
        Ok(next.map(Timestamp))
    }

    /// Waits until a commit has scheduled work.
    pub async fn jobs_changed(&self) {
        self.shared().jobs.notified().await;
    }

    /// Forgets a job that can never be done.
    ///
    /// # Errors
    /// [`Failure`] of the commit.
    pub async fn drop_job(&self, job: DueJob) -> Result<(), Failure> {
        let removed_jobs = vec![(job.scope.number, RAIL_JOB, job.id.0)];
        self.derive(Batch {
            removed_jobs,
            ..Batch::default()
        })
        .await
    }
}
