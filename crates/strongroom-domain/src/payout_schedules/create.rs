//! Making a schedule.

use minicbor::{Decode, Encode};
use serde_json::{Value, json};
use strongroom_auth::permission::CreatePayouts;
use strongroom_types::id::{ApiKeyId, PayoutScheduleId, SubjectId, WalletId};
use strongroom_types::metadata::Metadata;
use strongroom_types::mode::Scope;
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;
use strongroom_types::rhythm::Rhythm;

use crate::action::Action;
use crate::approvals::{Act, Parked};
use crate::command::{Command, Moment};
use crate::decision::{Decision, Job, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Field, Keys};
use crate::payout_schedules::{
    End, Missed, PayoutSchedule, PayoutScheduleBody, PayoutScheduleStatus, PayoutScheduleView,
};
use crate::payouts::{CreatePayout, FARTHEST, NewRecipient, Planned};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::view;

/// `POST /v1/payout-schedules`.
#[derive(Clone, Encode, Decode)]
pub struct CreatePayoutSchedule {
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
    #[n(6)]
    pub rhythm: Rhythm,
    #[n(7)]
    pub end: End,
    #[n(8)]
    pub missed: Missed,
    #[n(9)]
    pub maker: ApiKeyId,
}

impl Command for CreatePayoutSchedule {
    type Permission = CreatePayouts;

    fn action(&self) -> Action {
        Action::PayoutScheduleCreated
    }

    fn act(&self) -> Option<Act> {
        Some(Act::Payout)
    }

    /// With its source and its account by name, as a payout.
    fn parked(&self, facts: &Facts, scope: Scope) -> Option<Parked> {
        let source = self.order().source_in(facts, scope);
        Some(Parked::PayoutSchedule(Box::new(CreatePayoutSchedule {
            source,
            recipient: self.recipient.seen_in(facts),
            ..self.clone()
        })))
    }

    fn keys(&self, facts: &Facts, scope: Scope) -> Keys {
        let keys = self.order().keys(facts, scope);
        match &self.reference_id {
            Some(reference) => keys.holder(Field::PayoutScheduleReference, reference.as_str()),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let first = self.rhythm.time(1).filter(|first| *first > moment.now);
        let over = || Rejection::at(Code::InvalidField, "/start_on", "is over already");
        let first = first.ok_or_else(over)?;
        if first > moment.now.plus(FARTHEST) {
            let text = "is more than 366 days ahead";
            return Err(Rejection::at(Code::InvalidField, "/start_on", text));
        }
        let order = self.order();
        let planned = order.planned(facts, moment, first)?;
        let reference = self.reference_id.as_ref().map(ReferenceId::as_str);
        facts.free(Field::PayoutScheduleReference, reference)?;
        let id = PayoutScheduleId(moment.fresh());
        let mut schedule = self.schedule(id, planned, moment);
        if schedule.body.go_on(1) {
            let text = "is before its first time";
            return Err(Rejection::at(Code::InvalidField, "/end_on", text));
        }

        // From here it must succeed.
        let events = vec![EventFact::new(EventType::PayoutScheduleCreated, id.any())];
        let (action, none) = (Action::PayoutScheduleCreated, Movement::none());
        Ok(Decision::new(facts, action, id.any(), none, events)
            .claim(Field::PayoutScheduleReference, reference, id.any())
            .job(Job::PayoutSchedule(id, first))
            .reply(Reply::Stored(view::json(&PayoutScheduleView::new(
                &schedule,
            ))))
            .change(id.any(), Record::PayoutSchedule(schedule)))
    }
}

impl CreatePayoutSchedule {
    /// One payout of it.
    fn order(&self) -> CreatePayout {
        CreatePayout {
            amount: self.amount,
            source: self.source,
            recipient: self.recipient.clone(),
            reference_id: None,
            description: self.description.clone(),
            metadata: self.metadata.clone(),
            later: None,
        }
    }

    fn schedule(&self, id: PayoutScheduleId, planned: Planned, moment: &Moment) -> PayoutSchedule {
        // An account that stands here alone is sealed under a key of the schedule's own.
        let recipient = planned.recipient(SubjectId(id.0));
        PayoutSchedule {
            body: PayoutScheduleBody {
                id,
                status: PayoutScheduleStatus::Active,
                amount: self.amount,
                source: planned.source,
                recipient,
                payee: planned.payee,
                reference_id: self.reference_id.clone(),
                description: self.description.clone(),
                metadata: self.metadata.clone(),
                rhythm: self.rhythm.clone(),
                end: self.end,
                missed: self.missed,
                maker: self.maker,
                next: None,
                made: 0,
                skipped: 0,
                last: None,
                created_at: moment.now,
                updated_at: moment.now,
            },
            bank: planned.bank,
        }
    }

    /// As others see it who are to agree: one payout of it, and when there is one.
    pub(crate) fn asked(&self, payout: Value) -> Value {
        let mut asked = payout;
        let (end_on, count) = match self.end {
            End::Never => (None, None),
            End::On(day) => (Some(day), None),
            End::After(number) => (None, Some(number)),
        };
        let schedule = json!({
            "interval": self.rhythm.interval().as_str(),
            "day": self.rhythm.day(),
            "time": self.rhythm.at().to_string(),
            "zone": self.rhythm.at().zone(),
            "start_on": self.rhythm.start(),
            "end_on": end_on,
            "count": count,
            "missed": self.missed.as_str(),
        });
        if let Some(fields) = asked.as_object_mut() {
            fields.insert("reference_id".into(), json!(self.reference_id));
            fields.insert("schedule".into(), schedule);
        }
        asked
    }

    /// The payout that it asks for, as approvers see it.
    pub(crate) fn payout(&self) -> CreatePayout {
        self.order()
    }
}
