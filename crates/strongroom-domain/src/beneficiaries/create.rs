//! Writing a beneficiary down.

use minicbor::{Decode, Encode};
use serde_json::{Value, json};
use strongroom_auth::permission::WriteBeneficiaries;
use strongroom_types::currency::Currency;
use strongroom_types::id::{BeneficiaryId, SubjectId};
use strongroom_types::metadata::Metadata;
use strongroom_types::mode::Scope;
use strongroom_types::reference::ReferenceId;

use crate::action::Action;
use crate::approvals::{Act, Parked};
use crate::beneficiaries::{
    Beneficiary, BeneficiaryBody, BeneficiaryStatus, BeneficiaryView, payable_from,
    payout_settings_key,
};
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Field, Keys};
use crate::payouts::BankAccount;
use crate::record::Record;
use crate::rejection::Rejection;
use crate::view;

/// `POST /v1/beneficiaries`.
#[derive(Clone, Encode, Decode)]
pub struct CreateBeneficiary {
    #[n(0)]
    pub bank_code: Option<String>,
    #[n(1)]
    pub account: BankAccount,
    #[n(2)]
    pub currency: Option<Currency>,
    #[n(3)]
    pub reference: Option<String>,
    #[n(4)]
    pub reference_id: Option<ReferenceId>,
    #[n(5)]
    pub metadata: Metadata,
}

impl Command for CreateBeneficiary {
    type Permission = WriteBeneficiaries;

    fn action(&self) -> Action {
        Action::BeneficiaryCreated
    }

    fn act(&self) -> Option<Act> {
        Some(Act::BeneficiaryChange)
    }

    fn parked(&self, _: &Facts, _: Scope) -> Option<Parked> {
        Some(Parked::NewBeneficiary(self.clone()))
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        let keys = Keys::default().record(payout_settings_key());
        match &self.reference_id {
            Some(reference) => keys.holder(Field::BeneficiaryReference, reference.as_str()),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let reference = self.reference_id.as_ref().map(ReferenceId::as_str);
        facts.free(Field::BeneficiaryReference, reference)?;

        // From here it must succeed.
        let id = BeneficiaryId(moment.fresh());
        let payable_from = payable_from(facts, moment.now);
        let beneficiary = Beneficiary {
            body: BeneficiaryBody {
                id,
                subject: SubjectId(id.0),
                status: BeneficiaryStatus::Active,
                bank_code: self.bank_code.clone(),
                currency: self.currency,
                reference: self.reference.clone(),
                reference_id: self.reference_id.clone(),
                metadata: self.metadata.clone(),
                payable_from,
                account_changed_at: moment.now,
                account_version: 1,
                created_at: moment.now,
                updated_at: moment.now,
            },
            account: Some(self.account.clone()),
        };
        let events = vec![EventFact::new(EventType::BeneficiaryCreated, id.any())];
        let (action, none) = (Action::BeneficiaryCreated, Movement::none());
        Ok(Decision::new(facts, action, id.any(), none, events)
            .detail("payable_from", payable_from.to_string())
            .claim(Field::BeneficiaryReference, reference, id.any())
            .reply(Reply::Stored(view::json(&BeneficiaryView::new(
                &beneficiary,
            ))))
            .change(id.any(), Record::Beneficiary(beneficiary)))
    }
}

impl CreateBeneficiary {
    /// As others see it who are to agree.
    pub(crate) fn asked(&self) -> Value {
        json!({
            "change": "create",
            "name": self.account.account_name,
            "account": account_asked(self.bank_code.as_deref(), &self.account),
            "currency": self.currency,
            "reference": self.reference,
            "reference_id": self.reference_id,
            "metadata": self.metadata,
        })
    }
}

/// An account as others see it who are to agree: in full, since that is what they agree to.
pub(super) fn account_asked(bank_code: Option<&str>, account: &BankAccount) -> Value {
    json!({
        "bank_code": bank_code,
        "account_number": account.account_number,
        "iban": account.iban,
    })
}
