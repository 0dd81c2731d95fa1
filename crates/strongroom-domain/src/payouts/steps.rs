//! What happens to a payout after it was made: the rail's steps, cancel and reversal.

use strongroom_auth::permission::{CancelPayouts, Operate, ReversePayouts};
use strongroom_ledger::{Bucket, Leg};
use strongroom_types::id::{PayoutId, RawId, TransactionId, WalletId};
use strongroom_types::mode::{Mode, Scope};
use strongroom_types::money::Money;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Job, Movement, Reply};
use crate::entry::{EventFact, Transaction, TransactionKind};
use crate::event::EventType;
use crate::facts::{Facts, Keys, books_key, external_key};
use crate::fees::fees_key;
use crate::payout_files::{file_keys, withdraw};
use crate::rejection::{Code, Rejection};
use crate::view;

use super::on_file::join_file;
use super::{Payout, PayoutBody, PayoutFailure, PayoutStatus, Recipient};

pub(super) fn transaction(
    kind: TransactionKind,
    payout: PayoutId,
    id: RawId,
    amount: Money,
) -> Transaction {
    Transaction {
        id: TransactionId(id),
        kind,
        amount,
        cause: Some(payout.any()),
        reference: None,
        description: None,
        postings: Vec::new(),
    }
}

pub(super) fn hold(source: WalletId, amount: i64) -> [Leg; 2] {
    let account = books_key(source);
    [
        Leg::new(account, Bucket::Available, -amount),
        Leg::new(account, Bucket::Reserved, amount),
    ]
}

fn release(source: WalletId, amount: i64) -> [Leg; 2] {
    let account = books_key(source);
    [
        Leg::new(account, Bucket::Reserved, -amount),
        Leg::new(account, Bucket::Available, amount),
    ]
}

pub(super) fn existing(facts: &Facts, id: PayoutId) -> Result<&Payout, Rejection> {
    facts
        .payout(id)
        .ok_or_else(|| Rejection::new(Code::NotFound, "there is no such payout"))
}

pub(super) fn wrong_state(payout: &Payout, wish: &str) -> Rejection {
    let text = format!(
        "`{}` is {} and cannot be {wish}",
        payout.body.id,
        payout.body.status.as_str()
    );
    Rejection::new(Code::InvalidState, text)
}

/// A payout that moved on: its new body, the movement, what follows.
pub(super) struct Step {
    pub action: Action,
    pub status: PayoutStatus,
    pub failure: Option<PayoutFailure>,
    pub kind: Option<TransactionKind>,
    pub events: Vec<EventType>,
    pub job: Option<Job>,
}

impl Step {
    pub fn take(
        self,
        facts: &Facts,
        moment: &mut Moment,
        payout: &Payout,
    ) -> Result<Decision, Rejection> {
        let mut next = payout.clone();
        next.body.status = self.status;
        next.body.failure = self.failure;
        if !matches!(
            self.status,
            PayoutStatus::Pending | PayoutStatus::Processing
        ) {
            next.body.processed_at = Some(moment.now);
        }
        let id = next.body.id;
        let (source, amount) = (next.body.source, next.body.amount);
        let movement = match self.kind {
            None => Movement::none(),
            Some(kind) => {
                let legs = legs(kind, &next.body);
                Movement::post(
                    facts,
                    transaction(kind, id, moment.fresh(), amount),
                    &legs,
                    moment.sequence,
                )?
            }
        };
        let events = self
            .events
            .into_iter()
            .map(|event| EventFact {
                event,
                about: Some(about(event, id, source, &next.body.recipient)),
            })
            .collect();
        let created: Vec<_> = movement.transactions.iter().map(|t| t.id.any()).collect();
        let mut decision = Decision::new(facts, self.action, id.any(), movement, events)
            .reply(Reply::Stored(view::json(&view::PayoutView::new(&next))))
            .about_payout(next, true);
        decision.created = created;
        Ok(match self.job {
            Some(job) => decision.job(job),
            None => decision,
        })
    }
}

