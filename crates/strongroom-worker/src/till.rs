//! Where card payments are carried to: an acquirer in this process, or the vault process, which has the cards.
//!
//! Every exchange has a deadline; an answer that does not come in time did not come.

use std::future::Future;
use std::time::Duration;

use strongroom_acquirer::{Acquirer, PaymentAnswer, RefundAnswer};
use strongroom_channel::Vault;
use strongroom_channel::message::{AcquirerSaid, Authorize, FromVault, Place, ToVault};
use strongroom_domain::payments::{AcquirerAnswer, PaymentBody, PaymentFailure};
use strongroom_domain::refunds::RefundFailure;
use strongroom_engine::PaidWith;
use strongroom_types::id::{PaymentId, RawId, RefundId};
use strongroom_types::money::Money;

/// How long an acquirer has for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy)]
pub(crate) enum Till<'a> {
    Here(&'a dyn Acquirer),
    Vault(&'a Vault),
}

impl Till<'_> {
    /// Whether anything can be asked now. Else nothing is put on record as sent.
    pub fn is_open(&self) -> bool {
        match self {
            Till::Here(_) => true,
            Till::Vault(vault) => vault.is_up(),
        }
    }

    pub async fn authorize(&self, scope: u32, body: &PaymentBody, card: PaidWith) -> PaymentAnswer {
        let (payment, amount, identified) = (body.id, body.amount, body.is_identified());
        match (self, card) {
            (Till::Here(acquirer), PaidWith::Here(card)) => {
                in_time(acquirer.authorize(payment, amount, card, identified)).await
            }
            (
                Till::Vault(vault),
                PaidWith::Vaulted {
                    token,
                    expiry,
                    digest,
                },
            ) => {
                let wanted = Authorize {
                    place: Place { scope, token },
                    payment,
                    minor: amount.minor,
                    currency: amount.currency.code().to_owned(),
                    expiry,
                    digest,
                    identified,
                };
                asked(vault, ToVault::Authorize(wanted)).await
            }
            // The number is where this server does not look: nothing was sent, and nothing can be.
            _ => AcquirerAnswer::Declined(PaymentFailure::TokenUnusable),
        }
    }

    pub async fn inquire(&self, id: PaymentId) -> PaymentAnswer {
        match self {
            Till::Here(acquirer) => in_time(acquirer.inquire(id)).await,
            Till::Vault(vault) => asked(vault, ToVault::Inquire(id)).await,
        }
    }

    pub async fn reverse(&self, id: PaymentId) -> PaymentAnswer {
        match self {
            Till::Here(acquirer) => in_time(acquirer.reverse(id)).await,
            Till::Vault(vault) => asked(vault, ToVault::Reverse(id)).await,
        }
    }

    pub async fn refund(&self, id: RefundId, of: PaymentId, amount: Money) -> RefundAnswer {
        match self {
            Till::Here(acquirer) => in_time(acquirer.refund(id, of, amount)).await,
            Till::Vault(vault) => {
                let refund = ToVault::Refund {
                    id,
                    of,
                    minor: amount.minor,
                    currency: amount.currency.code().to_owned(),
                };
                asked_of_refund(vault, refund).await
            }
        }
    }

    pub async fn inquire_refund(&self, id: RefundId) -> RefundAnswer {
        match self {
            Till::Here(acquirer) => in_time(acquirer.inquire_refund(id)).await,
            Till::Vault(vault) => asked_of_refund(vault, ToVault::InquireRefund(id)).await,
        }
    }

    /// Has the vault forget a number that no token has any more. Else it is swept later.
    pub async fn forget(&self, place: Place) {
        if let Till::Vault(vault) = self {
            drop(vault.ask(&ToVault::Drop(place)).await);
        }
    }
}

async fn in_time<F>(answer: impl Future<Output = AcquirerAnswer<F>>) -> AcquirerAnswer<F> {
    let answered = tokio::time::timeout(PATIENCE, answer).await;
    answered.unwrap_or(AcquirerAnswer::Unknown)
}

async fn asked(vault: &Vault, question: ToVault) -> PaymentAnswer {
    let failure = |name: &str| {
        let all = PaymentFailure::ALL.iter();
        all.copied().find(|failure| failure.as_str() == name)
    };
    match vault.ask(&question).await {
        Ok(FromVault::Answer(said)) => from_words(said, failure),
        // There is no such number: nothing was sent.
        Ok(FromVault::Refused) => AcquirerAnswer::Declined(PaymentFailure::TokenUnusable),
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
        AcquirerSaid::Unknown => AcquirerAnswer::Unknown,
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
