//! One exchange after another: what is put on the shelf, what is sent, what is made of the answer.

use std::sync::Arc;
use std::time::Duration;

use strongroom_domain::payments::AcquirerAnswer;
use strongroom_iso8583::Message;
use strongroom_types::id::RefundId;
use strongroom_types::money::Money;
use strongroom_vault::CardInHand;

use super::kept::{KeptDigits, KeptPayment, KeptRefund, Said, Sent, load, refund_seat, seat_of};
use super::{Inner, kept_refund_answer, payment_answer, refund_answer, requests, unsayable};
use crate::shelf::{Seat, ShelfFault};
use crate::{Order, PaymentAnswer, RefundAnswer};

/// How long after its question an answer is still taken in. By then it was reversed long ago.
const LATE: Duration = Duration::from_mins(5);

/// How an authorization began.
enum Begun {
    /// It is on the shelf, and this is to be sent.
    New(Box<Message>),
    /// It was begun before.
    Before(PaymentAnswer),
}

impl Inner {
    pub(super) async fn authorize(
        self: Arc<Self>,
        order: Order,
        amount: Money,
        card: CardInHand,
    ) -> PaymentAnswer {
        let Ok(_turn) = self.talk.turn().await else {
            return AcquirerAnswer::NeverArrived;
        };
        let message = match self.begin(order, amount, &card).await {
            Ok(Begun::New(message)) => message,
            Ok(Begun::Before(answer)) => return answer,
            // It may be on the shelf or not.
            Err(ShelfFault) => return AcquirerAnswer::Unknown,
        };
        let inner = Arc::clone(&self);
        let minor = amount.minor;
        // Goes on when nobody waits any more: a late answer is taken in, too.
        let answering = tokio::spawn(async move {
            let mut question = inner.talk.ask(&message).ok()?;
            drop(message);
            let answer = question.answer(LATE).await?;
            let said = Inner::said(&answer, minor);
            inner.heard(order, said).await.ok()
        });
        match tokio::time::timeout(self.settings.answer, answering).await {
            Ok(Ok(Some(answer))) => answer,
            _ => AcquirerAnswer::Unknown,
        }
    }

    /// Puts a new authorization on the shelf.
    async fn begin(
        &self,
        order: Order,
        amount: Money,
        card: &CardInHand,
    ) -> Result<Begun, ShelfFault> {
        let seat = seat_of(order);
        let _alone = self.alone(seat.id).await;
        if let Some(payment) = load::<KeptPayment>(&*self.shelf, seat)? {
            return Ok(Begun::Before(known(&payment)));
        }
        let sent = self.next().await?;
        let payment = KeptPayment {
            acquirer: self.settings.name.clone(),
            minor: amount.minor,
            currency: amount.currency,
            digits: Some(KeptDigits::of(card.number.expose())),
            expiry: Some(card.expiry),
            sent: Some(sent),
            rrn: requests::rrn(sent),
            said: None,
            reversal: None,
            captures: Vec::new(),
            since: sent.at,
            is_late: false,
        };
        let Ok(message) = requests::authorization(&self.settings, &payment, sent, card) else {
            tracing::error!(payment = %order.id, "the acquirer's messages cannot hold this payment");
            return Ok(Begun::Before(unsayable()));
        };
        payment.keep(&*self.shelf, seat).await?;
        Ok(Begun::New(Box::new(message)))
    }

    /// Takes an answer to an authorization in.
    async fn heard(&self, order: Order, said: Said) -> Result<PaymentAnswer, ShelfFault> {
        let seat = seat_of(order);
        let _alone = self.alone(seat.id).await;
        let mut payment = self.existing(seat)?;
        self.if_late(order, &mut payment, &said).await?;
        payment.said = Some(said);
        payment.keep(&*self.shelf, seat).await?;
        Ok(known(&payment))
    }

    pub(super) fn inquire(&self, order: Order) -> PaymentAnswer {
        match load::<KeptPayment>(&*self.shelf, seat_of(order)) {
            Ok(Some(payment)) => known(&payment),
            Ok(None) => AcquirerAnswer::NeverArrived,
            Err(ShelfFault) => AcquirerAnswer::Unknown,
        }
    }

