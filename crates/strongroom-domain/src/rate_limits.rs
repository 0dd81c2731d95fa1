//! What an organization bounds its own requests by, in one mode: one record, decided and recorded like everything else.
//!
//! Never here: counting, which is the edge's, and what the operator's file allows, which the edge holds each change against.

use minicbor::{Decode, Encode};
use serde::Serialize;
use strongroom_auth::permission::ManageRateLimits;
use strongroom_types::Classified;
use strongroom_types::id::{AnyId, ApiKeyId, Kind, RateLimitsId, RawId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::view::json;

/// Keys that may have rates of their own.
pub const MOST_KEYS: usize = 200;

/// Requests per second, of all kinds together and of each by itself; `None` where nothing is bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Rates {
    #[n(0)]
    pub per_second: Option<u32>,
    #[n(1)]
    pub reads_per_second: Option<u32>,
    #[n(2)]
    pub writes_per_second: Option<u32>,
    /// What moves money, which is writing, too.
    #[n(3)]
    pub money_per_second: Option<u32>,
}

/// How many requests one of a kind counts as, beside what its route weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Weights {
    #[n(0)]
    pub reads: u32,
    #[n(1)]
    pub writes: u32,
    #[n(2)]
    pub money: u32,
}

impl Default for Weights {
    fn default() -> Weights {
        Weights {
            reads: 1,
            writes: 1,
            money: 1,
        }
    }
}

/// A key with rates of its own, in the place of those of all keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct KeyRates {
    #[n(0)]
    pub key: ApiKeyId,
    #[n(1)]
    pub rates: Rates,
}

/// The rates of an organization in one mode.
#[derive(Clone, Default, PartialEq, Eq, Encode, Decode, Classified)]
#[part(business)]
pub struct RateLimits {
    /// Of all its keys and people together.
    #[n(0)]
    #[class(operational)]
    pub organization: Rates,
    /// Of each key and person.
    #[n(1)]
    #[class(operational)]
    pub key: Rates,
    #[n(2)]
    #[class(operational)]
    pub keys: Vec<KeyRates>,
    #[n(3)]
    #[class(operational)]
    pub weights: Weights,
    /// Nobody is refused for these; what would have been is counted.
    #[n(4)]
    #[class(operational)]
    pub report_only: bool,
    #[n(5)]
    #[class(operational)]
    pub updated_at: Option<Timestamp>,
}

impl RateLimits {
    /// The rates of a key.
    pub fn of(&self, key: ApiKeyId) -> &Rates {
        let own = self.keys.iter().find(|own| own.key == key);
        own.map_or(&self.key, |own| &own.rates)
    }
}

/// The key of the record: there is one per scope.
pub fn rate_limits_key() -> AnyId {
    AnyId {
        kind: Kind::RateLimits,
        raw: RateLimitsId(RawId::ZERO).0,
    }
}

/// `PATCH /v1/rate-limits`. What is `None` stays; each part that is named is replaced as a whole.
pub struct ChangeRateLimits {
    pub organization: Option<Rates>,
    pub key: Option<Rates>,
    pub keys: Option<Vec<KeyRates>>,
    pub weights: Option<Weights>,
    pub report_only: Option<bool>,
}

impl Command for ChangeRateLimits {
    type Permission = ManageRateLimits;

    fn action(&self) -> Action {
        Action::RateLimitsUpdated
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        let keys = Keys::default().record(rate_limits_key());
        let named = self.keys.iter().flatten();
        named.fold(keys, |keys, own| keys.record(own.key.any()))
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        for (n, own) in self.keys.iter().flatten().enumerate() {
            if facts.api_key(own.key.any()).is_none() {
                let at = format!("/keys/{n}/key_id");
                return Err(Rejection::at(Code::NotFound, &at, "there is no such key"));
            }
        }

        // From here it must succeed.
        let old = facts.rate_limits().cloned().unwrap_or_default();
        let limits = RateLimits {
            organization: self.organization.unwrap_or(old.organization),
            key: self.key.unwrap_or(old.key),
            keys: self.keys.clone().unwrap_or(old.keys),
            weights: self.weights.unwrap_or(old.weights),
            report_only: self.report_only.unwrap_or(old.report_only),
            updated_at: Some(moment.now),
        };
        let (id, action) = (rate_limits_key(), Action::RateLimitsUpdated);
        let events = vec![EventFact::new(EventType::RateLimitsUpdated, id)];
        Ok(Decision::new(facts, action, id, Movement::none(), events)
            .detail("changed", self.fields().join(","))
            .detail("report_only", limits.report_only.to_string())
            .reply(Reply::Stored(json(&RateLimitsView::new(&limits))))
            .change(id, Record::RateLimits(limits)))
    }
}

impl ChangeRateLimits {
    fn fields(&self) -> Vec<&'static str> {
        let fields = [
            ("organization", self.organization.is_some()),
            ("key", self.key.is_some()),
            ("keys", self.keys.is_some()),
            ("weights", self.weights.is_some()),
            ("report_only", self.report_only.is_some()),
        ];
        let given = fields.into_iter().filter(|(_, given)| *given);
        given.map(|(name, _)| name).collect()
    }
}

/// The rates on the wire.
#[derive(Serialize)]
pub struct RateLimitsView<'a> {
    pub object: &'static str,
    pub organization: &'a Rates,
    pub key: &'a Rates,
    pub keys: Vec<KeyRatesView<'a>>,
    pub weights: &'a Weights,
    pub report_only: bool,
    pub updated_at: Option<Timestamp>,
}

#[derive(Serialize)]
pub struct KeyRatesView<'a> {
    pub key_id: ApiKeyId,
    #[serde(flatten)]
    pub rates: &'a Rates,
}

impl<'a> RateLimitsView<'a> {
    pub fn new(limits: &'a RateLimits) -> RateLimitsView<'a> {
        let RateLimits {
            organization,
            key,
            keys,
            weights,
            report_only,
            updated_at,
        } = limits;
        let shown = |own: &'a KeyRates| KeyRatesView {
            key_id: own.key,
            rates: &own.rates,
        };
        RateLimitsView {
            object: "rate_limits",
            organization,
            key,
            keys: keys.iter().map(shown).collect(),
            weights,
            report_only: *report_only,
            updated_at: *updated_at,
        }
    }
}
