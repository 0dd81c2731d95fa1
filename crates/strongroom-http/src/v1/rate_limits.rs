//! `/v1/rate-limits`: what an organization bounds its own requests by, how much of it is used, and what was passed.

use serde::Serialize;
use serde_json::{Value as Schema, json};
use strongroom_auth::Caller;
use strongroom_auth::permission::{ManageRateLimits, ReadRateLimits};
use strongroom_domain::rate_limits::{
    ChangeRateLimits, KeyRates, MOST_KEYS, RateLimits, RateLimitsView, Rates, Weights,
};
use strongroom_domain::view;
use strongroom_types::id::ApiKeyId;

use crate::call::{Answer, Call};
use crate::json::{Fields, NOBODY, read_object};
use crate::limits::Ceilings;
use crate::own_limits::{OwnLimits, in_force};
use crate::problem::Problem;
use crate::query::Parameter;
use crate::schema;

/// More than any server answers in a second.
const MOST_RATE: i64 = 1_000_000;
const MOST_WEIGHT: i64 = 1_000;

/// `GET /v1/rate-limits`.
pub async fn read(_: Caller<ReadRateLimits>, call: Call) -> Result<Answer, Problem> {
    let key = call.query().id("key_id", |text| {
        ApiKeyId::parse(text).unwrap_or(ApiKeyId(NOBODY))
    })?;
    let scope = call.credential().scope;
    let key = match key {
        Some(key) => call
            .engine()
            .holder(&scope, key)
            .map(|found| found.id)
            .ok_or_else(Problem::not_found)?,
        None => call.credential().id,
    };
    let limits = call.engine().rate_limits(&scope).unwrap_or_default();
    let shown = Shown {
        limits: RateLimitsView::new(&limits),
        ceilings: call.ceilings,
        usage: usage(&call, &limits, key),
        passed: passed(&call.own_limits, scope.number),
    };
    Ok(Answer::json(view::json(&shown)))
}

/// `PATCH /v1/rate-limits`.
pub async fn change(caller: Caller<ManageRateLimits>, call: Call) -> Result<Answer, Problem> {
    let ceilings = call.ceilings;
    let command = read_object(&call.object()?, |fields| {
        let organization = part(fields, "organization", &ceilings);
        let key = part(fields, "key", &ceilings);
        let keys = keys(fields, &ceilings);
        let weights = weights(fields);
        let report_only = fields.boolean("report_only");
        Some(ChangeRateLimits {
            organization: organization?,
            key: key?,
            keys: keys?,
            weights: weights?,
            report_only,
        })
    })?;
    call.execute(&caller, command).await
}

/// A part that is named is replaced as a whole; `null` takes it away. `None` where something of it is at fault.
fn part(
    fields: &mut Fields<'_, '_>,
    name: &'static str,
    ceilings: &Ceilings,
) -> Option<Option<Rates>> {
    let named = fields.raw(name).is_some();
    if fields.value(name).is_none() {
        return Some(named.then(Rates::default));
    }
    let is_key = name == "key";
    let mut inner = fields.object(name)?;
    rates(&mut inner, ceilings, is_key).map(Some)
}

fn rates(fields: &mut Fields<'_, '_>, ceilings: &Ceilings, is_key: bool) -> Option<Rates> {
    let bounds = ceilings.of(is_key);
    let all = rate(fields, "per_second", bounds.per_second);
    let reads = rate(fields, "reads_per_second", bounds.reads_per_second);
    let writes = rate(fields, "writes_per_second", bounds.writes_per_second);
    let money = rate(fields, "money_per_second", bounds.money_per_second);
    Some(Rates {
        per_second: all?,
        reads_per_second: reads?,
        writes_per_second: writes?,
        money_per_second: money?,
    })
}

/// A rate no higher than the operator's.
fn rate(
    fields: &mut Fields<'_, '_>,
    name: &'static str,
    ceiling: Option<u32>,
) -> Option<Option<u32>> {
    if fields.value(name).is_none() {
        return Some(None);
    }
    let wanted = fields.integer(name, 1, MOST_RATE)?;
    let wanted = u32::try_from(wanted).ok()?;
    match ceiling {
        Some(ceiling) if wanted > ceiling => {
            fields.invalid(name, format!("is over what the server allows: {ceiling}"));
            None
        }
        _ => Some(Some(wanted)),
    }
}

fn keys(fields: &mut Fields<'_, '_>, ceilings: &Ceilings) -> Option<Option<Vec<KeyRates>>> {
    let named = fields.raw("keys").is_some();
    if fields.value("keys").is_none() {
        return Some(named.then(Vec::new));
    }
    let mut read: Vec<KeyRates> = Vec::new();
    for mut inner in fields.objects("keys", 0..=MOST_KEYS)? {
        let key = inner.parsed("key_id", "the id of a key", |text| {
            (text.len() <= 64).then(|| ApiKeyId::parse(text).unwrap_or(ApiKeyId(NOBODY)))
        });
        let key = inner.required("key_id", key);
        let rates = rates(&mut inner, ceilings, true);
        let (key, rates) = (key?, rates?);
        if read.iter().any(|known| known.key == key) {
            inner.invalid("key_id", "stands twice");
            return None;
        }
        read.push(KeyRates { key, rates });
    }
    Some(Some(read))
}

