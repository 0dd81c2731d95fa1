//! Making a payout, to be done at once or later; whom it goes to is found out here.

use minicbor::{Decode, Encode};
use strongroom_auth::permission::CreatePayouts;
use strongroom_types::currency::Currency;
use strongroom_types::id::{BeneficiaryId, PayoutId, RawId, SubjectId, WalletId};
use strongroom_types::metadata::Metadata;
use strongroom_types::mode::Scope;
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::approvals::{Act, Parked};
use crate::beneficiaries::payable;
use crate::command::{Command, Moment};
use crate::decision::Decision;
use crate::facts::{Facts, Field, Keys};
use crate::fees::{fee_schedules_key, fees_key};
use crate::payout_rails::rail_key;
use crate::rejection::{Code, Rejection};

use super::begin::begin;
use super::later::schedule;
use super::{BankAccount, Later, Payee, Payout, PayoutBody, PayoutStatus, Recipient};

/// Who is to be paid, as the request says.
#[derive(Clone, Encode, Decode)]
pub enum NewRecipient {
    #[n(0)]
    Wallet(#[n(0)] WalletId),
    #[n(1)]
    Bank {
        #[n(0)]
        bank_code: Option<String>,
        #[n(1)]
        account: BankAccount,
    },
    /// An account that is kept under a name.
    #[n(40)]
    Beneficiary {
        #[n(0)]
        id: BeneficiaryId,
        /// As it was when others were asked to agree.
        #[n(1)]
        seen: Option<SeenAccount>,
    },
}

impl NewRecipient {
    /// Whom a planned payout goes to, to be decided by the facts of now; nothing where the account was erased.
    pub(crate) fn as_planned(
        recipient: &Recipient,
        payee: Option<Payee>,
        account: Option<&BankAccount>,
    ) -> Option<NewRecipient> {
        Some(match (recipient, payee) {
            (Recipient::Wallet(wallet), _) => NewRecipient::Wallet(*wallet),
            (Recipient::BankAccount { .. }, Some(payee)) => NewRecipient::Beneficiary {
                id: payee.id,
                seen: None,
            },
            (Recipient::BankAccount { bank_code, .. }, None) => NewRecipient::Bank {
                bank_code: bank_code.clone(),
                account: account?.clone(),
            },
        })
    }
}

/// A beneficiary's account as approvers see it.
#[derive(Clone, Encode, Decode)]
pub struct SeenAccount {
    #[n(0)]
    pub version: u32,
    #[n(1)]
    pub bank_code: Option<String>,
    #[n(2)]
    pub account: BankAccount,
}

impl NewRecipient {
    /// The text by which the same account is found again; of a beneficiary, as it was seen.
    pub(crate) fn index_text(&self) -> Option<String> {
        match self {
            NewRecipient::Wallet(_) => None,
            NewRecipient::Bank { bank_code, account } => account.index_text(bank_code.as_deref()),
            NewRecipient::Beneficiary { seen, .. } => {
                let SeenAccount {
                    bank_code, account, ..
                } = seen.as_ref()?;
                account.index_text(bank_code.as_deref())
            }
        }
    }

    /// The same, of a beneficiary as it is now.
    fn text_in(&self, facts: &Facts) -> Option<String> {
        match self {
            NewRecipient::Beneficiary { id, .. } => facts.beneficiary(*id)?.index_text(),
            other => other.index_text(),
        }
    }

    /// Whether a file rail could carry it.
    fn has_iban(&self, facts: &Facts) -> bool {
        let account = match self {
            NewRecipient::Wallet(_) => None,
            NewRecipient::Bank { account, .. } => Some(account),
            NewRecipient::Beneficiary { id, .. } => facts
                .beneficiary(*id)
                .and_then(|found| found.account.as_ref()),
        };
        account.is_some_and(|account| account.iban.is_some())
    }

    /// With a beneficiary's account written out, for others to agree to that one and no other.
    #[must_use]
    pub(crate) fn seen_in(&self, facts: &Facts) -> NewRecipient {
        let NewRecipient::Beneficiary { id, .. } = self else {
            return self.clone();
        };
        let found = facts.beneficiary(*id);
        let seen = found.and_then(|found| {
            Some(SeenAccount {
                version: found.body.account_version,
                bank_code: found.body.bank_code.clone(),
                account: found.account.clone()?,
            })
        });
        NewRecipient::Beneficiary { id: *id, seen }
    }
}

/// `POST /v1/payouts`.
#[derive(Clone, Encode, Decode)]
pub struct CreatePayout {
    #[n(0)]
    pub amount: Money,
    /// The operating wallet of the currency when absent.
    #[n(1)]
    pub source: Option<WalletId>,
    #[n(2)]
    pub recipient: NewRecipient,
    #[n(3)]
    pub reference_id: Option<ReferenceId>,
    #[n(4)]
    pub description: Option<String>,
    #[n(5)]
    pub metadata: Metadata,
    /// At once when absent.
    #[n(40)]
    pub later: Option<Later>,
}

impl Command for CreatePayout {
    type Permission = CreatePayouts;

