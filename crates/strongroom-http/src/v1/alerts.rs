//! Alerts: listed, taken up, done with.

use serde_json::{Value as Schema, json};
use strongroom_auth::Caller;
use strongroom_auth::permission::{ReadAlerts, WriteAlerts};
use strongroom_domain::alerts::{
    AcknowledgeAlert, AlertStatus, AlertView, ResolveAlert, Rule, Severity,
};
use strongroom_domain::view;
use strongroom_engine::AlertFilter;
use strongroom_types::id::AlertId;

use crate::call::{Answer, Call};
use crate::json::{NOBODY, read_object};
use crate::pages;
use crate::problem::Problem;
use crate::query::{Parameter, Query};
use crate::schema;

const MOST_NOTE: usize = 500;

/// `GET /v1/alerts/{id}`.
pub async fn read(caller: Caller<ReadAlerts>, call: Call) -> Result<Answer, Problem> {
    let id = alert_id(&call);
    call.read(&caller, move |view| {
        Ok(view::json(&AlertView::new(&view.alert(id)?)))
    })
    .await
}

/// `GET /v1/alerts`.
pub async fn list(caller: Caller<ReadAlerts>, call: Call) -> Result<Answer, Problem> {
    let page = call.query().page()?;
    let filter = filter(call.query())?;
    call.read(&caller, move |view| {
        let listing = view.alerts(&filter, &page)?;
        Ok(pages::render(&listing, |alert| {
            view::json(&AlertView::new(alert))
        }))
    })
    .await
}

/// `POST /v1/alerts/{id}/acknowledge`.
pub async fn acknowledge(caller: Caller<WriteAlerts>, call: Call) -> Result<Answer, Problem> {
    call.no_fields()?;
    let command = AcknowledgeAlert {
        id: alert_id(&call),
        by: Some(call.credential().id),
    };
    call.execute(&caller, command).await
}

/// `POST /v1/alerts/{id}/resolve`.
pub async fn resolve(caller: Caller<WriteAlerts>, call: Call) -> Result<Answer, Problem> {
    let note = match call.body.is_empty() {
        true => None,
        false => read_object(&call.object()?, |fields| {
            Some(fields.text("note", MOST_NOTE))
        })?,
    };
    let command = ResolveAlert {
        id: alert_id(&call),
        by: Some(call.credential().id),
        note,
    };
    call.execute(&caller, command).await
}

fn alert_id(call: &Call) -> AlertId {
    call.id(AlertId::parse, AlertId(NOBODY))
}

fn filter(query: &Query) -> Result<AlertFilter, Problem> {
    Ok(AlertFilter {
        status: query.choice("status", AlertStatus::parse)?,
        severity: query.choice("severity", Severity::parse)?,
        rule: query.choice("type", Rule::parse)?,
        created_after: query.time("created_after")?,
        created_before: query.time("created_before")?,
    })
}

fn statuses() -> Vec<&'static str> {
    AlertStatus::ALL.iter().map(|s| s.as_str()).collect()
}

fn severities() -> Vec<&'static str> {
    Severity::ALL.iter().map(|s| s.as_str()).collect()
}

fn rules() -> Vec<&'static str> {
    Rule::ALL.iter().map(|rule| rule.as_str()).collect()
}

/// The parameters of `GET /v1/alerts` beside the page and the time range.
pub const FILTERS: &[Parameter] = &[
    Parameter::one_of("status", statuses, "Only alerts in this state."),
    Parameter::one_of("severity", severities, "Only alerts of this severity."),
    Parameter::one_of("type", rules, "Only alerts of this type."),
];

pub fn resolve_schema() -> Schema {
    schema::object(&[], vec![("note", schema::line(MOST_NOTE))])
}

pub fn schema() -> Schema {
    let key = || schema::nullable(schema::id("key"));
    let time = || schema::nullable(schema::time());
    let fields = vec![
        ("id", schema::id("alert")),
        ("object", schema::constant("alert")),
        ("type", schema::one_of(&rules())),
        ("severity", schema::one_of(&severities())),
        ("status", schema::one_of(&statuses())),
        ("subject_id", schema::text()),
        ("count", json!({"type": "integer", "minimum": 1})),
        ("first_seen_at", schema::time()),
        ("last_seen_at", schema::time()),
        ("last_request_id", schema::nullable(schema::id("req"))),
        ("acknowledged_by", key()),
        ("acknowledged_at", time()),
        ("resolved_by", key()),
        ("resolved_at", time()),
        ("note", schema::nullable(schema::text())),
        ("created_at", schema::time()),
    ];
    schema::named("alert", schema::reply(fields))
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}
