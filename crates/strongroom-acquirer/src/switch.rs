//! Which acquirer a payment goes to: the one that has it already, else the one that is configured for its mode and currency,
//! else, in test mode, the sandbox.

use std::sync::Arc;

use strongroom_domain::payments::AcquirerAnswer;
use strongroom_types::id::RefundId;
use strongroom_types::money::Money;
use strongroom_vault::CardInHand;

use crate::connector::{Connector, acquirer_of};
use crate::{
    Acquirer, Answering, CaptureAnswer, Captured, Order, PaymentAnswer, RefundAnswer,
    SandboxAcquirer, Shelf,
};

/// All acquirers of an installation.
pub struct Switch {
    sandbox: Arc<SandboxAcquirer>,
    connectors: Vec<Connector>,
    shelf: Arc<dyn Shelf>,
}

/// Who is asked.
enum Way {
    Sandbox(Arc<SandboxAcquirer>),
    Connector(Connector),
    /// It went to an acquirer that is not configured any more, or there is none for it: nothing is known, nothing is done.
    Nobody,
}

impl Switch {
    pub fn new(connectors: Vec<Connector>, shelf: Arc<dyn Shelf>) -> Switch {
        Switch {
            sandbox: Arc::default(),
            connectors,
            shelf,
        }
    }

    fn way(&self, order: Order) -> Way {
        let Ok(known) = acquirer_of(&*self.shelf, order) else {
            return Way::Nobody;
        };
        let mut connectors = self.connectors.iter();
        let found = match &known {
            Some(name) => connectors.find(|connector| connector.name() == name),
            None => connectors.find(|connector| connector.takes(order)),
        };
        match found {
            Some(connector) => Way::Connector(connector.clone()),
            None if known.is_none() && !order.live => Way::Sandbox(Arc::clone(&self.sandbox)),
            None => {
                tracing::error!(payment = %order.id, "no acquirer is configured that has this payment");
                Way::Nobody
            }
        }
    }

    /// For what follows an authorization: one that no connector has was made by the sandbox, before there was a connector.
    fn way_after(&self, order: Order) -> Way {
        match acquirer_of(&*self.shelf, order) {
            Ok(None) if !order.live => Way::Sandbox(Arc::clone(&self.sandbox)),
            Ok(_) => self.way(order),
            Err(_) => Way::Nobody,
        }
    }
}

fn unknown<F: Send + 'static>() -> Answering<AcquirerAnswer<F>> {
    Box::pin(std::future::ready(AcquirerAnswer::Unknown))
}

impl Acquirer for Switch {
    fn authorize(
        &self,
        order: Order,
        amount: Money,
        card: CardInHand,
        identified: bool,
    ) -> Answering<PaymentAnswer> {
        match self.way(order) {
            Way::Sandbox(sandbox) => sandbox.authorize(order, amount, card, identified),
            Way::Connector(connector) => connector.authorize(order, amount, card, identified),
            // Nothing was sent.
            Way::Nobody => Box::pin(std::future::ready(AcquirerAnswer::NeverArrived)),
        }
    }

    fn inquire(&self, order: Order) -> Answering<PaymentAnswer> {
        match self.way(order) {
            Way::Sandbox(sandbox) => sandbox.inquire(order),
            Way::Connector(connector) => connector.inquire(order),
            Way::Nobody => unknown(),
        }
    }

    fn reverse(&self, order: Order) -> Answering<PaymentAnswer> {
        match self.way(order) {
            Way::Sandbox(sandbox) => sandbox.reverse(order),
            Way::Connector(connector) => connector.reverse(order),
            Way::Nobody => unknown(),
        }
    }

    fn capture(&self, order: Order, captured: Captured) -> Answering<CaptureAnswer> {
        match self.way_after(order) {
            Way::Sandbox(sandbox) => sandbox.capture(order, captured),
            Way::Connector(connector) => connector.capture(order, captured),
            Way::Nobody => Box::pin(std::future::ready(CaptureAnswer::Unknown)),
        }
    }

    fn refund(&self, id: RefundId, of: Order, amount: Money) -> Answering<RefundAnswer> {
        match self.way_after(of) {
            Way::Sandbox(sandbox) => sandbox.refund(id, of, amount),
            Way::Connector(connector) => connector.refund(id, of, amount),
            Way::Nobody => unknown(),
        }
    }

    fn inquire_refund(&self, id: RefundId, of: Order) -> Answering<RefundAnswer> {
        match self.way_after(of) {
            Way::Sandbox(sandbox) => sandbox.inquire_refund(id, of),
            Way::Connector(connector) => connector.inquire_refund(id, of),
            Way::Nobody => unknown(),
        }
    }

    fn is_reached(&self, order: Order) -> Answering<bool> {
        match self.way(order) {
            Way::Sandbox(_) => Box::pin(std::future::ready(true)),
            Way::Connector(connector) => connector.is_reached(order),
            Way::Nobody => Box::pin(std::future::ready(false)),
        }
    }

    fn keep_up(&self) -> Answering<()> {
        let connectors = self.connectors.clone();
        Box::pin(async move {
            let mut lines = tokio::task::JoinSet::new();
            for connector in connectors {
                lines.spawn(connector.keep_up());
            }
            while lines.join_next().await.is_some() {}
        })
    }
}
