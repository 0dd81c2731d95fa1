//! An acquirer that never says anything.

use std::future::pending;

use strongroom_types::id::{PaymentId, RefundId};
use strongroom_types::money::Money;
use strongroom_vault::CardInHand;
use strongroom_worker::{Acquirer, Answering, PaymentAnswer, RefundAnswer};

/// Takes every request and answers none.
pub struct SilentAcquirer;

impl Acquirer for SilentAcquirer {
    fn authorize(
        &self,
        _: PaymentId,
        _: Money,
        _: CardInHand,
        _: bool,
    ) -> Answering<PaymentAnswer> {
        Box::pin(pending())
    }

    fn inquire(&self, _: PaymentId) -> Answering<PaymentAnswer> {
        Box::pin(pending())
    }

    fn reverse(&self, _: PaymentId) -> Answering<PaymentAnswer> {
        Box::pin(pending())
    }

    fn refund(&self, _: RefundId, _: PaymentId, _: Money) -> Answering<RefundAnswer> {
        Box::pin(pending())
    }

    fn inquire_refund(&self, _: RefundId) -> Answering<RefundAnswer> {
        Box::pin(pending())
    }
}
