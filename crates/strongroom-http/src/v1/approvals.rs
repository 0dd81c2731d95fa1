//! Approvals: seen by those who decide on them, approved by their hash, rejected, withdrawn.

use serde_json::{Value as Schema, json};
use strongroom_auth::permission::{ApproveApprovals, ReadApprovals, WithdrawApprovals};
use strongroom_auth::{Caller, Role};
use strongroom_domain::approvals::{Act, ApprovalStatus, ApprovalView, Approve, Reject, Withdraw};
use strongroom_domain::view;
use strongroom_engine::ApprovalFilter;
use strongroom_types::id::ApprovalId;

use crate::call::{Answer, Call};
use crate::json::{Fields, NOBODY, read_object};
use crate::pages;
use crate::problem::Problem;
use crate::query::{Parameter, Query};
use crate::schema;

const MOST_REASON: usize = 500;

/// `POST /v1/approvals/{id}/approve`.
pub async fn approve(caller: Caller<ApproveApprovals>, call: Call) -> Result<Answer, Problem> {
    let hash = read_object(&call.object()?, |fields| {
        let hash = hash(fields);
        fields.required("hash", hash)
    })?;
    let command = Approve {
        id: approval_id(&call),
        key: call.credential().id,
        hash,
    };
    call.execute(&caller, command).await
}

/// `POST /v1/approvals/{id}/reject`.
pub async fn reject(caller: Caller<ApproveApprovals>, call: Call) -> Result<Answer, Problem> {
    let reason = match call.body.is_empty() {
        true => None,
        false => read_object(&call.object()?, |fields| {
            Some(fields.text("reason", MOST_REASON))
        })?,
    };
    let command = Reject {
        id: approval_id(&call),
        key: call.credential().id,
        reason,
    };
    call.execute(&caller, command).await
}

/// `POST /v1/approvals/{id}/withdraw`.
pub async fn withdraw(caller: Caller<WithdrawApprovals>, call: Call) -> Result<Answer, Problem> {
    call.no_fields()?;
    let command = Withdraw {
        id: approval_id(&call),
        key: call.credential().id,
    };
    call.execute(&caller, command).await
}

/// `GET /v1/approvals/{id}`.
pub async fn read(caller: Caller<ReadApprovals>, call: Call) -> Result<Answer, Problem> {
    let (id, now) = (approval_id(&call), call.engine().now());
    call.read(&caller, move |view| {
        Ok(view::json(&ApprovalView::new(&view.approval(id)?, now)))
    })
    .await
}

/// `GET /v1/approvals`.
pub async fn list(caller: Caller<ReadApprovals>, call: Call) -> Result<Answer, Problem> {
    let (page, now) = (call.query().page()?, call.engine().now());
    let filter = filter(call.query())?;
    call.read(&caller, move |view| {
        let listing = view.approvals(&filter, now, &page)?;
        Ok(pages::render(&listing, |approval| {
            view::json(&ApprovalView::new(approval, now))
        }))
    })
    .await
}

fn approval_id(call: &Call) -> ApprovalId {
    call.id(ApprovalId::parse, ApprovalId(NOBODY))
}

fn hash(fields: &mut Fields<'_, '_>) -> Option<[u8; 32]> {
    fields.parsed("hash", "64 lower-case hexadecimal digits", |text| {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let mut hash = [0; 32];
        if pairs.len() != hash.len() || !rest.is_empty() {
            return None;
        }
        for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
            *byte = (digit(*high)? << 4) | digit(*low)?;
        }
        Some(hash)
    })
}

const fn digit(letter: u8) -> Option<u8> {
    match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        _ => None,
    }
}

fn filter(query: &Query) -> Result<ApprovalFilter, Problem> {
    Ok(ApprovalFilter {
        status: query.choice("status", ApprovalStatus::parse)?,
        act: query.choice("act", Act::parse)?,
        created_after: query.time("created_after")?,
        created_before: query.time("created_before")?,
    })
}

fn statuses() -> Vec<&'static str> {
    ApprovalStatus::ALL.iter().map(|s| s.as_str()).collect()
}

/// Every kind of act that a policy can hold up.
pub fn acts() -> Vec<&'static str> {
    Act::ALL.iter().map(|act| act.as_str()).collect()
}

/// The roles that keys which approve can have.
pub fn roles() -> Vec<&'static str> {
    [
        Role::Owner,
        Role::Admin,
        Role::Operator,
        Role::Viewer,
        Role::Manager,
        Role::Cashier,
        Role::Custom,
    ]
    .iter()
    .map(|role| role.as_str())
    .collect()
}

/// The parameters of `GET /v1/approvals` beside the page and the time range.
pub const FILTERS: &[Parameter] = &[
    Parameter::one_of("status", statuses, "Only approvals in this state."),
    Parameter::one_of("act", acts, "Only approvals of this kind of act."),
];

pub fn approve_schema() -> Schema {
    let hash = json!({"type": "string", "minLength": 64, "maxLength": 64});
    schema::object(&["hash"], vec![("hash", hash)])
}

pub fn reject_schema() -> Schema {
    schema::object(&[], vec![("reason", schema::line(MOST_REASON))])
}

pub fn schema() -> Schema {
    let count = || json!({"type": "integer", "minimum": 1});
    let asked = schema::reply(vec![
        ("id", schema::id("apol")),
        ("version", count()),
        ("approvals", count()),
        ("roles", schema::list(schema::one_of(&roles()))),
    ]);
    let vote = schema::reply(vec![
        ("key_id", schema::id("key")),
        ("approved_at", schema::time()),
    ]);
    let fields = vec![
        ("id", schema::id("appr")),
        ("object", schema::constant("approval")),
        ("act", schema::one_of(&acts())),
        ("status", schema::one_of(&statuses())),
        ("requested_by", schema::id("key")),
        ("policies", schema::list(asked)),
        ("request", schema::nullable(json!({"type": "object"}))),
        ("canonical", schema::nullable(schema::text())),
        ("hash", schema::text()),
        ("approvals", schema::list(vote)),
        ("resource_id", schema::nullable(schema::text())),
        ("failure_code", schema::nullable(schema::text())),
        ("ended_by", schema::nullable(schema::id("key"))),
        ("reason", schema::nullable(schema::text())),
        ("ended_at", schema::nullable(schema::time())),
        ("expires_at", schema::time()),
        ("created_at", schema::time()),
    ];
    schema::named("approval", schema::reply(fields))
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}
