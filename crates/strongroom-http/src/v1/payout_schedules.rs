//! Payout schedules: payouts that are made again and again.

use serde_json::{Value as Schema, json};
use strongroom_auth::permission::{CancelPayouts, CreatePayouts, ReadPayouts};
use strongroom_auth::{Caller, Dialect};
use strongroom_domain::payout_schedules::{
    CreatePayoutSchedule, DeletePayoutSchedule, End, Missed, PayoutScheduleStatus,
    PayoutScheduleView, UpdatePayoutSchedule,
};
use strongroom_domain::view;
use strongroom_engine::{PayoutScheduleFilter, ReadFault};
use strongroom_types::currency::Currency;
use strongroom_types::id::{ApiKeyId, BeneficiaryId, PayoutScheduleId};
use strongroom_types::rhythm::{Day, Interval, Rhythm};
use strongroom_types::zone::DailyTime;

use crate::call::{Answer, Call};
use crate::json::{Fields, NOBODY, read_object};
use crate::pages;
use crate::problem::Problem;
use crate::query::{Parameter, Query};
use crate::schema;
use crate::v1::payouts::{one_of_both, paid_to, recipient_schema, shown_recipient, source};
use crate::v1::tills::{may_see, unless_till};
use crate::v1::transfers::named_wallet;
use crate::v1::wallets::expected;

/// Times that a schedule may be counted to.
const MOST_COUNT: i64 = 10_000;
const MIDNIGHT: &str = "00:00";

/// `POST /v1/payout-schedules`.
pub async fn create(caller: Caller<CreatePayouts>, call: Call) -> Result<Answer, Problem> {
    let body = call.object()?;
    let source =
        named_wallet(&body, "source_wallet_id").or_else(|| named_wallet(&body, "wallet_id"));
    let currency = call.currency(&caller, &body, source).await?;
    let (dialect, maker) = (call.dialect(), call.credential().id);
    let command = read_object(&body, |fields| {
        new_schedule(fields, currency, dialect, maker)
    })?;
    call.execute(&caller, command).await
}

/// `PATCH /v1/payout-schedules/{id}`.
pub async fn update(caller: Caller<CreatePayouts>, call: Call) -> Result<Answer, Problem> {
    let id = schedule_id(&call);
    let (dialect, maker) = (call.dialect(), call.credential().id);
    let currency = call
        .engine()
        .read(&caller, move |view| match view.payout_schedule(id) {
            Ok(schedule) => Ok(schedule.body.amount.currency),
            // One that is not there is refused by the decision, which also writes the refusal down.
            Err(ReadFault::NotFound) => Ok(view.tenant()?.currency),
            Err(fault) => Err(fault),
        })
        .await?;
    let command = read_object(&call.object()?, |fields| {
        let amount = fields.amount("amount", Some(currency), dialect);
        let end = end(fields);
        let missed = missed(fields);
        let paused = fields.parsed("status", "`active` or `paused`", |text| match text {
            "active" => Some(false),
            "paused" => Some(true),
            _ => None,
        });
        let description = fields.text("description", 500);
        let metadata = fields.metadata();
        Some(UpdatePayoutSchedule {
            id,
            amount,
            end,
            missed,
            paused,
            description,
            metadata,
            maker,
        })
    })?;
    call.execute(&caller, command).await
}

/// `DELETE /v1/payout-schedules/{id}`.
pub async fn delete(caller: Caller<CancelPayouts>, call: Call) -> Result<Answer, Problem> {
    call.no_fields()?;
    let id = schedule_id(&call);
    call.execute(&caller, DeletePayoutSchedule { id }).await
}

/// `GET /v1/payout-schedules/{id}`.
pub async fn read(caller: Caller<ReadPayouts>, call: Call) -> Result<Answer, Problem> {
    let (id, key) = (schedule_id(&call), call.credential().id);
    call.read(&caller, move |view| {
        may_see(view, key, None)?;
        let schedule = view.payout_schedule(id)?;
        Ok(view::json(&PayoutScheduleView::new(&schedule)))
    })
    .await
}

/// `GET /v1/payout-schedules`.
pub async fn list(caller: Caller<ReadPayouts>, call: Call) -> Result<Answer, Problem> {
    let page = call.query().page()?;
    let filter = filter(call.query())?;
    let key = call.credential().id;
    call.read(&caller, move |view| {
        let listing = unless_till(view, key, |view| view.payout_schedules(&filter, &page))?;
        Ok(pages::render(&listing, |schedule| {
            view::json(&PayoutScheduleView::new(schedule))
        }))
    })
    .await
}

