//! Paying a link: a payment by the one way there is, for the amount that the link says.

use strongroom_auth::permission::Operate;
use strongroom_types::id::{PaymentLinkId, TokenId};
use strongroom_types::mode::Scope;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Reply};
use crate::facts::{Facts, Keys};
use crate::payment_links::{MOST_ATTEMPTS, PaymentLink, PaymentLinkStatus, existing};
use crate::payments::CreatePayment;
use crate::rejection::{Code, Rejection};

/// `POST /pay/{id}`: the card is a token already.
pub struct PayPaymentLink {
    pub link: PaymentLinkId,
    /// How many attempts the payer's form knew of.
    pub attempt: u32,
    pub token: TokenId,
}

impl Command for PayPaymentLink {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::PaymentCreated
    }

    fn keys(&self, facts: &Facts, scope: Scope) -> Keys {
        let keys = Keys::default().record(self.link.any());
        let Some(link) = facts.payment_link(self.link) else {
            return keys;
        };
        let mut wanted = self.payment(link).keys(facts, scope);
        wanted.records.extend(keys.records);
        wanted
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let link = existing(facts, self.link)?;
        let refused = |code, text: &str| Err(Rejection::new(code, text));
        match link.body.status_at(moment.now) {
            PaymentLinkStatus::Active => {}
            PaymentLinkStatus::Paid => return refused(Code::LinkPaid, "the link is paid"),
            PaymentLinkStatus::Expired => return refused(Code::LinkExpired, "its time is over"),
            PaymentLinkStatus::Cancelled => {
                return refused(Code::LinkCancelled, "the link was cancelled");
            }
        }
        // INVARIANT(one-payment)
        if link.body.payment.is_some() {
            return refused(Code::LinkBusy, "a payment of this link is under way");
        }
        if link.body.attempts != self.attempt {
            return refused(
                Code::LinkStale,
                "another attempt was made since the form was shown",
            );
        }
        if link.body.attempts >= MOST_ATTEMPTS {
            return refused(
                Code::LinkAttempts,
                "there were too many attempts at paying the link",
            );
        }
        let decision = self.payment(link).decide(facts, moment)?;

        // From here it must succeed.
        let payment = decision.payment.as_ref().map(|payment| payment.id);
        let next = link.with(|body| {
            body.payment = payment;
            body.attempts = body.attempts.saturating_add(1);
            body.failure = None;
        });
        Ok(decision.reply(Reply::Empty).about_payment_link(facts, next))
    }
}

impl PayPaymentLink {
    fn payment(&self, link: &PaymentLink) -> CreatePayment {
        let body = &link.body;
        CreatePayment {
            token: self.token,
            amount: body.amount,
            wallet: Some(body.wallet),
            capture: true,
            reference_id: None,
            customer_id: None,
            description: body.description.clone(),
            metadata: body.metadata.clone(),
            link: Some(body.id),
            // The page leads back to itself.
            return_url: None,
            maker: None,
        }
    }
}