fn weights(fields: &mut Fields<'_, '_>) -> Option<Option<Weights>> {
    let named = fields.raw("weights").is_some();
    if fields.value("weights").is_none() {
        return Some(named.then(Weights::default));
    }
    let mut inner = fields.object("weights")?;
    let weight = |inner: &mut Fields<'_, '_>, name| {
        if inner.value(name).is_none() {
            return Some(1);
        }
        let wanted = inner.integer(name, 1, MOST_WEIGHT)?;
        u32::try_from(wanted).ok()
    };
    let reads = weight(&mut inner, "reads");
    let writes = weight(&mut inner, "writes");
    let money = weight(&mut inner, "money");
    Some(Some(Weights {
        reads: reads?,
        writes: writes?,
        money: money?,
    }))
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    limits: RateLimitsView<'a>,
    ceilings: Ceilings,
    usage: Vec<Usage>,
    passed: Vec<PassedView>,
}

/// One limit that is in force, and what is left of it.
#[derive(Serialize)]
struct Usage {
    limit: &'static str,
    per_second: u32,
    remaining: u32,
    reset_seconds: i64,
}

/// How often a limit was passed since the server began.
#[derive(Serialize)]
struct PassedView {
    limit: &'static str,
    refused: u64,
    would_have_refused: u64,
}

fn usage(call: &Call, limits: &RateLimits, key: ApiKeyId) -> Vec<Usage> {
    let (scope, now) = (&call.credential().scope, call.engine().now());
    let rates = in_force(limits, scope, key).into_iter();
    let shown = rates.map(|rate| {
        let standing = call.own_limits.standing(&rate, now);
        Usage {
            limit: rate.meter.name(),
            per_second: rate.limit,
            remaining: standing.remaining,
            reset_seconds: standing.reset,
        }
    });
    shown.collect()
}

fn passed(limits: &OwnLimits, scope: u32) -> Vec<PassedView> {
    let counts = limits.counts(scope).into_iter();
    let shown = counts.map(|(meter, passed)| PassedView {
        limit: meter.name(),
        refused: passed.refused,
        would_have_refused: passed.reported,
    });
    shown.collect()
}

/// The parameter of `GET /v1/rate-limits`.
pub const FILTERS: &[Parameter] = &[Parameter::text(
    "key_id",
    "The key whose usage to show; the caller's own when absent.",
)];

fn rates_fields() -> Vec<(&'static str, Schema)> {
    let rate = || schema::nullable(json!({"type": "integer", "minimum": 1, "maximum": MOST_RATE}));
    vec![
        ("per_second", rate()),
        ("reads_per_second", rate()),
        ("writes_per_second", rate()),
        ("money_per_second", rate()),
    ]
}

fn key_fields() -> Vec<(&'static str, Schema)> {
    let mut fields = vec![("key_id", schema::id("key"))];
    fields.extend(rates_fields());
    fields
}

fn weight_fields() -> Vec<(&'static str, Schema)> {
    let weight = || json!({"type": "integer", "minimum": 1, "maximum": MOST_WEIGHT});
    vec![
        ("reads", weight()),
        ("writes", weight()),
        ("money", weight()),
    ]
}

pub fn change_schema() -> Schema {
    let rates = || schema::nullable(schema::object(&[], rates_fields()));
    let mut key = key_fields();
    if let Some(id) = key.first_mut() {
        id.1 = schema::text();
    }
    let keys = schema::list(schema::object(&["key_id"], key));
    schema::object(
        &[],
        vec![
            ("organization", rates()),
            ("key", rates()),
            ("keys", schema::nullable(keys)),
            (
                "weights",
                schema::nullable(schema::object(&[], weight_fields())),
            ),
            ("report_only", json!({"type": "boolean"})),
        ],
    )
}

fn fields() -> Vec<(&'static str, Schema)> {
    vec![
        ("object", schema::constant("rate_limits")),
        ("organization", schema::reply(rates_fields())),
        ("key", schema::reply(rates_fields())),
        ("keys", schema::list(schema::reply(key_fields()))),
        ("weights", schema::reply(weight_fields())),
        ("report_only", json!({"type": "boolean"})),
        ("updated_at", schema::nullable(schema::time())),
    ]
}

pub fn changed_schema() -> Schema {
    schema::reply(fields())
}

pub fn schema() -> Schema {
    let count = || json!({"type": "integer", "minimum": 0});
    let ceilings = schema::reply(vec![
        ("organization", schema::reply(rates_fields())),
        ("key", schema::reply(rates_fields())),
        ("may_be_raised", json!({"type": "boolean"})),
    ]);
    let usage = schema::reply(vec![
        ("limit", schema::text()),
        ("per_second", count()),
        ("remaining", count()),
        ("reset_seconds", count()),
    ]);
    let passed = schema::reply(vec![
        ("limit", schema::text()),
        ("refused", count()),
        ("would_have_refused", count()),
    ]);
    let mut all = fields();
    all.push(("ceilings", ceilings));
    all.push(("usage", schema::list(usage)));
    all.push(("passed", schema::list(passed)));
    schema::named("rate_limits", schema::reply(all))
}
