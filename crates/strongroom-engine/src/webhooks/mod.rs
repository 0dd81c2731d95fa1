//! Webhooks as their sender sees them: the endpoints in memory, the work that is left, and the log as the outbox.
//!
//! Nothing of an act's commit is spent on its webhooks. The sender is woken, reads what was committed, and stores how
//! far each endpoint is ([`WebhookWork`]) behind the commits, many at a time. Endpoints are kept as
//! credentials are: loaded at the start, changed by each commit that touches one. What leaves the process is made in
//! `signing.rs` and `outbox.rs`; `work.rs` seals what is stored.

mod outbox;
mod signing;
mod work;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use strongroom_crypto::{SigningKey, random};
use strongroom_domain::webhooks::{MintedWebhook, Webhook, WebhookStatus};
use strongroom_store::{IdRange, Reader};
use strongroom_types::id::{Kind, WebhookId};
use strongroom_types::mode::Scope;
use strongroom_types::secret::SecretText;

use crate::engine::Engine;
use crate::opened::Opener;
use crate::start::StartError;

pub use outbox::{OutEvent, Outbox};
pub use signing::{Signer, base64};
pub(crate) use work::{
    DELIVERY_JOB, LANE_JOB, UNSCHEDULED, is_lane_of, open_work, seal_work, work_seat,
};
pub use work::{RowId, ShownDelivery, WebhookWork};

/// An endpoint, ready to be sent to.
pub struct Endpoint {
    pub scope: Scope,
    pub webhook: Webhook,
    pub signer: Signer,
}

impl Endpoint {
    pub fn is_enabled(&self) -> bool {
        self.webhook.status == WebhookStatus::Enabled
    }

    /// Whether it is sent anything, be it a challenge alone.
    pub fn is_open(&self) -> bool {
        self.is_enabled() || self.webhook.status == WebhookStatus::Unverified
    }
}

/// All endpoints that are not deleted, and what commits left for the sender.
#[derive(Default)]
pub(crate) struct Webhooks {
    endpoints: RwLock<HashMap<(u32, WebhookId), Arc<Endpoint>>>,
    news: Mutex<News>,
    changed: tokio::sync::Notify,
}

/// What commits brought since the sender last asked.
#[derive(Default)]
pub struct News {
    /// Logs that told events, with their last entry.
    pub heads: HashMap<u32, u64>,
    /// Work that commits scheduled.
    pub work: Vec<(Scope, RowId, WebhookWork)>,
    /// Endpoints were made, changed or deleted.
    pub endpoints: bool,
}

impl Webhooks {
    /// Takes in an endpoint as a commit left it.
    pub fn put(&self, scope: Scope, webhook: &Webhook) {
        let key = (scope.number, webhook.id);
        let mut endpoints = self
            .endpoints
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match webhook.status {
            WebhookStatus::Deleted => drop(endpoints.remove(&key)),
            _ => {
                let endpoint = Endpoint {
                    scope,
                    webhook: webhook.clone(),
                    signer: Signer::of(webhook),
                };
                endpoints.insert(key, Arc::new(endpoint));
            }
        }
        drop(endpoints);
        self.tell(|news| news.endpoints = true);
    }

    /// Whether anybody is to be told of anything.
    pub fn is_empty(&self) -> bool {
        self.endpoints
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty()
    }

    /// Leaves word for the sender, and wakes it.
    pub fn tell(&self, word: impl FnOnce(&mut News)) {
        word(&mut self.news.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_one();
    }

    /// Loads the endpoints of a scope.
    pub fn load(
        &self,
        reader: &mut dyn Reader,
        opener: &Opener,
        scope: Scope,
    ) -> Result<(), StartError> {
        let mut range = IdRange::default();
        loop {
            let rows = reader.records(scope.number, Kind::Webhook.code(), range, false, 1_000)?;
            let Some(last) = rows.last() else {
                return Ok(());
            };
            range.after = Some(last.id);
            for row in &rows {
                let record = opener.record(&scope, row, &mut |_| None);
                let record = record.map_err(|fault| StartError::Damage(fault.to_string()))?;
                if let strongroom_domain::record::Record::Webhook(webhook) = record {
                    self.put(scope, &webhook);
                }
            }
        }
    }
}

impl Engine {
    /// Every endpoint that is not deleted.
    pub fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        let endpoints = &self.shared().webhooks.endpoints;
        let endpoints = endpoints.read().unwrap_or_else(PoisonError::into_inner);
        endpoints.values().map(Arc::clone).collect()
    }

    /// What commits brought since the last call.
    pub fn webhook_news(&self) -> News {
        let news = &self.shared().webhooks.news;
        std::mem::take(&mut news.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until there is news.
    pub async fn webhooks_changed(&self) {
        self.shared().webhooks.changed.notified().await;
    }

    /// A fresh secret for an endpoint, or the client's own, and a key pair if one is wanted.
    pub fn mint_webhook(&self, secret: Option<SecretText>, pair: bool) -> MintedWebhook {
        let secret = secret.unwrap_or_else(mint_webhook_secret);
        let pair = pair.then(|| {
            let seed = random::<32>();
            let public = SigningKey::from_seed(&seed).public();
            (seed, format!("whpk_{}", base64(&public)))
        });
        MintedWebhook { secret, pair }
    }
}

/// A fresh secret of 256 bits: `whsec_` and base64.
pub fn mint_webhook_secret() -> SecretText {
    SecretText::new(format!("whsec_{}", base64(&random::<32>())))
}
