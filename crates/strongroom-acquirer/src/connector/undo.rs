//! Undoing: a payment's captures, the last one first, then its authorization; and approvals that came too late to be undone by the
//! reversal that was sent for them.
//!
//! INVARIANT(never-guessed): a capture of which nobody knows whether the acquirer took it is asked about until that is known; only then
//! is it undone, under a number of its own that leads to it (field 90). So what is undone is all there is.

use std::time::Duration;

use strongroom_domain::payments::AcquirerAnswer;
use strongroom_iso8583::Message;

use super::answers::{Verdict, found_nothing, has_heard, has_undone, refusal, verdict};
use super::kept::{Advice, KeptPayment, Said, load, seat_of};
use super::steps::unwritable;
use super::{Inner, requests};
use crate::shelf::{Seat, ShelfFault};
use crate::{Order, PaymentAnswer};

/// How long until what came too late is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// What is sent of a capture that is to be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Matter {
    /// Itself, once more: whether it was taken is not known.
    Fate,
    Reversal,
}

impl Inner {
    pub(super) async fn reverse(&self, order: Order) -> Result<PaymentAnswer, ShelfFault> {
        let seat = seat_of(order);
        let Some(_call) = self.busy.begin(seat) else {
            return Ok(AcquirerAnswer::Unknown);
        };
        let Some(is_repeated) = self.begin_reversal(order, seat).await? else {
            return Ok(AcquirerAnswer::Reversed);
        };
        if !self.undo_captures(order, seat).await? {
            return Ok(AcquirerAnswer::Unknown);
        }
        let Some(message) = self.reversal(seat, is_repeated)? else {
            return Ok(AcquirerAnswer::Reversed);
        };
        let Some(answer) = self.exchange(&message).await else {
            return Ok(AcquirerAnswer::Unknown);
        };
        let told = answer.text(39).unwrap_or("");
        if !has_undone(told) {
            let stan = message.text(11).unwrap_or("");
            tracing::error!(payment = %order.id, stan, code = told, "the acquirer does not reverse");
            return Ok(AcquirerAnswer::Unknown);
        }
        self.reversed(seat, found_nothing(told)).await
    }

    /// Puts on the shelf that a payment is undone. Nothing where there is nothing to undo any more; else whether its reversal
    /// may have been sent before.
    async fn begin_reversal(&self, order: Order, seat: Seat) -> Result<Option<bool>, ShelfFault> {
        let _alone = self.alone(seat.id).await;
        let found = load::<KeptPayment>(&*self.shelf, seat)?;
        let Some(mut payment) = found else {
            // What asks for it may be on its way still: it finds this, and is not sent.
            self.never(order).keep(&*self.shelf, seat).await?;
            return Ok(None);
        };
        if is_done(&payment) {
            return Ok(None);
        }
        let is_repeated = payment.reversal.is_some_and(|reversal| !reversal.is_heard);
        if !is_repeated {
            self.renew(&mut payment).await?;
            payment.keep(&*self.shelf, seat).await?;
        }
        Ok(Some(is_repeated))
    }

    /// Gives a payment a reversal under a number that was never used.
    async fn renew(&self, payment: &mut KeptPayment) -> Result<(), ShelfFault> {
        payment.reversal = Some(Advice::new(self.next().await?));
        payment.is_late = false;
        Ok(())
    }

    fn reversal(&self, seat: Seat, is_repeated: bool) -> Result<Option<Message>, ShelfFault> {
        let payment = self.existing(seat)?;
        let Some((original, reversal)) = payment.sent.zip(payment.reversal) else {
            return Ok(None);
        };
        let both = (original, reversal);
        let message = requests::reversal(&self.settings, &payment, both, is_repeated);
        message.map(Some).map_err(|fault| unwritable(&fault))
    }

    /// Takes in that the acquirer has undone an authorization, or had nothing to undo.
    async fn reversed(&self, seat: Seat, nothing: bool) -> Result<PaymentAnswer, ShelfFault> {
        let _alone = self.alone(seat.id).await;
        let mut payment = self.existing(seat)?;
        // The approval came meanwhile: what was heard of was not it.
        let is_missed = nothing && payment.is_late;
        if is_missed {
            self.renew(&mut payment).await?;
        } else if let Some(reversal) = &mut payment.reversal {
            reversal.is_heard = true;
            reversal.found_nothing = nothing;
        }
        payment.keep(&*self.shelf, seat).await?;
        Ok(match is_missed {
            true => AcquirerAnswer::Unknown,
            false => AcquirerAnswer::Reversed,
        })
    }

