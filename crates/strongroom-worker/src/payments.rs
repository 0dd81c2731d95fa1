//! Payments and refunds: one exchange with the acquirer, or one step without it, when their job is due.
//!
//! That a request is sent is committed before it is; a worker that is killed in between asks about it, and sends it
//! again only if it never arrived.

use strongroom_acquirer::{CaptureAnswer, Captured, Order, PaymentAnswer};
use strongroom_auth::permission::Operate;
use strongroom_auth::{Caller, SystemActor};
use strongroom_channel::message::Place;
use strongroom_domain::command::Command;
use strongroom_domain::payments::{
    AcquirerAnswer, AdvancePayment, AnswerPayment, Exchange, MOST_UNANSWERED, PaymentBody,
    PaymentFailure, PaymentStep, RefuseCapture, SendAuthorization, UNREACHED_FOR, Waits,
};
use strongroom_domain::refunds::{AnswerRefund, RefundFailure, SendRefund};
use strongroom_domain::tokens::TokenUse;
use strongroom_engine::{CardWork, Committed, DueJob, Engine, Envelope, Failure};
use strongroom_types::currency::Currency;
use strongroom_types::id::{PaymentId, RefundId};

use crate::till::Till;

/// How often the pause between two reversals is doubled: about four minutes in the end.
const MOST_DOUBLED: u8 = 8;

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
    /// The acquirer did not confirm what it was told: it stays due.
    Unheard,
    /// Its acquirer cannot be asked now: it stays due.
    Away,
}

/// What becomes of a refund that was not sent yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Goes,
    /// Until the acquirer has heard of as much as is to be given back.
    Waits,
    /// The acquirer has refused the capture of what it was to give back.
    Fails,
}

/// Takes a payment one step further.
pub(crate) async fn attend(
    engine: &Engine,
    till: Till<'_>,
    pause: i64,
    job: DueJob,
    known: Option<CardWork>,
) -> Result<Attended, Failure> {
    let desk = desk(engine, till, pause, job);
    let id = PaymentId(job.id);
    let payment = match known {
        Some(CardWork::Payment(payment)) => Ok(*payment),
        _ => {
            engine
                .read(&desk.caller, move |view| view.payment(id))
                .await
        }
    };
    let payment = match payment {
        Ok(payment) => payment,
        Err(Failure::NotFound) => return engine.drop_job(job).await.map(|()| Attended::Done),
        Err(failure) => return Err(failure),
    };
    // An authorization without its number never arrives: it is not put on record as sent again before there is one.
    let is_doubted = payment.step() == PaymentStep::Authorize && payment.unanswered > 0;
    if is_doubted && !desk.reaches(&payment).await? {
        return Ok(Attended::Waits);
    }
    if desk.turns_outside(&payment) && !desk.till.is_connected(desk.order(&payment)).await {
        return desk.away(&payment).await;
    }
    match desk.step(&payment).await {
        // A job that nothing asks for goes. Else somebody moved the payment on between the look and the commit: the next
        // look sees that.
        Err(Failure::Rejected { .. }) if payment.waits() == Waits::Never => {
            engine.drop_job(job).await.map(|()| Attended::Done)
        }
        done => done,
    }
}

