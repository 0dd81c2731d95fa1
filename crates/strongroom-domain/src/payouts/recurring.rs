//! The payouts of a schedule: planned as far as can be known before, and made one by one.

use strongroom_types::id::{ApiKeyId, PayoutId, SubjectId, WalletId};
use strongroom_types::money::Money;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::api_keys::bounded;
use crate::command::Moment;
use crate::decision::{Decision, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::Facts;
use crate::rejection::{Code, Rejection};
use crate::view;

use super::begin::{begin, carried};
use super::create::{Target, check_wallet, claimed, no_default, unchanged};
use super::later::{failure, permitted};
use super::{
    BankAccount, CreatePayout, Occurrence, Payee, Payout, PayoutBody, PayoutStatus, Recipient,
};

/// What a payout that is made again and again goes by, as far as it is known before.
pub(crate) struct Planned {
    pub source: WalletId,
    pub payee: Option<Payee>,
    /// The account; nothing where that is a beneficiary's, or a wallet is paid.
    pub bank: Option<BankAccount>,
    to: To,
}

enum To {
    Wallet(WalletId),
    Bank {
        bank_code: Option<String>,
        subject: Option<SubjectId>,
    },
}

impl Planned {
    /// Whom it goes to; an account that is nobody's yet is `own`'s.
    pub fn recipient(&self, own: SubjectId) -> Recipient {
        match &self.to {
            To::Wallet(wallet) => Recipient::Wallet(*wallet),
            To::Bank { bank_code, subject } => Recipient::BankAccount {
                subject: subject.unwrap_or(own),
                bank_code: bank_code.clone(),
            },
        }
    }
}

impl CreatePayout {
    /// What it would go by at a time to come.
    pub(crate) fn planned(
        &self,
        facts: &Facts,
        moment: &Moment,
        at: Timestamp,
    ) -> Result<Planned, Rejection> {
        let currency = self.amount.currency;
        let source = self.source_in(facts, moment.scope);
        let source = source.ok_or_else(|| no_default(currency))?;
        check_wallet(facts, source, currency, "/source_wallet_id")?;
        Ok(match self.target(facts, source, at)? {
            Target::Wallet(wallet) => Planned {
                source,
                payee: None,
                bank: None,
                to: To::Wallet(wallet),
            },
            Target::Bank {
                bank_code,
                account,
                payee,
                ..
            } => {
                carried(facts, moment, source, Some(account))?;
                let to = To::Bank {
                    bank_code: bank_code.clone(),
                    subject: payee.map(|(_, subject)| subject),
                };
                Planned {
                    source,
                    payee: payee.map(|(payee, _)| payee),
                    bank: payee.is_none().then(|| account.clone()),
                    to,
                }
            }
        })
    }
}

/// A payout of a schedule whose time has come.
pub(crate) struct Recurring<'a> {
    /// Nothing where the account was erased.
    pub order: Option<CreatePayout>,
    pub amount: Money,
    pub source: WalletId,
    pub recipient: &'a Recipient,
    pub payee: Option<Payee>,
    pub maker: ApiKeyId,
    pub occurrence: Occurrence,
}

/// Makes it by the facts of now; one that cannot be done is made `failed`.
pub(crate) fn occur(
    facts: &Facts,
    moment: &mut Moment,
    recurring: &Recurring<'_>,
) -> (Decision, PayoutId) {
    let id = PayoutId(moment.fresh());
    let decision = match attempt(facts, moment, recurring, id) {
        Ok(decision) => decision,
        Err(why) => failed(facts, moment, recurring, id, &why),
    };
    (decision.create(id.any()), id)
}

fn attempt(
    facts: &Facts,
    moment: &mut Moment,
    recurring: &Recurring<'_>,
    id: PayoutId,
) -> Result<Decision, Rejection> {
    permitted(facts, recurring.maker)?;
    let gone = || Rejection::new(Code::BeneficiaryNotFound, "the account was erased");
    let order = recurring.order.as_ref().ok_or_else(gone)?;
    let source = recurring.source;
    check_wallet(facts, source, order.amount.currency, "/source_wallet_id")?;
    let target = order.target(facts, source, moment.now)?;
    if let Some(payee) = recurring.payee {
        let found = facts.beneficiary(payee.id);
        let version = found.map_or(0, |found| found.body.account_version);
        unchanged(payee.id, payee.only, version)?;
    }
    let mut body = order.body(id, source, &target, moment);
    body.payee = recurring.payee;
    body.occurrence = Some(recurring.occurrence);
    let (payout, new) = target.paid(body, facts, moment);
    let begun = begin(facts, moment, payout, Action::PayoutCreated, id.0)?;
    let decision = claimed(begun, new);
    bounded(
        Action::PayoutCreated,
        recurring.maker,
        decision,
        facts,
        moment,
    )
}

/// Nothing was moved; the account it would have gone to is not copied.
fn failed(
    facts: &Facts,
    moment: &Moment,
    recurring: &Recurring<'_>,
    id: PayoutId,
    why: &Rejection,
) -> Decision {
    let order = recurring.order.as_ref();
    let body = PayoutBody {
        id,
        status: PayoutStatus::Failed,
        amount: recurring.amount,
        source: recurring.source,
        recipient: recurring.recipient.clone(),
        reference_id: None,
        description: order.and_then(|order| order.description.clone()),
        metadata: order
            .map(|order| order.metadata.clone())
            .unwrap_or_default(),
        created_at: moment.now,
        processed_at: Some(moment.now),
        failure: Some(failure(why.code)),
        seat: None,
        fee: None,
        payee: recurring.payee,
        later: None,
        occurrence: Some(recurring.occurrence),
    };
    let payout = Payout { body, bank: None };
    let events = vec![EventFact::new(EventType::PayoutFailed, id.any())];
    let (action, none) = (Action::PayoutCreated, Movement::none());
    Decision::new(facts, action, id.any(), none, events)
        .detail("refusal", why.code.as_str())
        .reply(Reply::Stored(view::json(&view::PayoutView::new(&payout))))
        .about_payout(payout, true)
}
