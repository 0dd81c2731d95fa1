//! Asking for deliveries, and giving up on an endpoint.

use strongroom_auth::permission::{ManageWebhooks, Operate};
use strongroom_types::id::{EventId, RawId, WebhookId};
use strongroom_types::mode::Scope;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Job, Reply};
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::view::json;
use crate::webhooks::change::decision;
use crate::webhooks::view::SendingView;
use crate::webhooks::{Delivery, Lane, LaneKind, Webhook, WebhookStatus, existing};

/// `POST /v1/webhooks/{id}/test`: sends the endpoint, and nobody else, an event of type `webhook.test`.
pub struct TestWebhook {
    pub id: WebhookId,
}

impl Command for TestWebhook {
    type Permission = ManageWebhooks;

    fn action(&self) -> Action {
        Action::WebhookTested
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        enabled(facts, self.id)?;

        // From here it must succeed.
        let delivery = Delivery::now(self.id, (moment.sequence, 0), moment);
        let reply = json(&SendingView::new(self.id, moment.now));
        Ok(decision(
            facts,
            Action::WebhookTested,
            EventType::WebhookTest,
            self.id,
        )
        .reply(Reply::Stored(reply))
        .job(Job::Delivery(moment.fresh(), delivery)))
    }
}

/// What to send again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// One event: its entry, its place there, and the row of its delivery.
    One {
        event: EventId,
        sequence: u64,
        index: u16,
        row: RawId,
    },
    /// The events of the entries behind `after` up to `last`.
    Range { after: u64, last: u64 },
    /// Everything that was given up.
    GivenUp,
}

/// `POST /v1/webhooks/{id}/replay`.
pub struct ReplayWebhook {
    pub id: WebhookId,
    pub what: Replay,
}

impl Command for ReplayWebhook {
    type Permission = ManageWebhooks;

    fn action(&self) -> Action {
        Action::WebhookReplayed
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        enabled(facts, self.id)?;

        // From here it must succeed.
        let lane = |kind, done, last| Lane {
            endpoint: self.id,
            kind,
            done,
            last,
        };
        let (job, what) = match self.what {
            Replay::One {
                event,
                sequence,
                index,
                row,
            } => {
                let delivery = Delivery::now(self.id, (sequence, index), moment);
                (Job::Delivery(row, delivery), event.to_string())
            }
            Replay::Range { after, last } => {
                let lane = lane(LaneKind::Again, after, last);
                (
                    Job::Lane(moment.fresh(), lane),
                    format!("entries {} to {last}", after.saturating_add(1)),
                )
            }
            Replay::GivenUp => (
                Job::Lane(moment.fresh(), lane(LaneKind::GivenUp, 0, 0)),
                "failed".to_owned(),
            ),
        };
        let reply = json(&SendingView::new(self.id, moment.now));
        Ok(decision(
            facts,
            Action::WebhookReplayed,
            EventType::WebhookReplayed,
            self.id,
        )
        .detail("what", what)
        .reply(Reply::Stored(reply))
        .job(job))
    }
}

/// The sender's own act: the endpoint says that it is gone, or has failed for too long.
pub struct DisableWebhook {
    pub id: WebhookId,
    /// [`WebhookStatus::Gone`] or [`WebhookStatus::Failing`].
    pub status: WebhookStatus,
}

impl Command for DisableWebhook {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::WebhookDisabled
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let old = enabled(facts, self.id)?;

        // From here it must succeed.
        let webhook = Webhook {
            status: self.status,
            updated_at: moment.now,
            ..old.clone()
        };
        Ok(decision(
            facts,
            Action::WebhookDisabled,
            EventType::WebhookDisabled,
            self.id,
        )
        .detail("reason", self.status.reason().unwrap_or_default())
        .reply(Reply::Empty)
        .change(self.id.any(), Record::Webhook(webhook)))
    }
}

fn enabled(facts: &Facts, id: WebhookId) -> Result<&Webhook, Rejection> {
    let webhook = existing(facts, id)?;
    match webhook.status {
        WebhookStatus::Enabled => Ok(webhook),
        _ => Err(Rejection::new(
            Code::InvalidState,
            "the webhook is not enabled: nothing is sent to it",
        )),
    }
}
