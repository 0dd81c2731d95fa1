//! Beneficiaries: bank accounts that an organization pays, kept under a name, so that a change of where money goes is an
//! act of its own.
//!
//! An account that is new, or that replaces another, is paid only once it has cooled off: whoever got in, or wrote a
//! convincing letter, has to wait while others look. When that is stands in the beneficiary from the beginning, so a
//! change of the settings ([`settings`]) never shortens what has begun. A payout keeps a copy of the account that it went
//! to; a beneficiary that is deleted loses its own, with the key that it was sealed under.

mod change;
mod create;
mod settings;
mod view;

use std::sync::Arc;

use minicbor::{Decode, Encode};
use strongroom_types::Classified;
use strongroom_types::currency::Currency;
use strongroom_types::id::{BeneficiaryId, SubjectId};
use strongroom_types::metadata::Metadata;
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::Timestamp;

use crate::facts::Facts;
use crate::payouts::BankAccount;
use crate::record::Record;
use crate::rejection::{Code, Rejection};

pub use change::{DeleteBeneficiary, NewAccount, UpdateBeneficiary};
pub use create::CreateBeneficiary;
pub use settings::{
    ChangePayoutSettings, LONGEST_COOLING_OFF, PayoutSettings, PayoutSettingsView, Upcoming,
    payout_settings_key,
};
pub use view::BeneficiaryView;

/// Whether a beneficiary can be paid at all. The number is the one stored, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum BeneficiaryStatus {
    #[n(0)]
    Active,
    #[n(1)]
    Deleted,
}

impl BeneficiaryStatus {
    pub const ALL: &'static [BeneficiaryStatus] =
        &[BeneficiaryStatus::Active, BeneficiaryStatus::Deleted];

    pub const fn code(self) -> u8 {
        match self {
            BeneficiaryStatus::Active => 0,
            BeneficiaryStatus::Deleted => 1,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            BeneficiaryStatus::Active => "active",
            BeneficiaryStatus::Deleted => "deleted",
        }
    }

    pub fn parse(text: &str) -> Option<BeneficiaryStatus> {
        let mut all = BeneficiaryStatus::ALL.iter();
        all.find(|status| status.as_str() == text).copied()
    }
}

/// A beneficiary without what is personal.
#[derive(Clone, Encode, Decode, Classified)]
#[part(business)]
pub struct BeneficiaryBody {
    #[n(0)]
    #[class(operational)]
    pub id: BeneficiaryId,
    #[n(1)]
    #[class(operational)]
    pub subject: SubjectId,
    #[n(2)]
    #[class(operational)]
    pub status: BeneficiaryStatus,
    /// The bank's code, or its BIC.
    #[n(3)]
    #[class(sensitive)]
    pub bank_code: Option<String>,
    /// The only one that it is paid in, where it names one.
    #[n(4)]
    #[class(operational)]
    pub currency: Option<Currency>,
    /// What its payouts say where they have no description.
    #[n(5)]
    #[class(sensitive)]
    pub reference: Option<String>,
    #[n(6)]
    #[class(sensitive)]
    pub reference_id: Option<ReferenceId>,
    #[n(7)]
    #[class(sensitive)]
    pub metadata: Metadata,
    /// When its account has cooled off.
    #[n(8)]
    #[class(operational)]
    pub payable_from: Timestamp,
    #[n(9)]
    #[class(operational)]
    pub account_changed_at: Timestamp,
    /// Counts its accounts, so that what was agreed to of one is not taken for another.
    #[n(10)]
    #[class(operational)]
    pub account_version: u32,
    #[n(11)]
    #[class(operational)]
    pub created_at: Timestamp,
    #[n(12)]
    #[class(operational)]
    pub updated_at: Timestamp,
}

/// A beneficiary as stored.
#[derive(Clone)]
pub struct Beneficiary {
    pub body: BeneficiaryBody,
    /// Nothing once it is deleted.
    pub account: Option<BankAccount>,
}

impl Beneficiary {
    pub fn is_active(&self) -> bool {
        self.body.status == BeneficiaryStatus::Active
    }

    /// The text by which the subject of its account is found.
    pub(crate) fn index_text(&self) -> Option<String> {
        let account = self.account.as_ref()?;
        account.index_text(self.body.bank_code.as_deref())
    }
}

impl Facts {
    pub fn beneficiary(&self, id: BeneficiaryId) -> Option<&Beneficiary> {
        match self.record(id.any()).map(Arc::as_ref) {
            Some(Record::Beneficiary(beneficiary)) => Some(beneficiary),
            _ => None,
        }
    }

    /// What bounds payouts; nothing before it was first changed.
    pub fn payout_settings(&self) -> Option<&PayoutSettings> {
        match self.record(payout_settings_key()).map(Arc::as_ref) {
            Some(Record::PayoutSettings(settings)) => Some(settings),
            _ => None,
        }
    }
}

/// The field that names a beneficiary in a request.
const AT: &str = "/beneficiary_id";

/// A beneficiary that is paid `amount` at a time.
///
/// # Errors
/// [`Code::BeneficiaryNotFound`], [`Code::CurrencyMismatch`], or [`Code::BeneficiaryCoolingOff`], which says until when.
pub(crate) fn payable(
    facts: &Facts,
    id: BeneficiaryId,
    amount: Money,
    at: Timestamp,
) -> Result<(&Beneficiary, &BankAccount), Rejection> {
    let missing = || {
        Rejection::at(
            Code::BeneficiaryNotFound,
            AT,
            "there is no such beneficiary",
        )
    };
    let found = facts.beneficiary(id).filter(|found| found.is_active());
    let beneficiary = found.ok_or_else(missing)?;
    let account = beneficiary.account.as_ref().ok_or_else(missing)?;
    let body = &beneficiary.body;
    if let Some(currency) = body.currency.filter(|only| *only != amount.currency) {
        let text = format!("`{id}` is paid in {currency}");
        return Err(Rejection::at(Code::CurrencyMismatch, "/currency", text));
    }
    if at < body.payable_from {
        let until = body.payable_from;
        let text = format!("the account of `{id}` is new and is paid from {until} on");
        return Err(Rejection::at(Code::BeneficiaryCoolingOff, AT, text));
    }
    Ok((beneficiary, account))
}

/// When an account that is written down now can be paid.
fn payable_from(facts: &Facts, now: Timestamp) -> Timestamp {
    let settings = facts.payout_settings().copied().unwrap_or_default();
    now.plus(settings.cooling_off(now))
}

fn existing(facts: &Facts, id: BeneficiaryId) -> Result<&Beneficiary, Rejection> {
    facts
        .beneficiary(id)
        .filter(|found| found.is_active())
        .ok_or_else(|| Rejection::new(Code::NotFound, "there is no such beneficiary"))
}
