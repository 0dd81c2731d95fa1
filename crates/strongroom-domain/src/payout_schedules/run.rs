//! The time of a schedule has come: it makes its next payout, or leaves out what it is to leave out.

use strongroom_auth::permission::Operate;
use strongroom_types::id::PayoutScheduleId;
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Job, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::payout_schedules::{Missed, Next, PayoutSchedule, PayoutScheduleStatus, standing};
use crate::payouts::{Occurrence, Recurring, makers_keys, occur};
use crate::record::Record;
use crate::rejection::{Code, Rejection};

/// The most times that are made up for; what came before them is left out, however long nothing ran. A clock that was
/// set far ahead by mistake moves no more than these.
pub const MOST_MISSED: u32 = 31;

/// How late a payout may be that is not to be made up for, in milliseconds.
const LATE: i64 = 3_600_000;

/// The server's own.
pub struct RunPayoutSchedule {
    pub id: PayoutScheduleId,
}

impl Command for RunPayoutSchedule {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::PayoutCreated
    }

    fn keys(&self, facts: &Facts, scope: Scope) -> Keys {
        let own = Keys::default().record(self.id.any());
        let Some(schedule) = facts.payout_schedule(self.id) else {
            return own;
        };
        let keys = match schedule.order() {
            Some(order) => order.keys(facts, scope).record(self.id.any()),
            None => own,
        };
        makers_keys(keys, facts, schedule.body.maker)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let schedule = standing(facts, self.id)?;
        let is_active = schedule.body.status == PayoutScheduleStatus::Active;
        let due = schedule.body.next.filter(|_| is_active);
        // A clock that was set back: its job stays.
        let due = due.filter(|next| next.at <= moment.now).ok_or_else(|| {
            let text = format!("nothing of `{}` is due", self.id);
            Rejection::new(Code::InvalidState, text)
        })?;
        let from = schedule.begin_at(due, moment.now);
        match from > due.number {
            true => Ok(left_out(facts, moment, schedule, due, from)),
            false => Ok(made(facts, moment, schedule, due)),
        }
    }
}

impl PayoutSchedule {
    /// The number to go on with: later than the one that is due, where some are left out.
    fn begin_at(&self, due: Next, now: Timestamp) -> u32 {
        let coming = self.body.first_from(due.number, now.plus(1));
        let bounded = coming.saturating_sub(MOST_MISSED).max(due.number);
        match self.body.missed {
            Missed::Execute => bounded,
            Missed::Skip => self.body.first_from(bounded, now.plus(-LATE)),
        }
    }

    /// The schedule behind a number, and whether it has ended there.
    fn behind(&self, number: u32, now: Timestamp) -> (PayoutSchedule, bool) {
        let mut next = self.clone();
        next.body.updated_at = now;
        let is_over = next.body.go_on(number);
        (next, is_over)
    }
}

/// With the schedule as it goes on, and its end where that has come.
fn going_on(decision: Decision, schedule: PayoutSchedule, is_over: bool) -> Decision {
    let id = schedule.body.id;
    let decision = match is_over {
        true => decision.event(EventFact::new(EventType::PayoutScheduleEnded, id.any())),
        false => decision,
    };
    let job = match schedule.body.waits_until() {
        Some(at) => Job::PayoutSchedule(id, at),
        None => Job::PayoutScheduleDone(id),
    };
    decision
        .job(job)
        .change(id.any(), Record::PayoutSchedule(schedule))
}

fn left_out(
    facts: &Facts,
    moment: &Moment,
    schedule: &PayoutSchedule,
    due: Next,
    from: u32,
) -> Decision {
    let (mut next, is_over) = schedule.behind(from, moment.now);
    let skipped = from.saturating_sub(due.number);
    next.body.skipped = next.body.skipped.saturating_add(skipped);
    let id = next.body.id.any();
    let events = vec![EventFact::new(EventType::PayoutScheduleUpdated, id)];
    let (action, none) = (Action::PayoutScheduleSkipped, Movement::none());
    let decision = Decision::new(facts, action, id, none, events)
        .detail("changed", "skipped")
        .detail("first", due.number.to_string())
        .detail("skipped", skipped.to_string())
        .reply(Reply::Empty);
    going_on(decision, next, is_over)
}

/// INVARIANT(one-occurrence): the entry that makes the payout of a number moves the schedule behind it.
fn made(facts: &Facts, moment: &mut Moment, schedule: &PayoutSchedule, due: Next) -> Decision {
    let body = &schedule.body;
    let recurring = Recurring {
        order: schedule.order(),
        amount: body.amount,
        source: body.source,
        recipient: &body.recipient,
        payee: body.payee,
        maker: body.maker,
        occurrence: Occurrence {
            schedule: body.id,
            number: due.number,
        },
    };
    let (decision, payout) = occur(facts, moment, &recurring);
    let (mut next, is_over) = schedule.behind(due.number.saturating_add(1), moment.now);
    next.body.made = next.body.made.saturating_add(1);
    next.body.last = Some(payout);
    going_on(decision, next, is_over)
}
