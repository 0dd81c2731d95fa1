//! The money limits of a key: asked within the decision, so that no two commands pass them together.

use minicbor::{Decode, Encode};
use strongroom_auth::{Beyond, Direction, MoneyLimits};
use strongroom_types::Classified;
use strongroom_types::currency::Currency;
use strongroom_types::id::{AnyId, ApiKeyId, Kind};
use strongroom_types::mode::Scope;
use strongroom_types::money::Money;

use crate::action::Action;
use crate::approvals::{Act, Parked};
use crate::command::{Command, Moment};
use crate::decision::Decision;
use crate::facts::{Facts, Keys};
use crate::oauth::Leave;
use crate::payouts::PayoutStatus;
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::roles::{bind, with_rights};

/// What a key with a daily limit has moved on its last day.
#[derive(Clone, Default, Encode, Decode, Classified)]
#[part(business)]
pub struct Allowance {
    /// `YYYYMMDD`, UTC.
    #[n(0)]
    #[class(operational)]
    pub day: u32,
    #[n(1)]
    #[class(sensitive)]
    pub used: Vec<Used>,
}

/// What was moved of one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Used {
    #[n(0)]
    pub currency: Currency,
    /// Minor units.
    #[n(1)]
    pub minor: i64,
}

impl Allowance {
    /// As it is on a day: nothing is used of a new one.
    fn on(&self, day: u32) -> Allowance {
        match self.day == day {
            true => self.clone(),
            false => Allowance {
                day,
                used: Vec::new(),
            },
        }
    }

    fn used(&self, currency: Currency) -> i64 {
        let found = self.used.iter().find(|used| used.currency == currency);
        found.map_or(0, |used| used.minor)
    }

    fn with(mut self, amount: Money) -> Allowance {
        let minor = self.used(amount.currency).saturating_add(amount.minor);
        self.used.retain(|used| used.currency != amount.currency);
        self.used.push(Used {
            currency: amount.currency,
            minor,
        });
        self
    }
}

/// The key of a key's allowance.
fn allowance_key(key: ApiKeyId) -> AnyId {
    AnyId {
        kind: Kind::Allowance,
        raw: key.0,
    }
}

/// A command of a key with limits, of a role with conditions, or by a token of somebody who set limits: decided by the command, bounded
/// by the key, and by what that person allowed.
pub struct Limited<C> {
    pub command: C,
    pub key: ApiKeyId,
    pub leave: Option<Leave>,
}

impl<C: Command> Command for Limited<C> {
    type Permission = C::Permission;

    fn action(&self) -> Action {
        self.command.action()
    }

    fn parked(&self, facts: &Facts, scope: Scope) -> Option<Parked> {
        self.command.parked(facts, scope)
    }

    fn act(&self) -> Option<Act> {
        self.command.act()
    }