fn legs(kind: TransactionKind, body: &PayoutBody) -> Vec<Leg> {
    let (source, amount) = (books_key(body.source), body.amount.minor);
    let outside = external_key(body.amount.currency);
    match (kind, &body.recipient) {
        (TransactionKind::PayoutSettlement, _) => {
            let mut legs = vec![
                Leg::new(source, Bucket::Reserved, -body.outgoing()),
                Leg::new(outside, Bucket::Available, amount),
            ];
            if body.fee() > 0 {
                let fees = fees_key(body.amount.currency);
                legs.push(Leg::new(fees, Bucket::Available, body.fee()));
            }
            legs
        }
        // What was charged for it is kept.
        (TransactionKind::PayoutReversal, Recipient::Wallet(target)) => vec![
            Leg::new(books_key(*target), Bucket::Available, -amount),
            Leg::new(source, Bucket::Available, amount),
        ],
        (TransactionKind::PayoutReversal, _) => {
            vec![
                Leg::new(outside, Bucket::Available, -amount),
                Leg::new(source, Bucket::Available, amount),
            ]
        }
        _ => release(body.source, body.outgoing()).to_vec(),
    }
}

fn about(
    event: EventType,
    id: PayoutId,
    source: WalletId,
    recipient: &Recipient,
) -> strongroom_types::id::AnyId {
    match (event, recipient) {
        (EventType::WalletDebited, Recipient::Wallet(target)) => target.any(),
        (EventType::WalletDebited | EventType::WalletCredited | EventType::WalletReleased, _) => {
            source.any()
        }
        _ => id.any(),
    }
}

/// What any step of a payout may touch.
pub(crate) fn step_keys(facts: &Facts, id: PayoutId) -> Keys {
    let keys = Keys::default().record(id.any());
    let Some(payout) = facts.payout(id) else {
        return keys;
    };
    let keys = keys
        .books(payout.body.source)
        .record(external_key(payout.body.amount.currency));
    let keys = match payout.body.fee {
        Some(_) => keys.record(fees_key(payout.body.amount.currency)),
        None => keys,
    };
    match payout.body.recipient {
        Recipient::Wallet(target) => keys.books(target),
        Recipient::BankAccount { .. } => file_keys(facts, keys, payout),
    }
}

/// `POST /v1/payouts/{id}/cancel`: before processing only.
pub struct CancelPayout {
    pub id: PayoutId,
}

impl Command for CancelPayout {
    type Permission = CancelPayouts;

    fn action(&self) -> Action {
        Action::PayoutCancelled
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        step_keys(facts, self.id)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let payout = existing(facts, self.id)?;
        if payout.body.status == PayoutStatus::Scheduled {
            return called_off(facts, moment, payout);
        }
        if !matches!(
            payout.body.status,
            PayoutStatus::Initiated | PayoutStatus::Pending
        ) {
            return Err(wrong_state(payout, "cancelled"));
        }
        let withdrawn = withdraw(facts, payout)?;
        let step = Step {
            action: Action::PayoutCancelled,
            status: PayoutStatus::Cancelled,
            failure: None,
            kind: Some(TransactionKind::PayoutRelease),
            events: vec![EventType::WalletReleased, EventType::PayoutCancelled],
            job: Some(Job::RailDone(self.id)),
        };
        let decision = step.take(facts, moment, payout)?;
        Ok(match withdrawn {
            Some(withdrawn) => withdrawn.written(decision),
            None => decision,
        })
    }
}

/// One that nothing is held for yet.
fn called_off(facts: &Facts, moment: &mut Moment, payout: &Payout) -> Result<Decision, Rejection> {
    let step = Step {
        action: Action::PayoutCancelled,
        status: PayoutStatus::Cancelled,
        failure: None,
        kind: None,
        events: vec![EventType::PayoutCancelled],
        job: Some(Job::ScheduledPayoutDone(payout.body.id)),
    };
    step.take(facts, moment, payout)
}

/// `POST /v1/payouts/{id}/reverse`: after completion; the money comes back.
pub struct ReversePayout {
    pub id: PayoutId,
}