fn schedule_id(call: &Call) -> PayoutScheduleId {
    call.id(PayoutScheduleId::parse, PayoutScheduleId(NOBODY))
}

fn new_schedule(
    fields: &mut Fields<'_, '_>,
    currency: Option<Currency>,
    dialect: Dialect,
    maker: ApiKeyId,
) -> Option<CreatePayoutSchedule> {
    let _checked = fields.currency("currency");
    let amount = fields.amount("amount", currency, dialect);
    let amount = fields.required("amount", amount);
    let source = source(fields);
    let recipient = paid_to(fields);
    let rhythm = rhythm(fields);
    let end = end(fields);
    let missed = missed(fields);
    let reference_id = fields.reference_id();
    let description = fields.text("description", 500);
    let metadata = fields.metadata();
    Some(CreatePayoutSchedule {
        amount: amount?,
        source,
        recipient: recipient?,
        reference_id,
        description,
        metadata: metadata.unwrap_or_default(),
        rhythm: rhythm?,
        end: end.unwrap_or(End::Never),
        missed: missed.unwrap_or(Missed::Execute),
        maker,
    })
}

fn rhythm(fields: &mut Fields<'_, '_>) -> Option<Rhythm> {
    let interval = fields.parsed("interval", &expected(&intervals()), Interval::parse);
    let interval = fields.required("interval", interval);
    let start = day_of(fields, "start_on");
    let start = fields.required("start_on", start);
    let at = daily(fields);
    // What is asked of a day follows from the interval.
    let given = fields.value("day").is_some();
    let last = interval.map_or(31, Interval::last_day);
    let day = match (given, last) {
        (true, 0) => {
            fields.invalid("day", "is for `weekly`, `monthly` and `yearly`");
            return None;
        }
        _ => fields.integer("day", 1, i64::from(last)),
    };
    if given && day.is_none() {
        return None;
    }
    let day = day.and_then(|day| u8::try_from(day).ok());
    Rhythm::new(interval?, day, start?, at?)
}

fn daily(fields: &mut Fields<'_, '_>) -> Option<DailyTime> {
    let (time, zone) = (fields.string("time"), fields.string("zone"));
    let (time, zone) = (time.unwrap_or(MIDNIGHT), zone.unwrap_or("UTC"));
    let daily = DailyTime::parse(time, zone);
    if daily.is_none() {
        match DailyTime::parse(time, "UTC") {
            None => fields.invalid("time", "must be a time of day such as `16:30`"),
            Some(_) => fields.invalid("zone", "must be a time zone such as `Europe/Berlin`"),
        }
    }
    daily
}

fn day_of(fields: &mut Fields<'_, '_>, name: &'static str) -> Option<Day> {
    fields.parsed(name, "a date such as `2026-01-15`", Day::parse)
}

/// When it ends, where the body says so; `null` takes an end away.
fn end(fields: &mut Fields<'_, '_>) -> Option<End> {
    let named = fields.raw("end_on").is_some() || fields.raw("count").is_some();
    let both = fields.value("end_on").is_some() && fields.value("count").is_some();
    let faulty = |fields: &mut Fields<'_, '_>, name| fields.value(name).is_some();
    let on = day_of(fields, "end_on");
    let count = fields.integer("count", 1, MOST_COUNT);
    if both {
        fields.invalid("count", "and `end_on` exclude each other");
        return None;
    }
    let count = count.and_then(|count| u32::try_from(count).ok());
    match (on, count) {
        (Some(day), _) => Some(End::On(day)),
        (None, Some(number)) => Some(End::After(number)),
        (None, None) if faulty(fields, "end_on") || faulty(fields, "count") => None,
        (None, None) => named.then_some(End::Never),
    }
}

fn missed(fields: &mut Fields<'_, '_>) -> Option<Missed> {
    let all: Vec<&str> = Missed::ALL.iter().map(|missed| missed.as_str()).collect();
    fields.parsed("missed", &expected(&all), Missed::parse)
}