    fn keys(&self, facts: &Facts, scope: Scope) -> Keys {
        let keys = self.command.keys(facts, scope);
        let keys = with_rights(keys, facts, self.key.any());
        let keys = allowance_keys(self.action(), self.key, keys);
        match &self.leave {
            Some(leave) => leave.allowance_keys(self.action(), keys),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let decision = self.command.decide(facts, moment)?;
        let decision = bounded(self.action(), self.key, decision, facts, moment)?;
        match &self.leave {
            Some(leave) => leave.bounded(self.action(), decision, facts, moment),
            None => Ok(decision),
        }
    }
}

/// With what a key's limits are asked of, where an act moves money.
pub(crate) fn allowance_keys(action: Action, key: ApiKeyId, keys: Keys) -> Keys {
    match direction(action) {
        Some(_) => keys.record(key.any()).record(allowance_key(key)),
        None => keys,
    }
}

/// A decision within the conditions of a key's role and the limits of the key, and counted against these.
pub(crate) fn bounded(
    action: Action,
    key: ApiKeyId,
    decision: Decision,
    facts: &Facts,
    moment: &Moment,
) -> Result<Decision, Rejection> {
    let missing = || Rejection::new(Code::NotFound, "there is no such key");
    let held = facts.api_key(key.any()).ok_or_else(missing)?;
    bind(action, held, &decision, facts)?;
    match &held.limits {
        Some(limits) => {
            let counted = (limits, allowance_key(key));
            admitted(action, counted, decision, facts, moment).map_err(refusal)
        }
        None => Ok(decision),
    }
}

/// A decision within limits, and counted against them where there is a count.
pub(crate) fn admitted(
    action: Action,
    (limits, counted): (&MoneyLimits, AnyId),
    decision: Decision,
    facts: &Facts,
    moment: &Moment,
) -> Result<Decision, Beyond> {
    let Some(direction) = direction(action) else {
        return Ok(decision);
    };
    let Some(amount) = moved(action, &decision) else {
        return Ok(decision);
    };
    let allowance = match facts.record(counted).map(AsRef::as_ref) {
        Some(Record::Allowance(allowance)) => allowance.on(moment.now.day()),
        _ => Allowance::default().on(moment.now.day()),
    };
    // A payment counted against the day when it was made, and what is for later counts when it is done.
    let is_later = decision
        .payout
        .as_ref()
        .is_some_and(|payout| payout.status == PayoutStatus::Scheduled);
    let is_later = is_later || plans(action);
    let counts = action != Action::PaymentCaptured && !is_later;
    let used = match counts {
        true => allowance.used(amount.currency),
        false => 0,
    };
    limits.admit(direction, amount, used)?;
    if !counts {
        return Ok(decision);
    }
    let allowance = Record::Allowance(allowance.with(amount));
    Ok(decision.change(counted, allowance))
}

/// Which way an act moves money, if it moves any on the caller's word. What is taken back gives nothing back: a limit is
/// about what leaves, not about what stays away.
pub(crate) fn direction(action: Action) -> Option<Direction> {
    match action {
        Action::WalletCredited
        | Action::PaymentCreated
        | Action::PaymentCaptured
        | Action::PaymentLinkCreated
        | Action::TransactionCreated
        | Action::TransactionUploaded => Some(Direction::In),
        Action::WalletDebited
        | Action::PayoutCreated
        | Action::PayoutScheduleCreated
        | Action::PayoutScheduleAmended
        | Action::RefundCreated
        | Action::TransactionVoided => Some(Direction::Out),
        Action::TransferCreated => Some(Direction::Internal),
        _ => None,
    }
}

/// Whether an act says what moves again and again: what each one moves counts when it does.
const fn plans(action: Action) -> bool {
    matches!(
        action,
        Action::PayoutScheduleCreated | Action::PayoutScheduleAmended
    )
}

/// What an act moves, for what is held against a limit or a threshold.
pub(crate) fn moved(action: Action, decision: &Decision) -> Option<Money> {
    if action == Action::PaymentCaptured {
        return decision.transactions.first().map(|t| t.amount);
    }
    // Paid in two ways, a sale is one amount, also when it is taken back; one that was uploaded before moves nothing.
    if matches!(
        action,
        Action::TransactionCreated | Action::TransactionUploaded | Action::TransactionVoided
    ) {
        return decision
            .changes
            .iter()
            .find_map(|(_, record)| match record.as_ref() {
                Record::Sale(sale) => Some(sale.amount),
                _ => None,
            });
    }
    let payout = decision.payout.as_ref().map(|payout| payout.amount);
    let refund = decision.refund.as_ref().map(|refund| refund.amount);
    let payment = decision.payment.as_ref().map(|payment| payment.amount);
    let moved = || decision.transactions.first().map(|t| t.amount);
    let asked = || {
        let changed = decision.changes.iter().map(|(_, record)| record.as_ref());
        changed.into_iter().find_map(|record| match record {
            Record::PaymentLink(link) => Some(link.body.amount),
            Record::PayoutSchedule(schedule) if plans(action) => Some(schedule.body.amount),
            _ => None,
        })
    };
    let moves = payout.or(refund).or(payment).or_else(moved);
    moves.or_else(asked)
}

fn refusal(beyond: Beyond) -> Rejection {
    let at = |pointer, text: &str| Rejection::at(Code::KeyLimitExceeded, pointer, text);
    match beyond {
        Beyond::Transaction => at("/amount", "is more than this key may move at once"),
        Beyond::Day => at("/amount", "is more than this key may still move today"),
        Beyond::Currency => at("/currency", "is not among those that this key may move"),
        Beyond::Direction => Rejection::new(
            Code::KeyLimitExceeded,
            "this key may not move money in this direction",
        ),
    }
}
