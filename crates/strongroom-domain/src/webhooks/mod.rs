//! Webhooks: endpoints that events are sent to, and the work that sending them is.
//!
//! The log is the outbox: an act schedules nothing for its events. What is kept per endpoint is a [`Lane`], the stretch
//! of the log still to be sent, and a [`Delivery`] for each event whose attempt failed.

mod challenge;
mod change;
mod create;
mod send;
mod view;

use minicbor::{Decode, Encode};
use serde::Serialize;
use strongroom_auth::PermissionSet;
use strongroom_types::Classified;
use strongroom_types::id::WebhookId;
use strongroom_types::secret::SecretText;
use strongroom_types::time::Timestamp;

use crate::command::Moment;
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::Facts;
use crate::rejection::{Code, Rejection};

pub use challenge::{ChallengeWebhook, VerifyWebhook};
pub use change::{DeleteWebhook, RollWebhook, UpdateWebhook};
pub use create::{CreateWebhook, Wanted};
pub use send::{DisableWebhook, Replay, ReplayWebhook, TestWebhook};
pub use view::{DeletedView, DeliveryView, SendingView, WebhookView};

/// Endpoints per organization and mode.
pub const MOST_ENDPOINTS: u32 = 200;

/// An endpoint as stored.
#[derive(Clone, Encode, Decode, Classified)]
#[part(business)]
pub struct Webhook {
    #[n(0)]
    #[class(operational)]
    pub id: WebhookId,
    #[n(1)]
    #[class(operational)]
    pub status: WebhookStatus,
    /// May hold a token of the receiver's.
    #[n(2)]
    #[class(sensitive)]
    pub url: String,
    /// Types, `payout.*` or `*`.
    #[n(3)]
    #[class(operational)]
    pub events: Vec<String>,
    #[n(4)]
    #[class(sensitive)]
    pub description: Option<String>,
    /// Whether an event waits for the one before it.
    #[n(5)]
    #[class(operational)]
    pub ordered: bool,
    /// What its creator could read: it is told no more.
    #[n(6)]
    #[class(operational)]
    pub readable: PermissionSet,
    #[n(7)]
    #[class(highly_sensitive)]
    pub secret: String,
    /// Seed of its Ed25519 key, if it has one.
    #[cbor(n(8), with = "minicbor::bytes")]
    #[class(highly_sensitive)]
    pub seed: Option<[u8; 32]>,
    /// The key that receivers verify with, `whpk_` and base64.
    #[n(9)]
    #[class(operational)]
    pub public_key: Option<String>,
    /// What it signed with before the last rotation.
    #[n(10)]
    #[class(highly_sensitive)]
    pub retired: Option<Retired>,
    #[n(11)]
    #[class(operational)]
    pub created_at: Timestamp,
    #[n(12)]
    #[class(operational)]
    pub updated_at: Timestamp,
    /// The range that its addresses must lie in, if it named one.
    #[n(13)]
    #[class(operational)]
    pub network: Option<String>,
    /// Whether what comes of its deliveries counts for nothing; `None` is no.
    #[n(14)]
    #[class(operational)]
    pub shadow: Option<bool>,
    /// What it must show, or has shown, before it is sent anything.
    #[n(15)]
    #[class(operational)]
    pub challenge: Option<Challenge>,
}

/// An event that the endpoint must answer with what it holds, to show that it is meant to be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Challenge {
    /// The event's entry, 0 when none was sent yet.
    #[n(0)]
    pub sequence: u64,
    /// Its place among the entry's events.
    #[n(1)]
    pub index: u16,
    #[n(2)]
    pub passed_at: Option<Timestamp>,
}

impl Challenge {
    /// Not sent yet.
    const FRESH: Challenge = Challenge {
        sequence: 0,
        index: 0,
        passed_at: None,
    };
}

/// The secret and key before a rotation, which sign beside the new ones for a while.
#[derive(Clone, Encode, Decode, Classified)]
#[part(business)]
pub struct Retired {
    #[n(0)]
    #[class(highly_sensitive)]
    pub secret: String,
    #[cbor(n(1), with = "minicbor::bytes")]
    #[class(highly_sensitive)]
    pub seed: Option<[u8; 32]>,
    /// Until then `webhook-signature` carries both.
    #[n(2)]
    #[class(operational)]
    pub until: Timestamp,
    /// From then on the headers of a single value are made with the new secret.
    #[n(3)]
    #[class(operational)]
    pub cutover: Timestamp,
}

