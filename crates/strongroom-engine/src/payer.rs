//! Whoever has a payment link: no credential, and one thing that he may do.
//!
//! SECURITY: a [`Payer`] is made of a link's id alone, which is random throughout, and reaches what that link is about: what
//! it asks for, the payment that it was last paid by, and one payment more.

use strongroom_auth::permission::{CreateTokens, ManageTokens, Operate};
use strongroom_auth::{Caller, SystemActor};
use strongroom_domain::payment_links::{PayPaymentLink, PaymentLink};
use strongroom_domain::payments::PaymentBody;
use strongroom_domain::tokens::{CreateToken, DeleteToken, SealedCard, TokenUse};
use strongroom_store::Wanted;
use strongroom_types::card::Expiry;
use strongroom_types::id::{Kind, PaymentId, PaymentLinkId, RawId, TokenId};
use strongroom_types::mode::{INSTALLATION, Scope};
use strongroom_types::time::{SECOND, Timestamp};
use strongroom_vault::{CardNumber, SecurityCode};
use tokio::sync::watch;

use crate::engine::Engine;
use crate::envelope::{Committed, Envelope, Failure};
use crate::scopes::installation;
use crate::view::ReadFault;

/// How long the token of an attempt lives that comes to nothing, in milliseconds.
const TOKEN_LIFE: i64 = 600 * SECOND;

/// Whoever has a link.
pub struct Payer {
    engine: Engine,
    scope: Scope,
    link: PaymentLinkId,
}

/// What a link asks for, and how far that is.
pub struct Bill {
    pub link: PaymentLink,
    /// Who asks.
    pub merchant: String,
    /// The payment under way, or the one that the link was paid by.
    pub payment: Option<PaymentBody>,
    pub now: Timestamp,
}

impl Engine {
    /// Whoever has the link of this id; `None` where there is none. The id says nothing of whose it is, so the books of all are
    /// asked, in one question.
    ///
    /// # Errors
    /// [`Failure`] of the read.
    pub async fn payer(&self, link: PaymentLinkId) -> Result<Option<Payer>, Failure> {
        let scope = self.scope_of_record(Kind::PaymentLink, link.0).await?;
        Ok(scope.map(|scope| Payer {
            engine: self.clone(),
            scope,
            link,
        }))
    }

    /// Whose books hold a record: an id says nothing of that.
    pub(crate) async fn scope_of_record(
        &self,
        kind: Kind,
        id: RawId,
    ) -> Result<Option<Scope>, Failure> {
        let books = self.scopes().into_iter();
        let records = books
            .filter(|scope| scope.number != INSTALLATION)
            .map(|scope| (scope.number, kind.code(), id.0))
            .collect();
        let wanted = Wanted {
            records,
            ..Wanted::default()
        };
        let rows = self
            .with_view(installation(), move |view| {
                Ok(view.reader.load(&wanted)?.records)
            })
            .await?;
        Ok(rows.first().and_then(|row| self.shared().scope(row.scope)))
    }
}

impl Payer {
    pub fn scope(&self) -> Scope {
        self.scope
    }

    fn caller<P: strongroom_auth::Permission>(&self) -> Caller<P> {
        Caller::system(SystemActor::PaymentPage, self.scope)
    }

    /// What is to be paid, and how far it is.
    ///
    /// # Errors
    /// [`Failure`] of the read.
    pub async fn bill(&self) -> Result<Bill, Failure> {
        let (id, now) = (self.link, self.engine.now());
        self.engine
            .with_view(self.scope, move |view| {
                let link = view.payment_link(id)?;
                let merchant = view.tenant()?.name;
                let payment = match link.body.payment.map(|id| view.payment(id)) {
                    Some(Ok(payment)) => Some(payment),
                    Some(Err(ReadFault::NotFound)) | None => None,
                    Some(Err(fault)) => return Err(fault),
                };
                Ok(Bill {
                    link,
                    merchant,
                    payment,
                    now,
                })
            })
            .await
    }

    /// Seals a number for the token of an attempt, where no vault process does.
    pub fn seal(&self, number: &CardNumber) -> SealedCard {
        let caller: Caller<CreateTokens> = self.caller();
        self.engine.seal_card(&caller, number)
    }

    /// Makes the token of an attempt.
    ///
    /// # Errors
    /// [`Failure`] of the commit.
    pub async fn tokenize(
        &self,
        card: SealedCard,
        expiry: Expiry,
        name: Option<String>,
        envelope: Envelope,
    ) -> Result<Committed, Failure> {
        let command = CreateToken {
            card,
            expiry,
            name,
            usage: TokenUse::SingleUse,
            lifetime: Some(TOKEN_LIFE),
            reveals: false,
        };
        let caller: Caller<CreateTokens> = self.caller();
        self.engine.execute(&caller, command, envelope).await
    }

    /// Keeps a security code for the authorization, where no vault process does.
    pub fn keep_code(&self, made: &Committed, code: SecurityCode) {
        let caller: Caller<CreateTokens> = self.caller();
        self.engine.keep_code(&caller, made, code);
    }

    /// Pays; `attempt` is how many attempts the payer's form knew of.
    ///
    /// # Errors
    /// [`Failure`] of the commit, above all the refusal of a second payment.
    pub async fn pay(
        &self,
        token: TokenId,
        attempt: u32,
        envelope: Envelope,
    ) -> Result<Option<PaymentId>, Failure> {
        let command = PayPaymentLink {
            link: self.link,
            attempt,
            token,
        };
        let caller: Caller<Operate> = self.caller();
        let paid = self.engine.execute(&caller, command, envelope).await?;
        Ok(paid.facts().payment.as_ref().map(|payment| payment.id))
    }

    /// Drops the token of an attempt that was refused; else it expires.
    pub async fn discard(&self, token: TokenId, envelope: Envelope) {
        let caller: Caller<ManageTokens> = self.caller();
        let command = DeleteToken { id: token };
        drop(self.engine.execute(&caller, command, envelope).await);
    }

    /// Is told of every commit in the link's books.
    pub fn arrivals(&self) -> watch::Receiver<u64> {
        self.engine.arrivals(&self.scope)
    }
}
