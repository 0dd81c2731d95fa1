//! Changing a beneficiary, where its money goes above all, and deleting it.

use minicbor::{Decode, Encode};
use serde_json::{Value, json};
use strongroom_auth::permission::WriteBeneficiaries;
use strongroom_types::id::BeneficiaryId;
use strongroom_types::metadata::Metadata;
use strongroom_types::mode::Scope;

use crate::action::Action;
use crate::approvals::{Act, Parked};
use crate::beneficiaries::create::account_asked;
use crate::beneficiaries::{
    Beneficiary, BeneficiaryStatus, BeneficiaryView, existing, payable_from, payout_settings_key,
};
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::payouts::BankAccount;
use crate::record::Record;
use crate::rejection::Rejection;
use crate::view;

/// An account that replaces another.
#[derive(Clone, Encode, Decode)]
pub struct NewAccount {
    #[n(0)]
    pub bank_code: Option<String>,
    #[n(1)]
    pub account_number: Option<String>,
    #[n(2)]
    pub iban: Option<String>,
}

/// `PATCH /v1/beneficiaries/{id}`: what is `None` stays as it is; an account is replaced as a whole.
#[derive(Clone, Encode, Decode)]
pub struct UpdateBeneficiary {
    #[n(0)]
    pub id: BeneficiaryId,
    #[n(1)]
    pub name: Option<String>,
    #[n(2)]
    pub account: Option<NewAccount>,
    #[n(3)]
    pub reference: Option<String>,
    #[n(4)]
    pub metadata: Option<Metadata>,
}

impl Command for UpdateBeneficiary {
    type Permission = WriteBeneficiaries;

    fn action(&self) -> Action {
        match self.account {
            Some(_) => Action::BeneficiaryAccountChanged,
            None => Action::BeneficiaryUpdated,
        }
    }

    fn act(&self) -> Option<Act> {
        Some(Act::BeneficiaryChange)
    }

    /// Where money goes, and whose name stands beside it. What its payouts say is nobody's harm.
    fn parked(&self, _: &Facts, _: Scope) -> Option<Parked> {
        let matters = self.account.is_some() || self.name.is_some();
        matters.then(|| Parked::Beneficiary(self.clone()))
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default()
            .record(self.id.any())
            .record(payout_settings_key())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let old = existing(facts, self.id)?;

        // From here it must succeed.
        let (mut next, changed) = self.applied(old);
        next.body.updated_at = moment.now;
        let (action, event) = match changed.contains(&"account") {
            true => {
                // SECURITY: it begins anew, whatever was left of the time before.
                next.body.payable_from = payable_from(facts, moment.now);
                next.body.account_changed_at = moment.now;
                next.body.account_version = next.body.account_version.saturating_add(1);
                (
                    Action::BeneficiaryAccountChanged,
                    EventType::BeneficiaryAccountChanged,
                )
            }
            false => (Action::BeneficiaryUpdated, EventType::BeneficiaryUpdated),
        };
        let id = self.id.any();
        let (none, events) = (Movement::none(), vec![EventFact::new(event, id)]);
        Ok(Decision::new(facts, action, id, none, events)
            .detail("changed", changed.join(","))
            .detail("payable_from", next.body.payable_from.to_string())
            .reply(Reply::Stored(view::json(&BeneficiaryView::new(&next))))
            .change(id, Record::Beneficiary(next)))
    }
}

impl UpdateBeneficiary {
    fn applied(&self, old: &Beneficiary) -> (Beneficiary, Vec<&'static str>) {
        let mut next = old.clone();
        let mut changed = Vec::new();
        if let (Some(name), Some(account)) = (&self.name, &mut next.account) {
            account.account_name.clone_from(name);
            changed.push("name");
        }
        if let (Some(new), Some(account)) = (&self.account, &mut next.account) {
            // The same account again is none that has to cool off.
            let is_same = new.bank_code == next.body.bank_code
                && new.account_number == account.account_number
                && new.iban == account.iban;
            if !is_same {
                next.body.bank_code.clone_from(&new.bank_code);
                account.account_number.clone_from(&new.account_number);
                account.iban.clone_from(&new.iban);
                changed.push("account");
            }
        }
        if let Some(reference) = &self.reference {
            next.body.reference = Some(reference.clone());
            changed.push("reference");
        }
        if let Some(metadata) = &self.metadata {
            next.body.metadata = metadata.clone();
            changed.push("metadata");
        }
        (next, changed)
    }

    /// As others see it who are to agree.
    pub(crate) fn asked(&self) -> Value {
        let account = self.account.as_ref().map(|new| {
            let account = BankAccount {
                account_name: String::new(),
                account_number: new.account_number.clone(),
                iban: new.iban.clone(),
            };
            account_asked(new.bank_code.as_deref(), &account)
        });
        json!({
            "change": "update",
            "beneficiary_id": self.id,
            "name": self.name,
            "account": account,
            "reference": self.reference,
            "metadata": self.metadata,
        })
    }
}

/// `DELETE /v1/beneficiaries/{id}`: its account goes with its key; payouts keep theirs.
pub struct DeleteBeneficiary {
    pub id: BeneficiaryId,
}

impl Command for DeleteBeneficiary {
    type Permission = WriteBeneficiaries;

    fn action(&self) -> Action {
        Action::BeneficiaryDeleted
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let old = existing(facts, self.id)?;

        // From here it must succeed.
        let mut next = old.clone();
        next.body.status = BeneficiaryStatus::Deleted;
        next.body.updated_at = moment.now;
        next.body.bank_code = None;
        next.body.reference = None;
        // What the client wrote beside an account may tell whose it is.
        next.body.metadata = Metadata::default();
        next.account = None;
        let id = self.id.any();
        let events = vec![EventFact::new(EventType::BeneficiaryDeleted, id)];
        let (action, none) = (Action::BeneficiaryDeleted, Movement::none());
        Ok(Decision::new(facts, action, id, none, events)
            .reply(Reply::Stored(view::json(&BeneficiaryView::new(&next))))
            .erase(old.body.subject)
            .change(id, Record::Beneficiary(next)))
    }
}
