//! An acquirer that may be away, and may not listen: the sandbox, as far as it can be reached.

use std::future::ready;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

use strongroom_domain::payments::{PaymentFailure, RefusedCaptures};
use strongroom_types::id::RefundId;
use strongroom_types::money::Money;
use strongroom_vault::CardInHand;
use strongroom_worker::{
    Acquirer, Answering, CaptureAnswer, Captured, Order, PaymentAnswer, RefundAnswer,
    SandboxAcquirer,
};

/// Away, and deaf to captures, until it is told otherwise.
#[derive(Default)]
pub struct DistantAcquirer {
    sandbox: SandboxAcquirer,
    is_here: AtomicBool,
    hears: AtomicBool,
    asked: AtomicUsize,
    told: AtomicUsize,
    /// Minor units, in all.
    refused: AtomicI64,
}

impl DistantAcquirer {
    /// From now on it can be asked.
    pub fn come(&self) {
        self.is_here.store(true, Ordering::SeqCst);
    }

    /// From now on it takes in what is captured.
    pub fn hear(&self) {
        self.hears.store(true, Ordering::SeqCst);
    }

    /// From now on it refuses so many minor units more of what is captured of each payment.
    pub fn refuse(&self, minor: i64) {
        self.refused.fetch_add(minor, Ordering::SeqCst);
    }

    /// How often it was asked to approve, and told of a capture.
    pub fn counts(&self) -> (usize, usize) {
        let [asked, told] = [&self.asked, &self.told].map(|count| count.load(Ordering::SeqCst));
        (asked, told)
    }
}

/// The sandbox speaks of nothing live; this one does, in its words.
fn stand_in(order: Order) -> Order {
    Order {
        live: false,
        ..order
    }
}

impl Acquirer for DistantAcquirer {
    fn authorize(
        &self,
        order: Order,
        amount: Money,
        card: CardInHand,
        identified: bool,
    ) -> Answering<PaymentAnswer> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.sandbox
            .authorize(stand_in(order), amount, card, identified)
    }

    fn inquire(&self, order: Order) -> Answering<PaymentAnswer> {
        self.sandbox.inquire(stand_in(order))
    }

    fn reverse(&self, order: Order) -> Answering<PaymentAnswer> {
        self.sandbox.reverse(stand_in(order))
    }

    fn capture(&self, order: Order, captured: Captured) -> Answering<CaptureAnswer> {
        self.told.fetch_add(1, Ordering::SeqCst);
        let (minor, failure) = (
            self.refused.load(Ordering::SeqCst),
            PaymentFailure::ExpiredCard,
        );
        match self.hears.load(Ordering::SeqCst) {
            true if minor > captured.refused => {
                let refused = RefusedCaptures { minor, failure };
                Box::pin(ready(CaptureAnswer::Refused(refused)))
            }
            true => self.sandbox.capture(stand_in(order), captured),
            false => Box::pin(ready(CaptureAnswer::Unknown)),
        }
    }

    fn refund(&self, id: RefundId, of: Order, amount: Money) -> Answering<RefundAnswer> {
        self.sandbox.refund(id, stand_in(of), amount)
    }

    fn inquire_refund(&self, id: RefundId, of: Order) -> Answering<RefundAnswer> {
        self.sandbox.inquire_refund(id, stand_in(of))
    }

    fn must_hear_first(&self) -> bool {
        true
    }

    fn is_reached(&self, _: Order) -> Answering<bool> {
        Box::pin(ready(self.is_here.load(Ordering::SeqCst)))
    }
}
