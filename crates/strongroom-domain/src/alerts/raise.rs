//! Raising an alert, or counting on with the one that is open.

use strongroom_auth::permission::Operate;
use strongroom_types::id::{AlertId, AnyId, RequestId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::alerts::{Alert, AlertStatus, Rule};
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Field, Keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};

/// Alerts of an organization and mode that nobody has resolved. Beyond them nothing new is raised: who has a thousand
/// open reads no further one.
pub const MOST_OPEN: u32 = 1_000;

/// What a rule is about, and about whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Happening {
    pub rule: Rule,
    pub subject: AnyId,
}

/// The server's own: something happened, so often since it was last told.
pub struct RaiseAlert {
    pub happening: Happening,
    pub count: u64,
    pub first: Timestamp,
    pub last: Timestamp,
    pub request: Option<RequestId>,
}

impl Command for RaiseAlert {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::AlertRaised
    }

    fn keys(&self, facts: &Facts, scope: Scope) -> Keys {
        let keys = Keys::default()
            .record(scope.organization.any())
            .holder(Field::OpenAlert, &self.text());
        match self.open_in(facts) {
            Some(id) => keys.record(id.any()),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        if let Some(alert) = self.open_in(facts).and_then(|id| facts.alert(id)) {
            return Ok(self.repeated(facts, alert));
        }
        let tenant = facts.tenant(moment.scope.organization).ok_or_else(|| {
            let text = "the books are not open yet";
            Rejection::new(Code::NotFound, text)
        })?;
        let open = tenant.open_alerts.unwrap_or(0);
        if open >= MOST_OPEN {
            let text = format!("{MOST_OPEN} alerts are open already");
            return Err(Rejection::new(Code::LimitReached, text));
        }

        // From here it must succeed.
        let alert = self.alert(AlertId(moment.fresh()), moment.now);
        let mut tenant = tenant.clone();
        tenant.open_alerts = Some(open.saturating_add(1));
        Ok(
            told(facts, Action::AlertRaised, EventType::AlertRaised, &alert)
                .reply(Reply::Empty)
                .claim(Field::OpenAlert, Some(&self.text()), alert.id.any())
                .change(tenant.id.any(), Record::Tenant(tenant))
                .change(alert.id.any(), Record::Alert(alert)),
        )
    }
}

impl RaiseAlert {
    fn text(&self) -> String {
        Alert::index_text(self.happening.rule, self.happening.subject)
    }

    fn open_in(&self, facts: &Facts) -> Option<AlertId> {
        let holder = facts.holder(Field::OpenAlert, &self.text());
        holder.map(|id| AlertId(id.raw))
    }

    fn alert(&self, id: AlertId, now: Timestamp) -> Alert {
        Alert {
            id,
            rule: self.happening.rule,
            severity: self.happening.rule.severity(),
            status: AlertStatus::Open,
            subject: self.happening.subject,
            count: self.count,
            first_seen: self.first,
            last_seen: self.last,
            request: self.request,
            acknowledged: None,
            resolved: None,
            note: None,
            created_at: now,
        }
    }

    /// Tells no event: whoever reads them was told of the alert once.
    fn repeated(&self, facts: &Facts, old: &Alert) -> Decision {
        let alert = Alert {
            count: old.count.saturating_add(self.count),
            last_seen: old.last_seen.max(self.last),
            request: self.request.or(old.request),
            ..old.clone()
        };
        let about = alert.id.any();
        let none = Movement::none();
        described(
            Decision::new(facts, Action::AlertRepeated, about, none, Vec::new()),
            &alert,
        )
        .detail("count", alert.count.to_string())
        .reply(Reply::Empty)
        .change(about, Record::Alert(alert))
    }
}

/// A decision about an alert that tells one event.
pub(super) fn told(facts: &Facts, action: Action, event: EventType, alert: &Alert) -> Decision {
    let about = alert.id.any();
    let event = EventFact {
        event,
        about: Some(about),
    };
    let decision = Decision::new(facts, action, about, Movement::none(), vec![event]);
    described(decision, alert)
}

/// With what the event's body is made of.
fn described(decision: Decision, alert: &Alert) -> Decision {
    decision
        .detail("type", alert.rule.as_str())
        .detail("severity", alert.severity.as_str())
        .detail("status", alert.status.as_str())
        .detail("subject", alert.subject.to_string())
}
