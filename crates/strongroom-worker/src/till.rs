//! Where card payments are carried to: an acquirer in this process, or the vault process, which has the cards.
//!
//! Every exchange has a deadline; an answer that does not come in time did not come.

use std::future::Future;
use std::time::Duration;

use strongroom_acquirer::{Acquirer, CaptureAnswer, Captured, Order, PaymentAnswer, RefundAnswer};
use strongroom_channel::Vault;
use strongroom_channel::message::{
    AcquirerSaid, Authorize, Claim, FromVault, Matter, Ordered, Place, ToVault,
};
use strongroom_domain::payments::{AcquirerAnswer, PaymentBody, PaymentFailure, RefusedCaptures};
use strongroom_domain::refunds::RefundFailure;
use strongroom_domain::tokens::Token;
use strongroom_engine::PaidWith;
use strongroom_types::id::{RawId, RefundId};
use strongroom_types::money::Money;

/// How long an acquirer has for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the vault's acquirer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connected {
    /// The sandbox alone, which is always there and settles by itself.
    Sandbox,
    /// One beyond this machine is configured, which may be away and has to be told what is captured.
    Acquirers,
}

#[derive(Clone, Copy)]
pub(crate) enum Till<'a> {
    Here(&'a dyn Acquirer),
    Vault(&'a Vault, Connected),
}

impl Till<'_> {
    /// Whether the number of a token can be opened from here. A payment whose number cannot waits for whoever can.
    pub async fn reaches(&self, scope: u32, token: &Token) -> bool {
        let (body, here) = (&token.body, token.sealed.is_some());
        let Some(digest) = body.digest else {
            // It is gone for good, which is an answer.
            return true;
        };
        match self {
            Till::Here(_) => here,
            // Moved to the vault before anything is due; one that comes later is moved at the next start.
            Till::Vault(..) if here => false,
            Till::Vault(vault, _) => {
                let place = Place {
                    scope,
                    token: body.id,
                };
                let claim = Claim {
                    place,
                    digest,
                    fingerprint: body.fingerprint,
                };
                let held = vault.ask(&ToVault::Holds(vec![claim])).await;
                matches!(held, Ok(FromVault::Holds(held)) if held == [true])
            }
        }
    }

    /// Whether this payment's acquirer can be asked now. The sandbox always can, of payments that are not live.
    pub async fn is_connected(&self, order: Order) -> bool {
        match self {
            Till::Here(acquirer) => acquirer.is_reached(order).await,
            Till::Vault(_, Connected::Sandbox) if !order.live => true,
            Till::Vault(vault, _) => {
                let answer = vault.ask(&acquire(order, Matter::IsReached)).await;
                matches!(answer, Ok(FromVault::Is(true)))
            }
        }
    }

    pub async fn authorize(
        &self,
        order: Order,
        body: &PaymentBody,
        card: PaidWith,
    ) -> PaymentAnswer {
        let (amount, identified) = (body.amount, body.is_identified());
        match (self, card) {
            (Till::Here(acquirer), PaidWith::Here(card)) => {
                in_time(acquirer.authorize(order, amount, card, identified)).await
            }
            (
                Till::Vault(vault, _),
                PaidWith::Vaulted {
                    token,
                    expiry,
                    digest,
                },
            ) => {
                let wanted = Authorize {
                    place: Place {
                        scope: order.scope,
                        token,
                    },
                    payment: body.id,
                    minor: amount.minor,
                    currency: amount.currency.code().to_owned(),
                    expiry,
                    digest,
                    identified,
                    live: order.live,
                };
                asked(vault, ToVault::Authorize(wanted)).await
            }
            // The number is where this server does not look. Nothing was sent: it is tried again, from wherever it is.
            _ => AcquirerAnswer::NeverArrived,
        }
    }

    pub async fn inquire(&self, order: Order) -> PaymentAnswer {
        match self {
            Till::Here(acquirer) => in_time(acquirer.inquire(order)).await,
            Till::Vault(vault, _) => asked(vault, acquire(order, Matter::Inquire)).await,
        }
    }

    pub async fn reverse(&self, order: Order) -> PaymentAnswer {
        match self {
            Till::Here(acquirer) => in_time(acquirer.reverse(order)).await,
            Till::Vault(vault, _) => asked(vault, acquire(order, Matter::Reverse)).await,
        }
    }

    /// Tells the acquirer what is captured. The sandbox needs not be told.
    pub async fn capture(&self, order: Order, captured: Captured) -> CaptureAnswer {
        match self {
            Till::Here(acquirer) => {
                let told = tokio::time::timeout(PATIENCE, acquirer.capture(order, captured)).await;
                told.unwrap_or(CaptureAnswer::Unknown)
            }
            Till::Vault(_, Connected::Sandbox) if !order.live => CaptureAnswer::Heard,
            Till::Vault(vault, _) => {
                let Captured { total, refused } = captured;
                let matter = Matter::Capture { total, refused };
                told(vault, acquire(order, matter)).await
            }
        }
    }

    /// Whether it gives back only what it has heard is captured.
    pub fn must_hear_first(&self) -> bool {
        match self {
            Till::Here(acquirer) => acquirer.must_hear_first(),
            Till::Vault(_, connected) => *connected == Connected::Acquirers,
        }
    }

    pub async fn refund(&self, id: RefundId, of: Order, amount: Money) -> RefundAnswer {
        match self {
            Till::Here(acquirer) => in_time(acquirer.refund(id, of, amount)).await,
            Till::Vault(vault, _) => {
                let minor = amount.minor;
                asked_of_refund(vault, acquire(of, Matter::Refund { id, minor })).await
            }
        }
    }

    pub async fn inquire_refund(&self, id: RefundId, of: Order) -> RefundAnswer {
        match self {
            Till::Here(acquirer) => in_time(acquirer.inquire_refund(id, of)).await,
            Till::Vault(vault, _) => {
                asked_of_refund(vault, acquire(of, Matter::InquireRefund(id))).await
            }
        }
    }

    /// Has the vault forget a number that no token has any more. Else it is swept later.
    pub async fn forget(&self, place: Place) {
        if let Till::Vault(vault, _) = self {
            drop(vault.ask(&ToVault::Drop(place)).await);
        }
    }
}

