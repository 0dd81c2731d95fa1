//! Signed checkpoints of the caller's log, and the proof that one grew out of another.

use serde_json::{Value as Schema, json};
use strongroom_auth::Caller;
use strongroom_auth::permission::ReadAudit;

use crate::call::{Answer, Call};
use crate::pages;
use crate::problem::Problem;
use crate::query::{self, Parameter};
use crate::schema;

/// `GET /v1/checkpoints`.
pub async fn list(caller: Caller<ReadAudit>, call: Call) -> Result<Answer, Problem> {
    let page = call.query().page()?;
    call.read(&caller, move |view| {
        Ok(pages::render(&view.checkpoints(&page)?, Vec::clone))
    })
    .await
}

/// `GET /v1/checkpoints/consistency?from=&to=`: sizes of the log; `to` is its present size when absent.
pub async fn consistency(caller: Caller<ReadAudit>, call: Call) -> Result<Answer, Problem> {
    let from = call
        .query()
        .number("from")?
        .ok_or_else(|| query::missing("from"))?;
    let to = call.query().number("to")?;
    call.read(&caller, move |view| view.consistency(from, to))
        .await
}

/// The parameters of `GET /v1/checkpoints/consistency`.
pub const RANGE: &[Parameter] = &[
    Parameter::integer("from", "The smaller size of the log.").required(),
    Parameter::integer(
        "to",
        "The larger size of the log; its present size when absent.",
    ),
];

pub fn list_schema() -> Schema {
    schema::page(schema::named(
        "checkpoint",
        schema::reply(vec![
            ("id", schema::id("ckpt")),
            ("object", schema::constant("checkpoint")),
            ("origin", schema::text()),
            ("size", size()),
            ("root", schema::text()),
            ("note", schema::text()),
            ("verifier_key", schema::text()),
            ("verifier_key", schema::text()),
            ("created_at", schema::time()),
        ]),
    ))
}

/// RFC 6962; the hashes are base64.
pub fn consistency_schema() -> Schema {
    schema::named(
        "consistency_proof",
        schema::reply(vec![
            ("object", schema::constant("consistency_proof")),
            ("origin", schema::text()),
            ("from", size()),
            ("to", size()),
            ("proof", schema::list(schema::text())),
        ]),
    )
}

fn size() -> Schema {
    json!({"type": "integer", "minimum": 0})
}
