//! Payments: money taken from a card by its token, captured, voided.

use serde_json::{Value as Schema, json};
use strongroom_auth::permission::{
    CapturePayments, CreatePayments, Permission, ReadPayments, VoidPayments,
};
use strongroom_auth::{Caller, Dialect};
use strongroom_domain::payments::{
    CapturePayment, CreatePayment, PaymentFailure, PaymentStatus, PaymentView, VoidPayment,
};
use strongroom_domain::view;
use strongroom_engine::{PaymentFilter, ReadFault, View};
use strongroom_types::card::Brand;
use strongroom_types::currency::Currency;
use strongroom_types::id::{ApiKeyId, PaymentId, TokenId};

use crate::call::{Answer, Call};
use crate::json::{Fields, NOBODY, Object, Value, read_object};
use crate::pages;
use crate::problem::Problem;
use crate::query::{Parameter, Query};
use crate::schema;
use crate::v1::payment_links::{AN_ADDRESS, LONGEST_URL, page_url};
use crate::v1::tills::{Origin, keep_seen, may_see_of};
use crate::v1::transfers::named_wallet;
use crate::vaulted::require_number;

/// `POST /v1/payments`.
pub async fn create(caller: Caller<CreatePayments>, call: Call) -> Result<Answer, Problem> {
    let body = call.object()?;
    let wallet = named_wallet(&body, "wallet_id");
    let currency = call.currency(&caller, &body, wallet).await?;
    let (dialect, maker) = (call.dialect(), call.at_till());
    let command = read_object(&body, |fields| {
        new_payment(fields, currency, dialect, maker)
    })?;
    require_number(&caller, &call, command.token).await?;
    call.execute(&caller, command).await
}

/// `POST /v1/payments/{id}/capture`.
pub async fn capture(caller: Caller<CapturePayments>, call: Call) -> Result<Answer, Problem> {
    let id = within_reach(&caller, &call, payment_id(&call)).await?;
    let (amount, named) = match call.body.is_empty() {
        true => (None, None),
        false => {
            let body = call.object()?;
            let currency = currency_of(&caller, &call, &body, Some(id)).await?;
            let dialect = call.dialect();
            read_object(&body, |fields| {
                let named = fields.currency("currency");
                Some((fields.amount("amount", currency, dialect), named))
            })?
        }
    };
    let command = CapturePayment {
        id,
        amount,
        currency: named,
    };
    call.execute(&caller, command).await
}

/// The currency of a body's amounts: the one it names, else the payment's. `None` when it names one that is none.
pub async fn currency_of<P: Permission>(
    caller: &Caller<P>,
    call: &Call,
    body: &Object<'_>,
    payment: Option<PaymentId>,
) -> Result<Option<Currency>, Problem> {
    if body
        .get("currency")
        .is_some_and(|value| *value != Value::Null)
    {
        return call.currency(caller, body, None).await;
    }
    let work = move |view: &mut View<'_>| match payment.map(|id| view.payment(id)) {
        Some(Ok(payment)) => Ok(payment.amount.currency),
        // One that is not there is refused by the decision, which also writes the refusal down.
        Some(Err(ReadFault::NotFound)) | None => Ok(view.tenant()?.currency),
        Some(Err(fault)) => Err(fault),
    };
    Ok(Some(call.engine().read(caller, work).await?))
}

/// `POST /v1/payments/{id}/void`.
pub async fn void(caller: Caller<VoidPayments>, call: Call) -> Result<Answer, Problem> {
    call.no_fields()?;
    let id = within_reach(&caller, &call, payment_id(&call)).await?;
    call.execute(&caller, VoidPayment { id }).await
}

/// A payment that is to be changed, if the key may see it. SECURITY: to a till's key one of another store is one that is not
/// there, which the decision refuses and writes down.
pub async fn within_reach<P: Permission>(
    caller: &Caller<P>,
    call: &Call,
    id: PaymentId,
) -> Result<PaymentId, Problem> {
    let Some(key) = call.at_till() else {
        return Ok(id);
    };
    let work = move |view: &mut View<'_>| match view.payment(id) {
        Ok(payment) => match may_see_of(view, key, Origin::of_payment(&payment)) {
            Err(ReadFault::NotFound) => Ok(PaymentId(NOBODY)),
            seen => seen.map(|()| id),
        },
        Err(ReadFault::NotFound) => Ok(id),
        Err(fault) => Err(fault),
    };
    Ok(call.engine().read(caller, work).await?)
}

/// `GET /v1/payments/{id}`.
pub async fn read(caller: Caller<ReadPayments>, call: Call) -> Result<Answer, Problem> {
    let (id, key) = (payment_id(&call), call.credential().id);
    call.read(&caller, move |view| {
        let payment = view.payment(id)?;
        may_see_of(view, key, Origin::of_payment(&payment))?;
        Ok(view::json(&PaymentView::new(&payment)))
    })
    .await
}

/// `GET /v1/payments`.
pub async fn list(caller: Caller<ReadPayments>, call: Call) -> Result<Answer, Problem> {
    let page = call.query().page()?;
    let filter = filter(call.query())?;
    let key = call.credential().id;
    call.read(&caller, move |view| {
        let mut listing = view.payments(&filter, &page)?;
        keep_seen(view, key, &mut listing, Origin::of_payment)?;
        Ok(pages::render(&listing, |payment| {
            view::json(&PaymentView::new(payment))
        }))
    })
    .await
}