impl Desk<'_> {
    /// Whether the number can be opened from here. A token that was deleted in the meantime is an answer.
    async fn reaches(&self, payment: &PaymentBody) -> Result<bool, Failure> {
        let scope = self.caller.tenant().scope().number;
        let id = payment.token;
        let token = self.engine.read(&self.caller, move |view| view.token(id));
        match token.await {
            Ok(token) => Ok(self.till.reaches(scope, &token).await),
            Err(Failure::NotFound) => Ok(true),
            Err(failure) => Err(failure),
        }
    }

    fn order(&self, payment: &PaymentBody) -> Order {
        self.order_of(payment.id, payment.amount.currency)
    }

    fn order_of(&self, id: PaymentId, currency: Currency) -> Order {
        let scope = self.caller.tenant().scope();
        Order {
            scope: scope.number,
            live: scope.mode.is_live(),
            id,
            currency,
        }
    }

    /// Whether the next step sends something. What became of a request is asked of whoever keeps the answers.
    fn turns_outside(&self, payment: &PaymentBody) -> bool {
        match payment.step() {
            PaymentStep::Authorize | PaymentStep::Reverse => true,
            PaymentStep::Advance => payment.captured > payment.settled,
            PaymentStep::Inquire => false,
        }
    }

    /// Its acquirer cannot be asked. It waits without an entry for each look; one of which nothing was sent fails in the end.
    async fn away(&self, payment: &PaymentBody) -> Result<Attended, Failure> {
        let given_up = payment.created_at.plus(UNREACHED_FOR) <= self.engine.now();
        if payment.step() != PaymentStep::Authorize || !given_up {
            return Ok(Attended::Away);
        }
        // One whose number is elsewhere waits for whoever has it.
        if !self.reaches(payment).await? {
            return Ok(Attended::Waits);
        }
        let (id, pause) = (payment.id, self.pause);
        self.commit(SendAuthorization { id, pause }).await?;
        let answer = AcquirerAnswer::Declined(PaymentFailure::AcquirerUnreachable);
        self.commit(AnswerPayment { id, answer, pause }).await?;
        self.forget_unneeded(payment).await?;
        Ok(Attended::Done)
    }

    /// Settled is what the acquirer has heard of; what it refuses is taken back.
    async fn advance(&self, payment: &PaymentBody) -> Result<Attended, Failure> {
        let (id, pause, heard) = (payment.id, self.pause, payment.captured);
        let captured = Captured {
            total: payment.captured,
            refused: payment.refused(),
        };
        let answer = match payment.captured > payment.settled {
            true => self.till.capture(self.order(payment), captured).await,
            false => CaptureAnswer::Heard,
        };
        match answer {
            CaptureAnswer::Heard => self.commit(AdvancePayment { id, pause, heard }).await?,
            CaptureAnswer::Refused(refused) => {
                let taken_back = self.commit(RefuseCapture { id, refused, pause }).await?;
                tracing::warn!(payment = %id, "a capture that the acquirer refused is taken back");
                taken_back
            }
            CaptureAnswer::Unknown => return Ok(Attended::Unheard),
        };
        Ok(Attended::Done)
    }

    /// Whether a refund that was not sent yet can be, ends, or waits for a capture to be heard.
    async fn fate(&self, id: PaymentId) -> Result<Fate, Failure> {
        let payment = self.engine.read(&self.caller, move |view| view.payment(id));
        match payment.await {
            Ok(payment) if payment.is_overdrawn() => Ok(Fate::Fails),
            Ok(payment) if payment.settled < payment.spoken_for() => Ok(Fate::Waits),
            Ok(_) | Err(Failure::NotFound) => Ok(Fate::Goes),
            Err(failure) => Err(failure),
        }
    }

    /// How long until the next look. A reversal that is not heard is repeated after twice as long each time.
    fn pause_after(&self, payment: &PaymentBody) -> i64 {
        let unheard = payment.unanswered.saturating_sub(MOST_UNANSWERED);
        match payment.step() {
            PaymentStep::Reverse => self
                .pause
                .saturating_mul(1_i64 << unheard.min(MOST_DOUBLED)),
            _ => self.pause,
        }
    }

    async fn step(&self, payment: &PaymentBody) -> Result<Attended, Failure> {
        let (id, pause) = (payment.id, self.pause_after(payment));
        let (answer, usage) = match payment.step() {
            PaymentStep::Advance => return self.advance(payment).await,
            PaymentStep::Authorize => self.authorize(payment).await?,
            PaymentStep::Inquire => (self.till.inquire(self.order(payment)).await, None),
            PaymentStep::Reverse => (self.till.reverse(self.order(payment)).await, None),
        };
        let answer = match answer {
            AcquirerAnswer::Challenged(_) => {
                AcquirerAnswer::Challenged(self.engine.new_challenge())
            }
            other => other,
        };
        let never_arrived = answer == AcquirerAnswer::NeverArrived;
        let answered = AnswerPayment { id, answer, pause };
        self.commit(answered).await?;
        if never_arrived {
            return Ok(match self.reaches(payment).await? {
                true => Attended::Done,
                false => Attended::Waits,
            });
        }
        // One for many keeps its number until it is deleted, which forgets it.
        if usage != Some(TokenUse::MultiUse) {
            self.forget_unneeded(payment).await?;
        }
        Ok(Attended::Done)
    }

    /// The number of a token for one payment, once that is answered.
    async fn forget_unneeded(&self, payment: &PaymentBody) -> Result<(), Failure> {
        let is_vault = matches!(self.till, Till::Vault(..));
        let token = payment.token;
        if is_vault && self.engine.has_no_number(&self.caller, token).await? {
            let scope = self.caller.tenant().scope().number;
            self.till.forget(Place { scope, token }).await;
        }
        Ok(())
    }

    /// The answer, and how often the token can be used.
    async fn authorize(
        &self,
        payment: &PaymentBody,
    ) -> Result<(PaymentAnswer, Option<TokenUse>), Failure> {
        let (id, pause) = (payment.id, self.pause);
        let sent = self.commit(SendAuthorization { id, pause }).await?;
        match self.engine.card_for(&self.caller, &sent).await? {
            Some((card, usage)) => {
                let order = self.order(payment);
                let answer = self.till.authorize(order, payment, card).await;
                Ok((answer, Some(usage)))
            }
            // Its token was deleted in the meantime: nothing was sent, and nothing can be.
            None => {
                let answer = AcquirerAnswer::Declined(PaymentFailure::TokenUnusable);
                Ok((answer, None))
            }
        }
    }
}

/// Takes a refund one step further.
pub(crate) async fn attend_refund(
    engine: &Engine,
    till: Till<'_>,
    pause: i64,
    job: DueJob,
    known: Option<CardWork>,
) -> Result<Attended, Failure> {
    let desk = desk(engine, till, pause, job);
    let id = RefundId(job.id);
    let refund = match known {
        Some(CardWork::Refund(refund)) => Ok(*refund),
        _ => engine.read(&desk.caller, move |view| view.refund(id)).await,
    };
    let refund = match refund {
        Ok(refund) => refund,
        Err(Failure::NotFound) => return engine.drop_job(job).await.map(|()| Attended::Done),
        Err(failure) => return Err(failure),
    };
    // Cash is given back at once: only a card's refund is asked about.
    let Some(payment) = refund.payment.filter(|_| refund.is_pending()) else {
        return engine.drop_job(job).await.map(|()| Attended::Done);
    };
    let of = desk.order_of(payment, refund.amount.currency);
    let fate = match refund.exchange {
        Exchange::Unsent if till.must_hear_first() => Some(desk.fate(payment).await?),
        Exchange::Unsent => Some(Fate::Goes),
        _ => None,
    };
    let answer = match fate {
        Some(Fate::Fails) => AcquirerAnswer::Declined(RefundFailure::CaptureRefused),
        Some(Fate::Waits) => return Ok(Attended::Away),
        _ if !till.is_connected(of).await => return Ok(Attended::Away),
        Some(Fate::Goes) => {
            desk.commit(SendRefund { id, pause }).await?;
            till.refund(id, of, refund.amount).await
        }
        None => till.inquire_refund(id, of).await,
    };
    let answered = AnswerRefund { id, answer, pause };
    desk.commit(answered).await?;
    Ok(Attended::Done)
}