/// Whether an endpoint is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum WebhookStatus {
    #[n(0)]
    Enabled,
    /// Its owner stopped it.
    #[n(1)]
    Disabled,
    /// It answered 410.
    #[n(2)]
    Gone,
    /// It failed for too long.
    #[n(3)]
    Failing,
    #[n(4)]
    Deleted,
    /// It has not answered its challenge.
    #[n(5)]
    Unverified,
}

impl WebhookStatus {
    /// The number that stands in clear beside the record.
    pub const fn code(self) -> u8 {
        match self {
            WebhookStatus::Enabled => 0,
            WebhookStatus::Disabled => 1,
            WebhookStatus::Gone => 2,
            WebhookStatus::Failing => 3,
            WebhookStatus::Deleted => 4,
            WebhookStatus::Unverified => 5,
        }
    }

    /// Why it is not sent to, if it is not.
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            WebhookStatus::Enabled | WebhookStatus::Deleted => None,
            WebhookStatus::Disabled => Some("by_request"),
            WebhookStatus::Gone => Some("gone"),
            WebhookStatus::Failing => Some("failing"),
            WebhookStatus::Unverified => Some("unverified"),
        }
    }
}

/// A freshly made secret, and the key pair if one was asked for.
pub struct MintedWebhook {
    pub secret: SecretText,
    /// Seed, and public key as it is shown.
    pub pair: Option<([u8; 32], String)>,
}

impl Webhook {
    /// Whether it asked for events of this type, and may be told of them.
    pub fn wants(&self, event: EventType) -> bool {
        self.readable.allows(event.permission()).is_some()
            && self.events.iter().any(|pattern| matches(pattern, event))
    }

    /// Whether it is gone for good; its record stays, as every record that the log tells of.
    pub fn is_deleted(&self) -> bool {
        self.status == WebhookStatus::Deleted
    }

    /// Whether failures are not tried again, and never disable it.
    pub fn is_shadow(&self) -> bool {
        self.shadow == Some(true)
    }

    /// Whether a delivery is the challenge that the endpoint is to answer now.
    pub fn is_challenged_by(&self, delivery: &Delivery) -> bool {
        let place = (delivery.sequence, delivery.index);
        let challenge = self.challenge.map(|c| (c.sequence, c.index));
        self.status == WebhookStatus::Unverified && challenge == Some(place)
    }

    /// What being switched on makes of it: a challenge that it has not passed comes first.
    fn switched_on(&self) -> WebhookStatus {
        match self.challenge {
            Some(challenge) if challenge.passed_at.is_none() => WebhookStatus::Unverified,
            _ => WebhookStatus::Enabled,
        }
    }

    /// What signed before the last rotation, while that still counts.
    pub fn retired_at(&self, now: Timestamp) -> Option<&Retired> {
        self.retired.as_ref().filter(|retired| now < retired.until)
    }
}

/// Whether text is a pattern that at least one type matches.
pub fn is_pattern(text: &str) -> bool {
    matching(text).next().is_some()
}

/// The types that a pattern matches.
pub fn matching(pattern: &str) -> impl Iterator<Item = EventType> {
    let all = EventType::ALL.iter().copied();
    all.filter(move |event| matches(pattern, *event))
}

fn matches(pattern: &str, event: EventType) -> bool {
    match pattern.strip_suffix('*') {
        Some("") => true,
        Some(group) => group.ends_with('.') && event.as_str().starts_with(group),
        None => pattern == event.as_str(),
    }
}

/// Refuses patterns that name what `readable` may not read; `*` takes what there is.
fn readable_only(events: &[String], readable: &PermissionSet) -> Result<(), Rejection> {
    let hidden = events
        .iter()
        .filter(|pattern| *pattern != "*")
        .find(|pattern| {
            let mut named = EventType::ALL.iter().filter(|e| matches(pattern, **e));
            named.any(|event| readable.allows(event.permission()).is_none())
        });
    match hidden {
        Some(pattern) => Err(Rejection::at(
            Code::PermissionNotHeld,
            "/events",
            format!("`{pattern}` tells of what the endpoint's creator may not read"),
        )),
        None => Ok(()),
    }
}

