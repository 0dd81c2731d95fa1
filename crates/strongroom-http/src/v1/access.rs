//! Who may do what, and why: the policy's own answer for a key, the keys that may do something, and what a key made use of.

use std::borrow::Cow;
use std::collections::BTreeMap;

use hyper::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Schema, json};
use strongroom_auth::permission::{ALL, ReadAccess, ReadKeys};
use strongroom_auth::{Caller, Credential, CredentialStatus, SigningPolicy};
use strongroom_domain::view;
use strongroom_engine::{Listing, PageQuery, ReadFault, RequestFilter, View};
use strongroom_types::id::{AnyId, ApiKeyId, Kind};
use strongroom_types::time::{DAY, Timestamp};

use crate::call::{Answer, Call};
use crate::json::NOBODY;
use crate::pages;
use crate::problem::Problem;
use crate::query::{Parameter, Query, invalid, missing};
use crate::routes::routes;
use crate::schema;
use crate::table::{Found, Table};
use crate::v1::access_conditions;

/// `GET /v1/access/explain`.
pub async fn explain(caller: Caller<ReadAccess>, call: Call) -> Result<Answer, Problem> {
    let actor = call.query().id("actor", |text| {
        ApiKeyId::parse(text).unwrap_or(ApiKeyId(NOBODY))
    })?;
    let actor = actor.ok_or_else(|| missing("actor"))?;
    let permission = permission(call.query())?;
    let resource = resource(call.query())?;
    let scope = caller.tenant().scope();
    let credential = call.engine().holder(&scope, actor);
    let credential = credential.ok_or_else(Problem::not_found)?;
    let is_there = match resource {
        Some(id) => Some(
            call.engine()
                .read(&caller, move |view| view.holds(id))
                .await?,
        ),
        None => None,
    };
    let explained = Explanation::of(
        &credential,
        permission,
        resource,
        is_there,
        call.engine().now(),
    );
    Ok(Answer::json(view::json(&explained)))
}

/// `GET /v1/access/who-can`.
pub async fn who_can(caller: Caller<ReadAccess>, call: Call) -> Result<Answer, Problem> {
    let permission = permission(call.query())?;
    let page = call.query().page()?;
    let cursor = cursor(&page)?;
    let resource = resource(call.query())?;
    let is_there = match resource {
        Some(id) => {
            call.engine()
                .read(&caller, move |view| view.holds(id))
                .await?
        }
        None => true,
    };
    let scope = caller.tenant().scope();
    // SECURITY: of what is not in these books nobody may do anything, and nothing more is said.
    let mut holders = match is_there {
        true => call.engine().holders(&scope, permission),
        false => Vec::new(),
    };
    holders.retain(|holder| cursor.is_none_or(|cursor| holder.id > cursor));
    let has_more = holders.len() > page.limit;
    holders.truncate(page.limit);
    let next_cursor = holders
        .last()
        .filter(|_| has_more)
        .map(|holder| holder.id.to_string());
    let listing = Listing {
        items: holders,
        has_more,
        next_cursor,
    };
    Ok(Answer::json(pages::render(&listing, |holder| {
        view::json(&Holder::of(holder, permission))
    })))
}

/// `GET /v1/api-keys/{id}/usage`.
pub async fn usage(caller: Caller<ReadKeys>, call: Call) -> Result<Answer, Problem> {
    let id = call.id(ApiKeyId::parse, ApiKeyId(NOBODY));
    let days = call.query().number("days")?.unwrap_or(STANDARD_DAYS);
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(invalid("days", "must be a whole number from 1 to 90"));
    }
    let scope = caller.tenant().scope();
    let credential = call.engine().holder(&scope, id);
    let credential = credential.ok_or_else(Problem::not_found)?;
    let span = i64::try_from(days).unwrap_or(1).saturating_mul(DAY);
    let filter = RequestFilter {
        credential: Some(id),
        created_after: Some(call.engine().now().plus(-span)),
        ..RequestFilter::default()
    };
    let read = move |view: &mut View<'_>| Used::of(view, &filter);
    let (used, whole) = call.engine().read(&caller, read).await?;
    Ok(Answer::json(view::json(&used.report(
        &credential,
        days,
        whole,
    ))))
}

fn cursor(page: &PageQuery) -> Result<Option<ApiKeyId>, Problem> {
    let odd = || invalid("after", "is no cursor of this list");
    let parse = |text: &String| ApiKeyId::parse(text).ok_or_else(odd);
    page.after.as_ref().map(parse).transpose()
}

const STANDARD_DAYS: u64 = 30;
/// The request log is kept no longer.
const MOST_DAYS: u64 = 90;
/// Requests that are looked at for one report.
const MOST_LINES: usize = 50_000;

fn permission(query: &Query) -> Result<&'static str, Problem> {
    let known = |text: &str| ALL.iter().find(|name| **name == text).copied();
    query
        .choice("permission", known)?
        .ok_or_else(|| missing("permission"))
}