async fn in_time<F>(answer: impl Future<Output = AcquirerAnswer<F>>) -> AcquirerAnswer<F> {
    let answered = tokio::time::timeout(PATIENCE, answer).await;
    answered.unwrap_or(AcquirerAnswer::Unknown)
}

fn acquire(order: Order, matter: Matter) -> ToVault {
    let order = Ordered {
        scope: order.scope,
        live: order.live,
        payment: order.id,
        currency: order.currency.code().to_owned(),
    };
    ToVault::Acquire { order, matter }
}

fn failure(name: &str) -> Option<PaymentFailure> {
    let all = PaymentFailure::ALL.iter();
    all.copied().find(|failure| failure.as_str() == name)
}

/// A refusal for a reason of an unknown name is no answer.
async fn told(vault: &Vault, question: ToVault) -> CaptureAnswer {
    match vault.ask(&question).await {
        Ok(FromVault::Answer(AcquirerSaid::Approved(_))) => CaptureAnswer::Heard,
        Ok(FromVault::Answer(AcquirerSaid::CaptureRefused { name, minor })) => failure(&name)
            .map_or(CaptureAnswer::Unknown, |failure| {
                CaptureAnswer::Refused(RefusedCaptures { minor, failure })
            }),
        _ => CaptureAnswer::Unknown,
    }
}

async fn asked(vault: &Vault, question: ToVault) -> PaymentAnswer {
    match vault.ask(&question).await {
        Ok(FromVault::Answer(said)) => from_words(said, failure),
        // There is no such number. Nothing was sent, and whether it is gone for good the books say.
        Ok(FromVault::Refused) => AcquirerAnswer::NeverArrived,
        _ => AcquirerAnswer::Unknown,
    }
}

async fn asked_of_refund(vault: &Vault, question: ToVault) -> RefundAnswer {
    let failure = |name: &str| {
        let declined = RefundFailure::RefundDeclined;
        (declined.as_str() == name).then_some(declined)
    };
    match vault.ask(&question).await {
        Ok(FromVault::Answer(said)) => from_words(said, failure),
        _ => AcquirerAnswer::Unknown,
    }
}

/// A failure of an unknown name is no answer: it is asked about again.
fn from_words<F>(said: AcquirerSaid, failure: impl Fn(&str) -> Option<F>) -> AcquirerAnswer<F> {
    match said {
        AcquirerSaid::Approved(code) => AcquirerAnswer::Approved(code),
        AcquirerSaid::Declined(name) => {
            failure(&name).map_or(AcquirerAnswer::Unknown, AcquirerAnswer::Declined)
        }
        // That a capture was refused is no answer to any other question.
        AcquirerSaid::Unknown | AcquirerSaid::CaptureRefused { .. } => AcquirerAnswer::Unknown,
        AcquirerSaid::NeverArrived => AcquirerAnswer::NeverArrived,
        AcquirerSaid::Reversed => AcquirerAnswer::Reversed,
        // Whoever takes the answer makes the key.
        AcquirerSaid::Challenged => AcquirerAnswer::Challenged(RawId::ZERO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_acquirer_that_does_not_answer_in_time_did_not_answer() {
        let never = std::future::pending::<PaymentAnswer>();
        assert_eq!(in_time(never).await, AcquirerAnswer::Unknown);
    }
}
