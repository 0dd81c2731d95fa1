//! An acquirer that never says anything.

use std::future::pending;

use strongroom_types::id::RefundId;
use strongroom_types::money::Money;
use strongroom_vault::CardInHand;
use strongroom_worker::{
    Acquirer, Answering, CaptureAnswer, Captured, Order, PaymentAnswer, RefundAnswer,
};

/// Takes every request and answers none.
pub struct SilentAcquirer;

impl Acquirer for SilentAcquirer {
    fn authorize(&self, _: Order, _: Money, _: CardInHand, _: bool) -> Answering<PaymentAnswer> {
        Box::pin(pending())
    }

    fn inquire(&self, _: Order) -> Answering<PaymentAnswer> {
        Box::pin(pending())
    }

    fn reverse(&self, _: Order) -> Answering<PaymentAnswer> {
        Box::pin(pending())
    }

    fn capture(&self, _: Order, _: Captured) -> Answering<CaptureAnswer> {
        Box::pin(pending())
    }

    fn refund(&self, _: RefundId, _: Order, _: Money) -> Answering<RefundAnswer> {
        Box::pin(pending())
    }

    fn inquire_refund(&self, _: RefundId, _: Order) -> Answering<RefundAnswer> {
        Box::pin(pending())
    }
}