    fn action(&self) -> Action {
        Action::PayoutCreated
    }

    fn act(&self) -> Option<Act> {
        Some(Act::Payout)
    }

    /// With its source and its account by name: who approves sees which wallet pays, and to where.
    fn parked(&self, facts: &Facts, scope: Scope) -> Option<Parked> {
        let source = self.source_in(facts, scope);
        Some(Parked::Payout(CreatePayout {
            source,
            recipient: self.recipient.seen_in(facts),
            ..self.clone()
        }))
    }

    fn keys(&self, facts: &Facts, scope: Scope) -> Keys {
        let mut keys = Keys::default().record(fee_schedules_key());
        if facts.fee_schedules().is_some() {
            keys = keys.record(fees_key(self.amount.currency));
        }
        match self.source_in(facts, scope) {
            Some(source) => keys = keys.books(source),
            None => keys = keys.record(scope.organization.any()),
        }
        if self.source.is_none() {
            keys = keys.record(scope.organization.any());
        }
        match &self.recipient {
            NewRecipient::Wallet(wallet) => keys = keys.books(*wallet),
            NewRecipient::Beneficiary { id, .. } => keys = keys.record(id.any()),
            NewRecipient::Bank { .. } => {}
        }
        if let Some(text) = self.recipient.text_in(facts) {
            keys = keys.holder(Field::BankAccount, &text);
        }
        if let (Some(source), true) = (self.source_in(facts, scope), self.recipient.has_iban(facts))
        {
            keys = keys.record(rail_key(source));
        }
        match &self.reference_id {
            Some(reference) => keys.holder(Field::PayoutReference, reference.as_str()),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let source = self
            .source_in(facts, moment.scope)
            .ok_or_else(|| no_default(self.amount.currency))?;
        check_wallet(facts, source, self.amount.currency, "/source_wallet_id")?;
        let at = self.later.map_or(moment.now, |later| later.at);
        let target = self.target(facts, source, at)?;
        let reference = self.reference_id.as_ref().map(ReferenceId::as_str);
        facts.free(Field::PayoutReference, reference)?;
        let id = PayoutId(moment.fresh());
        let body = self.body(id, source, &target, moment);
        let decision = match self.later {
            None => {
                let (payout, new) = target.paid(body, facts, moment);
                let begun = begin(facts, moment, payout, Action::PayoutCreated, id.0)?;
                claimed(begun, new)
            }
            Some(later) => schedule(facts, moment, target, body, later)?,
        };

        // From here it must succeed.
        Ok(decision
            .create(id.any())
            .claim(Field::PayoutReference, reference, id.any()))
    }
}

pub(super) fn no_default(currency: Currency) -> Rejection {
    Rejection::at(
        Code::NoDefaultWallet,
        "/source_wallet_id",
        format!("there is no operating wallet in {currency}: name a source"),
    )
}

/// Refuses unless money of `currency` may move in the wallet.
pub(crate) fn check_wallet(
    facts: &Facts,
    id: WalletId,
    currency: Currency,
    pointer: &str,
) -> Result<(), Rejection> {
    let missing = || Rejection::at(Code::WalletNotFound, pointer, "there is no such wallet");
    let books = facts.books(id).ok_or_else(missing)?;
    if books.account.currency != currency {
        return Err(Rejection::at(
            Code::CurrencyMismatch,
            "/currency",
            format!("`{id}` is kept in {}", books.account.currency),
        ));
    }
    books.open(id)
}

/// Whom a payout goes to, found among the facts.
pub(super) enum Target<'a> {
    Wallet(WalletId),
    Bank {
        bank_code: &'a Option<String>,
        account: &'a BankAccount,
        payee: Option<(Payee, SubjectId)>,
        /// What its payouts say where they have no description.
        says: Option<&'a str>,
    },
}

/// An account that has no subject yet, and the subject it gets.
pub(super) type NewSubject = Option<(Option<String>, SubjectId)>;

/// With the subject of an account that was not known.
pub(super) fn claimed(decision: Decision, new: NewSubject) -> Decision {
    match new {
        Some((text, subject)) => decision.claim(Field::BankAccount, text.as_deref(), subject.any()),
        None => decision,
    }
}

impl Target<'_> {
    /// The payout with whom it goes to, and the account's subject where it was not known.
    pub(super) fn paid(
        self,
        mut body: PayoutBody,
        facts: &Facts,
        moment: &mut Moment,
    ) -> (Payout, NewSubject) {
        let Target::Bank {
            bank_code, account, ..
        } = self
        else {
            return (Payout { body, bank: None }, None);
        };
        let text = account.index_text(bank_code.as_deref());
        let known = text
            .as_deref()
            .and_then(|text| facts.holder(Field::BankAccount, text));
        let subject = SubjectId(known.map_or_else(|| moment.fresh(), |id| id.raw));
        body.recipient = Recipient::BankAccount {
            subject,
            bank_code: bank_code.clone(),
        };
        let bank = Some(account.clone());
        let new = known.is_none().then_some((text, subject));
        (Payout { body, bank }, new)
    }
}

