//! How links look on the wire.

use serde::Serialize;
use strongroom_types::currency::Currency;
use strongroom_types::id::{PaymentId, PaymentLinkId, WalletId};
use strongroom_types::metadata::Metadata;
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::Timestamp;

use crate::payment_links::{PaymentLink, PaymentLinkStatus};
use crate::payments::PaymentFailure;

/// A link.
#[derive(Serialize)]
pub struct PaymentLinkView<'a> {
    pub id: PaymentLinkId,
    pub object: &'static str,
    pub url: String,
    pub status: PaymentLinkStatus,
    pub amount: i64,
    pub amount_decimal: String,
    pub currency: Currency,
    pub wallet_id: WalletId,
    pub description: Option<&'a str>,
    pub customer: Option<CustomerView<'a>>,
    pub reference_id: Option<&'a ReferenceId>,
    pub success_url: Option<&'a str>,
    pub cancel_url: Option<&'a str>,
    pub metadata: Option<&'a Metadata>,
    /// The payment under way, or the one that it was paid by.
    pub payment_id: Option<PaymentId>,
    pub attempts: u32,
    pub last_failure_code: Option<PaymentFailure>,
    pub expires_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// Who is asked to pay.
#[derive(Serialize)]
pub struct CustomerView<'a> {
    pub email: Option<&'a str>,
    pub name: Option<&'a str>,
}

impl<'a> PaymentLinkView<'a> {
    /// `origin` is what stands before the page's path.
    pub fn new(link: &'a PaymentLink, origin: &str, now: Timestamp) -> PaymentLinkView<'a> {
        let body = &link.body;
        PaymentLinkView {
            id: body.id,
            object: "payment_link",
            url: format!("{origin}/pay/{}", body.id),
            status: body.status_at(now),
            amount: body.amount.minor,
            amount_decimal: body.amount.decimal(),
            currency: body.amount.currency,
            wallet_id: body.wallet,
            description: body.description.as_deref(),
            customer: link.customer.as_ref().map(|customer| CustomerView {
                email: customer.email.as_deref(),
                name: customer.name.as_deref(),
            }),
            reference_id: body.reference_id.as_ref(),
            success_url: body.success_url.as_deref(),
            cancel_url: body.cancel_url.as_deref(),
            metadata: Some(&body.metadata),
            payment_id: body.payment,
            attempts: body.attempts,
            last_failure_code: body.failure,
            expires_at: body.expires_at,
            ended_at: body.ended_at,
            created_at: body.created_at,
        }
    }

    /// What a publishable key is shown: SECURITY: it stands in web pages, so neither who is to pay nor what the
    /// organization notes for itself.
    #[must_use]
    pub fn for_anybody(self) -> PaymentLinkView<'a> {
        PaymentLinkView {
            customer: None,
            metadata: None,
            reference_id: None,
            ..self
        }
    }
}
