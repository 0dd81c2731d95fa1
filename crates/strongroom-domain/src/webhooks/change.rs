//! Changing, rolling and deleting an endpoint.

use strongroom_auth::PermissionSet;
use strongroom_auth::permission::ManageWebhooks;
use strongroom_types::id::WebhookId;
use strongroom_types::mode::Scope;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::view::json;
use crate::webhooks::create::counted;
use crate::webhooks::view::DeletedView;
use crate::webhooks::view::WebhookView;
use crate::webhooks::{
    Challenge, MintedWebhook, Retired, Webhook, WebhookStatus, challenge, existing, readable_only,
    told,
};

/// `PATCH /v1/webhooks/{id}`. What is `None` stays.
pub struct UpdateWebhook {
    pub id: WebhookId,
    pub url: Option<String>,
    pub events: Option<Vec<String>>,
    /// `Some(None)` removes it.
    pub description: Option<Option<String>>,
    pub enabled: Option<bool>,
    pub ordered: Option<bool>,
    /// `Some(None)` removes it.
    pub network: Option<Option<String>>,
    pub shadow: Option<bool>,
    pub challenge: Option<bool>,
    /// What the caller holds.
    pub held: PermissionSet,
}

impl Command for UpdateWebhook {
    type Permission = ManageWebhooks;

    fn action(&self) -> Action {
        Action::WebhookUpdated
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let old = existing(facts, self.id)?;
        // SECURITY: whoever could turn another's endpoint to an address of their own would read what that other may.
        let turns = self.url.is_some() || self.events.is_some() || self.network.is_some();
        if let Some(lacking) = old.readable.beyond(&self.held).next().filter(|_| turns) {
            let text = format!("the webhook's creator holds `{lacking}`, and you do not");
            return Err(Rejection::new(Code::PermissionNotHeld, text));
        }
        if let Some(events) = &self.events {
            readable_only(events, &old.readable)?;
        }

        // From here it must succeed.
        let mut webhook = self.changed(old, moment);
        let challenge = match webhook.challenge {
            Some(known) if old.status == WebhookStatus::Unverified && known != Challenge::FRESH => {
                None
            }
            _ => challenge::send(&mut webhook, moment, 1),
        };
        let reply = json(&WebhookView::new(&webhook, moment));
        let decision = decision(
            facts,
            Action::WebhookUpdated,
            EventType::WebhookUpdated,
            self.id,
        );
        Ok(challenge::add(decision, challenge)
            .detail("changed", self.fields().join(","))
            .reply(Reply::Stored(reply))
            .change(self.id.any(), Record::Webhook(webhook)))
    }
}

impl UpdateWebhook {
    fn changed(&self, old: &Webhook, moment: &Moment) -> Webhook {
        let challenge = match (self.challenge, &self.url) {
            (Some(false), _) => None,
            // Another address has shown nothing yet.
            (None, Some(_)) => old.challenge.map(|_| Challenge::FRESH),
            (Some(true), Some(_)) => Some(Challenge::FRESH),
            (Some(true), None) => Some(old.challenge.unwrap_or(Challenge::FRESH)),
            (None, None) => old.challenge,
        };
        let mut webhook = Webhook {
            url: self.url.clone().unwrap_or_else(|| old.url.clone()),
            events: self.events.clone().unwrap_or_else(|| old.events.clone()),
            description: self
                .description
                .clone()
                .unwrap_or_else(|| old.description.clone()),
            ordered: self.ordered.unwrap_or(old.ordered),
            network: self.network.clone().unwrap_or_else(|| old.network.clone()),
            shadow: self.shadow.or(old.shadow),
            challenge,
            updated_at: moment.now,
            ..old.clone()
        };
        let is_on = matches!(
            old.status,
            WebhookStatus::Enabled | WebhookStatus::Unverified
        );
        webhook.status = match self.enabled {
            Some(false) => WebhookStatus::Disabled,
            None if !is_on => old.status,
            _ => webhook.switched_on(),
        };
        webhook
    }

    fn fields(&self) -> Vec<&'static str> {
        [
            ("url", self.url.is_some()),
            ("events", self.events.is_some()),
            ("description", self.description.is_some()),
            ("enabled", self.enabled.is_some()),
            ("ordered", self.ordered.is_some()),
            ("network", self.network.is_some()),
            ("shadow", self.shadow.is_some()),
            ("challenge", self.challenge.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, given)| given.then_some(name))
        .collect()
    }
}

/// `POST /v1/webhooks/{id}/roll`: a new secret; the old one signs beside it for a while.
pub struct RollWebhook {
    pub id: WebhookId,
    /// The new key pair is dropped where the endpoint has none.
    pub minted: MintedWebhook,
    /// Milliseconds that the old secret still signs.
    pub overlap: i64,
    /// Milliseconds until the headers of a single value are made with the new secret.
    pub cutover: i64,
}

impl Command for RollWebhook {
    type Permission = ManageWebhooks;

    fn action(&self) -> Action {
        Action::WebhookRolled
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let old = existing(facts, self.id)?;

        // From here it must succeed.
        let pair = self.minted.pair.as_ref().filter(|_| old.seed.is_some());
        let webhook = Webhook {
            secret: self.minted.secret.expose().to_owned(),
            seed: pair.map(|(seed, _)| *seed),
            public_key: pair.map(|(_, public)| public.clone()),
            retired: Some(Retired {
                secret: old.secret.clone(),
                seed: old.seed,
                until: moment.now.plus(self.overlap),
                cutover: moment.now.plus(self.cutover),
            }),
            updated_at: moment.now,
            ..old.clone()
        };
        let reply = json(&WebhookView::with_secret(
            &webhook,
            moment,
            self.minted.secret.expose(),
        ));
        Ok(decision(
            facts,
            Action::WebhookRolled,
            EventType::WebhookRolled,
            self.id,
        )
        .reply(Reply::Secret(reply))
        .change(self.id.any(), Record::Webhook(webhook)))
    }
}

/// `DELETE /v1/webhooks/{id}`: nothing more is sent, its secrets are forgotten.
pub struct DeleteWebhook {
    pub id: WebhookId,
}

impl Command for DeleteWebhook {
    type Permission = ManageWebhooks;

    fn action(&self) -> Action {
        Action::WebhookDeleted
    }

    fn keys(&self, _: &Facts, scope: Scope) -> Keys {
        Keys::default()
            .record(self.id.any())
            .record(scope.organization.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let old = existing(facts, self.id)?;
        let tenant = facts
            .tenant(moment.scope.organization)
            .ok_or_else(|| Rejection::new(Code::NotFound, "the books are not open yet"))?;

        // From here it must succeed.
        let webhook = Webhook {
            status: WebhookStatus::Deleted,
            url: String::new(),
            description: None,
            secret: String::new(),
            seed: None,
            retired: None,
            challenge: None,
            updated_at: moment.now,
            ..old.clone()
        };
        let count = tenant.webhooks.unwrap_or(0).saturating_sub(1);
        let reply = json(&DeletedView::new(self.id));
        Ok(decision(
            facts,
            Action::WebhookDeleted,
            EventType::WebhookDeleted,
            self.id,
        )
        .reply(Reply::Stored(reply))
        .change(
            moment.scope.organization.any(),
            Record::Tenant(counted(tenant, count)),
        )
        .change(self.id.any(), Record::Webhook(webhook)))
    }
}

/// A decision about an endpoint that tells one event.
pub(super) fn decision(facts: &Facts, action: Action, event: EventType, id: WebhookId) -> Decision {
    let events = vec![told(event, id)];
    Decision::new(facts, action, id.any(), Movement::none(), events)
}
