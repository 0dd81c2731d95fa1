//! Payouts whose time has come, by themselves or of a schedule.

use strongroom_auth::{Caller, SystemActor};
use strongroom_domain::payout_schedules::RunPayoutSchedule;
use strongroom_domain::payouts::ExecutePayout;
use strongroom_engine::{DueJob, Engine, Envelope, Failure};
use strongroom_types::id::{PayoutId, PayoutScheduleId};

pub(crate) async fn execute(engine: &Engine, job: DueJob) -> Result<(), Failure> {
    let caller = Caller::system(SystemActor::Rail, job.scope);
    let command = ExecutePayout {
        id: PayoutId(job.id),
    };
    let done = engine.execute(&caller, command, Envelope::internal());
    done.await.map(drop)
}

/// Makes one payout of a schedule, or leaves out what it is to leave out; what is due behind it is due again.
pub(crate) async fn run(engine: &Engine, job: DueJob) -> Result<(), Failure> {
    let caller = Caller::system(SystemActor::Rail, job.scope);
    let command = RunPayoutSchedule {
        id: PayoutScheduleId(job.id),
    };
    let done = engine.execute(&caller, command, Envelope::internal());
    done.await.map(drop)
}
