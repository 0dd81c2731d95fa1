//! The audit trail, and the proof that a record stands in the log.

use serde_json::{Value as Schema, json};
use strongroom_auth::Caller;
use strongroom_auth::permission::ReadAudit;
use strongroom_domain::action::Action;
use strongroom_engine::AuditFilter;
use strongroom_types::id::{
    AnyId, ApiKeyId, AuditId, EventId, Kind, OrganizationId, PayoutId, SubjectId, TransactionId,
    WalletId,
};

use crate::call::{Answer, Call};
use crate::json::NOBODY;
use crate::pages;
use crate::problem::Problem;
use crate::query::{Parameter, Query};
use crate::schema;
use crate::v1::account::mode;

/// `GET /v1/audit-logs/{id}`.
pub async fn read(caller: Caller<ReadAudit>, call: Call) -> Result<Answer, Problem> {
    let id = audit_id(&call);
    call.read(&caller, move |view| view.audit_log(id)).await
}

/// `GET /v1/audit-logs/{id}/proof`: what `strongroom audit verify` checks without a server.
pub async fn proof(caller: Caller<ReadAudit>, call: Call) -> Result<Answer, Problem> {
    let id = audit_id(&call);
    call.read(&caller, move |view| view.proof(id)).await
}

/// `GET /v1/audit-logs`: newest first.
pub async fn list(caller: Caller<ReadAudit>, call: Call) -> Result<Answer, Problem> {
    let page = call.query().page()?;
    let filter = filter(call.query())?;
    call.read(&caller, move |view| {
        Ok(pages::render(&view.audit_logs(&filter, &page)?, Vec::clone))
    })
    .await
}

fn audit_id(call: &Call) -> AuditId {
    call.id(AuditId::parse, AuditId(NOBODY))
}

fn filter(query: &Query) -> Result<AuditFilter, Problem> {
    Ok(AuditFilter {
        action: query.choice("action", Action::parse)?,
        resource: query.id("resource_id", resource)?,
        credential: query.id("credential_id", |text| {
            ApiKeyId::parse(text).unwrap_or(ApiKeyId(NOBODY))
        })?,
        outcome: query.choice("outcome", outcome)?,
        created_after: query.time("created_after")?,
        created_before: query.time("created_before")?,
    })
}

fn outcome(text: &str) -> Option<bool> {
    match text {
        "success" => Some(true),
        "refused" => Some(false),
        _ => None,
    }
}

/// Any resource a record can be about; other text is nobody's wallet.
fn resource(text: &str) -> AnyId {
    let nobody = AnyId {
        kind: Kind::Wallet,
        raw: NOBODY,
    };
    WalletId::parse(text)
        .map(WalletId::any)
        .or_else(|| PayoutId::parse(text).map(PayoutId::any))
        .or_else(|| TransactionId::parse(text).map(TransactionId::any))
        .or_else(|| ApiKeyId::parse(text).map(ApiKeyId::any))
        .or_else(|| EventId::parse(text).map(EventId::any))
        .or_else(|| OrganizationId::parse(text).map(OrganizationId::any))
        .or_else(|| SubjectId::parse(text).map(SubjectId::any))
        .unwrap_or(nobody)
}

fn actions() -> Vec<&'static str> {
    Action::ALL.iter().map(|action| action.as_str()).collect()
}

/// The parameters of `GET /v1/audit-logs` beside the page and the time range.
pub const FILTERS: &[Parameter] = &[
    Parameter::one_of("action", actions, "Only records of this action."),
    Parameter::text("resource_id", "Only records about this resource."),
    Parameter::text("credential_id", "Only records of this key's acts."),
    Parameter::one_of(
        "outcome",
        || vec!["success", "refused"],
        "Only acts that ended so.",
    ),
];

pub fn schema() -> Schema {
    schema::named(
        "audit_log",
        schema::reply(vec![
            ("id", schema::id("audit")),
            ("object", schema::constant("audit_log")),
            ("sequence", json!({"type": "integer"})),
            ("timestamp", schema::time()),
            ("created_at", schema::time()),
            ("user_id", schema::nullable(schema::text())),
            ("credential_id", schema::nullable(schema::id("key"))),
            ("action", schema::one_of(&actions())),
            ("resource_id", schema::nullable(schema::text())),
            ("outcome", schema::one_of(&["success", "refused"])),
            ("code", schema::nullable(schema::text())),
            ("organization_id", schema::id("org")),
            ("mode", mode()),
            ("ip_address", schema::text()),
            ("user_agent", schema::text()),
            ("request_id", schema::nullable(schema::id("req"))),
            ("policy", schema::text()),
            ("signed", json!({"type": "boolean"})),
            (
                "details",
                json!({"type": "object", "additionalProperties": {"type": "string"}}),
            ),
        ]),
    )
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}

/// The outline of a bundle; its inside is the verifier's business (`strongroom audit verify`).
pub fn proof_schema() -> Schema {
    let fields = [
        ("format", schema::constant("strongroom/bundle/1")),
        ("log", json!({"type": "object"})),
        ("verifier_key", schema::text()),
        ("checkpoint", schema::text()),
        ("entries", schema::list(json!({"type": "object"}))),
    ];
    schema::named("proof", schema::reply(fields.into()))
}

#[cfg(test)]
mod tests {
    use strongroom_types::id::RawId;

    use super::*;

    #[test]
    fn any_resource_is_found_by_its_text() {
        for kind in [
            Kind::Wallet,
            Kind::Payout,
            Kind::Transaction,
            Kind::ApiKey,
            Kind::Organization,
        ] {
            let id = AnyId {
                kind,
                raw: RawId([7; 12]),
            };
            assert_eq!(resource(&id.to_string()), id);
        }
        assert_eq!(resource("user_1").raw, NOBODY);
    }
}
