//! Shifts: opened, cash put in and taken out, counted and closed; their X and Z reports.

use serde_json::{Value as Schema, json};
use strongroom_auth::permission::{
    CreateShifts, ManageShifts, Permission, ReadReports, ReadShifts,
};
use strongroom_auth::{Caller, Dialect};
use strongroom_domain::shifts::{
    CashWay, CloseShift, MoveCash, OpenShift, ShiftReport, ShiftStatus, ShiftView,
};
use strongroom_domain::tills::Hand;
use strongroom_domain::view;
use strongroom_engine::{ReadFault, ShiftFilter, View};
use strongroom_types::currency::Currency;
use strongroom_types::id::{ShiftId, TillId};
use strongroom_types::money::Money;

use crate::call::{Answer, Call};
use crate::json::{Fields, NOBODY, Object, Value, read_object};
use crate::pages;
use crate::problem::Problem;
use crate::query::{Parameter, Query};
use crate::schema;
use crate::v1::products::tax_schema;
use crate::v1::tills::{currency_of, may_see, seen, store_of};

const MOST_NOTE: usize = 500;

/// Who acts at a till, and whether on the shifts of others too.
pub fn hand(call: &Call) -> Hand {
    let credential = call.credential();
    Hand {
        key: credential.id,
        manages: credential.permissions.allows(ManageShifts::NAME).is_some(),
    }
}

/// `POST /v1/shifts`.
pub async fn open(caller: Caller<CreateShifts>, call: Call) -> Result<Answer, Problem> {
    let body = call.object()?;
    let currency = Some(currency_of(&caller, &call, named_till(&body)).await?);
    let (dialect, hand) = (call.dialect(), hand(&call));
    let command = read_object(&body, |fields| {
        Some(OpenShift {
            till: till(fields),
            float: amount_or_zero(fields, "opening_float", currency, dialect),
            hand,
            note: fields.text("note", MOST_NOTE),
        })
    })?;
    call.execute(&caller, command).await
}

/// `POST /v1/shifts/{id}/cash`.
pub async fn cash(caller: Caller<CreateShifts>, call: Call) -> Result<Answer, Problem> {
    let id = shift_id(&call);
    let currency = Some(shift_currency(&caller, &call, id).await?);
    let (dialect, hand) = (call.dialect(), hand(&call));
    let command = read_object(&call.object()?, |fields| {
        let way = fields.parsed("type", "`in` or `out`", |text| match text {
            "in" => Some(CashWay::In),
            "out" => Some(CashWay::Out),
            _ => None,
        });
        let way = fields.required("type", way);
        let amount = fields.amount("amount", currency, dialect);
        let amount = fields.required("amount", amount);
        let reason = fields.text("reason", 200);
        let reason = fields.required("reason", reason);
        Some(MoveCash {
            id,
            way: way?,
            amount: amount?,
            reason: reason?,
            hand,
        })
    })?;
    call.execute(&caller, command).await
}

/// `POST /v1/shifts/{id}/close`.
pub async fn close(caller: Caller<CreateShifts>, call: Call) -> Result<Answer, Problem> {
    let id = shift_id(&call);
    let currency = Some(shift_currency(&caller, &call, id).await?);
    let (dialect, hand) = (call.dialect(), hand(&call));
    let command = read_object(&call.object()?, |fields| {
        let counted = amount_or_zero(fields, "counted_cash", currency, dialect);
        let counted = fields.required("counted_cash", counted);
        let note = fields.text("note", MOST_NOTE);
        Some(CloseShift {
            id,
            counted: counted?,
            hand,
            note,
        })
    })?;
    call.execute(&caller, command).await
}

async fn shift_currency<P: Permission>(
    caller: &Caller<P>,
    call: &Call,
    id: ShiftId,
) -> Result<Currency, Problem> {
    let work = move |view: &mut View<'_>| match view.shift(id) {
        Ok((shift, _)) => Ok(shift.currency),
        // One that is not there is refused by the decision, which also writes the refusal down.
        Err(ReadFault::NotFound) => Ok(view.tenant()?.currency),
        Err(fault) => Err(fault),
    };
    Ok(call.engine().read(caller, work).await?)
}

/// An amount that may be nothing: drawers may be empty.
fn amount_or_zero(
    fields: &mut Fields<'_, '_>,
    name: &'static str,
    currency: Option<Currency>,
    dialect: Dialect,
) -> Option<Money> {
    let zero = Money::new(0, currency?);
    let is_zero = match fields.value(name)? {
        Value::Number(text) => *text == "0",
        Value::Text(text) => *text == zero.decimal(),
        _ => false,
    };
    match is_zero {
        true => Some(zero),
        false => fields.amount(name, currency, dialect),
    }
}

/// The till that a body names, before the body is read.
pub fn named_till(body: &Object<'_>) -> Option<TillId> {
    match body.get("till_id") {
        Some(Value::Text(text)) => Some(TillId::parse(text).unwrap_or(TillId(NOBODY))),
        _ => None,
    }
}

pub fn till(fields: &mut Fields<'_, '_>) -> Option<TillId> {
    fields.parsed("till_id", "a till's id", |text| {
        (text.len() <= 64).then(|| TillId::parse(text).unwrap_or(TillId(NOBODY)))
    })
}

