//! Changing what a key is called, where it may be used from, what money it may move, and how long.

use strongroom_auth::permission::ManageKeys;
use strongroom_auth::{
    MoneyLimits, Networks, Range, RegisteredKey, SignedBy, SigningScheme, Thumbprint,
};
use strongroom_types::id::ApiKeyId;
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::api_keys::{ApiKey, Held, existing, owners_changed, tenant, valid};
use crate::approvals::{Act, Parked};
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::roles::with_rights;
use crate::view;

/// `PATCH /v1/api-keys/{id}`. What is `None` stays; `Some(None)` removes.
pub struct UpdateApiKey {
    pub id: ApiKeyId,
    pub name: Option<Option<String>>,
    /// None at all: from everywhere.
    pub networks: Option<Vec<Range>>,
    pub report_only: Option<bool>,
    pub limits: Option<Option<MoneyLimits>>,
    /// None at all: any certificate, or none, will do.
    pub certificates: Option<Vec<Thumbprint>>,
    pub scheme: Option<SigningScheme>,
    /// All of them: what is not named signs no more.
    pub public_keys: Option<Vec<RegisteredKey>>,
    /// Only ever sooner: what has a known end does not outlive it.
    pub expires_at: Option<Timestamp>,
    /// What the caller holds; `None` for the operator at the command line.
    pub held: Option<Held>,
}

impl Command for UpdateApiKey {
    type Permission = ManageKeys;

    fn action(&self) -> Action {
        Action::ApiKeyUpdated
    }

    fn act(&self) -> Option<Act> {
        Some(Act::ApiKeyUpdate)
    }

    fn parked(&self, _: &Facts, _: Scope) -> Option<Parked> {
        Some(Parked::again(Act::ApiKeyUpdate, &self.asked()))
    }

    fn keys(&self, facts: &Facts, scope: Scope) -> Keys {
        let keys = Keys::default().record(scope.organization.any());
        with_rights(keys, facts, self.id.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let old = existing(facts, self.id)?;
        let tenant = tenant(facts, moment.scope)?;
        valid(old, moment.now)?;
        if self.report_only.is_some() && self.networks.is_none() && old.networks.is_none() {
            let text = "needs `networks`";
            return Err(Rejection::at(Code::InvalidField, "/networks_mode", text));
        }
        if let Some(held) = &self.held {
            held.covers(old.may(facts))?;
        }
        self.check_end(old, moment.now)?;
        let key = self.changed(old);
        let lasting = |key: &ApiKey| i32::from(key.is_lasting_owner());
        let change = lasting(&key) - lasting(old);
        if change < 0 && tenant.owner_keys <= 1 {
            let text = "it is the last owner key without an end, networks, certificates and limits: make another first";
            return Err(Rejection::new(Code::LastOwner, text));
        }

        // From here it must succeed.
        let event = EventFact {
            event: EventType::ApiKeyUpdated,
            about: Some(self.id.any()),
        };
        let shown = key.shown(facts);
        let reply = view::json(&view::ApiKeyView::new(&shown, moment.scope.mode));
        let decision = Decision::new(
            facts,
            Action::ApiKeyUpdated,
            self.id.any(),
            Movement::none(),
            vec![event],
        )
        .detail("changed", self.fields().join(","))
        .reply(Reply::Stored(reply))
        .change(self.id.any(), Record::ApiKey(key));
        Ok(owners_changed(decision, tenant, change))
    }
}

impl UpdateApiKey {
    fn check_end(&self, old: &ApiKey, now: Timestamp) -> Result<(), Rejection> {
        let refused = |text: &str| Err(Rejection::at(Code::InvalidField, "/expires_at", text));
        match self.expires_at {
            Some(end) if end <= now => refused("lies in the past"),
            Some(end) if old.expires_at.is_some_and(|known| end > known) => {
                refused("can only be made sooner: roll the key, or make another")
            }
            _ => Ok(()),
        }
    }

    fn changed(&self, old: &ApiKey) -> ApiKey {
        ApiKey {
            name: self.name.clone().unwrap_or_else(|| old.name.clone()),
            networks: self.networks(old),
            limits: self.limits.clone().unwrap_or_else(|| old.limits.clone()),
            certificates: match &self.certificates {
                Some(named) => Some(named.clone()).filter(|named| !named.is_empty()),
                None => old.certificates.clone(),
            },
            expires_at: self.expires_at.or(old.expires_at),
            signed_by: Some(self.signed_by(old)).filter(|by| *by != SignedBy::default()),
            ..old.clone()
        }
    }

    fn signed_by(&self, old: &ApiKey) -> SignedBy {
        let known = old.signed_by.clone().unwrap_or_default();
        SignedBy {
            scheme: self.scheme.unwrap_or(known.scheme),
            keys: self.public_keys.clone().unwrap_or(known.keys),
        }
    }

    /// What is not named stays: a trial is no less a trial for one more range.
    fn networks(&self, old: &ApiKey) -> Option<Networks> {
        let known = old.networks.as_ref();
        let ranges = match &self.networks {
            Some(ranges) => ranges.clone(),
            None => known?.ranges.clone(),
        };
        let report_only = self.report_only.or(known.map(|known| known.report_only));
        let networks = Networks {
            ranges,
            report_only: report_only.unwrap_or(false),
        };
        Some(networks).filter(|networks| !networks.ranges.is_empty())
    }

    fn fields(&self) -> Vec<&'static str> {
        [
            ("name", self.name.is_some()),
            (
                "networks",
                self.networks.is_some() || self.report_only.is_some(),
            ),
            ("limits", self.limits.is_some()),
            ("client_certificates", self.certificates.is_some()),
            ("signing_scheme", self.scheme.is_some()),
            ("public_keys", self.public_keys.is_some()),
            ("expires_at", self.expires_at.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, given)| given.then_some(name))
        .collect()
    }
}
