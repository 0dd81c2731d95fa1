//! A cardholder whom his bank asks something: no credential but the key of that challenge.
//!
//! SECURITY: as with a [`crate::Payer`], what is reached is one payment, and what can be done is to answer once.

use strongroom_auth::permission::Operate;
use strongroom_auth::{Caller, SystemActor};
use strongroom_crypto::{equal, random};
use strongroom_domain::payments::{AnswerChallenge, PaymentBody};
use strongroom_types::id::{Kind, PaymentId, RawId};
use strongroom_types::mode::Scope;
use tokio::sync::watch;

use crate::engine::Engine;
use crate::envelope::{Envelope, Failure};

/// A cardholder, and the payment that he is asked about.
pub struct Cardholder {
    engine: Engine,
    scope: Scope,
    payment: PaymentId,
    key: RawId,
}

/// What he is asked.
pub struct Asked {
    pub payment: PaymentBody,
    /// Who is to be paid.
    pub merchant: String,
    /// Whether he may still answer.
    pub open: bool,
}

impl Engine {
    /// The key of a new challenge.
    pub fn new_challenge(&self) -> RawId {
        RawId(random())
    }

    /// The cardholder who knows the key of a payment's challenge; `None` for whoever does not.
    ///
    /// # Errors
    /// [`Failure`] of the read.
    pub async fn cardholder(
        &self,
        payment: PaymentId,
        key: RawId,
    ) -> Result<Option<Cardholder>, Failure> {
        let Some(scope) = self.scope_of_record(Kind::Payment, payment.0).await? else {
            return Ok(None);
        };
        let cardholder = Cardholder {
            engine: self.clone(),
            scope,
            payment,
            key,
        };
        let challenge = cardholder.asked().await?.payment.challenge;
        let known = challenge.is_some_and(|challenge| equal(&challenge.key.0, &key.0));
        Ok(known.then_some(cardholder))
    }
}

impl Cardholder {
    /// What he is asked, and whether still.
    ///
    /// # Errors
    /// [`Failure`] of the read.
    pub async fn asked(&self) -> Result<Asked, Failure> {
        let (id, now) = (self.payment, self.engine.now());
        self.engine
            .with_view(self.scope, move |view| {
                let payment = view.payment(id)?;
                let merchant = view.tenant()?.name;
                let end = payment.challenge.map(|challenge| challenge.until);
                let waits = payment.challenge_path().is_some();
                Ok(Asked {
                    open: waits && end.is_some_and(|end| now < end),
                    payment,
                    merchant,
                })
            })
            .await
    }

    /// Answers.
    ///
    /// # Errors
    /// [`Failure`] of the commit: of a second answer, or a late one.
    pub async fn answer(&self, identified: bool, envelope: Envelope) -> Result<(), Failure> {
        let command = AnswerChallenge {
            id: self.payment,
            key: self.key,
            identified,
        };
        let caller: Caller<Operate> = Caller::system(SystemActor::PaymentPage, self.scope);
        self.engine
            .execute(&caller, command, envelope)
            .await
            .map(drop)
    }

    /// Is told of every commit in the payment's books.
    pub fn arrivals(&self) -> watch::Receiver<u64> {
        self.engine.arrivals(&self.scope)
    }
}
