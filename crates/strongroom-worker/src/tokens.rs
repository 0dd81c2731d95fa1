//! Tokens whose time is over lose their card number; security codes that nobody used are wiped.

use strongroom_auth::{Caller, SystemActor};
use strongroom_channel::message::Place;
use strongroom_domain::tokens::ExpireToken;
use strongroom_engine::{DueJob, Engine, Envelope, Failure};
use strongroom_types::id::TokenId;

use crate::till::Till;

pub(crate) async fn expire(engine: &Engine, till: Till<'_>, job: DueJob) -> Result<(), Failure> {
    let caller = Caller::system(SystemActor::Housekeeping, job.scope);
    let token = TokenId(job.id);
    let done = engine.execute(&caller, ExpireToken { id: token }, Envelope::internal());
    done.await?;
    let scope = job.scope.number;
    till.forget(Place { scope, token }).await;
    Ok(())
}
