//! Ending a link that nobody has paid.

use strongroom_auth::permission::{CancelPaymentLinks, Operate};
use strongroom_types::id::PaymentLinkId;
use strongroom_types::mode::Scope;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::payment_links::{PaymentLink, PaymentLinkStatus, PaymentLinkView, existing, told};
use crate::rejection::{Code, Rejection};
use crate::view::json;

/// `POST /v1/payment-links/{id}/cancel`.
pub struct CancelPaymentLink {
    pub id: PaymentLinkId,
    /// What stands before the page's path.
    pub origin: String,
}

impl Command for CancelPaymentLink {
    type Permission = CancelPaymentLinks;

    fn action(&self) -> Action {
        Action::PaymentLinkCancelled
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        keys(facts, self.id)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let link = existing(facts, self.id)?;
        let status = link.body.status_at(moment.now);
        if link.body.payment.is_some() && status == PaymentLinkStatus::Active {
            let text = format!("a payment of `{}` is under way", self.id);
            return Err(Rejection::new(Code::LinkBusy, text));
        }
        if status != PaymentLinkStatus::Active {
            let text = format!(
                "`{}` is {} and cannot be cancelled",
                self.id,
                status.as_str()
            );
            return Err(Rejection::new(Code::InvalidState, text));
        }

        // From here it must succeed.
        let next = link.ended(PaymentLinkStatus::Cancelled, moment.now);
        let reply = json(&PaymentLinkView::new(&next, &self.origin, moment.now));
        let event = EventType::PaymentLinkCancelled;
        Ok(over(facts, self.action(), event, next).reply(Reply::Stored(reply)))
    }
}

/// The server's own: nobody has paid the link in time.
pub struct ExpirePaymentLink {
    pub id: PaymentLinkId,
}

impl Command for ExpirePaymentLink {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::PaymentLinkExpired
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        keys(facts, self.id)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let link = existing(facts, self.id)?;
        if link.body.lapses().is_none_or(|end| end > moment.now) {
            let text = format!("`{}` does not expire now", self.id);
            return Err(Rejection::new(Code::InvalidState, text));
        }

        // From here it must succeed.
        let next = link.ended(PaymentLinkStatus::Expired, moment.now);
        let event = EventType::PaymentLinkExpired;
        Ok(over(facts, self.action(), event, next).reply(Reply::Empty))
    }
}

fn keys(facts: &Facts, id: PaymentLinkId) -> Keys {
    let keys = Keys::default().record(id.any());
    match facts.payment_link(id) {
        Some(link) => keys.books(link.body.wallet),
        None => keys,
    }
}

fn over(facts: &Facts, action: Action, event: EventType, next: PaymentLink) -> Decision {
    let id = next.body.id;
    let events = vec![told(event, id)];
    Decision::new(facts, action, id.any(), Movement::none(), events).about_payment_link(facts, next)
}
