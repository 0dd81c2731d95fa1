//! An acquirer that is spoken to by ISO 8583:1987 over a connection that is kept up.
//!
//! INVARIANT(never-guessed): what is sent is on the shelf before it is (`kept.rs`), an answer before it is handed on. No answer, and
//! one that leaves open what happened, is `Unknown`: whoever asks has it reversed, and a reversal keeps its number and is
//! repeated until it is confirmed. What has no sheet was never sent, and what was reversed before it was sent never will be.

mod answers;
mod busy;
mod capture;
mod kept;
mod late;
mod line;
#[cfg(test)]
mod memory;
mod numbers;
mod requests;
pub mod settings;
mod steps;
mod talk;
#[cfg(test)]
mod tests;
mod tls;
mod undo;

use std::sync::{Arc, Mutex};

use strongroom_domain::payments::{AcquirerAnswer, PaymentFailure};
use strongroom_domain::refunds::RefundFailure;
use strongroom_iso8583::Message;
use strongroom_types::id::{RawId, RefundId};
use strongroom_types::money::Money;
use strongroom_types::time::DAY;
use strongroom_vault::CardInHand;
use tokio::sync::MutexGuard;
use tokio::time::Duration;

use crate::shelf::{Shelf, ShelfFault};
use crate::{Acquirer, Answering, CaptureAnswer, Captured, Order, PaymentAnswer, RefundAnswer};

use answers::{Verdict, is_known, verdict};
use busy::Busy;
use kept::{KeptPayment, Said, load, seat_of};
use late::Late;
use line::Line;
use numbers::Numbers;
use settings::Settings;
use talk::Talk;

pub use answers::response_codes;
pub use line::{Dial, Dialing};
pub use tls::Tls;

/// How often numbers whose time is over are looked for.
const SWEEP_EVERY: Duration = Duration::from_hours(1);
/// Sheets are changed one at a time within each of so many groups.
const GROUPS: usize = 64;

/// One acquirer. Cheap to clone.
#[derive(Clone)]
pub struct Connector(Arc<Inner>);

pub(crate) struct Inner {
    settings: Arc<Settings>,
    shelf: Arc<dyn Shelf>,
    talk: Talk,
    numbers: Numbers,
    late: Late,
    line: Line,
    busy: Busy,
    groups: Vec<tokio::sync::Mutex<()>>,
}

impl Connector {
    /// An acquirer whose connection is made by `dial`, once it is kept up.
    pub fn new(settings: Settings, shelf: Arc<dyn Shelf>, dial: Arc<dyn Dial>) -> Connector {
        let settings = Arc::new(settings);
        Connector(Arc::new(Inner {
            talk: Talk::new(&settings),
            numbers: Numbers::new(Arc::clone(&shelf), &settings.name),
            late: Late::new(Arc::clone(&shelf), &settings.name),
            line: Line {
                settings: Arc::clone(&settings),
                shelf: Arc::clone(&shelf),
                dial,
                heard: Mutex::default(),
            },
            busy: Busy::default(),
            groups: (0..GROUPS).map(|_| tokio::sync::Mutex::default()).collect(),
            settings,
            shelf,
        }))
    }

    pub(crate) fn name(&self) -> &str {
        &self.0.settings.name
    }

    /// Whether new payments like this one go there.
    pub(crate) fn takes(&self, order: Order) -> bool {
        self.0.settings.takes(order.live, order.currency)
    }
}

/// The name of the acquirer that has a payment, if one has.
pub(crate) fn acquirer_of(shelf: &dyn Shelf, order: Order) -> Result<Option<String>, ShelfFault> {
    let kept = load::<KeptPayment>(shelf, seat_of(order))?;
    Ok(kept.map(|payment| payment.acquirer))
}

