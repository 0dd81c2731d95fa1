//! Fee schedules: what is charged for payments and payouts, from when on.

use serde_json::{Value as Schema, json};
use strongroom_auth::Caller;
use strongroom_auth::Dialect;
use strongroom_auth::permission::{ManageFeeSchedules, ReadFeeSchedules};
use strongroom_domain::fees::{
    CreateFeeSchedule, DeleteFeeSchedule, FeeAmounts, FeeOn, FeeScheduleView, NewSchedule,
    OnRefund, WHOLE_BPS,
};
use strongroom_domain::view;
use strongroom_types::id::FeeScheduleId;

use crate::call::{Answer, Call};
use crate::json::{Fields, NOBODY, read_object};
use crate::pages;
use crate::problem::Problem;
use crate::query::Parameter;
use crate::schema;
use crate::v1::wallets::expected;

/// Currencies that one schedule has amounts of.
const MOST_CURRENCIES: usize = 50;

/// `POST /v1/fee-schedules`.
pub async fn create(caller: Caller<ManageFeeSchedules>, call: Call) -> Result<Answer, Problem> {
    let dialect = call.dialect();
    let new = read_object(&call.object()?, |fields| {
        let on = fields.parsed("applies_to", &expected(&ons()), FeeOn::parse);
        let on = fields.required("applies_to", on);
        let bps = fields.integer("percent_bps", 0, i64::from(WHOLE_BPS));
        let amounts = match fields.raw("amounts").is_some() {
            true => amounts(fields, dialect),
            false => Some(Vec::new()),
        };
        let refunds = fields.parsed("refunds", &expected(&on_refunds()), OnRefund::parse);
        let effective_from = fields.time("effective_from");
        Some(NewSchedule {
            on: on?,
            bps: u32::try_from(bps.unwrap_or(0)).ok()?,
            amounts: amounts?,
            refunds: refunds.unwrap_or(OnRefund::Kept),
            effective_from,
        })
    })?;
    call.execute(&caller, CreateFeeSchedule(new)).await
}

fn amounts(fields: &mut Fields<'_, '_>, dialect: Dialect) -> Option<Vec<FeeAmounts>> {
    let all = fields.objects("amounts", 0..=MOST_CURRENCIES)?;
    let mut read = Vec::with_capacity(all.len());
    for mut of in all {
        let currency = of.currency("currency");
        let currency = of.required("currency", currency);
        let mut minor = |name| of.amount(name, currency, dialect).map(|money| money.minor);
        let (fixed, minimum) = (minor("fixed"), minor("minimum"));
        let maximum = minor("maximum");
        read.extend(currency.map(|currency| FeeAmounts {
            currency,
            fixed: fixed.unwrap_or(0),
            minimum: minimum.unwrap_or(0),
            maximum,
        }));
    }
    Some(read)
}

/// `DELETE /v1/fee-schedules/{id}`.
pub async fn delete(caller: Caller<ManageFeeSchedules>, call: Call) -> Result<Answer, Problem> {
    call.no_fields()?;
    let id = schedule_id(&call);
    call.execute(&caller, DeleteFeeSchedule { id }).await
}

/// `GET /v1/fee-schedules/{id}`.
pub async fn read(caller: Caller<ReadFeeSchedules>, call: Call) -> Result<Answer, Problem> {
    let (id, now) = (schedule_id(&call), call.engine().now());
    call.read(&caller, move |view| {
        let (schedule, all) = view.fee_schedule(id)?;
        Ok(view::json(&FeeScheduleView::new(&schedule, &all, now)))
    })
    .await
}

/// `GET /v1/fee-schedules`.
pub async fn list(caller: Caller<ReadFeeSchedules>, call: Call) -> Result<Answer, Problem> {
    let (page, now) = (call.query().page()?, call.engine().now());
    let on = call.query().choice("applies_to", FeeOn::parse)?;
    call.read(&caller, move |view| {
        let (listing, all) = view.fee_schedules(on, &page)?;
        Ok(pages::render(&listing, |schedule| {
            view::json(&FeeScheduleView::new(schedule, &all, now))
        }))
    })
    .await
}

fn schedule_id(call: &Call) -> FeeScheduleId {
    call.id(FeeScheduleId::parse, FeeScheduleId(NOBODY))
}

fn ons() -> Vec<&'static str> {
    FeeOn::ALL.iter().map(|on| on.as_str()).collect()
}

fn on_refunds() -> Vec<&'static str> {
    OnRefund::ALL.iter().map(|on| on.as_str()).collect()
}

/// The parameters of `GET /v1/fee-schedules` beside the page.
pub const FILTERS: &[Parameter] = &[Parameter::one_of(
    "applies_to",
    ons,
    "Only schedules for these.",
)];

fn bps() -> Schema {
    json!({"type": "integer", "minimum": 0, "maximum": WHOLE_BPS})
}

pub fn create_schema() -> Schema {
    let amounts = schema::object(
        &["currency"],
        vec![
            ("currency", schema::currency()),
            ("fixed", schema::amount()),
            ("minimum", schema::amount()),
            ("maximum", schema::amount()),
        ],
    );
    schema::object(
        &["applies_to"],
        vec![
            ("applies_to", schema::one_of(&ons())),
            ("percent_bps", bps()),
            ("amounts", schema::list(amounts)),
            ("refunds", schema::one_of(&on_refunds())),
            ("effective_from", schema::time()),
        ],
    )
}

pub fn schema() -> Schema {
    let amounts = schema::reply(vec![
        ("currency", schema::currency()),
        ("fixed", schema::minor()),
        ("fixed_decimal", schema::text()),
        ("minimum", schema::minor()),
        ("minimum_decimal", schema::text()),
        ("maximum", schema::nullable(schema::minor())),
        ("maximum_decimal", schema::nullable(schema::text())),
    ]);
    let fields = vec![
        ("id", schema::id("fsch")),
        ("object", schema::constant("fee_schedule")),
        ("version", json!({"type": "integer", "minimum": 1})),
        ("applies_to", schema::one_of(&ons())),
        ("status", schema::one_of(FeeScheduleView::STATUSES)),
        ("percent_bps", bps()),
        ("amounts", schema::list(amounts)),
        ("refunds", schema::one_of(&on_refunds())),
        ("effective_from", schema::time()),
        ("created_at", schema::time()),
    ];
    schema::named("fee_schedule", schema::reply(fields))
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}
