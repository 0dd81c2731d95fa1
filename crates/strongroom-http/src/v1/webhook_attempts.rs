//! The attempts at sending events to an endpoint, with what it answered.

use serde_json::{Value as Schema, json};
use strongroom_auth::Caller;
use strongroom_auth::permission::ReadWebhooks;
use strongroom_engine::{AttemptFilter, AttemptOutcome};
use strongroom_types::id::{EventId, WebhookId};

use crate::call::{Answer, Call};
use crate::json::NOBODY;
use crate::pages;
use crate::problem::Problem;
use crate::query::Parameter;
use crate::schema;

/// `GET /v1/webhooks/{id}/attempts`.
pub async fn list(caller: Caller<ReadWebhooks>, call: Call) -> Result<Answer, Problem> {
    let (page, filter) = (call.query().page()?, filter(&call)?);
    call.read(&caller, move |view| {
        let listing = view.webhook_attempts(&filter, &page)?;
        Ok(pages::render(&listing, Vec::clone))
    })
    .await
}

fn filter(call: &Call) -> Result<AttemptFilter, Problem> {
    let query = call.query();
    Ok(AttemptFilter {
        webhook: call.id(WebhookId::parse, WebhookId(NOBODY)),
        event: query.id("event_id", |text| {
            EventId::parse(text).unwrap_or(EventId(NOBODY))
        })?,
        outcome: query.choice("outcome", |text| {
            let mut all = AttemptOutcome::ALL.into_iter();
            all.find(|outcome| outcome.as_str() == text)
        })?,
        created_after: query.time("created_after")?,
        created_before: query.time("created_before")?,
    })
}

/// The parameters beside the page and the time range.
pub const FILTERS: &[Parameter] = &[
    Parameter::text("event_id", "Only attempts at sending this event."),
    Parameter::one_of("outcome", outcomes, "Only those that ended so."),
];

fn outcomes() -> Vec<&'static str> {
    AttemptOutcome::ALL.map(AttemptOutcome::as_str).to_vec()
}

pub fn list_schema() -> Schema {
    schema::page(schema::named(
        "webhook_attempt",
        schema::reply(vec![
            ("id", schema::id("wha")),
            ("object", schema::constant("webhook_attempt")),
            ("webhook_id", schema::id("whk")),
            ("event_id", schema::id("evt")),
            ("event_type", schema::text()),
            ("attempt", json!({"type": "integer", "minimum": 1})),
            ("outcome", schema::one_of(&outcomes())),
            (
                "response_status",
                schema::nullable(json!({"type": "integer"})),
            ),
            ("response_body", schema::nullable(schema::text())),
            ("error", schema::nullable(schema::text())),
            ("duration_us", json!({"type": "integer", "minimum": 0})),
            ("created_at", schema::time()),
        ]),
    ))
}