    /// A payment that was undone before anything was sent.
    pub(super) fn never(&self, order: Order) -> KeptPayment {
        KeptPayment {
            acquirer: self.settings.name.clone(),
            minor: 0,
            currency: order.currency,
            digits: None,
            expiry: None,
            sent: None,
            rrn: String::new(),
            said: None,
            reversal: None,
            captures: Vec::new(),
            since: self.shelf.now(),
            is_late: false,
        }
    }

    pub(super) async fn refund(
        &self,
        id: RefundId,
        of: Order,
        amount: Money,
    ) -> Result<RefundAnswer, ShelfFault> {
        let Ok(turn) = self.talk.turn().await else {
            return Ok(AcquirerAnswer::NeverArrived);
        };
        let seat = refund_seat(of.scope, id);
        let Some(_call) = self.busy.begin(seat) else {
            return Ok(AcquirerAnswer::Unknown);
        };
        let alone = self.alone(seat.id).await;
        if let Some(refund) = load::<KeptRefund>(&*self.shelf, seat)? {
            let known = refund.said.as_ref().map(kept_refund_answer);
            return Ok(known.unwrap_or(AcquirerAnswer::Unknown));
        }
        let payment = self.existing(seat_of(of))?;
        let sent = self.next().await?;
        let refund = KeptRefund {
            acquirer: self.settings.name.clone(),
            of: of.id,
            minor: amount.minor,
            currency: amount.currency,
            sent,
            rrn: requests::rrn(sent),
            said: None,
        };
        let message = requests::refund(&self.settings, &payment, &refund, false);
        let message = message.map_err(|fault| unwritable(&fault))?;
        refund.keep(&*self.shelf, seat).await?;
        drop((alone, turn));
        self.refunded(seat, refund, &message, false).await
    }

    pub(super) async fn inquire_refund(
        &self,
        id: RefundId,
        of: Order,
    ) -> Result<RefundAnswer, ShelfFault> {
        let seat = refund_seat(of.scope, id);
        let Some(_call) = self.busy.begin(seat) else {
            return Ok(AcquirerAnswer::Unknown);
        };
        let Some(refund) = load::<KeptRefund>(&*self.shelf, seat)? else {
            return Ok(AcquirerAnswer::NeverArrived);
        };
        if let Some(known) = refund.said.as_ref().map(kept_refund_answer)
            && known != AcquirerAnswer::Unknown
        {
            return Ok(known);
        }
        let payment = self.existing(seat_of(of))?;
        let message = requests::refund(&self.settings, &payment, &refund, true);
        let message = message.map_err(|fault| unwritable(&fault))?;
        self.refunded(seat, refund, &message, true).await
    }

    /// Sends the request for a refund, or repeats it.
    async fn refunded(
        &self,
        seat: Seat,
        mut refund: KeptRefund,
        message: &Message,
        is_repeated: bool,
    ) -> Result<RefundAnswer, ShelfFault> {
        let Some(answer) = self.exchange(message).await else {
            return Ok(AcquirerAnswer::Unknown);
        };
        let said = Inner::said(&answer, refund.minor);
        let told = refund_answer(&said, is_repeated);
        if told == AcquirerAnswer::Unknown {
            let code = &said.code;
            tracing::error!(refund = ?refund.of, %code, "the acquirer leaves a refund open");
            return Ok(told);
        }
        refund.said = Some(said);
        let _alone = self.alone(seat.id).await;
        refund.keep(&*self.shelf, seat).await?;
        Ok(told)
    }

    pub(super) async fn next(&self) -> Result<Sent, ShelfFault> {
        Ok(Sent {
            stan: self.numbers.take().await?,
            at: self.shelf.now(),
        })
    }

    pub(super) fn existing(&self, seat: Seat) -> Result<KeptPayment, ShelfFault> {
        load(&*self.shelf, seat)?.ok_or_else(|| {
            tracing::error!("an acquirer is asked about a payment that it never had");
            ShelfFault
        })
    }
}

/// What is known of an authorization without asking: there is no question for it but its repetition.
fn known(payment: &KeptPayment) -> PaymentAnswer {
    match &payment.said {
        // One that is being undone is not taken up again.
        Some(said) if payment.reversal.is_none() => payment_answer(said),
        _ => AcquirerAnswer::Unknown,
    }
}

pub(super) fn unwritable(fault: &strongroom_iso8583::Fault) -> ShelfFault {
    tracing::error!(%fault, "the acquirer's messages cannot hold what is to be told");
    ShelfFault
}
