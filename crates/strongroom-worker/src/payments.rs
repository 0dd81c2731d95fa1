//! Payments and refunds: one exchange with the acquirer, or one step without it, when their job is due.
//!
//! That a request is sent is committed before it is; a worker that is killed in between asks about it, and sends it
//! again only if it never arrived.

use strongroom_auth::permission::Operate;
use strongroom_auth::{Caller, SystemActor};
use strongroom_domain::command::Command;
use strongroom_domain::payments::{
    AcquirerAnswer, AdvancePayment, AnswerPayment, Exchange, PaymentBody, PaymentFailure,
    PaymentStep, SendAuthorization, Waits,
};
use strongroom_domain::refunds::{AnswerRefund, SendRefund};
use strongroom_engine::{Committed, DueJob, Engine, Envelope, Failure};
use strongroom_types::id::{PaymentId, RefundId};

use strongroom_acquirer::{Acquirer, PaymentAnswer};

/// Who acts, on which books, and how soon it looks again.
struct Desk<'a> {
    engine: &'a Engine,
    acquirer: &'a dyn Acquirer,
    caller: Caller<Operate>,
    pause: i64,
}

impl Desk<'_> {
    async fn commit<C: Command<Permission = Operate>>(
        &self,
        command: C,
    ) -> Result<Committed, Failure> {
        let done = self
            .engine
            .execute(&self.caller, command, Envelope::internal());
        done.await
    }
}

fn desk<'a>(engine: &'a Engine, acquirer: &'a dyn Acquirer, pause: i64, job: DueJob) -> Desk<'a> {
    Desk {
        engine,
        acquirer,
        caller: Caller::system(SystemActor::Acquirer, job.scope),
        pause,
    }
}

/// Takes a payment one step further.
pub(crate) async fn attend(
    engine: &Engine,
    acquirer: &dyn Acquirer,
    pause: i64,
    job: DueJob,
) -> Result<(), Failure> {
    let desk = desk(engine, acquirer, pause, job);
    let id = PaymentId(job.id);
    let payment = engine.read(&desk.caller, move |view| view.payment(id));
    let payment = match payment.await {
        Ok(payment) => payment,
        Err(Failure::NotFound) => return engine.drop_job(job).await,
        Err(failure) => return Err(failure),
    };
    match desk.step(&payment).await {
        // A job that nothing asks for goes. Else somebody moved the payment on between the look and the commit: the next
        // look sees that.
        Err(Failure::Rejected { .. }) if payment.waits() == Waits::Never => {
            engine.drop_job(job).await
        }
        done => done,
    }
}

impl Desk<'_> {
    async fn step(&self, payment: &PaymentBody) -> Result<(), Failure> {
        let (id, pause) = (payment.id, self.pause);
        let answer = match payment.step() {
            PaymentStep::Advance => {
                return self.commit(AdvancePayment { id, pause }).await.map(drop);
            }
            PaymentStep::Authorize => self.authorize(payment).await?,
            PaymentStep::Inquire => self.acquirer.inquire(id).await,
            PaymentStep::Reverse => self.acquirer.reverse(id).await,
        };
        let answered = AnswerPayment { id, answer, pause };
        self.commit(answered).await.map(drop)
    }

    async fn authorize(&self, payment: &PaymentBody) -> Result<PaymentAnswer, Failure> {
        let (id, pause) = (payment.id, self.pause);
        let sent = self.commit(SendAuthorization { id, pause }).await?;
        match self.engine.card_for(&self.caller, &sent).await? {
            Some(card) => Ok(self.acquirer.authorize(id, payment.amount, card).await),
            // Its token was deleted in the meantime: nothing was sent, and nothing can be.
            None => Ok(AcquirerAnswer::Declined(PaymentFailure::TokenUnusable)),
        }
    }
}

/// Takes a refund one step further.
pub(crate) async fn attend_refund(
    engine: &Engine,
    acquirer: &dyn Acquirer,
    pause: i64,
    job: DueJob,
) -> Result<(), Failure> {
    let desk = desk(engine, acquirer, pause, job);
    let id = RefundId(job.id);
    let refund = engine.read(&desk.caller, move |view| view.refund(id));
    let refund = match refund.await {
        Ok(refund) => refund,
        Err(Failure::NotFound) => return engine.drop_job(job).await,
        Err(failure) => return Err(failure),
    };
    if !refund.is_pending() {
        return engine.drop_job(job).await;
    }
    let answer = match refund.exchange {
        Exchange::Unsent => {
            desk.commit(SendRefund { id, pause }).await?;
            acquirer.refund(id, refund.payment, refund.amount).await
        }
        _ => acquirer.inquire_refund(id).await,
    };
    let answered = AnswerRefund { id, answer, pause };
    desk.commit(answered).await.map(drop)
}
