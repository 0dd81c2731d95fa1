//! Telling the acquirer what is captured: one advice after another, each repeated until it is heard or refused.
//!
//! INVARIANT(never-guessed): a first advice that is refused is repeated all the same: only what is said of the repetition judges both.
//! That it was refused is on the shelf before it is said, and is said until the books know it.

use strongroom_domain::payments::PaymentFailure;
use strongroom_iso8583::Message;

use super::answers::{has_heard, refusal};
use super::kept::{Advice, Capture, KeptPayment, seat_of};
use super::steps::unwritable;
use super::{Inner, requests};
use crate::shelf::{Seat, ShelfFault};
use crate::{CaptureAnswer, Captured, Order};

/// What there is to do next of a payment's captures.
enum Next {
    Tell(Box<Telling>),
    Done(CaptureAnswer),
}

/// An advice that is to be sent.
struct Telling {
    message: Message,
    /// Which capture it is of.
    index: usize,
    is_repeated: bool,
}

/// What the acquirer made of an advice.
enum Heard {
    Taken,
    Refused(PaymentFailure),
    Open,
}

impl Inner {
    pub(super) async fn capture(
        &self,
        order: Order,
        captured: Captured,
    ) -> Result<CaptureAnswer, ShelfFault> {
        let seat = seat_of(order);
        let Some(_call) = self.busy.begin(seat) else {
            return Ok(CaptureAnswer::Unknown);
        };
        loop {
            let telling = match self.next_to_tell(seat, captured).await? {
                Next::Tell(telling) => telling,
                Next::Done(answer) => return Ok(answer),
            };
            let heard = self.tell(order, &telling).await;
            let _alone = self.alone(seat.id).await;
            let mut payment = self.existing(seat)?;
            match (heard, payment.captures.get_mut(telling.index)) {
                (Heard::Taken, Some(capture)) => capture.advice.is_heard = true,
                (Heard::Refused(failure), Some(capture)) => capture.refuse(failure),
                _ => return Ok(CaptureAnswer::Unknown),
            }
            payment.keep(&*self.shelf, seat).await?;
        }
    }

    async fn tell(&self, order: Order, telling: &Telling) -> Heard {
        let answer = self.exchange(&telling.message).await;
        let Some(code) = answer.as_ref().and_then(|answer| answer.text(39)) else {
            return Heard::Open;
        };
        if has_heard(code) {
            return Heard::Taken;
        }
        let is_repeated = telling.is_repeated;
        tracing::error!(payment = %order.id, code, is_repeated, "the acquirer does not take a capture");
        match refusal(code).filter(|_| is_repeated) {
            Some(failure) => Heard::Refused(failure),
            None => Heard::Open,
        }
    }

    /// The next advice to be sent, on the shelf; or what came of them, once all were answered or one was refused that the books
    /// do not know of.
    async fn next_to_tell(&self, seat: Seat, captured: Captured) -> Result<Next, ShelfFault> {
        let _alone = self.alone(seat.id).await;
        let mut payment = self.existing(seat)?;
        // What is being undone is not captured any more.
        if payment.reversal.is_some() {
            return Err(ShelfFault);
        }
        let refused = payment.refused();
        if let Some(refused) = refused.filter(|refused| refused.minor > captured.refused) {
            return Ok(Next::Done(CaptureAnswer::Refused(refused)));
        }
        let open = payment.captures.iter().position(Capture::is_open);
        let minor = captured.total.saturating_sub(payment.told());
        let (index, is_repeated) = match open {
            Some(index) => (index, true),
            None if minor <= 0 => return Ok(Next::Done(CaptureAnswer::Heard)),
            None => {
                payment.captures.push(Capture {
                    total: captured.total,
                    minor,
                    advice: Advice::new(self.next().await?),
                    reversal: None,
                    is_refused: false,
                    failure: None,
                });
                payment.keep(&*self.shelf, seat).await?;
                (payment.captures.len().saturating_sub(1), false)
            }
        };
        let message = self.advice(&payment, index, is_repeated)?;
        Ok(Next::Tell(Box::new(Telling {
            message,
            index,
            is_repeated,
        })))
    }

    fn advice(
        &self,
        payment: &KeptPayment,
        index: usize,
        is_repeated: bool,
    ) -> Result<Message, ShelfFault> {
        let original = payment.sent.ok_or(ShelfFault)?;
        let capture = *payment.captures.get(index).ok_or(ShelfFault)?;
        let both = (original, capture);
        let message = requests::capture(&self.settings, payment, both, is_repeated);
        message.map_err(|fault| unwritable(&fault))
    }
}
