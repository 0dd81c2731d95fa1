//! Refunds: money of a payment given back to the card it came from, cash of a transaction out of a drawer.

use serde_json::Value as Schema;
use strongroom_auth::permission::{CreateRefunds, ReadRefunds};
use strongroom_auth::{Caller, Dialect};
use strongroom_domain::refunds::{CreateRefund, RefundFailure, RefundOf, RefundStatus, RefundView};
use strongroom_domain::tills::Hand;
use strongroom_domain::view;
use strongroom_engine::{ReadFault, RefundFilter, View};
use strongroom_types::currency::Currency;
use strongroom_types::id::{PaymentId, RefundId, SaleId, TillId};

use crate::call::{Answer, Call};
use crate::json::{Fields, NOBODY, Value, amount, read_object};
use crate::pages;
use crate::problem::Problem;
use crate::query::{Parameter, Query};
use crate::schema;
use crate::v1::payments::{currency_of, within_reach};
use crate::v1::shifts::hand;
use crate::v1::tills::{Origin, keep_seen, may_see_of};

/// `POST /v1/refunds`.
pub async fn create(caller: Caller<CreateRefunds>, call: Call) -> Result<Answer, Problem> {
    let body = call.object()?;
    let text = |name: &str| match body.get(name) {
        Some(Value::Text(text)) => Some(text.to_string()),
        _ => None,
    };
    let payment = match text("payment_id").and_then(|text| PaymentId::parse(&text)) {
        Some(id) => Some(within_reach(&caller, &call, id).await?),
        None => None,
    };
    let sale = text("transaction_id").and_then(|text| SaleId::parse(&text));
    let (dialect, hand) = (call.dialect(), hand(&call));
    let named = body.get("currency").filter(|value| **value != Value::Null);
    let given = body.get("amount").filter(|value| **value != Value::Null);
    let minor = given.and_then(|value| amount::in_any_currency(value, dialect));
    let currency = match (sale, named, given) {
        (Some(sale), None, _) => Some(sold_in(&caller, &call, sale).await?),
        // What the payment is in need not be known to read this.
        (None, None, None) => None,
        (None, None, Some(_)) if minor.is_some() => None,
        _ => currency_of(&caller, &call, &body, payment).await?,
    };
    let minor = minor.filter(|_| currency.is_none() && named.is_none());
    let wanted = |fields: &mut Fields<'_, '_>| new_refund(fields, currency, dialect, hand);
    let command = read_object(&body, wanted)?;
    let payment = payment.map(Some).unwrap_or(command.payment);
    let command = CreateRefund {
        minor,
        payment,
        maker: call.at_till().filter(|_| sale.is_none()),
        ..command
    };
    call.execute(&caller, command).await
}

/// The currency of a till's transaction; the organization's where there is none such, which the decision refuses.
async fn sold_in(
    caller: &Caller<CreateRefunds>,
    call: &Call,
    sale: SaleId,
) -> Result<Currency, Problem> {
    let work = move |view: &mut View<'_>| match view.sale(sale) {
        Ok(sale) => Ok(sale.amount.currency),
        Err(ReadFault::NotFound) => Ok(view.tenant()?.currency),
        Err(fault) => Err(fault),
    };
    Ok(call.engine().read(caller, work).await?)
}

/// `GET /v1/refunds/{id}`.
pub async fn read(caller: Caller<ReadRefunds>, call: Call) -> Result<Answer, Problem> {
    let id = call.id(RefundId::parse, RefundId(NOBODY));
    let key = call.credential().id;
    call.read(&caller, move |view| {
        let refund = view.refund(id)?;
        may_see_of(view, key, Origin::of_refund(&refund))?;
        Ok(view::json(&RefundView::new(&refund)))
    })
    .await
}

