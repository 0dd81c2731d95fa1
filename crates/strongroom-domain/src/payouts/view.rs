//! A payout on the wire.

use serde::Serialize;
use strongroom_types::currency::Currency;
use strongroom_types::id::{
    AnyId, BeneficiaryId, PayoutFileId, PayoutId, PayoutScheduleId, WalletId,
};
use strongroom_types::metadata::Metadata;
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::Timestamp;

use crate::payouts::{
    BankAccount, Payout, PayoutBody, PayoutFailure, PayoutStatus, Recipient, masked,
};

/// A payout.
#[derive(Serialize)]
pub struct PayoutView<'a> {
    pub id: PayoutId,
    pub object: &'static str,
    pub status: PayoutStatus,
    pub amount: i64,
    pub amount_decimal: String,
    pub currency: Currency,
    pub source_wallet_id: WalletId,
    pub recipient: RecipientView<'a>,
    pub reference_id: Option<&'a ReferenceId>,
    pub description: Option<&'a str>,
    pub metadata: &'a Metadata,
    pub failure_code: Option<PayoutFailure>,
    pub processed_at: Option<Timestamp>,
    pub created_at: Timestamp,
    /// The file that it is in, once it is in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payout_file_id: Option<PayoutFileId>,
    /// Only where a schedule was in force: what is rendered from the log of before stays the same bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fee: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fee_decimal: Option<String>,
    /// What leaves the source: the amount and the fee.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub net: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub net_decimal: Option<String>,
    /// Only of what was planned, or goes to a beneficiary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execute_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beneficiary_id: Option<BeneficiaryId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payout_schedule_id: Option<PayoutScheduleId>,
    /// Which one of its schedule it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurrence: Option<u32>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RecipientView<'a> {
    Wallet {
        id: WalletId,
    },
    BankAccount {
        id: AnyId,
        account_name: Option<&'a str>,
        bank_code: Option<&'a str>,
        /// Masked but for the last four.
        account_number: Option<String>,
        iban: Option<String>,
    },
}

impl<'a> PayoutView<'a> {
    pub fn new(payout: &'a Payout) -> PayoutView<'a> {
        PayoutView::of(&payout.body, payout.bank.as_ref())
    }

    pub fn of(body: &'a PayoutBody, bank: Option<&'a BankAccount>) -> PayoutView<'a> {
        let decimal = |minor| Money::new(minor, body.amount.currency).decimal();
        let net = body.fee.map(|_| body.outgoing());
        PayoutView {
            id: body.id,
            object: "payout",
            status: body.status,
            amount: body.amount.minor,
            amount_decimal: body.amount.decimal(),
            currency: body.amount.currency,
            source_wallet_id: body.source,
            recipient: recipient(&body.recipient, bank),
            reference_id: body.reference_id.as_ref(),
            description: body.description.as_deref(),
            metadata: &body.metadata,
            failure_code: body.failure,
            processed_at: body.processed_at,
            created_at: body.created_at,
            payout_file_id: body
                .seat
                .and_then(|seat| seat.place.map(|place| place.file)),
            fee: body.fee.map(|fee| fee.minor),
            fee_decimal: body.fee.map(|fee| decimal(fee.minor)),
            net,
            net_decimal: net.map(decimal),
            execute_at: body.later.map(|later| later.at),
            beneficiary_id: body.payee.map(|payee| payee.id),
            payout_schedule_id: body.occurrence.map(|of| of.schedule),
            occurrence: body.occurrence.map(|of| of.number),
        }
    }
}

pub(crate) fn recipient<'a>(
    recipient: &'a Recipient,
    bank: Option<&'a BankAccount>,
) -> RecipientView<'a> {
    match recipient {
        Recipient::Wallet(id) => RecipientView::Wallet { id: *id },
        Recipient::BankAccount { subject, bank_code } => RecipientView::BankAccount {
            id: subject.any(),
            account_name: bank.map(|b| b.account_name.as_str()),
            bank_code: bank_code.as_deref(),
            account_number: bank.and_then(|b| b.account_number.as_deref()).map(masked),
            iban: bank.and_then(|b| b.iban.as_deref()).map(masked),
        },
    }
}
