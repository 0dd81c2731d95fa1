//! Tokens whose time is over lose their card number; security codes that nobody used are wiped.

use strongroom_auth::{Caller, SystemActor};
use strongroom_domain::tokens::ExpireToken;
use strongroom_engine::{DueJob, Engine, Envelope, Failure};
use strongroom_types::id::TokenId;

pub(crate) async fn expire(engine: &Engine, job: DueJob) -> Result<(), Failure> {
    let caller = Caller::system(SystemActor::Housekeeping, job.scope);
    let command = ExpireToken {
        id: TokenId(job.id),
    };
    let done = engine.execute(&caller, command, Envelope::internal());
    done.await.map(drop)
}
