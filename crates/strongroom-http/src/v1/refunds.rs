//! Refunds: money of a payment given back to the card it came from.

use serde_json::Value as Schema;
use strongroom_auth::permission::{CreateRefunds, ReadRefunds};
use strongroom_auth::{Caller, Dialect};
use strongroom_domain::refunds::{CreateRefund, RefundFailure, RefundStatus, RefundView};
use strongroom_domain::view;
use strongroom_engine::RefundFilter;
use strongroom_types::currency::Currency;
use strongroom_types::id::{PaymentId, RefundId};

use crate::call::{Answer, Call};
use crate::json::{Fields, NOBODY, Value, read_object};
use crate::pages;
use crate::problem::Problem;
use crate::query::{Parameter, Query};
use crate::schema;
use crate::v1::payments::currency_of;

/// `POST /v1/refunds`.
pub async fn create(caller: Caller<CreateRefunds>, call: Call) -> Result<Answer, Problem> {
    let body = call.object()?;
    let payment = match body.get("payment_id") {
        Some(Value::Text(text)) => PaymentId::parse(text),
        _ => None,
    };
    let currency = currency_of(&caller, &call, &body, payment).await?;
    let dialect = call.dialect();
    let command = read_object(&body, |fields| new_refund(fields, currency, dialect))?;
    call.execute(&caller, command).await
}

/// `GET /v1/refunds/{id}`.
pub async fn read(caller: Caller<ReadRefunds>, call: Call) -> Result<Answer, Problem> {
    let id = call.id(RefundId::parse, RefundId(NOBODY));
    call.read(&caller, move |view| {
        Ok(view::json(&RefundView::new(&view.refund(id)?)))
    })
    .await
}

/// `GET /v1/refunds`.
pub async fn list(caller: Caller<ReadRefunds>, call: Call) -> Result<Answer, Problem> {
    let page = call.query().page()?;
    let filter = filter(call.query())?;
    call.read(&caller, move |view| {
        let listing = view.refunds(&filter, &page)?;
        Ok(pages::render(&listing, |refund| {
            view::json(&RefundView::new(refund))
        }))
    })
    .await
}

fn payment_of(text: &str) -> PaymentId {
    PaymentId::parse(text).unwrap_or(PaymentId(NOBODY))
}

fn new_refund(
    fields: &mut Fields<'_, '_>,
    currency: Option<Currency>,
    dialect: Dialect,
) -> Option<CreateRefund> {
    let payment = fields.parsed("payment_id", "a payment's id", |text| {
        (text.len() <= 64).then(|| payment_of(text))
    });
    let payment = fields.required("payment_id", payment);
    let named = fields.currency("currency");
    let amount = fields.amount("amount", currency, dialect);
    let reason = fields.text("reason", 200);
    let reason = fields.required("reason", reason);
    let reference_id = fields.reference_id();
    let metadata = fields.metadata();
    Some(CreateRefund {
        payment: payment?,
        amount,
        currency: named,
        reason: reason?,
        reference_id,
        metadata: metadata.unwrap_or_default(),
    })
}

fn filter(query: &Query) -> Result<RefundFilter, Problem> {
    Ok(RefundFilter {
        status: query.choice("status", RefundStatus::parse)?,
        payment: query.id("payment_id", payment_of)?,
        reference_id: query.reference_id()?,
        created_after: query.time("created_after")?,
        created_before: query.time("created_before")?,
    })
}

fn statuses() -> Vec<&'static str> {
    RefundStatus::ALL.iter().map(|s| s.as_str()).collect()
}

/// The parameters of `GET /v1/refunds` beside the page and the time range.
pub const FILTERS: &[Parameter] = &[
    Parameter::one_of("status", statuses, "Only refunds in this state."),
    Parameter::text("payment_id", "Only refunds of this payment."),
    Parameter::text("reference_id", "The refund of this reference id."),
];

pub fn create_schema() -> Schema {
    schema::object(
        &["payment_id", "reason"],
        vec![
            ("payment_id", schema::id("pay")),
            ("amount", schema::amount()),
            ("currency", schema::currency()),
            ("reason", schema::line(200)),
            ("reference_id", schema::reference_id()),
            ("metadata", schema::metadata()),
        ],
    )
}

pub fn schema() -> Schema {
    let failures = [RefundFailure::RefundDeclined.as_str()];
    let fields = vec![
        ("id", schema::id("refund")),
        ("object", schema::constant("refund")),
        ("status", schema::one_of(&statuses())),
        ("amount", schema::minor()),
        ("amount_decimal", schema::text()),
        ("currency", schema::currency()),
        ("payment_id", schema::id("pay")),
        ("payment_token", schema::id("tok")),
        ("wallet_id", schema::id("wallet")),
        ("reason", schema::text()),
        ("reference_id", schema::nullable(schema::reference_id())),
        ("metadata", schema::metadata()),
        ("failure_code", schema::nullable(schema::one_of(&failures))),
        ("processed_at", schema::nullable(schema::time())),
        ("created_at", schema::time()),
    ];
    schema::named("refund", schema::reply(fields))
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}
