//! Challenges: an endpoint shows that it is meant to be sent to, by answering an event with what that holds.

use strongroom_auth::permission::{ManageWebhooks, Operate};
use strongroom_types::id::WebhookId;
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
use crate::webhooks::view::WebhookView;
use crate::webhooks::{Challenge, Delivery, Webhook, WebhookStatus, existing, told};

/// `POST /v1/webhooks/{id}/challenge`: sends the challenge once more; the one before it counts no longer.
pub struct ChallengeWebhook {
    pub id: WebhookId,
}

impl Command for ChallengeWebhook {
    type Permission = ManageWebhooks;

    fn action(&self) -> Action {
        Action::WebhookChallenged
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let old = existing(facts, self.id)?;
        if old.status != WebhookStatus::Unverified {
            let text = "the webhook waits for no answer to a challenge";
            return Err(Rejection::new(Code::InvalidState, text));
        }

        // From here it must succeed.
        let mut webhook = Webhook {
            updated_at: moment.now,
            ..old.clone()
        };
        let delivery = send(&mut webhook, moment, 0);
        let reply = json(&WebhookView::new(&webhook, moment));
        let decision = decision(
            facts,
            Action::WebhookChallenged,
            EventType::WebhookChallenge,
            self.id,
        );
        Ok(scheduled(decision, delivery)
            .reply(Reply::Stored(reply))
            .change(self.id.any(), Record::Webhook(webhook)))
    }
}

/// The sender's own act: the endpoint answered its challenge as it should.
pub struct VerifyWebhook {
    /// The challenge, as it was sent.
    pub answered: Delivery,
}

impl Command for VerifyWebhook {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::WebhookVerified
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.answered.endpoint.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let id = self.answered.endpoint;
        let old = existing(facts, id)?;
        // An answer to an earlier challenge, perhaps from another address, shows nothing.
        if !old.is_challenged_by(&self.answered) {
            let text = "the webhook waits for no answer to this challenge";
            return Err(Rejection::new(Code::InvalidState, text));
        }

        // From here it must succeed.
        let webhook = Webhook {
            status: WebhookStatus::Enabled,
            challenge: old.challenge.map(|challenge| Challenge {
                passed_at: Some(moment.now),
                ..challenge
            }),
            updated_at: moment.now,
            ..old.clone()
        };
        Ok(decision(
            facts,
            Action::WebhookVerified,
            EventType::WebhookVerified,
            id,
        )
        .reply(Reply::Empty)
        .change(id.any(), Record::Webhook(webhook)))
    }
}

/// Lets an endpoint that has yet to show itself be sent a challenge, as the event at `index` of the entry to come.
pub(super) fn send(webhook: &mut Webhook, moment: &Moment, index: u16) -> Option<Delivery> {
    let challenge = webhook.challenge.as_mut()?;
    if webhook.status != WebhookStatus::Unverified {
        return None;
    }
    *challenge = Challenge {
        sequence: moment.sequence,
        index,
        passed_at: None,
    };
    Some(Delivery::now(webhook.id, (moment.sequence, index), moment))
}

/// The decision with the event of the challenge behind its own, and with its delivery.
pub(super) fn add(decision: Decision, challenge: Option<Delivery>) -> Decision {
    match challenge {
        Some(delivery) => scheduled(
            decision.event(told(EventType::WebhookChallenge, delivery.endpoint)),
            Some(delivery),
        ),
        None => decision,
    }
}

/// An endpoint has one challenge at a time, under its own id: a later one takes the place of the one before it.
fn scheduled(decision: Decision, challenge: Option<Delivery>) -> Decision {
    match challenge {
        Some(delivery) => decision.job(Job::Delivery(delivery.endpoint.0, delivery)),
        None => decision,
    }
}
