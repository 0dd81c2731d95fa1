//! How endpoints look on the wire.

use serde::Serialize;
use strongroom_types::id::{EventId, WebhookId};
use strongroom_types::mode::Mode;
use strongroom_types::time::Timestamp;

use crate::command::Moment;
use crate::event::EventType;
use crate::webhooks::{Challenge, Delivery, Retired, Webhook, WebhookStatus};

/// An endpoint; its secret only in the reply that makes it.
#[derive(Serialize)]
pub struct WebhookView<'a> {
    pub id: WebhookId,
    pub object: &'static str,
    pub mode: Mode,
    pub url: &'a str,
    pub events: &'a [String],
    pub description: Option<&'a str>,
    pub enabled: bool,
    pub disabled_reason: Option<&'static str>,
    pub ordered: bool,
    pub network: Option<&'a str>,
    pub shadow: bool,
    pub challenge: Option<ChallengeView>,
    pub public_key: Option<&'a str>,
    pub rotation: Option<RotationView>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<&'a str>,
}

/// What an endpoint must show, or has shown, before it is sent anything.
#[derive(Serialize)]
pub struct ChallengeView {
    pub status: &'static str,
    pub passed_at: Option<Timestamp>,
}

/// Until when the secret before a rotation counts, and where.
#[derive(Serialize)]
pub struct RotationView {
    pub old_secret_until: Timestamp,
    pub single_value_headers_switch_at: Timestamp,
}

impl<'a> WebhookView<'a> {
    pub fn new(webhook: &'a Webhook, moment: &Moment) -> WebhookView<'a> {
        WebhookView::at(webhook, moment.scope.mode, moment.now)
    }

    pub fn with_secret(webhook: &'a Webhook, moment: &Moment, secret: &'a str) -> WebhookView<'a> {
        WebhookView {
            secret: Some(secret),
            ..WebhookView::new(webhook, moment)
        }
    }

    /// As it looks at some time: a rotation that is over is not shown.
    pub fn at(webhook: &'a Webhook, mode: Mode, now: Timestamp) -> WebhookView<'a> {
        WebhookView {
            id: webhook.id,
            object: "webhook",
            mode,
            url: &webhook.url,
            events: &webhook.events,
            description: webhook.description.as_deref(),
            enabled: webhook.status == WebhookStatus::Enabled,
            disabled_reason: webhook.status.reason(),
            ordered: webhook.ordered,
            network: webhook.network.as_deref(),
            shadow: webhook.is_shadow(),
            challenge: webhook.challenge.map(challenge),
            public_key: webhook.public_key.as_deref(),
            rotation: webhook.retired_at(now).map(rotation),
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
            secret: None,
        }
    }
}

fn challenge(challenge: Challenge) -> ChallengeView {
    ChallengeView {
        status: match challenge.passed_at {
            Some(_) => "passed",
            None => "pending",
        },
        passed_at: challenge.passed_at,
    }
}

fn rotation(retired: &Retired) -> RotationView {
    RotationView {
        old_secret_until: retired.until,
        single_value_headers_switch_at: retired.cutover,
    }
}

/// What is left of a deleted resource.
#[derive(Serialize)]
pub struct DeletedView {
    pub id: WebhookId,
    pub object: &'static str,
    pub deleted: bool,
}

impl DeletedView {
    pub fn new(id: WebhookId) -> DeletedView {
        DeletedView {
            id,
            object: "webhook",
            deleted: true,
        }
    }
}

/// Deliveries that were asked for.
#[derive(Serialize)]
pub struct SendingView {
    pub object: &'static str,
    pub webhook_id: WebhookId,
    pub status: &'static str,
    pub created_at: Timestamp,
}

impl SendingView {
    pub fn new(webhook_id: WebhookId, created_at: Timestamp) -> SendingView {
        SendingView {
            object: "webhook_replay",
            webhook_id,
            status: "scheduled",
            created_at,
        }
    }
}

/// An event that an endpoint has not taken yet, or that was given up.
#[derive(Serialize)]
pub struct DeliveryView {
    pub object: &'static str,
    pub webhook_id: WebhookId,
    pub event_id: Option<EventId>,
    pub event_type: Option<&'static str>,
    pub status: &'static str,
    pub attempts: u8,
    pub last_attempt_at: Option<Timestamp>,
    pub last_response_status: Option<u16>,
    pub next_attempt_at: Option<Timestamp>,
    /// Until when it can be replayed, once given up.
    pub kept_until: Option<Timestamp>,
}

impl DeliveryView {
    pub fn new(delivery: &Delivery, event: Option<(EventId, EventType)>) -> DeliveryView {
        let given_up = delivery.given_up;
        DeliveryView {
            object: "webhook_delivery",
            webhook_id: delivery.endpoint,
            event_id: event.map(|(id, _)| id),
            event_type: event.map(|(_, event)| event.as_str()),
            status: if given_up { "given_up" } else { "pending" },
            attempts: delivery.attempts,
            last_attempt_at: delivery.last.map(|last| last.at),
            last_response_status: delivery.last.and_then(|last| last.status),
            next_attempt_at: (!given_up).then_some(delivery.due),
            kept_until: given_up.then_some(delivery.due),
        }
    }
}