impl Inner {
    /// Nobody else changes the sheets of this payment or refund meanwhile.
    async fn alone(&self, id: RawId) -> Option<MutexGuard<'_, ()>> {
        let [.., last] = id.0;
        let group = self.groups.get(usize::from(last) % GROUPS)?;
        Some(group.lock().await)
    }

    /// Sends a message, and waits for its answer.
    async fn exchange(&self, message: &Message) -> Option<Message> {
        let _turn = self.talk.turn().await.ok()?;
        let mut question = self.talk.ask(message).ok()?;
        question.answer(self.settings.answer).await
    }

    /// What an answer says, as it is kept. `minor` is what was asked for.
    fn said(answer: &Message, minor: i64) -> Said {
        let amount = answer.text(4).and_then(|text| text.parse::<i64>().ok());
        let approval = answer.text(38).filter(|text| !text.is_empty());
        Said {
            code: answer.text(39).unwrap_or("").to_owned(),
            approval: approval.map(str::to_owned),
            is_whole: amount.is_none_or(|amount| amount == minor),
        }
    }

    /// Takes the numbers off the sheets whose time is over.
    async fn sweep(&self) -> Result<(), ShelfFault> {
        let kept_for = i64::from(self.settings.number_days).saturating_mul(DAY);
        let before = self.shelf.now().plus(-kept_for);
        for seat in self.shelf.with_numbers(before)? {
            let _alone = self.alone(seat.id).await;
            let Some(mut payment) = load::<KeptPayment>(&*self.shelf, seat)? else {
                continue;
            };
            if payment.acquirer == self.settings.name {
                payment.digits = None;
                payment.expiry = None;
                payment.keep(&*self.shelf, seat).await?;
            }
        }
        Ok(())
    }
}

/// What is said of a payment by an answer.
fn payment_answer(said: &Said) -> PaymentAnswer {
    match verdict(&said.code) {
        // SECURITY: an approval of another amount is none of ours.
        Verdict::Approved if said.is_whole => {
            AcquirerAnswer::Approved(said.approval.clone().unwrap_or_default())
        }
        Verdict::Declined(failure) => AcquirerAnswer::Declined(failure),
        Verdict::Approved | Verdict::Unclear => AcquirerAnswer::Unknown,
    }
}

/// What is said of a refund by the answer to its request, or to a repetition of that.
fn refund_answer(said: &Said, is_repeated: bool) -> RefundAnswer {
    let approved = || AcquirerAnswer::Approved(said.approval.clone().unwrap_or_default());
    match verdict(&said.code) {
        Verdict::Approved if said.is_whole => approved(),
        Verdict::Unclear if said.is_whole && is_repeated && is_known(&said.code) => approved(),
        // INVARIANT(never-guessed): that a repetition could not be processed says nothing of the request before it.
        Verdict::Declined(PaymentFailure::ProcessingError) if is_repeated => {
            AcquirerAnswer::Unknown
        }
        Verdict::Declined(_) => AcquirerAnswer::Declined(RefundFailure::RefundDeclined),
        Verdict::Approved | Verdict::Unclear => AcquirerAnswer::Unknown,
    }
}

/// What was said of a refund, as it is kept: only what settled it is, and only a repetition is settled as known already.
fn kept_refund_answer(said: &Said) -> RefundAnswer {
    refund_answer(said, is_known(&said.code))
}

/// What cannot be said to the acquirer at all: nothing was sent.
fn unsayable() -> PaymentAnswer {
    AcquirerAnswer::Declined(PaymentFailure::ProcessingError)
}

impl Acquirer for Connector {
    fn authorize(
        &self,
        order: Order,
        amount: Money,
        card: CardInHand,
        _: bool,
    ) -> Answering<PaymentAnswer> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.authorize(order, amount, card).await })
    }

    fn inquire(&self, order: Order) -> Answering<PaymentAnswer> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.inquire(order) })
    }

    fn reverse(&self, order: Order) -> Answering<PaymentAnswer> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let reversed = inner.reverse(order).await;
            reversed.unwrap_or(AcquirerAnswer::Unknown)
        })
    }

    fn capture(&self, order: Order, captured: Captured) -> Answering<CaptureAnswer> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let told = inner.capture(order, captured).await;
            told.unwrap_or(CaptureAnswer::Unknown)
        })
    }

    fn refund(&self, id: RefundId, of: Order, amount: Money) -> Answering<RefundAnswer> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let refunded = inner.refund(id, of, amount).await;
            refunded.unwrap_or(AcquirerAnswer::Unknown)
        })
    }

    fn inquire_refund(&self, id: RefundId, of: Order) -> Answering<RefundAnswer> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let known = inner.inquire_refund(id, of).await;
            known.unwrap_or(AcquirerAnswer::Unknown)
        })
    }

    fn is_reached(&self, _: Order) -> Answering<bool> {
        Box::pin(std::future::ready(self.0.talk.is_up()))
    }

    fn keep_up(&self) -> Answering<()> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let sweeping = async {
                loop {
                    if inner.sweep().await.is_err() {
                        tracing::warn!("numbers whose time is over are still kept for an acquirer");
                    }
                    tokio::time::sleep(SWEEP_EVERY).await;
                }
            };
            tokio::select! {
                () = inner.line.keep_up(&inner.talk, &inner.numbers) => {}
                () = inner.undo_late() => {}
                () = sweeping => {}
            }
        })
    }
}