/// `GET /v1/shifts/{id}`.
pub async fn read(caller: Caller<ReadShifts>, call: Call) -> Result<Answer, Problem> {
    let (id, key) = (shift_id(&call), call.credential().id);
    call.read(&caller, move |view| {
        let (shift, held) = view.shift(id)?;
        may_see(view, key, Some(shift.store))?;
        Ok(view::json(&ShiftView::new(&shift, held)))
    })
    .await
}

/// `GET /v1/shifts/{id}/report`.
pub async fn report(caller: Caller<ReadReports>, call: Call) -> Result<Answer, Problem> {
    let (id, key) = (shift_id(&call), call.credential().id);
    call.read(&caller, move |view| {
        let (shift, held) = view.shift(id)?;
        may_see(view, key, Some(shift.store))?;
        Ok(view::json(&ShiftReport::new(&shift, held)))
    })
    .await
}

/// `GET /v1/shifts`.
pub async fn list(caller: Caller<ReadShifts>, call: Call) -> Result<Answer, Problem> {
    let page = call.query().page()?;
    let mut filter = filter(call.query())?;
    let key = call.credential().id;
    call.read(&caller, move |view| {
        let own = view.till_of(key)?.map(|till| till.store);
        filter.store = seen(filter.store, own);
        let listing = view.shifts(&filter, &page)?;
        Ok(pages::render(&listing, |(shift, held)| {
            view::json(&ShiftView::new(shift, *held))
        }))
    })
    .await
}

fn shift_id(call: &Call) -> ShiftId {
    call.id(ShiftId::parse, ShiftId(NOBODY))
}

fn filter(query: &Query) -> Result<ShiftFilter, Problem> {
    Ok(ShiftFilter {
        status: query.choice("status", ShiftStatus::parse)?,
        till: query.id("till_id", |text| {
            TillId::parse(text).unwrap_or(TillId(NOBODY))
        })?,
        store: query.id("store_id", store_of)?,
        created_after: query.time("created_after")?,
        created_before: query.time("created_before")?,
    })
}

fn statuses() -> Vec<&'static str> {
    ShiftStatus::ALL.iter().map(|s| s.as_str()).collect()
}

/// The parameters of `GET /v1/shifts` beside the page and the time range.
pub const FILTERS: &[Parameter] = &[
    Parameter::one_of("status", statuses, "Only shifts in this state."),
    Parameter::text("till_id", "Only shifts of this till."),
    Parameter::text("store_id", "Only shifts of this store."),
];

/// An amount that may be nothing.
fn drawer_schema() -> Schema {
    json!({"description": "As other amounts, or 0.", "anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}]})
}

pub fn open_schema() -> Schema {
    schema::object(
        &[],
        vec![
            ("till_id", schema::id("till")),
            ("opening_float", drawer_schema()),
            ("note", schema::line(MOST_NOTE)),
        ],
    )
}

pub fn cash_schema() -> Schema {
    schema::object(
        &["type", "amount", "reason"],
        vec![
            ("type", schema::one_of(&["in", "out"])),
            ("amount", schema::amount()),
            ("reason", schema::line(200)),
        ],
    )
}

pub fn close_schema() -> Schema {
    schema::object(
        &["counted_cash"],
        vec![
            ("counted_cash", drawer_schema()),
            ("note", schema::line(MOST_NOTE)),
        ],
    )
}

fn count() -> Schema {
    json!({"type": "integer", "minimum": 0})
}

pub fn schema() -> Schema {
    let fields = vec![
        ("id", schema::id("shift")),
        ("object", schema::constant("shift")),
        ("status", schema::one_of(&statuses())),
        ("till_id", schema::id("till")),
        ("store_id", schema::id("store")),
        ("currency", schema::currency()),
        ("opened_by", schema::id("key")),
        ("opening_float", schema::minor()),
        ("expected_cash", schema::minor()),
        ("counted_cash", schema::nullable(schema::minor())),
        ("difference", schema::nullable(schema::minor())),
        ("pending_transactions", count()),
        ("z_number", schema::nullable(count())),
        ("note", schema::nullable(schema::text())),
        ("closed_by", schema::nullable(schema::id("key"))),
        ("closed_at", schema::nullable(schema::time())),
        ("created_at", schema::time()),
    ];
    schema::named("shift", schema::reply(fields))
}

/// Sums by rate of tax.
pub fn taxes_schema() -> Schema {
    schema::list(schema::reply(vec![
        ("tax_rate_ppm", tax_schema()),
        ("net", schema::minor()),
        ("tax", schema::minor()),
    ]))
}

pub fn report_schema() -> Schema {
    let tenders = schema::reply(vec![("cash", schema::minor()), ("card", schema::minor())]);
    let cash = schema::reply(vec![
        ("opening_float", schema::minor()),
        ("sales", schema::minor()),
        ("refunds", schema::minor()),
        ("refund_count", count()),
        ("paid_in", schema::minor()),
        ("paid_out", schema::minor()),
        ("expected", schema::minor()),
    ]);
    let fields = vec![
        ("object", schema::constant("shift_report")),
        ("type", schema::one_of(&["x", "z"])),
        ("shift", schema()),
        ("transactions", count()),
        ("voided", count()),
        ("sold", schema::minor()),
        ("discounts", schema::minor()),
        ("taxes", taxes_schema()),
        ("tenders", tenders),
        ("cash", cash),
    ];
    schema::named("shift_report", schema::reply(fields))
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}
