//! What an acquirer is sent of a card, handed out for a request that is on record, and nothing else.

use strongroom_auth::Caller;
use strongroom_auth::permission::Operate;
use strongroom_domain::action::Action;
use strongroom_domain::tokens::{Token, TokenUse};
use strongroom_types::card::Expiry;
use strongroom_types::id::TokenId;
use strongroom_vault::CardInHand;

use crate::engine::Engine;
use crate::envelope::{Committed, Failure};
use crate::vault::open_card;
use crate::view::ReadFault;

/// The card of a payment.
pub enum PaidWith {
    Here(CardInHand),
    /// A vault process keeps it.
    Vaulted {
        token: TokenId,
        expiry: Expiry,
        digest: [u8; 32],
    },
}

impl Engine {
    /// The card of a payment whose authorization was put on record as sent, and how often its token can be used; `None` when
    /// its number is gone.
    ///
    /// # Errors
    /// [`Failure::NotFound`] unless `sent` is such an entry, else [`Failure`] of the read.
    pub async fn card_for(
        &self,
        caller: &Caller<Operate>,
        sent: &Committed,
    ) -> Result<Option<(PaidWith, TokenUse)>, Failure> {
        // SECURITY: a number is opened for what the log tells, or not at all.
        let is_sent = sent.facts().action == Action::PaymentSent && !sent.replayed();
        let payment = sent.facts().payment.as_ref().filter(|_| is_sent);
        let id = payment.ok_or(Failure::NotFound)?.token;
        let read = self.read(caller, move |view| {
            let token = view.token(id)?;
            let (scope, opener) = (view.scope(), view.opener.clone());
            let number = open_card(&opener, &scope, &token, &mut |_| None)?;
            Ok((token, number))
        });
        let (token, number) = match read.await {
            Ok(card) => card,
            Err(Failure::NotFound) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let Some(number) = number else {
            return Ok(vaulted(&token).map(|card| (card, token.body.usage)));
        };
        let scope = caller.tenant().scope().number;
        let code = self.shared().codes.take(scope, id, self.now());
        let card = PaidWith::Here(CardInHand {
            number,
            expiry: token.body.expiry,
            code,
        });
        Ok(Some((card, token.body.usage)))
    }

    /// Whether a token's number was given away for good: also one that is not there.
    ///
    /// # Errors
    /// [`Failure`] of the read.
    pub async fn has_no_number(
        &self,
        caller: &Caller<Operate>,
        token: TokenId,
    ) -> Result<bool, Failure> {
        let read = self.read(caller, move |view| match view.token(token) {
            Ok(token) => Ok(token.body.digest.is_none()),
            Err(ReadFault::NotFound) => Ok(true),
            Err(fault) => Err(fault),
        });
        read.await
    }
}

fn vaulted(token: &Token) -> Option<PaidWith> {
    let digest = token.body.digest?;
    Some(PaidWith::Vaulted {
        token: token.body.id,
        expiry: token.body.expiry,
        digest,
    })
}