fn filter(query: &Query) -> Result<PayoutScheduleFilter, Problem> {
    Ok(PayoutScheduleFilter {
        status: query.choice("status", PayoutScheduleStatus::parse)?,
        beneficiary: query.id("beneficiary_id", |text| {
            BeneficiaryId::parse(text).unwrap_or(BeneficiaryId(NOBODY))
        })?,
        reference_id: query.reference_id()?,
        created_after: query.time("created_after")?,
        created_before: query.time("created_before")?,
    })
}

fn intervals() -> Vec<&'static str> {
    let all = Interval::ALL.iter();
    all.map(|interval| interval.as_str()).collect()
}

fn statuses() -> Vec<&'static str> {
    let all = PayoutScheduleStatus::ALL.iter();
    all.map(|status| status.as_str()).collect()
}

/// The parameters of `GET /v1/payout-schedules` beside the page and the time range.
pub const FILTERS: &[Parameter] = &[
    Parameter::one_of("status", statuses, "Only schedules in this state."),
    Parameter::text(
        "beneficiary_id",
        "Only schedules that pay this beneficiary.",
    ),
    Parameter::text("reference_id", "The schedule of this reference id."),
];

fn missed_schema() -> Schema {
    let all: Vec<&str> = Missed::ALL.iter().map(|missed| missed.as_str()).collect();
    schema::one_of(&all)
}

fn counted() -> Schema {
    json!({"type": "integer", "minimum": 1, "maximum": MOST_COUNT})
}

fn number() -> Schema {
    json!({"type": "integer", "minimum": 0})
}

fn day_schema() -> Schema {
    json!({"type": "integer", "minimum": 1, "maximum": 31})
}

pub fn create_schema() -> Schema {
    let mut whole = schema::object(
        &["amount", "interval", "start_on"],
        vec![
            ("amount", schema::amount()),
            ("currency", schema::currency()),
            ("source_wallet_id", schema::id("wallet")),
            ("wallet_id", schema::id("wallet")),
            ("recipient", recipient_schema()),
            ("beneficiary_id", schema::id("ben")),
            ("interval", schema::one_of(&intervals())),
            ("day", day_schema()),
            ("time", schema::line(5)),
            ("zone", schema::line(64)),
            ("start_on", schema::line(10)),
            ("end_on", schema::nullable(schema::line(10))),
            ("count", schema::nullable(counted())),
            ("missed", missed_schema()),
            ("reference_id", schema::reference_id()),
            ("description", schema::line(500)),
            ("metadata", schema::metadata()),
        ],
    );
    if let Some(words) = whole.as_object_mut() {
        words.insert("anyOf".to_owned(), one_of_both());
    }
    whole
}

pub fn update_schema() -> Schema {
    schema::object(
        &[],
        vec![
            ("amount", schema::amount()),
            ("end_on", schema::nullable(schema::line(10))),
            ("count", schema::nullable(counted())),
            ("missed", missed_schema()),
            ("status", schema::one_of(&["active", "paused"])),
            ("description", schema::line(500)),
            ("metadata", schema::metadata()),
        ],
    )
}

pub fn schema() -> Schema {
    let fields = vec![
        ("id", schema::id("psched")),
        ("object", schema::constant("payout_schedule")),
        ("status", schema::one_of(&statuses())),
        ("amount", schema::minor()),
        ("amount_decimal", schema::text()),
        ("currency", schema::currency()),
        ("source_wallet_id", schema::id("wallet")),
        ("recipient", shown_recipient()),
        ("beneficiary_id", schema::nullable(schema::id("ben"))),
        ("reference_id", schema::nullable(schema::reference_id())),
        ("description", schema::nullable(schema::text())),
        ("metadata", schema::metadata()),
        ("interval", schema::one_of(&intervals())),
        ("day", schema::nullable(day_schema())),
        ("time", schema::text()),
        ("zone", schema::text()),
        ("start_on", schema::text()),
        ("end_on", schema::nullable(schema::text())),
        ("count", schema::nullable(counted())),
        ("missed", missed_schema()),
        ("next_execution_at", schema::nullable(schema::time())),
        ("next_occurrence", schema::nullable(counted())),
        ("payouts", number()),
        ("skipped", number()),
        ("last_payout_id", schema::nullable(schema::id("payout"))),
        ("created_at", schema::time()),
        ("updated_at", schema::time()),
    ];
    schema::named("payout_schedule", schema::reply(fields))
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}
