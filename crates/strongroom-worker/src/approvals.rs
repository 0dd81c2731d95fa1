//! Approvals that nobody has ended in time.

use strongroom_auth::{Caller, SystemActor};
use strongroom_domain::approvals::ExpireApproval;
use strongroom_engine::{DueJob, Engine, Envelope, Failure};
use strongroom_types::id::ApprovalId;

pub(crate) async fn expire(engine: &Engine, job: DueJob) -> Result<(), Failure> {
    let caller = Caller::system(SystemActor::Housekeeping, job.scope);
    let command = ExpireApproval {
        id: ApprovalId(job.id),
    };
    let done = engine.execute(&caller, command, Envelope::internal());
    done.await.map(drop)
}
