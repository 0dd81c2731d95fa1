//! Beginning a payment: the token is taken, the acquirer is asked afterwards.

use strongroom_auth::permission::CreatePayments;
use strongroom_types::id::{
    ApiKeyId, CustomerId, PaymentId, PaymentLinkId, RawId, TokenId, WalletId,
};
use strongroom_types::metadata::Metadata;
use strongroom_types::mode::Scope;
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::customers;
use crate::decision::{Decision, Job, Movement};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Field, Keys};
use crate::payments::{Exchange, PaymentBody, PaymentStatus};
use crate::payouts::check_wallet;
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::tills;
use crate::tokens::{Token, TokenStatus, TokenUse};

/// `POST /v1/payments`.
pub struct CreatePayment {
    pub token: TokenId,
    pub amount: Money,
    /// The operating wallet of the currency when absent.
    pub wallet: Option<WalletId>,
    pub capture: bool,
    pub reference_id: Option<ReferenceId>,
    pub customer_id: Option<String>,
    pub description: Option<String>,
    pub metadata: Metadata,
    /// The link that it pays.
    pub link: Option<PaymentLinkId>,
    /// Where the cardholder goes on to, should his bank want to hear from him.
    pub return_url: Option<String>,
    /// The key that asks for it, unless it is for a link or a transaction of a till.
    pub maker: Option<ApiKeyId>,
}

impl Command for CreatePayment {
    type Permission = CreatePayments;

    fn action(&self) -> Action {
        Action::PaymentCreated
    }

    fn keys(&self, facts: &Facts, scope: Scope) -> Keys {
        let mut keys = tills::maker_keys(Keys::default().record(self.token.any()), self.maker);
        if self.wallet.is_none() {
            keys = keys.record(scope.organization.any());
        }
        if let Some(wallet) = self.wallet_in(facts, scope) {
            keys = keys.books(wallet);
        }
        if let Some(customer) = self.customer() {
            keys = keys.record(customer.any());
        }
        match &self.reference_id {
            Some(reference) => keys.holder(Field::PaymentReference, reference.as_str()),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let (body, token) = self.begun(facts, moment)?;

        // From here it must succeed.
        let id = body.id.any();
        let reference = self.reference_id.as_ref().map(ReferenceId::as_str);
        let event = EventFact {
            event: EventType::PaymentCreated,
            about: Some(id),
        };
        let none = Movement::none();
        let decision = Decision::new(facts, Action::PaymentCreated, id, none, vec![event])
            .claim(Field::PaymentReference, reference, id)
            .about_payment(body, moment.now, 0)
            .counting_payment(facts);
        Ok(with_token(decision, token))
    }
}

/// What becomes of the token that is paid with.
pub(crate) fn with_token(decision: Decision, token: &Token) -> Decision {
    match token.body.usage {
        TokenUse::SingleUse => taken(decision, token),
        TokenUse::MultiUse => decision,
    }
}

/// A token for one payment is used up by it, whatever comes of it; its number waits for the acquirer alone.
fn taken(decision: Decision, token: &Token) -> Decision {
    let mut used = token.clone();
    used.body.status = TokenStatus::Used;
    let id = used.body.id;
    let decision = match used.body.expires_at {
        Some(_) => decision.job(Job::TokenDone(id)),
        None => decision,
    };
    decision.change(id.any(), Record::Token(used))
}

impl CreatePayment {
    /// The customer it names, where that is one of ours: whatever has our prefix must be there.
    fn customer(&self) -> Option<CustomerId> {
        let text = self.customer_id.as_deref()?;
        let nobody = CustomerId(RawId::ZERO);
        text.starts_with("cus_")
            .then(|| CustomerId::parse(text).unwrap_or(nobody))
    }

    /// The payment as it begins, with the token that it takes.
    ///
    /// # Errors
    /// Whatever about it does not fit.
    pub(crate) fn begun<'f>(
        &self,
        facts: &'f Facts,
        moment: &mut Moment,
    ) -> Result<(PaymentBody, &'f Token), Rejection> {
        let token = self.token_in(facts, moment)?;
        let wallet = self.wallet_in(facts, moment.scope).ok_or_else(|| {
            let currency = self.amount.currency;
            let text = format!("there is no operating wallet in {currency}: name a wallet");
            Rejection::at(Code::NoDefaultWallet, "/wallet_id", text)
        })?;
        check_wallet(facts, wallet, self.amount.currency, "/wallet_id")?;
        let reference = self.reference_id.as_ref().map(ReferenceId::as_str);
        facts.free(Field::PaymentReference, reference)?;
        if let Some(customer) = self.customer() {
            customers::present(facts, customer)?;
        }
        let currency = self.amount.currency;
        if moment.scope.mode.is_live() && !moment.live_cards.take(currency) {
            let text = format!("no acquirer takes {currency} in live mode");
            return Err(Rejection::at(Code::NoAcquirer, "/payment_token", text));
        }
        let id = PaymentId(moment.fresh());
        let body = PaymentBody {
            maker: tills::at_till(facts, self.maker),
            ..self.body(id, wallet, token, moment)
        };
        Ok((body, token))
    }

    fn wallet_in(&self, facts: &Facts, scope: Scope) -> Option<WalletId> {
        self.wallet.or_else(|| {
            facts
                .tenant(scope.organization)?
                .operating(self.amount.currency)
        })
    }

    fn token_in<'f>(&self, facts: &'f Facts, moment: &Moment) -> Result<&'f Token, Rejection> {
        let refused = |code, text: String| Rejection::at(code, "/payment_token", text);
        let token = facts
            .token(self.token)
            .filter(|token| !token.is_deleted())
            .ok_or_else(|| refused(Code::TokenNotFound, "there is no such token".into()))?;
        match token.status_at(moment.now) {
            TokenStatus::Active if token.body.expiry.is_past(moment.now) => {
                let text = "the card's last month is over".to_owned();
                Err(refused(Code::CardExpired, text))
            }
            TokenStatus::Active => Ok(token),
            TokenStatus::Used => {
                let text = format!("`{}` was for one payment, and was used", self.token);
                Err(refused(Code::TokenUsed, text))
            }
            TokenStatus::Expired | TokenStatus::Deleted => {
                let text = format!("`{}` has expired", self.token);
                Err(refused(Code::TokenExpired, text))
            }
        }
    }

    fn body(&self, id: PaymentId, wallet: WalletId, token: &Token, moment: &Moment) -> PaymentBody {
        PaymentBody {
            id,
            status: PaymentStatus::Processing,
            amount: self.amount,
            wallet,
            token: self.token,
            brand: token.body.brand,
            last4: token.body.last4.clone(),
            capture: self.capture,
            captured: 0,
            settled: 0,
            refunded: 0,
            refunding: 0,
            exchange: Exchange::Unsent,
            unanswered: 0,
            failure: None,
            approval: None,
            reference_id: self.reference_id.clone(),
            customer_id: self.customer_id.clone(),
            description: self.description.clone(),
            metadata: self.metadata.clone(),
            created_at: moment.now,
            authorized_at: None,
            expires_at: None,
            link: self.link,
            sale: None,
            challenge: None,
            return_url: self.return_url.clone(),
            fees: None,
            refused: None,
            maker: None,
        }
    }
}
