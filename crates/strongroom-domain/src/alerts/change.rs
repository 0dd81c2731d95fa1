//! Taking an alert up, and being done with it.

use strongroom_auth::permission::WriteAlerts;
use strongroom_types::id::{AlertId, ApiKeyId};
use strongroom_types::mode::Scope;

use crate::action::Action;
use crate::alerts::raise::told;
use crate::alerts::{Alert, AlertStatus, AlertView, Handled};
use crate::command::{Command, Moment};
use crate::decision::{Decision, Reply};
use crate::event::EventType;
use crate::facts::{Facts, Field, Keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::view::json;

/// `POST /v1/alerts/{id}/acknowledge`.
pub struct AcknowledgeAlert {
    pub id: AlertId,
    pub by: Option<ApiKeyId>,
}

/// `POST /v1/alerts/{id}/resolve`.
pub struct ResolveAlert {
    pub id: AlertId,
    pub by: Option<ApiKeyId>,
    pub note: Option<String>,
}

impl Command for AcknowledgeAlert {
    type Permission = WriteAlerts;

    fn action(&self) -> Action {
        Action::AlertAcknowledged
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let old = existing(facts, self.id)?;
        if old.status != AlertStatus::Open {
            return Err(not_now(old));
        }

        // From here it must succeed.
        let alert = Alert {
            status: AlertStatus::Acknowledged,
            acknowledged: Some(Handled {
                by: self.by,
                at: moment.now,
            }),
            ..old.clone()
        };
        let (action, event) = (Action::AlertAcknowledged, EventType::AlertAcknowledged);
        Ok(told(facts, action, event, &alert)
            .reply(Reply::Stored(json(&AlertView::new(&alert))))
            .change(self.id.any(), Record::Alert(alert)))
    }
}

impl Command for ResolveAlert {
    type Permission = WriteAlerts;

    fn action(&self) -> Action {
        Action::AlertResolved
    }

    fn keys(&self, _: &Facts, scope: Scope) -> Keys {
        Keys::default()
            .record(self.id.any())
            .record(scope.organization.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let old = existing(facts, self.id)?;
        let Some(text) = old.open_text() else {
            return Err(not_now(old));
        };
        let tenant = facts.tenant(moment.scope.organization);
        let mut tenant = tenant.ok_or_else(missing)?.clone();

        // From here it must succeed.
        tenant.open_alerts = tenant.open_alerts.map(|open| open.saturating_sub(1));
        let alert = Alert {
            status: AlertStatus::Resolved,
            resolved: Some(Handled {
                by: self.by,
                at: moment.now,
            }),
            note: self.note.clone(),
            ..old.clone()
        };
        let (action, event) = (Action::AlertResolved, EventType::AlertResolved);
        Ok(told(facts, action, event, &alert)
            .reply(Reply::Stored(json(&AlertView::new(&alert))))
            .release(Field::OpenAlert, Some(&text), self.id.any())
            .change(tenant.id.any(), Record::Tenant(tenant))
            .change(self.id.any(), Record::Alert(alert)))
    }
}

fn missing() -> Rejection {
    Rejection::new(Code::NotFound, "there is no such alert")
}

fn existing(facts: &Facts, id: AlertId) -> Result<&Alert, Rejection> {
    facts.alert(id).ok_or_else(missing)
}

fn not_now(alert: &Alert) -> Rejection {
    let text = format!("`{}` is {} already", alert.id, alert.status.as_str());
    Rejection::new(Code::InvalidState, text)
}
