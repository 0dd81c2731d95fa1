//! Making a link.

use strongroom_auth::permission::CreatePaymentLinks;
use strongroom_types::id::{AnyId, PaymentLinkId, SubjectId, WalletId};
use strongroom_types::metadata::Metadata;
use strongroom_types::mode::Scope;
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::event::EventType;
use crate::facts::{Facts, Field, Keys};
use crate::payment_links::{
    LONGEST_LIFE, LinkCustomer, PaymentLink, PaymentLinkBody, PaymentLinkStatus, PaymentLinkView,
    USUAL_LIFE, told,
};
use crate::payouts::check_wallet;
use crate::rejection::{Code, Rejection};
use crate::view::json;

/// `POST /v1/payment-links`.
pub struct CreatePaymentLink {
    /// Random throughout: whoever knows it may see what is to be paid, and pay it.
    pub id: PaymentLinkId,
    pub amount: Money,
    /// The operating wallet of the currency when absent.
    pub wallet: Option<WalletId>,
    pub description: Option<String>,
    pub customer: Option<LinkCustomer>,
    /// In [`USUAL_LIFE`] when absent.
    pub expires_at: Option<Timestamp>,
    pub reference_id: Option<ReferenceId>,
    pub success_url: Option<String>,
    pub cancel_url: Option<String>,
    pub metadata: Metadata,
    /// What stands before the page's path.
    pub origin: String,
}

impl Command for CreatePaymentLink {
    type Permission = CreatePaymentLinks;

    fn action(&self) -> Action {
        Action::PaymentLinkCreated
    }

    fn keys(&self, facts: &Facts, scope: Scope) -> Keys {
        let mut keys = Keys::default();
        if self.wallet.is_none() {
            keys = keys.record(scope.organization.any());
        }
        if let Some(wallet) = self.wallet_in(facts, scope) {
            keys = keys.books(wallet);
        }
        match &self.reference_id {
            Some(reference) => keys.holder(Field::PaymentLinkReference, reference.as_str()),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let wallet = self.wallet_in(facts, moment.scope).ok_or_else(|| {
            let currency = self.amount.currency;
            let text = format!("there is no operating wallet in {currency}: name a wallet");
            Rejection::at(Code::NoDefaultWallet, "/wallet_id", text)
        })?;
        check_wallet(facts, wallet, self.amount.currency, "/wallet_id")?;
        let reference = self.reference_id.as_ref().map(ReferenceId::as_str);
        facts.free(Field::PaymentLinkReference, reference)?;
        let expires_at = self.end(moment.now)?;
        if moment.scope.mode.is_live() {
            let text = "links take no live money yet: nobody could pay this one";
            return Err(Rejection::new(Code::NoAcquirer, text));
        }

        // From here it must succeed.
        let link = self.link(wallet, expires_at, moment);
        let (id, order) = (self.id.any(), link.body.order);
        let reply = json(&PaymentLinkView::new(&link, &self.origin, moment.now));
        let (none, events) = (
            Movement::none(),
            vec![told(EventType::PaymentLinkCreated, self.id)],
        );
        Ok(
            Decision::new(facts, Action::PaymentLinkCreated, id, none, events)
                .claim(Field::PaymentLinkReference, reference, id)
                .reply(Reply::Stored(reply))
                .create(AnyId { raw: order, ..id })
                .about_payment_link(facts, link),
        )
    }
}

impl CreatePaymentLink {
    fn wallet_in(&self, facts: &Facts, scope: Scope) -> Option<WalletId> {
        self.wallet.or_else(|| {
            facts
                .tenant(scope.organization)?
                .operating(self.amount.currency)
        })
    }

    fn end(&self, now: Timestamp) -> Result<Timestamp, Rejection> {
        let refused = |text| Err(Rejection::at(Code::InvalidField, "/expires_at", text));
        match self.expires_at {
            None => Ok(now.plus(USUAL_LIFE)),
            Some(end) if end <= now => refused("must lie in the future"),
            Some(end) if end > now.plus(LONGEST_LIFE) => {
                refused("must lie within 366 days from now")
            }
            Some(end) => Ok(end),
        }
    }

    fn link(&self, wallet: WalletId, expires_at: Timestamp, moment: &mut Moment) -> PaymentLink {
        // INVARIANT(token-order): the first id after the entry's base, as with tokens.
        let order = moment.fresh();
        let body = PaymentLinkBody {
            id: self.id,
            status: PaymentLinkStatus::Active,
            amount: self.amount,
            wallet,
            description: self.description.clone(),
            reference_id: self.reference_id.clone(),
            metadata: self.metadata.clone(),
            success_url: self.success_url.clone(),
            cancel_url: self.cancel_url.clone(),
            order,
            subject: self.customer.is_some().then(|| SubjectId(moment.fresh())),
            created_at: moment.now,
            expires_at,
            payment: None,
            attempts: 0,
            failure: None,
            ended_at: None,
        };
        PaymentLink {
            body,
            customer: self.customer.clone(),
        }
    }
}
