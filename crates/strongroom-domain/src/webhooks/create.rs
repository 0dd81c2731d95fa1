//! Making an endpoint.

use strongroom_auth::PermissionSet;
use strongroom_auth::permission::CreateWebhooks;
use strongroom_types::id::WebhookId;
use strongroom_types::mode::Scope;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Job, Movement, Reply};
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::organizations::Tenant;
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::view::json;
use crate::webhooks::view::WebhookView;
use crate::webhooks::{
    Challenge, Lane, LaneKind, MOST_ENDPOINTS, MintedWebhook, Webhook, WebhookStatus, challenge,
    readable_only, told,
};

/// An endpoint as the request describes it.
#[derive(Clone)]
pub struct Wanted {
    /// Checked by whoever will send to it.
    pub url: String,
    /// Patterns that match something, at least one.
    pub events: Vec<String>,
    pub description: Option<String>,
    pub enabled: bool,
    pub ordered: bool,
    /// A range of addresses.
    pub network: Option<String>,
    pub shadow: bool,
    pub challenge: bool,
}

/// `POST /v1/webhooks`.
pub struct CreateWebhook {
    pub wanted: Wanted,
    pub minted: MintedWebhook,
    /// What the creator holds.
    pub held: PermissionSet,
}

impl Command for CreateWebhook {
    type Permission = CreateWebhooks;

    fn action(&self) -> Action {
        Action::WebhookCreated
    }

    fn keys(&self, _: &Facts, scope: Scope) -> Keys {
        Keys::default().record(scope.organization.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let readable = self.held.reading();
        readable_only(&self.wanted.events, &readable)?;
        let tenant = facts
            .tenant(moment.scope.organization)
            .ok_or_else(|| Rejection::new(Code::NotFound, "the books are not open yet"))?;
        let count = tenant.webhooks.unwrap_or(0);
        if count >= MOST_ENDPOINTS {
            let text = format!("there are {MOST_ENDPOINTS} webhooks already: delete one first");
            return Err(Rejection::new(Code::LimitReached, text));
        }

        // From here it must succeed.
        let mut webhook = self.webhook(WebhookId(moment.fresh()), moment, readable);
        let id = webhook.id;
        let challenge = challenge::send(&mut webhook, moment, 1);
        // It is told of what comes after its own making.
        let lane = Lane {
            endpoint: id,
            kind: LaneKind::Follow,
            done: moment.sequence,
            last: u64::MAX >> 1,
        };
        let reply = json(&WebhookView::with_secret(
            &webhook,
            moment,
            self.minted.secret.expose(),
        ));
        let decision = Decision::new(
            facts,
            Action::WebhookCreated,
            id.any(),
            Movement::none(),
            vec![told(EventType::WebhookCreated, id)],
        );
        Ok(challenge::add(decision, challenge)
            .reply(Reply::Secret(reply))
            .job(Job::Lane(id.0, lane))
            .change(
                moment.scope.organization.any(),
                Record::Tenant(counted(tenant, count + 1)),
            )
            .change(id.any(), Record::Webhook(webhook)))
    }
}

impl CreateWebhook {
    fn webhook(&self, id: WebhookId, moment: &Moment, readable: PermissionSet) -> Webhook {
        let Wanted {
            url,
            events,
            description,
            enabled,
            ordered,
            network,
            shadow,
            challenge,
        } = self.wanted.clone();
        let mut webhook = Webhook {
            id,
            status: WebhookStatus::Disabled,
            url,
            events,
            description,
            ordered,
            readable,
            secret: self.minted.secret.expose().to_owned(),
            seed: self.minted.pair.as_ref().map(|(seed, _)| *seed),
            public_key: self.minted.pair.as_ref().map(|(_, public)| public.clone()),
            retired: None,
            created_at: moment.now,
            updated_at: moment.now,
            network,
            shadow: Some(shadow),
            challenge: challenge.then_some(Challenge::FRESH),
        };
        if enabled {
            webhook.status = webhook.switched_on();
        }
        webhook
    }
}

/// The books with another number of endpoints.
pub(super) fn counted(tenant: &Tenant, webhooks: u32) -> Tenant {
    Tenant {
        webhooks: Some(webhooks),
        ..tenant.clone()
    }
}
