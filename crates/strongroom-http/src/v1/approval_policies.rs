//! Policies of approvals: which acts wait, and for whom. What changes one waits for what the policy itself asks for.

use serde_json::{Value as Schema, json};
use strongroom_auth::permission::{ManagePolicies, ReadPolicies};
use strongroom_auth::{Caller, Role};
use strongroom_domain::approvals::{
    Act, ChangePolicies, LONGEST_WAIT, MOST_APPROVALS, NewPolicy, PolicyChange, PolicyPatch,
    PolicyView, SHORTEST_WAIT,
};
use strongroom_domain::view;
use strongroom_types::id::ApprovalPolicyId;
use strongroom_types::money::Money;

use crate::call::{Answer, Call};
use crate::json::{FaultKind, Fields, NOBODY, read_object};
use crate::pages;
use crate::problem::Problem;
use crate::schema;
use crate::v1::approvals::{acts, roles as role_names};
use crate::v1::wallets::expected;

/// How long a request waits when its policy does not say, in seconds.
const WAIT: i64 = 24 * 3_600;
const MOST_ROLES: usize = 7;

/// `POST /v1/approval-policies`.
pub async fn create(caller: Caller<ManagePolicies>, call: Call) -> Result<Answer, Problem> {
    let dialect = call.dialect();
    let new = read_object(&call.object()?, |fields| {
        let act = fields.parsed("act", &expected(&acts()), Act::parse);
        let act = fields.required("act", act);
        let threshold = fields
            .object("threshold")
            .map(|inner| threshold(inner, dialect));
        let approvals = approvals(fields);
        let approvals = fields.required("approvals", approvals);
        let roles = roles(fields);
        let wait = wait(fields);
        Some(NewPolicy {
            act: act?,
            threshold: match threshold {
                Some(threshold) => Some(threshold?),
                None => None,
            },
            approvals: approvals?,
            roles: roles.unwrap_or_default(),
            expires_in: wait.unwrap_or(WAIT * 1_000),
        })
    })?;
    let command = ChangePolicies(PolicyChange::Create(new));
    call.execute(&caller, command).await
}

/// `PATCH /v1/approval-policies/{id}`.
pub async fn update(caller: Caller<ManagePolicies>, call: Call) -> Result<Answer, Problem> {
    let (id, dialect) = (policy_id(&call), call.dialect());
    let patch = read_object(&call.object()?, |fields| {
        let named = fields.raw("threshold").is_some();
        let threshold = fields
            .object("threshold")
            .map(|inner| threshold(inner, dialect));
        let without = named && threshold.is_none();
        Some(PolicyPatch {
            threshold: match threshold {
                Some(threshold) => Some(threshold?),
                None => None,
            },
            without_threshold: without,
            approvals: approvals(fields),
            roles: roles(fields),
            expires_in: wait(fields),
        })
    })?;
    let command = ChangePolicies(PolicyChange::Update(id, patch));
    call.execute(&caller, command).await
}

/// `DELETE /v1/approval-policies/{id}`.
pub async fn delete(caller: Caller<ManagePolicies>, call: Call) -> Result<Answer, Problem> {
    call.no_fields()?;
    let command = ChangePolicies(PolicyChange::Delete(policy_id(&call)));
    call.execute(&caller, command).await
}

/// `GET /v1/approval-policies/{id}`.
pub async fn read(caller: Caller<ReadPolicies>, call: Call) -> Result<Answer, Problem> {
    let id = policy_id(&call);
    call.read(&caller, move |view| {
        Ok(view::json(&PolicyView::new(&view.approval_policy(id)?)))
    })
    .await
}

/// `GET /v1/approval-policies`.
pub async fn list(caller: Caller<ReadPolicies>, call: Call) -> Result<Answer, Problem> {
    let page = call.query().page()?;
    call.read(&caller, move |view| {
        let listing = view.approval_policies(&page)?;
        Ok(pages::render(&listing, |policy| {
            view::json(&PolicyView::new(policy))
        }))
    })
    .await
}

fn policy_id(call: &Call) -> ApprovalPolicyId {
    call.id(ApprovalPolicyId::parse, ApprovalPolicyId(NOBODY))
}

fn threshold(mut fields: Fields<'_, '_>, dialect: strongroom_auth::Dialect) -> Option<Money> {
    let currency = fields.currency("currency");
    let currency = fields.required("currency", currency);
    let amount = fields.amount("amount", currency, dialect);
    fields.required("amount", amount)
}

fn approvals(fields: &mut Fields<'_, '_>) -> Option<u32> {
    let count = fields.integer("approvals", 1, i64::from(MOST_APPROVALS))?;
    u32::try_from(count).ok()
}

fn wait(fields: &mut Fields<'_, '_>) -> Option<i64> {
    let seconds = fields.integer("expires_in", SHORTEST_WAIT / 1_000, LONGEST_WAIT / 1_000)?;
    Some(seconds.saturating_mul(1_000))
}

fn roles(fields: &mut Fields<'_, '_>) -> Option<Vec<Role>> {
    let names = fields.texts("roles", MOST_ROLES)?;
    let mut roles = Vec::with_capacity(names.len());
    for name in names {
        match Role::parse(&name).filter(|role| *role != Role::Publishable) {
            Some(role) => roles.push(role),
            None => {
                let text = format!("hold a name that is none of {}", role_names().join(", "));
                fields.fault(FaultKind::InvalidField, "roles", text);
                return None;
            }
        }
    }
    Some(roles)
}

fn threshold_schema() -> Schema {
    schema::object(
        &["amount", "currency"],
        vec![
            ("amount", schema::amount()),
            ("currency", schema::currency()),
        ],
    )
}

fn count() -> Schema {
    json!({"type": "integer", "minimum": 1, "maximum": MOST_APPROVALS})
}

fn seconds() -> Schema {
    json!({"type": "integer", "minimum": SHORTEST_WAIT / 1_000, "maximum": LONGEST_WAIT / 1_000, "default": WAIT})
}

pub fn create_schema() -> Schema {
    schema::object(
        &["act", "approvals"],
        vec![
            ("act", schema::one_of(&acts())),
            ("threshold", schema::nullable(threshold_schema())),
            ("approvals", count()),
            ("roles", schema::list(schema::one_of(&role_names()))),
            ("expires_in", seconds()),
        ],
    )
}

pub fn update_schema() -> Schema {
    schema::object(
        &[],
        vec![
            ("threshold", schema::nullable(threshold_schema())),
            ("approvals", count()),
            ("roles", schema::list(schema::one_of(&role_names()))),
            ("expires_in", seconds()),
        ],
    )
}

pub fn schema() -> Schema {
    let threshold = schema::reply(vec![
        ("amount", schema::minor()),
        ("currency", schema::currency()),
    ]);
    let fields = vec![
        ("id", schema::id("apol")),
        ("object", schema::constant("approval_policy")),
        ("act", schema::one_of(&acts())),
        ("threshold", schema::nullable(threshold)),
        ("approvals", count()),
        ("roles", schema::list(schema::one_of(&role_names()))),
        ("expires_in", schema::minor()),
        ("version", json!({"type": "integer", "minimum": 1})),
        ("created_at", schema::time()),
        ("updated_at", schema::time()),
    ];
    schema::named("approval_policy", schema::reply(fields))
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}