impl Command for ReversePayout {
    type Permission = ReversePayouts;

    fn action(&self) -> Action {
        Action::PayoutReversed
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        step_keys(facts, self.id)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let payout = existing(facts, self.id)?;
        if payout.body.status != PayoutStatus::Completed {
            return Err(wrong_state(payout, "reversed"));
        }
        // What left in a file comes back by a statement, which would be a second time.
        if payout.body.seat.is_some() {
            return Err(wrong_state(payout, "reversed here: its bank says so"));
        }
        facts
            .books(payout.body.source)
            .map_or(Ok(()), |books| books.open(payout.body.source))?;
        let mut events = vec![EventType::WalletCredited, EventType::PayoutReversed];
        if let Recipient::Wallet(target) = payout.body.recipient {
            facts
                .books(target)
                .map_or(Ok(()), |books| books.open(target))?;
            events.insert(0, EventType::WalletDebited);
        }
        let step = Step {
            action: Action::PayoutReversed,
            status: PayoutStatus::Reversed,
            failure: None,
            kind: Some(TransactionKind::PayoutReversal),
            events,
            job: None,
        };
        step.take(facts, moment, payout)
    }
}

/// One step of the sandbox rail: initiated → pending → processing → completed or failed.
pub struct AdvancePayout {
    pub id: PayoutId,
    /// When to look again after a step that is not the last, in milliseconds.
    pub pause: i64,
}

impl Command for AdvancePayout {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::PayoutProcessing
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        step_keys(facts, self.id)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let payout = existing(facts, self.id)?;
        if let Some(seat) = payout.body.seat {
            return join_file(facts, moment, payout, seat);
        }
        let again = Some(Job::Rail(self.id, moment.now.plus(self.pause)));
        let step = match payout.body.status {
            PayoutStatus::Initiated => {
                Step::onward(Action::PayoutPending, PayoutStatus::Pending, again)
            }
            PayoutStatus::Pending => {
                Step::onward(Action::PayoutProcessing, PayoutStatus::Processing, again)
            }
            PayoutStatus::Processing => {
                match sandbox_outcome(moment.scope.mode, payout.body.amount) {
                    None => Step::completed(self.id),
                    Some(failure) => Step::failed(self.id, failure),
                }
            }
            _ => return Err(wrong_state(payout, "advanced")),
        };
        step.take(facts, moment, payout)
    }
}

impl Step {
    pub fn onward(action: Action, status: PayoutStatus, job: Option<Job>) -> Step {
        let event = match status {
            PayoutStatus::Pending => EventType::PayoutPending,
            _ => EventType::PayoutProcessing,
        };
        Step {
            action,
            status,
            failure: None,
            kind: None,
            events: vec![event],
            job,
        }
    }

    pub fn completed(id: PayoutId) -> Step {
        Step {
            action: Action::PayoutCompleted,
            status: PayoutStatus::Completed,
            failure: None,
            kind: Some(TransactionKind::PayoutSettlement),
            events: vec![EventType::WalletDebited, EventType::PayoutCompleted],
            job: Some(Job::RailDone(id)),
        }
    }

    pub fn failed(id: PayoutId, failure: PayoutFailure) -> Step {
        Step {
            action: Action::PayoutFailed,
            status: PayoutStatus::Failed,
            failure: Some(failure),
            kind: Some(TransactionKind::PayoutRelease),
            events: vec![EventType::WalletReleased, EventType::PayoutFailed],
            job: Some(Job::RailDone(id)),
        }
    }
}

/// The sandbox's triggers: in test mode the last two digits of the minor amount choose the failure (CONTRACT 3).
pub fn sandbox_outcome(mode: Mode, amount: Money) -> Option<PayoutFailure> {
    match (mode, amount.minor % 100) {
        (Mode::Test, 1) => Some(PayoutFailure::InsufficientFunds),
        (Mode::Test, 2) => Some(PayoutFailure::InvalidAccount),
        (Mode::Test, 3) => Some(PayoutFailure::BankUnavailable),
        _ => None,
    }
}