/// What permissions are held about, and is found by its id alone.
const RESOURCES: [Kind; 11] = [
    Kind::Role,
    Kind::Wallet,
    Kind::Payout,
    Kind::ApiKey,
    Kind::Webhook,
    Kind::Token,
    Kind::Payment,
    Kind::Refund,
    Kind::Alert,
    Kind::Approval,
    Kind::ApprovalPolicy,
];

/// Text that is no such id is nobody's.
fn resource(query: &Query) -> Result<Option<AnyId>, Problem> {
    let nobody = AnyId {
        kind: Kind::Wallet,
        raw: NOBODY,
    };
    let known = |text: &str| AnyId::parse(text).filter(|id| RESOURCES.contains(&id.kind));
    query.id("resource", |text| known(text).unwrap_or(nobody))
}

/// Why a key may do something, or not.
#[derive(Serialize)]
struct Explanation {
    object: &'static str,
    actor: ApiKeyId,
    permission: &'static str,
    resource: Option<AnyId>,
    allowed: bool,
    rule: String,
    checks: Vec<Check>,
}

/// One thing that is asked, and what comes of it. What `depends` is asked of each request.
#[derive(Serialize)]
pub(super) struct Check {
    check: &'static str,
    outcome: &'static str,
    detail: String,
}

pub(super) fn check(
    check: &'static str,
    outcome: &'static str,
    detail: impl Into<String>,
) -> Check {
    Check {
        check,
        outcome,
        detail: detail.into(),
    }
}

impl Explanation {
    fn of(
        credential: &Credential,
        permission: &'static str,
        resource: Option<AnyId>,
        is_there: Option<bool>,
        now: Timestamp,
    ) -> Explanation {
        let allowing = rule(credential, permission);
        let mut checks = vec![state(credential, now)];
        checks.push(match &allowing {
            Some(rule) => check("permission", "passes", format!("`{rule}` allows it")),
            None => check(
                "permission",
                "fails",
                format!(
                    "nothing that the role `{}` holds allows it",
                    credential.role_name()
                ),
            ),
        });
        checks.extend(is_there.map(|is_there| match is_there {
            true => check("resource", "passes", "it is in these books"),
            false => check("resource", "fails", "it is not in these books"),
        }));
        checks.extend(conditions(credential));
        let bound = credential.conditions.as_deref();
        checks.extend(
            bound
                .into_iter()
                .flat_map(|bound| access_conditions::checks(bound, now)),
        );
        let allowed = checks.iter().all(|check| check.outcome != "fails");
        Explanation {
            object: "access_explanation",
            actor: credential.id,
            permission,
            resource,
            allowed,
            rule: allowing.unwrap_or_else(|| format!("role:{}:none", credential.role_name())),
            checks,
        }
    }
}

fn rule(credential: &Credential, permission: &str) -> Option<String> {
    let pattern = credential.permissions.allows(permission)?;
    Some(format!("role:{}:{pattern}", credential.role_name()))
}

fn state(credential: &Credential, now: Timestamp) -> Check {
    match (credential.status, credential.is_usable(now)) {
        (CredentialStatus::Revoked, _) => check("credential", "fails", "the key is revoked"),
        (_, false) => check("credential", "fails", "the key has expired"),
        (_, true) => check("credential", "passes", "the key is good"),
    }
}

/// What each request is held to beside the permission.
fn conditions(credential: &Credential) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Some(networks) = &credential.networks {
        let ranges: Vec<String> = networks.ranges.iter().map(ToString::to_string).collect();
        let (outcome, word) = match networks.report_only {
            true => ("passes", "used from elsewhere it is only reported; held to"),
            false => ("depends", "only from"),
        };
        checks.push(check(
            "network",
            outcome,
            format!("{word} {}", ranges.join(", ")),
        ));
    }
    if credential.certificates.is_some() {
        checks.push(check(
            "client_certificate",
            "depends",
            "only with a registered certificate",
        ));
    }
    match credential.signing {
        SigningPolicy::Never => {}
        SigningPolicy::Sensitive => {
            checks.push(check(
                "signature",
                "depends",
                "sensitive requests must be signed",
            ));
        }
        SigningPolicy::Always => {
            checks.push(check(
                "signature",
                "depends",
                "every request must be signed",
            ));
        }
    }
    if credential.is_limited {
        checks.push(check(
            "money_limits",
            "depends",
            "only within the key's money limits",
        ));
    }
    checks
}

/// A key that may do something.
#[derive(Serialize)]
struct Holder {
    object: &'static str,
    actor: ApiKeyId,
    role: Cow<'static, str>,
    rule: Option<String>,
    conditions: Vec<&'static str>,
}

impl Holder {
    fn of(credential: &Credential, permission: &str) -> Holder {
        let mut depends = conditions(credential);
        depends.retain(|check| check.outcome == "depends");
        let depends = depends.into_iter();
        let bound = credential.conditions.as_deref();
        let bound = bound.into_iter().flat_map(access_conditions::names);
        Holder {
            object: "access_holder",
            actor: credential.id,
            role: credential.role_name(),
            rule: rule(credential, permission),
            conditions: depends.map(|check| check.check).chain(bound).collect(),
        }
    }
}

