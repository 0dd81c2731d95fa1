//! Making schedules, and taking one back that has not begun.

use strongroom_auth::permission::ManageFeeSchedules;
use strongroom_types::id::FeeScheduleId;
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::fees::{
    FeeAmounts, FeeOn, FeeSchedule, FeeScheduleView, FeeSchedules, OnRefund, fee_schedules_key,
};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::view::json;

/// Schedules of one organization and mode.
pub const MOST_SCHEDULES: usize = 1_000;

/// A schedule as a request describes it.
#[derive(Clone, Debug)]
pub struct NewSchedule {
    pub on: FeeOn,
    pub bps: u32,
    pub amounts: Vec<FeeAmounts>,
    pub refunds: OnRefund,
    /// From now on when absent.
    pub effective_from: Option<Timestamp>,
}

/// `POST /v1/fee-schedules`.
pub struct CreateFeeSchedule(pub NewSchedule);

impl Command for CreateFeeSchedule {
    type Permission = ManageFeeSchedules;

    fn action(&self) -> Action {
        Action::FeeScheduleCreated
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(fee_schedules_key())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let mut schedules = facts.fee_schedules().cloned().unwrap_or_default();
        let schedule = self.schedule(&schedules, moment)?;

        // From here it must succeed.
        schedules.all.push(schedule.clone());
        let event = EventType::FeeScheduleCreated;
        let action = Action::FeeScheduleCreated;
        Ok(changed(
            facts,
            (action, event),
            &schedule,
            schedules,
            moment.now,
        ))
    }
}

impl CreateFeeSchedule {
    fn schedule(
        &self,
        known: &FeeSchedules,
        moment: &mut Moment,
    ) -> Result<FeeSchedule, Rejection> {
        let NewSchedule {
            on,
            bps,
            amounts,
            refunds,
            effective_from,
        } = &self.0;
        let from = effective_from.unwrap_or(moment.now);
        // SECURITY: what was charged stays what was right: nothing begins in the past.
        if from < moment.now {
            let text = "lies in the past: what was charged stays as it was";
            return Err(Rejection::at(Code::InvalidField, "/effective_from", text));
        }
        for (n, amount) in amounts.iter().enumerate() {
            let mut behind = amounts.iter().skip(n + 1);
            if behind.any(|other| other.currency == amount.currency) {
                let text = format!("{} stands twice", amount.currency);
                return Err(Rejection::at(Code::InvalidField, "/amounts", text));
            }
            if amount.maximum.is_some_and(|most| most < amount.minimum) {
                let text = format!("the maximum in {} is below the minimum", amount.currency);
                return Err(Rejection::at(Code::InvalidField, "/amounts", text));
            }
        }
        if *on == FeeOn::Payouts && *refunds == OnRefund::Returned {
            let text = "is of payments: a payout is not refunded";
            return Err(Rejection::at(Code::InvalidField, "/refunds", text));
        }
        if known.all.len() >= MOST_SCHEDULES {
            let text = format!("there are {MOST_SCHEDULES} schedules already");
            return Err(Rejection::new(Code::LimitReached, text));
        }
        let last = known.all.iter().filter(|other| other.on == *on);
        let last = last.map(|other| other.version).max().unwrap_or(0);
        Ok(FeeSchedule {
            id: FeeScheduleId(moment.fresh()),
            version: last.saturating_add(1),
            on: *on,
            bps: *bps,
            amounts: amounts.clone(),
            refunds: *refunds,
            effective_from: from,
            created_at: moment.now,
        })
    }
}

/// `DELETE /v1/fee-schedules/{id}`: before it begins.
pub struct DeleteFeeSchedule {
    pub id: FeeScheduleId,
}

impl Command for DeleteFeeSchedule {
    type Permission = ManageFeeSchedules;

    fn action(&self) -> Action {
        Action::FeeScheduleDeleted
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(fee_schedules_key())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let mut schedules = facts.fee_schedules().cloned().unwrap_or_default();
        let missing = || Rejection::new(Code::NotFound, "there is no such fee schedule");
        let schedule = schedules.find(self.id).ok_or_else(missing)?.clone();
        if schedule.effective_from <= moment.now {
            let text = format!("`{}` has begun: a new schedule takes over from it", self.id);
            return Err(Rejection::new(Code::InvalidState, text));
        }

        // From here it must succeed.
        schedules.all.retain(|known| known.id != self.id);
        let event = EventType::FeeScheduleDeleted;
        let action = Action::FeeScheduleDeleted;
        Ok(changed(
            facts,
            (action, event),
            &schedule,
            schedules,
            moment.now,
        ))
    }
}

fn changed(
    facts: &Facts,
    (action, event): (Action, EventType),
    schedule: &FeeSchedule,
    schedules: FeeSchedules,
    now: Timestamp,
) -> Decision {
    let about = schedule.id.any();
    let reply = json(&FeeScheduleView::new(schedule, &schedules, now));
    let event = EventFact::new(event, about);
    Decision::new(facts, action, about, Movement::none(), vec![event])
        .detail("applies_to", schedule.on.as_str())
        .detail("version", schedule.version.to_string())
        .reply(Reply::Stored(reply))
        .change(fee_schedules_key(), Record::FeeSchedules(schedules))
}