fn payment_id(call: &Call) -> PaymentId {
    call.id(PaymentId::parse, PaymentId(NOBODY))
}

fn new_payment(
    fields: &mut Fields<'_, '_>,
    currency: Option<Currency>,
    dialect: Dialect,
    maker: Option<ApiKeyId>,
) -> Option<CreatePayment> {
    let token = fields.parsed("payment_token", "a token's id", |text| {
        (text.len() <= 64).then(|| TokenId::parse(text).unwrap_or(TokenId(NOBODY)))
    });
    let token = fields.required("payment_token", token);
    let _checked = fields.currency("currency");
    let amount = fields.amount("amount", currency, dialect);
    let amount = fields.required("amount", amount);
    let wallet = fields.wallet("wallet_id");
    let capture = fields.boolean("capture").unwrap_or(true);
    let reference_id = fields.reference_id();
    let customer_id = fields.text("customer_id", 64);
    let description = fields.text("description", 500);
    let metadata = fields.metadata();
    let return_url = fields.parsed("return_url", AN_ADDRESS, page_url);
    Some(CreatePayment {
        token: token?,
        amount: amount?,
        wallet,
        capture,
        reference_id,
        customer_id,
        description,
        metadata: metadata.unwrap_or_default(),
        link: None,
        return_url,
        maker,
    })
}

fn filter(query: &Query) -> Result<PaymentFilter, Problem> {
    Ok(PaymentFilter {
        status: query.choice("status", PaymentStatus::parse)?,
        wallet: query.wallet("wallet_id")?,
        reference_id: query.reference_id()?,
        created_after: query.time("created_after")?,
        created_before: query.time("created_before")?,
    })
}

fn statuses() -> Vec<&'static str> {
    PaymentStatus::ALL.iter().map(|s| s.as_str()).collect()
}

/// The parameters of `GET /v1/payments` beside the page and the time range.
pub const FILTERS: &[Parameter] = &[
    Parameter::one_of("status", statuses, "Only payments in this state."),
    Parameter::text("wallet_id", "Only payments into this wallet."),
    Parameter::text("reference_id", "The payment of this reference id."),
];

pub fn create_schema() -> Schema {
    schema::object(
        &["payment_token", "amount"],
        vec![
            ("payment_token", schema::id("tok")),
            ("amount", schema::amount()),
            ("currency", schema::currency()),
            ("wallet_id", schema::id("wallet")),
            ("capture", json!({"type": "boolean", "default": true})),
            ("customer_id", schema::line(64)),
            ("reference_id", schema::reference_id()),
            ("description", schema::line(500)),
            (
                "return_url",
                json!({"type": "string", "minLength": 9, "maxLength": LONGEST_URL}),
            ),
            ("metadata", schema::metadata()),
        ],
    )
}

pub fn capture_schema() -> Schema {
    schema::object(
        &[],
        vec![
            ("amount", schema::amount()),
            ("currency", schema::currency()),
        ],
    )
}

pub fn schema() -> Schema {
    let brands: Vec<&str> = Brand::ALL.iter().map(|brand| brand.as_str()).collect();
    let failures: Vec<&str> = PaymentFailure::ALL.iter().map(|f| f.as_str()).collect();
    let card = schema::reply(vec![
        ("brand", schema::one_of(&brands)),
        ("last4", schema::text()),
    ]);
    let action = schema::reply(vec![
        ("type", schema::constant("redirect")),
        ("path", schema::text()),
        ("expires_at", schema::nullable(schema::time())),
    ]);
    let fields = vec![
        ("id", schema::id("pay")),
        ("object", schema::constant("payment")),
        ("status", schema::one_of(&statuses())),
        ("amount", schema::minor()),
        ("amount_decimal", schema::text()),
        ("currency", schema::currency()),
        ("amount_captured", schema::minor()),
        ("amount_capturable", schema::minor()),
        ("amount_settled", schema::minor()),
        ("amount_refunded", schema::minor()),
        ("amount_refundable", schema::minor()),
        ("fee", schema::minor()),
        ("fee_decimal", schema::text()),
        ("net", schema::minor()),
        ("net_decimal", schema::text()),
        ("wallet_id", schema::id("wallet")),
        ("payment_token", schema::id("tok")),
        ("card", card),
        ("capture", json!({"type": "boolean"})),
        ("next_action", schema::nullable(action)),
        ("return_url", schema::nullable(schema::text())),
        ("payment_link_id", schema::nullable(schema::id("plink"))),
        ("customer_id", schema::nullable(schema::text())),
        ("reference_id", schema::nullable(schema::reference_id())),
        ("description", schema::nullable(schema::text())),
        ("metadata", schema::metadata()),
        ("failure_code", schema::nullable(schema::one_of(&failures))),
        ("approval_code", schema::nullable(schema::text())),
        ("authorized_at", schema::nullable(schema::time())),
        ("expires_at", schema::nullable(schema::time())),
        ("created_at", schema::time()),
    ];
    let refused = [
        ("amount_refused", schema::minor()),
        ("refused_code", schema::one_of(&failures)),
    ];
    let payment = refused
        .into_iter()
        .fold(schema::reply(fields), |payment, (name, field)| {
            schema::optional(payment, name, field)
        });
    schema::named("payment", payment)
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}
