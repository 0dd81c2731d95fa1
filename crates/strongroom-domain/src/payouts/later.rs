//! Payouts for later. Until its time a payout is `scheduled`: nothing of it is held, and it can be cancelled.
//!
//! What can be known is asked when it is made: wallets, the recipient, whether its account will have cooled off, what the
//! maker's key may move at once, and policies of approvals. At its time everything is decided by the facts of then, as if it
//! was made then: funds, fees, rail, the account of a beneficiary, and whether its maker still may. What is refused then
//! leaves the payout `failed`, and nothing has moved. It is done once, since what does it turns it into something else in
//! the same commit.

use strongroom_auth::CredentialStatus;
use strongroom_auth::permission::{CreatePayouts, Operate, Permission};
use strongroom_types::id::{ApiKeyId, PayoutId};
use strongroom_types::mode::Scope;
use strongroom_types::time::DAY;

use crate::action::Action;
use crate::api_keys::{allowance_keys, bounded};
use crate::command::{Command, Moment};
use crate::decision::{Decision, Job, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::rejection::{Code, Rejection};
use crate::roles::with_rights;
use crate::view;

use super::begin::{begin, carried};
use super::create::{Target, check_wallet, claimed, unchanged};
use super::steps::{Step, existing, wrong_state};
use super::{CreatePayout, Later, NewRecipient, Payout, PayoutBody, PayoutFailure, PayoutStatus};

/// How far ahead a payout can be planned, in milliseconds.
pub const FARTHEST: i64 = 366 * DAY;

/// Plans a payout.
pub(super) fn schedule(
    facts: &Facts,
    moment: &mut Moment,
    target: Target<'_>,
    body: PayoutBody,
    later: Later,
) -> Result<Decision, Rejection> {
    let at = |text: &str| Rejection::at(Code::InvalidField, "/execute_at", text);
    if later.at <= moment.now {
        return Err(at("is over already"));
    }
    if later.at > moment.now.plus(FARTHEST) {
        return Err(at("is more than 366 days ahead"));
    }
    let kept = kept_elsewhere(&target, &body);
    let (mut payout, new) = target.paid(body, facts, moment);
    if let Some(account) = &payout.bank {
        carried(facts, moment, payout.body.source, Some(account))?;
    }
    // What may change until then is not copied before.
    let new = match kept {
        Some(kept) => {
            payout = kept;
            None
        }
        None => new,
    };

    // From here it must succeed.
    let id = payout.body.id;
    payout.body.status = PayoutStatus::Scheduled;
    let events = vec![EventFact::new(EventType::PayoutScheduled, id.any())];
    let (action, none) = (Action::PayoutCreated, Movement::none());
    let decision = Decision::new(facts, action, id.any(), none, events)
        .job(Job::ScheduledPayout(id, later.at))
        .reply(Reply::Stored(view::json(&view::PayoutView::new(&payout))))
        .about_payout(payout, true);
    Ok(claimed(decision, new))
}

/// A payout without the account of the beneficiary that it goes to.
fn kept_elsewhere(target: &Target<'_>, body: &PayoutBody) -> Option<Payout> {
    let is_beneficiary = matches!(target, Target::Bank { payee: Some(_), .. });
    is_beneficiary.then(|| Payout {
        body: body.clone(),
        bank: None,
    })
}

/// The server's own: the time of a payout has come.
pub struct ExecutePayout {
    pub id: PayoutId,
}

impl Command for ExecutePayout {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::PayoutExecuted
    }

    fn keys(&self, facts: &Facts, scope: Scope) -> Keys {
        let keys = Keys::default().record(self.id.any());
        let Some((payout, later)) = facts.payout(self.id).and_then(waiting) else {
            return keys;
        };
        let keys = match order(payout) {
            Some(order) => order.keys(facts, scope).record(self.id.any()),
            None => keys,
        };
        makers_keys(keys, facts, later.maker)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let payout = existing(facts, self.id)?;
        let (_, later) = waiting(payout).ok_or_else(|| wrong_state(payout, "executed"))?;
        // A clock that was set back: its job stays.
        if moment.now < later.at {
            let text = format!("`{}` is for {}", self.id, later.at);
            return Err(Rejection::new(Code::InvalidState, text));
        }
        let done = match attempt(facts, moment, payout, later) {
            Ok(decision) => decision,
            Err(why) => failed(facts, moment, payout, &why)?,
        };
        Ok(done.job(Job::ScheduledPayoutDone(self.id)))
    }
}

