//! Payments and refunds: one exchange with the acquirer, or one step without it, when their job is due.
//!
//! That a request is sent is committed before it is; a worker that is killed in between asks about it, and sends it
//! again only if it never arrived.

use strongroom_acquirer::PaymentAnswer;
use strongroom_auth::permission::Operate;
use strongroom_auth::{Caller, SystemActor};
use strongroom_channel::message::Place;
use strongroom_domain::command::Command;
use strongroom_domain::payments::{
    AcquirerAnswer, AdvancePayment, AnswerPayment, Exchange, PaymentBody, PaymentFailure,
    PaymentStep, SendAuthorization, Waits,
};
use strongroom_domain::refunds::{AnswerRefund, SendRefund};
use strongroom_engine::{Committed, DueJob, Engine, Envelope, Failure};
use strongroom_types::id::{PaymentId, RefundId};

use crate::till::Till;

/// Who acts, on which books, and how soon it looks again.
struct Desk<'a> {
    engine: &'a Engine,
    till: Till<'a>,
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

fn desk<'a>(engine: &'a Engine, till: Till<'a>, pause: i64, job: DueJob) -> Desk<'a> {
    Desk {
        engine,
        till,
        caller: Caller::system(SystemActor::Acquirer, job.scope),
        pause,
    }
}

/// What came of a job's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attended {
    Done,
    /// Its number cannot be reached from here: it stays due.
    Waits,
}

/// Takes a payment one step further.
pub(crate) async fn attend(
    engine: &Engine,
    till: Till<'_>,
    pause: i64,
    job: DueJob,
) -> Result<Attended, Failure> {
    let desk = desk(engine, till, pause, job);
    let id = PaymentId(job.id);
    let payment = engine.read(&desk.caller, move |view| view.payment(id));
    let payment = match payment.await {
        Ok(payment) => payment,
        Err(Failure::NotFound) => return engine.drop_job(job).await.map(|()| Attended::Done),
        Err(failure) => return Err(failure),
    };
    if payment.step() == PaymentStep::Authorize && !desk.reaches(&payment).await? {
        return Ok(Attended::Waits);
    }
    let done = match desk.step(&payment).await {
        // A job that nothing asks for goes. Else somebody moved the payment on between the look and the commit: the next
        // look sees that.
        Err(Failure::Rejected { .. }) if payment.waits() == Waits::Never => {
            engine.drop_job(job).await
        }
        done => done,
    };
    done.map(|()| Attended::Done)
}

impl Desk<'_> {
    /// Asked before anything is put on record as sent.
    async fn reaches(&self, payment: &PaymentBody) -> Result<bool, Failure> {
        let id = payment.token;
        match self
            .engine
            .read(&self.caller, move |view| view.token(id))
            .await
        {
            Ok(token) => {
                let scope = self.caller.tenant().scope().number;
                Ok(self.till.reaches(scope, &token).await)
            }
            // Deleted in the meantime, which is an answer.
            Err(Failure::NotFound) => Ok(true),
            Err(failure) => Err(failure),
        }
    }

    async fn step(&self, payment: &PaymentBody) -> Result<(), Failure> {
        let (id, pause) = (payment.id, self.pause);
        let answer = match payment.step() {
            PaymentStep::Advance => {
                return self.commit(AdvancePayment { id, pause }).await.map(drop);
            }
            PaymentStep::Authorize => self.authorize(payment).await?,
            PaymentStep::Inquire => self.till.inquire(id).await,
            PaymentStep::Reverse => self.till.reverse(id).await,
        };
        let answer = match answer {
            AcquirerAnswer::Challenged(_) => {
                AcquirerAnswer::Challenged(self.engine.new_challenge())
            }
            other => other,
        };
        let answered = AnswerPayment { id, answer, pause };
        self.commit(answered).await?;
        self.forget_unneeded(payment).await
    }

    /// The number of a token for one payment, once that is answered.
    async fn forget_unneeded(&self, payment: &PaymentBody) -> Result<(), Failure> {
        let is_vault = matches!(self.till, Till::Vault(_));
        if is_vault
            && self
                .engine
                .has_no_number(&self.caller, payment.token)
                .await?
        {
            let scope = self.caller.tenant().scope().number;
            let token = payment.token;
            self.till.forget(Place { scope, token }).await;
        }
        Ok(())
    }

    async fn authorize(&self, payment: &PaymentBody) -> Result<PaymentAnswer, Failure> {
        let (id, pause) = (payment.id, self.pause);
        let sent = self.commit(SendAuthorization { id, pause }).await?;
        match self.engine.card_for(&self.caller, &sent).await? {
            Some(card) => {
                let scope = self.caller.tenant().scope().number;
                Ok(self.till.authorize(scope, payment, card).await)
            }
            // Its token was deleted in the meantime: nothing was sent, and nothing can be.
            None => Ok(AcquirerAnswer::Declined(PaymentFailure::TokenUnusable)),
        }
    }
}

/// Takes a refund one step further.
pub(crate) async fn attend_refund(
    engine: &Engine,
    till: Till<'_>,
    pause: i64,
    job: DueJob,
) -> Result<(), Failure> {
    let desk = desk(engine, till, pause, job);
    let id = RefundId(job.id);
    let refund = engine.read(&desk.caller, move |view| view.refund(id));
    let refund = match refund.await {
        Ok(refund) => refund,
        Err(Failure::NotFound) => return engine.drop_job(job).await,
        Err(failure) => return Err(failure),
    };
    // Cash is given back at once: only a card's refund is asked about.
    let Some(payment) = refund.payment.filter(|_| refund.is_pending()) else {
        return engine.drop_job(job).await;
    };
    let answer = match refund.exchange {
        Exchange::Unsent => {
            desk.commit(SendRefund { id, pause }).await?;
            till.refund(id, payment, refund.amount).await
        }
        _ => till.inquire_refund(id).await,
    };
    let answered = AnswerRefund { id, answer, pause };
    desk.commit(answered).await.map(drop)
}
