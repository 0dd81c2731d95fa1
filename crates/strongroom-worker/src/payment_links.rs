//! Payment links that nobody has paid in time.

use strongroom_auth::{Caller, SystemActor};
use strongroom_domain::payment_links::ExpirePaymentLink;
use strongroom_engine::{DueJob, Engine, Envelope, Failure};
use strongroom_types::id::PaymentLinkId;

pub(crate) async fn expire(engine: &Engine, job: DueJob) -> Result<(), Failure> {
    let caller = Caller::system(SystemActor::Housekeeping, job.scope);
    let command = ExpirePaymentLink {
        id: PaymentLinkId(job.id),
    };
    let done = engine.execute(&caller, command, Envelope::internal());
    done.await.map(drop)
}
