//! How payments look on the wire.

use serde::Serialize;
use strongroom_types::card::Brand;
use strongroom_types::currency::Currency;
use strongroom_types::id::{PaymentId, PaymentLinkId, TokenId, WalletId};
use strongroom_types::metadata::Metadata;
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::Timestamp;

use crate::payments::{PaymentBody, PaymentFailure, PaymentStatus};

/// A payment. Replies are rendered from entries that are older than the program: what is added after a release stands only where
/// there is something to say.
#[derive(Serialize)]
pub struct PaymentView<'a> {
    pub id: PaymentId,
    pub object: &'static str,
    pub status: PaymentStatus,
    pub amount: i64,
    pub amount_decimal: String,
    pub currency: Currency,
    pub amount_captured: i64,
    pub amount_capturable: i64,
    pub amount_settled: i64,
    pub amount_refunded: i64,
    pub amount_refundable: i64,
    /// What was charged for it, less what its refunds brought back.
    pub fee: i64,
    pub fee_decimal: String,
    /// What was settled less the fee.
    pub net: i64,
    pub net_decimal: String,
    pub wallet_id: WalletId,
    pub payment_token: TokenId,
    pub card: PaidWith<'a>,
    pub capture: bool,
    pub next_action: Option<NextAction>,
    pub return_url: Option<&'a str>,
    pub payment_link_id: Option<PaymentLinkId>,
    pub customer_id: Option<&'a str>,
    pub reference_id: Option<&'a ReferenceId>,
    pub description: Option<&'a str>,
    pub metadata: &'a Metadata,
    pub failure_code: Option<PaymentFailure>,
    /// What the acquirer did not take of its captures, and why it refused the last of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount_refused: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_code: Option<PaymentFailure>,
    pub approval_code: Option<&'a str>,
    pub authorized_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// What may be shown of the card.
#[derive(Serialize)]
pub struct PaidWith<'a> {
    pub brand: Brand,
    pub last4: &'a str,
}

/// Where the cardholder has to be led.
#[derive(Serialize)]
pub struct NextAction {
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// On this server.
    pub path: String,
    pub expires_at: Option<Timestamp>,
}

impl<'a> PaymentView<'a> {
    pub fn new(body: &'a PaymentBody) -> PaymentView<'a> {
        PaymentView {
            id: body.id,
            object: "payment",
            status: body.status,
            amount: body.amount.minor,
            amount_decimal: body.amount.decimal(),
            currency: body.amount.currency,
            amount_captured: body.captured,
            amount_capturable: body.capturable(),
            amount_settled: body.settled,
            amount_refunded: body.refunded,
            amount_refundable: body.refundable(),
            fee: body.fee(),
            fee_decimal: body.decimal(body.fee()),
            net: body.net(),
            net_decimal: body.decimal(body.net()),
            wallet_id: body.wallet,
            payment_token: body.token,
            card: PaidWith {
                brand: body.brand,
                last4: &body.last4,
            },
            capture: body.capture,
            next_action: body.challenge_path().map(|path| NextAction {
                kind: "redirect",
                path,
                expires_at: body.challenge.map(|challenge| challenge.until),
            }),
            return_url: body.return_url.as_deref(),
            payment_link_id: body.link,
            customer_id: body.customer_id.as_deref(),
            reference_id: body.reference_id.as_ref(),
            description: body.description.as_deref(),
            metadata: &body.metadata,
            failure_code: body.failure,
            amount_refused: body.refused.map(|refused| refused.minor),
            refused_code: body.refused.map(|refused| refused.failure),
            approval_code: body.approval.as_deref(),
            authorized_at: body.authorized_at,
            expires_at: body.expires_at,
            created_at: body.created_at,
        }
    }
}