impl CreatePayout {
    pub(crate) fn source_in(&self, facts: &Facts, scope: Scope) -> Option<WalletId> {
        self.source.or_else(|| {
            facts
                .tenant(scope.organization)?
                .operating(self.amount.currency)
        })
    }

    /// Whom it goes to at a time.
    pub(super) fn target<'a>(
        &'a self,
        facts: &'a Facts,
        source: WalletId,
        at: Timestamp,
    ) -> Result<Target<'a>, Rejection> {
        let (id, seen) = match &self.recipient {
            NewRecipient::Wallet(wallet) => {
                check_wallet(facts, *wallet, self.amount.currency, "/recipient/id")?;
                if *wallet == source {
                    return Err(Rejection::at(
                        Code::SameWallet,
                        "/recipient/id",
                        "a wallet cannot be paid from itself",
                    ));
                }
                return Ok(Target::Wallet(*wallet));
            }
            NewRecipient::Bank { bank_code, account } => {
                return Ok(Target::Bank {
                    bank_code,
                    account,
                    payee: None,
                    says: None,
                });
            }
            NewRecipient::Beneficiary { id, seen } => (*id, seen),
        };
        let (beneficiary, account) = payable(facts, id, self.amount, at)?;
        let version = beneficiary.body.account_version;
        let only = seen.as_ref().map(|seen| seen.version);
        unchanged(id, only, version)?;
        Ok(Target::Bank {
            bank_code: &beneficiary.body.bank_code,
            account,
            payee: Some((Payee { id, only }, beneficiary.body.subject)),
            says: beneficiary.body.reference.as_deref(),
        })
    }

    pub(super) fn body(
        &self,
        id: PayoutId,
        source: WalletId,
        target: &Target<'_>,
        moment: &Moment,
    ) -> PayoutBody {
        let (recipient, payee, says) = match target {
            Target::Wallet(wallet) => (Recipient::Wallet(*wallet), None, None),
            // Whose account it is gets known where it is paid.
            Target::Bank {
                bank_code,
                payee,
                says,
                ..
            } => {
                let subject = payee.map_or(SubjectId(RawId::ZERO), |(_, subject)| subject);
                let bank_code = (*bank_code).clone();
                let recipient = Recipient::BankAccount { subject, bank_code };
                (recipient, payee.map(|(payee, _)| payee), *says)
            }
        };
        let description = self.description.as_deref().or(says);
        PayoutBody {
            id,
            status: PayoutStatus::Initiated,
            amount: self.amount,
            source,
            recipient,
            reference_id: self.reference_id.clone(),
            description: description.map(str::to_owned),
            metadata: self.metadata.clone(),
            created_at: moment.now,
            processed_at: None,
            failure: None,
            seat: None,
            fee: None,
            payee,
            later: self.later,
            occurrence: None,
        }
    }
}

/// SECURITY: what others agreed to goes to the account that they saw, or nowhere.
pub(super) fn unchanged(
    id: BeneficiaryId,
    only: Option<u32>,
    version: u32,
) -> Result<(), Rejection> {
    match only.is_some_and(|only| only != version) {
        true => {
            let text = format!("`{id}` has another account than the one that was agreed to");
            Err(Rejection::at(
                Code::BeneficiaryChanged,
                "/beneficiary_id",
                text,
            ))
        }
        false => Ok(()),
    }
}
