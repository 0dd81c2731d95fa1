//! The log of the requests made with the organization's keys.

use serde_json::{Value as Schema, json};
use strongroom_auth::Caller;
use strongroom_auth::permission::ReadRequests;
use strongroom_engine::RequestFilter;
use strongroom_types::id::RequestId;

use crate::call::{Answer, Call};
use crate::json::NOBODY;
use crate::pages;
use crate::problem::Problem;
use crate::query::{Parameter, Query};
use crate::schema;
use crate::visit::{ADDRESS_OUTSIDE_NETWORKS, RATE_LIMIT_EXCEEDED};

/// `GET /v1/request-logs`.
pub async fn list(caller: Caller<ReadRequests>, call: Call) -> Result<Answer, Problem> {
    let page = call.query().page()?;
    let filter = filter(call.query())?;
    call.read(&caller, move |view| {
        Ok(pages::render(
            &view.request_logs(&filter, &page)?,
            Vec::clone,
        ))
    })
    .await
}

fn filter(query: &Query) -> Result<RequestFilter, Problem> {
    Ok(RequestFilter {
        status: query.choice("status", |text| {
            text.parse::<u16>()
                .ok()
                .filter(|status| (100..600).contains(status))
        })?,
        warning: query.choice("warning", |text| {
            WARNINGS.iter().find(|known| **known == text).copied()
        })?,
        request: query.id("request_id", |text| {
            RequestId::parse(text).unwrap_or(RequestId(NOBODY))
        })?,
        credential: None,
        created_after: query.time("created_after")?,
        created_before: query.time("created_before")?,
    })
}

/// The parameters of `GET /v1/request-logs` beside the page and the time range.
pub const FILTERS: &[Parameter] = &[
    Parameter::integer("status", "Only requests answered with this status."),
    Parameter::one_of(
        "warning",
        || WARNINGS.to_vec(),
        "Only requests that the log warns of in this way.",
    ),
    Parameter::text("request_id", "The request of this id."),
];

const WARNINGS: &[&str] = &[ADDRESS_OUTSIDE_NETWORKS, RATE_LIMIT_EXCEEDED];

pub fn list_schema() -> Schema {
    schema::page(schema::named(
        "request_log",
        schema::reply(vec![
            ("id", schema::id("req")),
            ("object", schema::constant("request_log")),
            ("method", schema::text()),
            ("path", schema::text()),
            ("status", json!({"type": "integer"})),
            ("duration_us", json!({"type": "integer", "minimum": 0})),
            ("credential_id", schema::nullable(schema::id("key"))),
            ("ip_address", schema::text()),
            ("user_agent", schema::text()),
            ("code", schema::nullable(schema::text())),
            ("warning", schema::nullable(schema::one_of(WARNINGS))),
            ("created_at", schema::time()),
        ]),
    ))
}
