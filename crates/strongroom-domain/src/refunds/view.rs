//! How refunds look on the wire.

use serde::Serialize;
use strongroom_types::currency::Currency;
use strongroom_types::id::{PaymentId, RefundId, SaleId, ShiftId, TokenId, WalletId};
use strongroom_types::metadata::Metadata;
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::Timestamp;

use crate::refunds::{RefundBody, RefundFailure, RefundStatus};

/// A refund. As with payments, what is added after a release stands only where there is something to say.
#[derive(Serialize)]
pub struct RefundView<'a> {
    pub id: RefundId,
    pub object: &'static str,
    pub status: RefundStatus,
    pub amount: i64,
    pub amount_decimal: String,
    pub currency: Currency,
    pub payment_id: Option<PaymentId>,
    pub payment_token: Option<TokenId>,
    pub wallet_id: Option<WalletId>,
    /// What of the payment's fee came back with it.
    pub fee: i64,
    pub fee_decimal: String,
    /// What it takes from the wallet: the amount less the fee.
    pub net: i64,
    pub net_decimal: String,
    pub reason: &'a str,
    pub reference_id: Option<&'a ReferenceId>,
    pub metadata: &'a Metadata,
    pub failure_code: Option<RefundFailure>,
    pub processed_at: Option<Timestamp>,
    pub created_at: Timestamp,
    /// Only where there is one: what was rendered before there were tills stays the same bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<SaleId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shift_id: Option<ShiftId>,
}

impl<'a> RefundView<'a> {
    pub fn new(body: &'a RefundBody) -> RefundView<'a> {
        let decimal = |minor| Money::new(minor, body.amount.currency).decimal();
        let net = body.amount.minor.saturating_sub(body.fee_back());
        RefundView {
            id: body.id,
            object: "refund",
            status: body.status,
            amount: body.amount.minor,
            amount_decimal: body.amount.decimal(),
            currency: body.amount.currency,
            payment_id: body.payment,
            payment_token: body.token,
            wallet_id: body.wallet,
            fee: body.fee_back(),
            fee_decimal: decimal(body.fee_back()),
            net,
            net_decimal: decimal(net),
            reason: &body.reason,
            reference_id: body.reference_id.as_ref(),
            metadata: &body.metadata,
            failure_code: body.failure,
            processed_at: body.processed_at,
            created_at: body.created_at,
            transaction_id: body.sale,
            shift_id: body.shift,
        }
    }
}