/// How often each permission was made use of, and refused.
#[derive(Default)]
struct Used {
    counts: BTreeMap<&'static str, u64>,
    refused: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct UsageReport {
    object: &'static str,
    id: ApiKeyId,
    days: u64,
    complete: bool,
    used: Vec<PermissionUse>,
    unused: Vec<&'static str>,
    /// Asked for, and not held.
    denied: Vec<PermissionUse>,
}

#[derive(Serialize)]
struct PermissionUse {
    permission: &'static str,
    requests: u64,
}

/// A line of the request log, as far as it matters here.
#[derive(Deserialize)]
struct Line<'a> {
    method: &'a str,
    path: &'a str,
    status: u16,
}

impl Used {
    /// What the log's lines made use of, and whether all of them were looked at.
    fn of(view: &mut View<'_>, filter: &RequestFilter) -> Result<(Used, bool), ReadFault> {
        let (table, mut used) = (Table::new(routes()), Used::default());
        let mut page = PageQuery {
            limit: 100,
            after: None,
            before: None,
        };
        let mut seen = 0;
        while seen < MOST_LINES {
            let lines = match view.request_logs(filter, &page) {
                Ok(lines) => lines,
                Err(ReadFault::NarrowTheRange) => return Ok((used, false)),
                Err(fault) => return Err(fault),
            };
            seen += lines.items.len();
            for line in &lines.items {
                if let Ok(line) = serde_json::from_slice::<Line<'_>>(line) {
                    used.count(&table, &line);
                }
            }
            if !lines.has_more {
                return Ok((used, true));
            }
            page.after = lines.next_cursor;
        }
        Ok((used, false))
    }

    fn count(&mut self, table: &Table, line: &Line<'_>) {
        let path = line.path.split('?').next().unwrap_or(line.path);
        let Ok(method) = Method::from_bytes(line.method.as_bytes()) else {
            return;
        };
        let Found::Route(route, _) = table.find(&method, path) else {
            return;
        };
        let Some(permission) = route.permission else {
            return;
        };
        let counts = match line.status {
            401 | 403 | 429 => &mut self.refused,
            _ => &mut self.counts,
        };
        *counts.entry(permission).or_default() += 1;
    }

    fn report(self, credential: &Credential, days: u64, complete: bool) -> UsageReport {
        let holds = |name: &str| credential.permissions.allows(name).is_some();
        let unused = ALL.iter().copied();
        let unused = unused.filter(|name| holds(name) && !self.counts.contains_key(name));
        let unused = unused.collect();
        let listed = |(permission, requests)| PermissionUse {
            permission,
            requests,
        };
        UsageReport {
            object: "api_key_usage",
            id: credential.id,
            days,
            complete,
            unused,
            denied: self
                .refused
                .into_iter()
                .filter(|(name, _)| !holds(name))
                .map(listed)
                .collect(),
            used: self.counts.into_iter().map(listed).collect(),
        }
    }
}

const PERMISSION: Parameter =
    Parameter::one_of("permission", || ALL.to_vec(), "What is to be done.");
const RESOURCE: Parameter = Parameter::text("resource", "The id of what it is to be done to.");

pub const EXPLAIN: &[Parameter] = &[
    Parameter::text("actor", "The API key's id.").required(),
    PERMISSION.required(),
    RESOURCE,
];
pub const WHO_CAN: &[Parameter] = &[
    PERMISSION.required(),
    RESOURCE,
    Parameter::integer("limit", "How many to return, 1 to 100; 20 when absent."),
    Parameter::text("after", "A `next_cursor`, or the id behind which to go on."),
];
pub const USAGE: &[Parameter] = &[Parameter::integer(
    "days",
    "How far to look back, 1 to 90; 30 when absent.",
)];

pub fn explain_schema() -> Schema {
    let check = schema::reply(vec![
        ("check", schema::text()),
        ("outcome", schema::one_of(&["passes", "fails", "depends"])),
        ("detail", schema::text()),
    ]);
    schema::reply(vec![
        ("object", schema::constant("access_explanation")),
        ("actor", schema::id("key")),
        ("permission", schema::text()),
        ("resource", schema::nullable(schema::text())),
        ("allowed", json!({"type": "boolean"})),
        ("rule", schema::text()),
        ("checks", schema::list(check)),
    ])
}

pub fn who_can_schema() -> Schema {
    schema::page(schema::reply(vec![
        ("object", schema::constant("access_holder")),
        ("actor", schema::id("key")),
        ("role", schema::text()),
        ("rule", schema::nullable(schema::text())),
        ("conditions", schema::list(schema::text())),
    ]))
}

pub fn usage_schema() -> Schema {
    let counted = || {
        schema::list(schema::reply(vec![
            ("permission", schema::text()),
            ("requests", json!({"type": "integer", "minimum": 1})),
        ]))
    };
    schema::reply(vec![
        ("object", schema::constant("api_key_usage")),
        ("id", schema::id("key")),
        (
            "days",
            json!({"type": "integer", "minimum": 1, "maximum": MOST_DAYS}),
        ),
        ("complete", json!({"type": "boolean"})),
        ("used", counted()),
        ("unused", schema::list(schema::text())),
        ("denied", counted()),
    ])
}