/// A payout that waits for its time, and that time.
fn waiting(payout: &Payout) -> Option<(&Payout, Later)> {
    let is_scheduled = payout.body.status == PayoutStatus::Scheduled;
    let later = payout.body.later.filter(|_| is_scheduled)?;
    Some((payout, later))
}

/// What was asked for, to be decided by the facts of now; nothing where the account was erased.
fn order(payout: &Payout) -> Option<CreatePayout> {
    let body = &payout.body;
    let recipient = NewRecipient::as_planned(&body.recipient, body.payee, payout.bank.as_ref())?;
    Some(CreatePayout {
        amount: body.amount,
        source: Some(body.source),
        recipient,
        reference_id: None,
        description: body.description.clone(),
        metadata: body.metadata.clone(),
        later: None,
    })
}

fn attempt(
    facts: &Facts,
    moment: &mut Moment,
    payout: &Payout,
    later: Later,
) -> Result<Decision, Rejection> {
    permitted(facts, later.maker)?;
    let gone = || Rejection::new(Code::BeneficiaryNotFound, "the account was erased");
    let order = order(payout).ok_or_else(gone)?;
    let (source, currency) = (payout.body.source, payout.body.amount.currency);
    check_wallet(facts, source, currency, "/source_wallet_id")?;
    let target = order.target(facts, source, moment.now)?;
    if let Some(payee) = payout.body.payee {
        let found = facts.beneficiary(payee.id);
        let version = found.map_or(0, |found| found.body.account_version);
        unchanged(payee.id, payee.only, version)?;
    }
    let (next, new) = target.paid(payout.body.clone(), facts, moment);
    let movement = moment.fresh();
    let begun = begin(facts, moment, next, Action::PayoutExecuted, movement)?;
    let mut decision = claimed(begun, new);
    decision.created = decision.transactions.iter().map(|t| t.id.any()).collect();
    // What leaves today counts today.
    bounded(Action::PayoutCreated, later.maker, decision, facts, moment)
}

/// It cannot be done: nothing was held, so nothing is given back.
fn failed(
    facts: &Facts,
    moment: &mut Moment,
    payout: &Payout,
    why: &Rejection,
) -> Result<Decision, Rejection> {
    let step = Step {
        action: Action::PayoutFailed,
        status: PayoutStatus::Failed,
        failure: Some(failure(why.code)),
        kind: None,
        events: vec![EventType::PayoutFailed],
        job: None,
    };
    let decision = step.take(facts, moment, payout)?;
    Ok(decision.detail("refusal", why.code.as_str()))
}

/// With what the rights and limits of whoever asked for it are found by.
pub(crate) fn makers_keys(keys: Keys, facts: &Facts, maker: ApiKeyId) -> Keys {
    let keys = with_rights(keys, facts, maker.any());
    allowance_keys(Action::PayoutCreated, maker, keys)
}

/// SECURITY: what a stolen key, or a person who has left, has lined up goes with them. A key that was rolled has expired,
/// and what it asked for stays.
pub(crate) fn permitted(facts: &Facts, maker: ApiKeyId) -> Result<(), Rejection> {
    let key = facts.api_key(maker.any());
    let may = key.is_some_and(|key| {
        key.status == CredentialStatus::Active
            && key.may(facts).allows(CreatePayouts::NAME).is_some()
    });
    match may {
        true => Ok(()),
        false => {
            let text = "whoever asked for it may not do it any more";
            Err(Rejection::new(Code::PermissionDenied, text))
        }
    }
}

/// How a refusal is told of a payout.
pub(crate) fn failure(code: Code) -> PayoutFailure {
    match code {
        Code::InsufficientFunds => PayoutFailure::InsufficientFunds,
        Code::WalletFrozen | Code::WalletClosed | Code::WalletNotFound | Code::BalanceLimit => {
            PayoutFailure::WalletUnavailable
        }
        Code::BeneficiaryNotFound => PayoutFailure::BeneficiaryUnavailable,
        Code::BeneficiaryCoolingOff => PayoutFailure::BeneficiaryCoolingOff,
        Code::BeneficiaryChanged => PayoutFailure::BeneficiaryChanged,
        Code::KeyLimitExceeded | Code::ConditionNotMet => PayoutFailure::LimitExceeded,
        Code::PermissionDenied | Code::NotFound => PayoutFailure::NotPermitted,
        Code::NoRail | Code::RailCannotCarry => PayoutFailure::NoRail,
        _ => PayoutFailure::NotExecutable,
    }
}
