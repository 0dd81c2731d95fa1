//! Commands that wait: kept as what they are, decided again by the same code.

use minicbor::{Decode, Encode};
use serde_json::{Value, json};
use strongroom_auth::permission::{
    CreateDebits, CreatePayouts, CreateRefunds, ManagePayoutSettings, Permission, VoidSales,
    WriteBeneficiaries,
};
use strongroom_types::id::{ApprovalPolicyId, SubjectId};
use strongroom_types::mode::Scope;
use strongroom_types::money::Money;

use crate::action::Action;
use crate::approvals::{Act, ChangePolicies};
use crate::beneficiaries::{ChangePayoutSettings, CreateBeneficiary, UpdateBeneficiary};
use crate::command::{Command, Moment};
use crate::decision::Decision;
use crate::facts::{Facts, Field, Keys};
use crate::funding::{Debit, Funding};
use crate::payout_schedules::{CreatePayoutSchedule, UpdatePayoutSchedule};
use crate::payouts::{BankAccount, CreatePayout, NewRecipient};
use crate::refunds::CreateRefund;
use crate::rejection::{Code, Rejection};
use crate::sales::VoidSale;

/// A command that waits. Fields and variants are only ever added.
#[derive(Clone, Encode, Decode)]
pub enum Parked {
    #[n(0)]
    Payout(#[n(0)] CreatePayout),
    #[n(1)]
    Debit(#[n(0)] Debit),
    #[n(2)]
    Refund(#[n(0)] CreateRefund),
    #[n(3)]
    Policies(#[n(0)] ChangePolicies),
    /// One whose reply is for its maker alone, who sends it again: only what it asks for is kept, as JSON.
    #[n(4)]
    Again(#[n(0)] Act, #[n(1)] String),
    /// An invitation, of the same kind; it tells of a person.
    #[n(40)]
    Invitation(#[n(0)] String),
    /// A sale that is to be taken back, and what it came to.
    #[n(41)]
    Void(#[n(0)] VoidSale, #[n(1)] Money),
    #[n(79)]
    NewBeneficiary(#[n(0)] CreateBeneficiary),
    #[n(80)]
    Beneficiary(#[n(0)] UpdateBeneficiary),
    #[n(81)]
    PayoutSettings(#[n(0)] ChangePayoutSettings),
    #[n(82)]
    PayoutSchedule(#[n(0)] Box<CreatePayoutSchedule>),
    #[n(83)]
    PayoutScheduleChange(#[n(0)] UpdatePayoutSchedule),
}

impl Parked {
    /// One that its maker sends again.
    pub fn again(act: Act, asked: &Value) -> Parked {
        Parked::Again(act, asked.to_string())
    }

    pub fn act(&self) -> Act {
        match self {
            Parked::Payout(_) | Parked::PayoutSchedule(_) | Parked::PayoutScheduleChange(_) => {
                Act::Payout
            }
            Parked::Debit(_) => Act::Debit,
            Parked::Refund(_) | Parked::Void(..) => Act::Refund,
            Parked::Policies(_) => Act::ApprovalPolicy,
            Parked::Again(act, _) => *act,
            Parked::Invitation(_) => Act::ApiKeyCreate,
            Parked::NewBeneficiary(_) | Parked::Beneficiary(_) | Parked::PayoutSettings(_) => {
                Act::BeneficiaryChange
            }
        }
    }

    /// What is asked for, as approvers see it.
    pub fn asked(&self) -> Value {
        match self {
            Parked::Payout(payout) => payout_asked(payout),
            Parked::Debit(Debit(funding)) => funding_asked(funding),
            Parked::Refund(refund) => refund_asked(refund),
            Parked::Void(VoidSale { id, reason, .. }, amount) => json!({
                "transaction_id": id,
                "void": true,
                "amount": amount.minor,
                "currency": amount.currency,
                "reason": reason,
            }),
            Parked::Policies(change) => change.asked(),
            Parked::PayoutSchedule(command) => command.asked(payout_asked(&command.payout())),
            Parked::PayoutScheduleChange(command) => command.asked(),
            Parked::NewBeneficiary(command) => command.asked(),
            Parked::Beneficiary(command) => command.asked(),
            Parked::PayoutSettings(command) => command.asked(),
            Parked::Again(_, asked) | Parked::Invitation(asked) => {
                serde_json::from_str(asked).unwrap_or_default()
            }
        }
    }

    /// The policy that it would change: it takes part in holding it up.
    pub(super) fn changed_policy(&self) -> Option<ApprovalPolicyId> {
        match self {
            Parked::Policies(change) => change.changed(),
            _ => None,
        }
    }

    /// Whether it tells of a person, and who that is if he is known already.
    pub(super) fn subject(&self, facts: &Facts) -> Option<Option<SubjectId>> {
        let recipient = match self {
            Parked::Payout(payout) => &payout.recipient,
            Parked::PayoutSchedule(schedule) => &schedule.recipient,
            Parked::Invitation(_) | Parked::NewBeneficiary(_) | Parked::Beneficiary(_) => {
                return Some(None);
            }
            _ => return None,
        };
        let text = recipient.index_text()?;
        let known = facts.holder(Field::BankAccount, &text);
        Some(known.map(|id| SubjectId(id.raw)))
    }

    pub(super) fn action(&self) -> Action {
        match self {
            Parked::Payout(command) => command.action(),
            Parked::Debit(command) => command.action(),
            Parked::Refund(command) => command.action(),
            Parked::Void(command, _) => command.action(),
            Parked::Policies(command) => command.action(),
            Parked::PayoutSchedule(command) => command.action(),
            Parked::PayoutScheduleChange(command) => command.action(),
            Parked::NewBeneficiary(command) => command.action(),
            Parked::Beneficiary(command) => command.action(),
            Parked::PayoutSettings(command) => command.action(),
            Parked::Again(..) | Parked::Invitation(_) => Action::ApprovalApproved,
        }
    }

    /// What its maker must hold, then as now.
    pub(super) fn permission(&self) -> &'static str {
        match self {
            Parked::Payout(_) | Parked::PayoutSchedule(_) | Parked::PayoutScheduleChange(_) => {
                CreatePayouts::NAME
            }
            Parked::Debit(_) => CreateDebits::NAME,
            Parked::Refund(_) => CreateRefunds::NAME,
            Parked::Void(..) => VoidSales::NAME,
            Parked::Policies(_) => <ChangePolicies as Command>::Permission::NAME,
            Parked::NewBeneficiary(_) | Parked::Beneficiary(_) => WriteBeneficiaries::NAME,
            Parked::PayoutSettings(_) => ManagePayoutSettings::NAME,
            // The edge asks, when it is sent again.
            Parked::Again(..) | Parked::Invitation(_) => "",
        }
    }

    pub(super) fn keys(&self, facts: &Facts, scope: Scope) -> Keys {
        match self {
            Parked::Payout(command) => command.keys(facts, scope),
            Parked::Debit(command) => command.keys(facts, scope),
            Parked::Refund(command) => command.keys(facts, scope),
            Parked::Void(command, _) => command.keys(facts, scope),
            Parked::Policies(command) => command.keys(facts, scope),
            Parked::PayoutSchedule(command) => command.keys(facts, scope),
            Parked::PayoutScheduleChange(command) => command.keys(facts, scope),
            Parked::NewBeneficiary(command) => command.keys(facts, scope),
            Parked::Beneficiary(command) => command.keys(facts, scope),
            Parked::PayoutSettings(command) => command.keys(facts, scope),
            Parked::Again(..) | Parked::Invitation(_) => Keys::default(),
        }
    }

    pub(super) fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        match self {
            Parked::Payout(command) => command.decide(facts, moment),
            Parked::Debit(command) => command.decide(facts, moment),
            Parked::Refund(command) => command.decide(facts, moment),
            Parked::Void(command, _) => command.decide(facts, moment),
            Parked::Policies(command) => command.decide(facts, moment),
            Parked::PayoutSchedule(command) => command.decide(facts, moment),
            Parked::PayoutScheduleChange(command) => command.decide(facts, moment),
            Parked::NewBeneficiary(command) => command.decide(facts, moment),
            Parked::Beneficiary(command) => command.decide(facts, moment),
            Parked::PayoutSettings(command) => command.decide(facts, moment),
            Parked::Again(..) | Parked::Invitation(_) => {
                let text = "its maker sends it again";
                Err(Rejection::new(Code::InvalidState, text))
            }
        }
    }
}

fn payout_asked(payout: &CreatePayout) -> Value {
    let CreatePayout {
        amount,
        source,
        recipient,
        reference_id,
        description,
        metadata,
        later,
    } = payout;
    let mut asked = json!({
        "amount": amount.minor,
        "currency": amount.currency,
        "source_wallet_id": source,
        "recipient": recipient_asked(recipient),
        "reference_id": reference_id,
        "description": description,
        "metadata": metadata,
    });
    // Only where it is for later: the text of others stays what was agreed to.
    if let (Some(later), Some(fields)) = (later, asked.as_object_mut()) {
        fields.insert("execute_at".into(), json!(later.at));
    }
    asked
}

/// Whom money goes to, accounts in full: that is what others agree to.
fn recipient_asked(recipient: &NewRecipient) -> Value {
    let bank = |bank_code: &Option<String>, account: &BankAccount| {
        json!({
            "type": "bank_account",
            "account_name": account.account_name,
            "bank_code": bank_code,
            "account_number": account.account_number,
            "iban": account.iban,
        })
    };
    match recipient {
        NewRecipient::Wallet(id) => json!({"type": "wallet", "id": id}),
        NewRecipient::Bank { bank_code, account } => bank(bank_code, account),
        NewRecipient::Beneficiary { id, seen } => {
            let seen = seen.as_ref();
            let mut asked = seen.map_or(json!({}), |seen| bank(&seen.bank_code, &seen.account));
            if let Some(fields) = asked.as_object_mut() {
                fields.insert("beneficiary_id".into(), json!(id));
            }
            asked
        }
    }
}

fn funding_asked(funding: &Funding) -> Value {
    let Funding {
        wallet,
        amount,
        reference,
        description,
    } = funding;
    json!({
        "wallet_id": wallet,
        "amount": amount.minor,
        "currency": amount.currency,
        "reference": reference,
        "description": description,
    })
}

fn refund_asked(refund: &CreateRefund) -> Value {
    let CreateRefund {
        payment,
        amount,
        currency,
        reason,
        reference_id,
        metadata,
        sale,
        minor,
        // Whoever asks is named by the approval itself.
        maker: _,
    } = refund;
    let mut asked = json!({
        "payment_id": payment,
        "amount": amount.map(|amount| amount.minor).or(*minor),
        "currency": amount.map(|amount| amount.currency).or(*currency),
        "reason": reason,
        "reference_id": reference_id,
        "metadata": metadata,
    });
    // Only where it is of one: the text of other refunds stays what was agreed to.
    if let (Some(of), Some(fields)) = (sale, asked.as_object_mut()) {
        fields.insert("transaction_id".into(), json!(of.sale));
        fields.insert("cash".into(), json!(of.cash));
        fields.insert("till_id".into(), json!(of.till));
    }
    asked
}
