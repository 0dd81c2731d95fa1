//! Changing a schedule: what it moves and when it ends, whether it is paused; and ending it.

use minicbor::{Decode, Encode};
use serde_json::{Value, json};
use strongroom_auth::permission::{CancelPayouts, CreatePayouts};
use strongroom_types::id::{ApiKeyId, PayoutScheduleId};
use strongroom_types::metadata::Metadata;
use strongroom_types::mode::Scope;
use strongroom_types::money::Money;

use crate::action::Action;
use crate::approvals::{Act, Parked};
use crate::command::{Command, Moment};
use crate::decision::{Decision, Job, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::payout_schedules::{
    End, Missed, PayoutSchedule, PayoutScheduleStatus, PayoutScheduleView, standing,
};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::view;

/// `PATCH /v1/payout-schedules/{id}`: what is `None` stays as it is.
#[derive(Clone, Encode, Decode)]
pub struct UpdatePayoutSchedule {
    #[n(0)]
    pub id: PayoutScheduleId,
    /// In the schedule's currency.
    #[n(1)]
    pub amount: Option<Money>,
    #[n(2)]
    pub end: Option<End>,
    #[n(3)]
    pub missed: Option<Missed>,
    #[n(4)]
    pub paused: Option<bool>,
    #[n(5)]
    pub description: Option<String>,
    #[n(6)]
    pub metadata: Option<Metadata>,
    #[n(7)]
    pub maker: ApiKeyId,
}

impl UpdatePayoutSchedule {
    /// Whether it says what moves: that is asked of limits and policies, and of the rights of whoever says it from then on.
    fn moves(&self) -> bool {
        self.amount.is_some() || self.end.is_some()
    }
}

impl Command for UpdatePayoutSchedule {
    type Permission = CreatePayouts;

    fn action(&self) -> Action {
        match self.moves() {
            true => Action::PayoutScheduleAmended,
            false => Action::PayoutScheduleUpdated,
        }
    }

    fn act(&self) -> Option<Act> {
        Some(Act::Payout)
    }

    fn parked(&self, _: &Facts, _: Scope) -> Option<Parked> {
        self.moves()
            .then(|| Parked::PayoutScheduleChange(self.clone()))
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let old = standing(facts, self.id)?;
        let currency = old.body.amount.currency;
        if self
            .amount
            .is_some_and(|amount| amount.currency != currency)
        {
            let text = format!("`{}` pays in {currency}", self.id);
            return Err(Rejection::at(Code::CurrencyMismatch, "/amount", text));
        }

        // From here it must succeed.
        let (mut next, changed) = self.applied(old);
        next.body.updated_at = moment.now;
        let was_paused = old.body.status == PayoutScheduleStatus::Paused;
        let from = old.body.next.map_or(1, |next| next.number);
        let resumes = was_paused && next.body.status == PayoutScheduleStatus::Active;
        let number = match resumes {
            // What came meanwhile is left out.
            true => next.body.first_from(from, moment.now),
            false => from,
        };
        let left_out = number.saturating_sub(from);
        next.body.skipped = next.body.skipped.saturating_add(left_out);
        let is_over = next.body.go_on(number);
        let id = self.id;
        let mut events = vec![EventFact::new(EventType::PayoutScheduleUpdated, id.any())];
        if is_over {
            events.push(EventFact::new(EventType::PayoutScheduleEnded, id.any()));
        }
        let job = match next.body.waits_until() {
            Some(at) => Job::PayoutSchedule(id, at),
            None => Job::PayoutScheduleDone(id),
        };
        Ok(
            Decision::new(facts, self.action(), id.any(), Movement::none(), events)
                .detail("changed", changed.join(","))
                .reply(Reply::Stored(view::json(&PayoutScheduleView::new(&next))))
                .job(job)
                .change(id.any(), Record::PayoutSchedule(next)),
        )
    }
}

impl UpdatePayoutSchedule {
    fn applied(&self, old: &PayoutSchedule) -> (PayoutSchedule, Vec<&'static str>) {
        let mut next = old.clone();
        let body = &mut next.body;
        let mut changed = Vec::new();
        if let Some(amount) = self.amount {
            body.amount = amount;
            changed.push("amount");
        }
        if let Some(end) = self.end {
            body.end = end;
            changed.push("end");
        }
        if self.moves() {
            body.maker = self.maker;
        }
        if let Some(missed) = self.missed {
            body.missed = missed;
            changed.push("missed");
        }
        if let Some(paused) = self.paused {
            body.status = match paused {
                true => PayoutScheduleStatus::Paused,
                false => PayoutScheduleStatus::Active,
            };
            changed.push("status");
        }
        if let Some(description) = &self.description {
            body.description = Some(description.clone());
            changed.push("description");
        }
        if let Some(metadata) = &self.metadata {
            body.metadata = metadata.clone();
            changed.push("metadata");
        }
        (next, changed)
    }

    /// As others see it who are to agree.
    pub(crate) fn asked(&self) -> Value {
        let end = self.end.map(|end| match end {
            End::Never => json!({"end_on": null, "count": null}),
            End::On(day) => json!({ "end_on": day }),
            End::After(number) => json!({ "count": number }),
        });
        json!({
            "payout_schedule_id": self.id,
            "amount": self.amount.map(|amount| amount.minor),
            "currency": self.amount.map(|amount| amount.currency),
            "end": end,
            "missed": self.missed.map(Missed::as_str),
            "paused": self.paused,
            "description": self.description,
            "metadata": self.metadata,
        })
    }
}

/// `DELETE /v1/payout-schedules/{id}`: nothing more comes of it; its payouts stay.
pub struct DeletePayoutSchedule {
    pub id: PayoutScheduleId,
}

impl Command for DeletePayoutSchedule {
    type Permission = CancelPayouts;

    fn action(&self) -> Action {
        Action::PayoutScheduleEnded
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let old = standing(facts, self.id)?;

        // From here it must succeed.
        let mut next = old.clone();
        next.body.status = PayoutScheduleStatus::Cancelled;
        next.body.next = None;
        next.body.updated_at = moment.now;
        let id = self.id;
        let events = vec![EventFact::new(EventType::PayoutScheduleEnded, id.any())];
        let (action, none) = (Action::PayoutScheduleEnded, Movement::none());
        Ok(Decision::new(facts, action, id.any(), none, events)
            .reply(Reply::Stored(view::json(&PayoutScheduleView::new(&next))))
            .job(Job::PayoutScheduleDone(id))
            .change(id.any(), Record::PayoutSchedule(next)))
    }
}
