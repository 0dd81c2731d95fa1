//! What an acquirer is sent of a card, handed out for a request that is on record, and nothing else.

use strongroom_auth::Caller;
use strongroom_auth::permission::Operate;
use strongroom_domain::action::Action;
use strongroom_vault::CardInHand;

use crate::engine::Engine;
use crate::envelope::{Committed, Failure};
use crate::vault::open_card;
use crate::view::ReadFault;

impl Engine {
    /// The card of a payment whose authorization was put on record as sent; `None` when its number is gone.
    ///
    /// # Errors
    /// [`Failure::NotFound`] unless `sent` is such an entry, else [`Failure`] of the read.
    pub async fn card_for(
        &self,
        caller: &Caller<Operate>,
        sent: &Committed,
    ) -> Result<Option<CardInHand>, Failure> {
        // SECURITY: a number is opened for what the log tells, or not at all.
        let is_sent = sent.facts().action == Action::PaymentSent && !sent.replayed();
        let payment = sent.facts().payment.as_ref().filter(|_| is_sent);
        let token = payment.ok_or(Failure::NotFound)?.token;
        let read = self.read(caller, move |view| {
            let token = view.token(token)?;
            let (scope, opener) = (view.scope(), view.opener.clone());
            let number = open_card(&opener, &scope, &token, &mut |_| None)?;
            let number = number.ok_or(ReadFault::NotFound)?;
            Ok((number, token.body.expiry))
        });
        let (number, expiry) = match read.await {
            Ok(card) => card,
            Err(Failure::NotFound) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let scope = caller.tenant().scope().number;
        let code = self.shared().codes.take(scope, token, self.now());
        Ok(Some(CardInHand {
            number,
            expiry,
            code,
        }))
    }
}
