//! The sandbox rail: moves bank payouts one step when their job is due.

use strongroom_auth::{Caller, SystemActor};
use strongroom_domain::payouts::AdvancePayout;
use strongroom_engine::{DueJob, Engine, Envelope, Failure};
use strongroom_types::id::PayoutId;

pub(crate) async fn advance(engine: &Engine, step: i64, job: DueJob) -> Result<(), Failure> {
    let caller = Caller::system(SystemActor::Rail, job.scope);
    let command = AdvancePayout {
        id: PayoutId(job.id),
        pause: step,
    };
    let done = engine.execute(&caller, command, Envelope::internal());
    done.await.map(drop)
}