/// `GET /v1/refunds`.
pub async fn list(caller: Caller<ReadRefunds>, call: Call) -> Result<Answer, Problem> {
    let page = call.query().page()?;
    let filter = filter(call.query())?;
    let key = call.credential().id;
    call.read(&caller, move |view| {
        let mut listing = view.refunds(&filter, &page)?;
        keep_seen(view, key, &mut listing, Origin::of_refund)?;
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
    hand: Hand,
) -> Option<CreateRefund> {
    let payment = fields.parsed("payment_id", "a payment's id", |text| {
        (text.len() <= 64).then(|| payment_of(text))
    });
    let sale = of_sale(fields, hand);
    if payment.is_some() && sale.is_some() {
        fields.invalid("transaction_id", "cannot stand beside `payment_id`");
    }
    let payment = match sale {
        Some(_) => payment.map(Some).or(Some(None)),
        None => fields.required("payment_id", payment).map(Some),
    };
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
        sale,
        minor: None,
        maker: None,
    })
}

/// A transaction of a till, which may have been paid in two ways.
fn of_sale(fields: &mut Fields<'_, '_>, hand: Hand) -> Option<RefundOf> {
    let sale = fields.parsed("transaction_id", "a transaction's id", |text| {
        (text.len() <= 64).then(|| SaleId::parse(text).unwrap_or(SaleId(NOBODY)))
    })?;
    let cash = fields.parsed("tender", "`cash` or `card`", |text| match text {
        "cash" => Some(true),
        "card" => Some(false),
        _ => None,
    });
    let till = fields.parsed("till_id", "a till's id", |text| {
        (text.len() <= 64).then(|| TillId::parse(text).unwrap_or(TillId(NOBODY)))
    });
    Some(RefundOf {
        sale,
        cash,
        till,
        hand,
    })
}

fn filter(query: &Query) -> Result<RefundFilter, Problem> {
    Ok(RefundFilter {
        status: query.choice("status", RefundStatus::parse)?,
        payment: query.id("payment_id", payment_of)?,
        sale: query.id("transaction_id", |text| {
            SaleId::parse(text).unwrap_or(SaleId(NOBODY))
        })?,
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
    Parameter::text(
        "transaction_id",
        "Only refunds of this transaction of a till.",
    ),
    Parameter::text("reference_id", "The refund of this reference id."),
];

pub fn create_schema() -> Schema {
    schema::object(
        &["reason"],
        vec![
            ("payment_id", schema::id("pay")),
            ("transaction_id", schema::id("txn")),
            ("tender", schema::one_of(&["cash", "card"])),
            ("till_id", schema::id("till")),
            ("amount", schema::amount()),
            ("currency", schema::currency()),
            ("reason", schema::line(200)),
            ("reference_id", schema::reference_id()),
            ("metadata", schema::metadata()),
        ],
    )
}

pub fn schema() -> Schema {
    let failures: Vec<&str> = RefundFailure::ALL.iter().map(|f| f.as_str()).collect();
    let fields = vec![
        ("id", schema::id("refund")),
        ("object", schema::constant("refund")),
        ("status", schema::one_of(&statuses())),
        ("amount", schema::minor()),
        ("amount_decimal", schema::text()),
        ("currency", schema::currency()),
        ("payment_id", schema::nullable(schema::id("pay"))),
        ("payment_token", schema::nullable(schema::id("tok"))),
        ("wallet_id", schema::nullable(schema::id("wallet"))),
        ("fee", schema::minor()),
        ("fee_decimal", schema::text()),
        ("net", schema::minor()),
        ("net_decimal", schema::text()),
        ("reason", schema::text()),
        ("reference_id", schema::nullable(schema::reference_id())),
        ("metadata", schema::metadata()),
        ("failure_code", schema::nullable(schema::one_of(&failures))),
        ("processed_at", schema::nullable(schema::time())),
        ("created_at", schema::time()),
    ];
    let schema = schema::reply(fields);
    let schema = schema::optional(schema, "transaction_id", schema::id("txn"));
    let schema = schema::optional(schema, "shift_id", schema::id("shift"));
    schema::named("refund", schema)
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}