/// An event about an endpoint.
fn told(event: EventType, id: WebhookId) -> EventFact {
    EventFact {
        event,
        about: Some(id.any()),
    }
}

fn existing(facts: &Facts, id: WebhookId) -> Result<&Webhook, Rejection> {
    facts
        .webhook(id)
        .filter(|webhook| !webhook.is_deleted())
        .ok_or_else(|| Rejection::new(Code::NotFound, "there is no such webhook"))
}

/// A stretch of the log on its way to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Lane {
    #[n(0)]
    pub endpoint: WebhookId,
    #[n(1)]
    pub kind: LaneKind,
    /// Everything up to this entry is delivered, or stands as a [`Delivery`].
    #[n(2)]
    pub done: u64,
    /// The last entry that it reaches.
    #[n(3)]
    pub last: u64,
}

/// What a lane is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum LaneKind {
    /// Everything from the endpoint's making on. Each endpoint has one, under its own id.
    #[n(0)]
    Follow,
    /// What was sent before, once more.
    #[n(1)]
    Again,
    /// Every event that was given up, once more; holds no stretch itself.
    #[n(2)]
    GivenUp,
}

/// One event that an endpoint is to be sent by itself: a retry, a test, a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Delivery {
    #[n(0)]
    pub endpoint: WebhookId,
    /// The event's entry, and its place among the entry's events.
    #[n(1)]
    pub sequence: u64,
    #[n(2)]
    pub index: u16,
    /// Attempts made.
    #[n(3)]
    pub attempts: u8,
    /// When to try next; when to forget it, once given up.
    #[n(4)]
    pub due: Timestamp,
    #[n(5)]
    pub given_up: bool,
    #[n(6)]
    pub last: Option<LastAttempt>,
}

impl Delivery {
    /// The first attempt at an event, as soon as it can be made.
    fn now(endpoint: WebhookId, (sequence, index): (u64, u16), moment: &Moment) -> Delivery {
        Delivery {
            endpoint,
            sequence,
            index,
            attempts: 0,
            due: moment.now,
            given_up: false,
            last: None,
        }
    }
}

/// How the last attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct LastAttempt {
    #[n(0)]
    pub at: Timestamp,
    /// What the receiver answered; nothing when it did not.
    #[n(1)]
    pub status: Option<u16>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_types_groups_or_everything() {
        for (pattern, hit, miss) in [
            ("*", Some(EventType::ApiKeyCreated), None),
            (
                "payout.*",
                Some(EventType::PayoutFailed),
                Some(EventType::WalletCredited),
            ),
            (
                "payout.failed",
                Some(EventType::PayoutFailed),
                Some(EventType::PayoutPending),
            ),
        ] {
            assert!(is_pattern(pattern), "{pattern}");
            assert!(hit.is_none_or(|event| matches(pattern, event)), "{pattern}");
            assert!(
                miss.is_none_or(|event| !matches(pattern, event)),
                "{pattern}"
            );
        }
        for nonsense in [
            "",
            "payout",
            "payout*",
            "pay*",
            "payout.",
            "Payout.failed",
            "**",
            ".*",
        ] {
            assert!(!is_pattern(nonsense), "{nonsense}");
        }
    }

    #[test]
    fn a_named_type_beyond_the_creator_s_reach_is_refused_and_a_star_passed_over() {
        let set = |texts: &[&str]| {
            PermissionSet::new(texts.iter().map(|t| (*t).to_owned()).collect()).unwrap()
        };
        let few = set(&["read:wallets", "create:webhooks"]).reading();
        let named = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|t| (*t).to_owned()).collect();
            readable_only(&texts, &few).map_err(|rejection| rejection.code)
        };
        assert_eq!(named(&["*", "wallet.*"]), Ok(()));
        assert_eq!(named(&["payout.failed"]), Err(Code::PermissionNotHeld));
        assert_eq!(set(&["*"]).reading(), set(&["read:*"]));
    }
}