    /// Undoes what was captured; says whether all of it is.
    async fn undo_captures(&self, order: Order, seat: Seat) -> Result<bool, ShelfFault> {
        while let Some((message, index, matter)) = self.next_of_captures(seat).await? {
            let Some(answer) = self.exchange(&message).await else {
                return Ok(false);
            };
            let told = answer.text(39).unwrap_or("");
            if matter == Matter::Reversal && !has_undone(told) {
                tracing::error!(payment = %order.id, code = told, "the acquirer does not reverse a capture");
                return Ok(false);
            }
            let refused = refusal(told);
            if matter == Matter::Fate && !has_heard(told) && refused.is_none() {
                tracing::error!(payment = %order.id, code = told, "the acquirer leaves a capture open");
                return Ok(false);
            }
            let _alone = self.alone(seat.id).await;
            let mut payment = self.existing(seat)?;
            if let Some(capture) = payment.captures.get_mut(index) {
                match (matter, &mut capture.reversal) {
                    (Matter::Fate, _) if has_heard(told) => capture.advice.is_heard = true,
                    (Matter::Fate, _) => {
                        tracing::error!(payment = %order.id, code = told, "the acquirer did not take a capture");
                        capture.is_refused = true;
                        capture.failure = refused;
                    }
                    (Matter::Reversal, Some(reversal)) => reversal.is_heard = true,
                    (Matter::Reversal, None) => {}
                }
            }
            payment.keep(&*self.shelf, seat).await?;
        }
        Ok(true)
    }

    /// What is to be sent next of the captures of a payment, on the shelf, and of which; nothing once all are undone.
    async fn next_of_captures(
        &self,
        seat: Seat,
    ) -> Result<Option<(Message, usize, Matter)>, ShelfFault> {
        let _alone = self.alone(seat.id).await;
        let mut payment = self.existing(seat)?;
        let original = payment.sent.ok_or(ShelfFault)?;
        let Some(index) = payment
            .captures
            .iter()
            .rposition(|capture| !capture.is_over())
        else {
            return Ok(None);
        };
        let Some(mut capture) = payment.captures.get(index).copied() else {
            return Ok(None);
        };
        if !capture.advice.is_heard {
            let message = requests::capture(&self.settings, &payment, (original, capture), true);
            let message = message.map_err(|fault| unwritable(&fault))?;
            return Ok(Some((message, index, Matter::Fate)));
        }
        let is_repeated = capture.reversal.is_some();
        let reversal = match capture.reversal {
            Some(reversal) => reversal,
            None => Advice::new(self.next().await?),
        };
        capture.reversal = Some(reversal);
        let both = (capture, reversal);
        let message = requests::capture_reversal(&self.settings, &payment, both, is_repeated);
        let message = message.map_err(|fault| unwritable(&fault))?;
        if let Some(slot) = payment.captures.get_mut(index) {
            *slot = capture;
        }
        if !is_repeated {
            payment.keep(&*self.shelf, seat).await?;
        }
        Ok(Some((message, index, Matter::Reversal)))
    }

    /// Notes that an answer came after the reversal of its question was begun. One whose reversal found nothing has nobody left who
    /// asks for it: it is listed, before it is kept.
    pub(super) async fn if_late(
        &self,
        order: Order,
        payment: &mut KeptPayment,
        said: &Said,
    ) -> Result<(), ShelfFault> {
        let Some(reversal) = payment.reversal else {
            return Ok(());
        };
        if matches!(verdict(&said.code), Verdict::Declined(_)) {
            return Ok(());
        }
        payment.is_late = !reversal.is_heard || reversal.found_nothing;
        if reversal.is_heard && reversal.found_nothing {
            tracing::warn!(payment = %order.id, "an approval came after its reversal had found nothing: it is undone by itself");
            self.late.add(order).await?;
        }
        Ok(())
    }

    /// Undoes what came too late, for as long as that is waited for.
    pub(super) async fn undo_late(&self) {
        loop {
            for order in self.late.all().unwrap_or_default() {
                if self.undo_one(order).await.is_err() {
                    tracing::warn!(payment = %order.id, "what came too late is not undone yet");
                }
            }
            match self.late.all() {
                Ok(left) if left.is_empty() => self.late.wait().await,
                _ => tokio::time::sleep(AGAIN).await,
            }
        }
    }

    async fn undo_one(&self, order: Order) -> Result<(), ShelfFault> {
        if !self.talk.is_up() {
            return Ok(());
        }
        self.mark_late(seat_of(order)).await?;
        if self.reverse(order).await? == AcquirerAnswer::Reversed {
            self.late.done(order).await?;
            tracing::info!(payment = %order.id, "an approval that came too late is undone");
        }
        Ok(())
    }

    /// What is listed came late, also if that was not kept because the process died between the two.
    async fn mark_late(&self, seat: Seat) -> Result<(), ShelfFault> {
        let _alone = self.alone(seat.id).await;
        let mut payment = self.existing(seat)?;
        let is_missed = |reversal: &Advice| reversal.is_heard && reversal.found_nothing;
        if payment.reversal.as_ref().is_some_and(is_missed) && !payment.is_late {
            payment.is_late = true;
            payment.keep(&*self.shelf, seat).await?;
        }
        Ok(())
    }
}

/// Whether there is nothing to undo: it was never sent, was declined, or is undone.
fn is_done(payment: &KeptPayment) -> bool {
    let said = payment.said.as_ref().map(|said| verdict(&said.code));
    let is_declined = matches!(said, Some(Verdict::Declined(_)));
    let is_over = |reversal: Advice| {
        let is_missed = reversal.found_nothing && payment.is_late;
        reversal.is_heard && !is_missed
    };
    payment.sent.is_none() || is_declined || payment.reversal.is_some_and(is_over)
}
