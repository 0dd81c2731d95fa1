//! An alert, and the entry that raises it.

use strongroom_domain::action::Action;
use strongroom_domain::alerts::{Alert, AlertStatus, Handled, Rule};
use strongroom_domain::entry::{EntryFacts, EventFact};
use strongroom_domain::event::EventType;
use strongroom_types::id::{AlertId, ApiKeyId, RequestId};
use strongroom_types::time::Timestamp;

use crate::raw;

pub fn alert() -> Alert {
    Alert {
        id: AlertId(raw(21)),
        rule: Rule::ForgedSignature,
        severity: Rule::ForgedSignature.severity(),
        status: AlertStatus::Resolved,
        subject: ApiKeyId(raw(9)).any(),
        count: 12,
        first_seen: Timestamp(5),
        last_seen: Timestamp(9),
        request: Some(RequestId(raw(4))),
        acknowledged: None,
        resolved: Some(Handled {
            by: Some(ApiKeyId(raw(8))),
            at: Timestamp(10),
        }),
        note: Some("rolled".into()),
        created_at: Timestamp(6),
    }
}

/// An entry that raised it.
pub fn raised() -> EntryFacts {
    let detail = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    EntryFacts {
        action: Action::AlertRaised,
        resource: Some(alert().id.any()),
        refusal: None,
        transactions: Vec::new(),
        payout: None,
        events: vec![EventFact {
            event: EventType::AlertRaised,
            about: None,
        }],
        details: vec![
            detail("type", "forged_signature"),
            detail("severity", "high"),
            detail("status", "open"),
            detail("subject", &alert().subject.to_string()),
        ],
        base: raw(20),
        payment: None,
        refund: None,
    }
}
