//! A beneficiary on the wire: account numbers but for their last four.

use serde::Serialize;
use strongroom_types::currency::Currency;
use strongroom_types::id::BeneficiaryId;
use strongroom_types::metadata::Metadata;
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::Timestamp;

use crate::beneficiaries::Beneficiary;
use crate::payouts::masked;

#[derive(Serialize)]
pub struct BeneficiaryView<'a> {
    pub id: BeneficiaryId,
    pub object: &'static str,
    pub status: &'static str,
    pub name: Option<&'a str>,
    pub account: Option<AccountView<'a>>,
    pub currency: Option<Currency>,
    pub reference: Option<&'a str>,
    pub reference_id: Option<&'a ReferenceId>,
    /// Before it, payouts to it are refused.
    pub payable_from: Timestamp,
    pub account_changed_at: Timestamp,
    pub metadata: &'a Metadata,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Serialize)]
pub struct AccountView<'a> {
    pub bank_code: Option<&'a str>,
    pub account_number: Option<String>,
    pub iban: Option<String>,
}

impl<'a> BeneficiaryView<'a> {
    pub fn new(beneficiary: &'a Beneficiary) -> BeneficiaryView<'a> {
        let (body, account) = (&beneficiary.body, beneficiary.account.as_ref());
        BeneficiaryView {
            id: body.id,
            object: "beneficiary",
            status: body.status.as_str(),
            name: account.map(|account| account.account_name.as_str()),
            account: account.map(|account| AccountView {
                bank_code: body.bank_code.as_deref(),
                account_number: account.account_number.as_deref().map(masked),
                iban: account.iban.as_deref().map(masked),
            }),
            currency: body.currency,
            reference: body.reference.as_deref(),
            reference_id: body.reference_id.as_ref(),
            payable_from: body.payable_from,
            account_changed_at: body.account_changed_at,
            metadata: &body.metadata,
            created_at: body.created_at,
            updated_at: body.updated_at,
        }
    }
}
