//! Transactions at a till: sold, voided, uploaded after the connection was away.

use serde_json::{Value as Schema, json};
use strongroom_auth::permission::{CreateSales, VoidSales};
use strongroom_auth::{Caller, Dialect};
use strongroom_domain::sales::{
    CreateSale, ItemProduct, NewItem, NewSale, SHOWN, SaleStatus, Tender, UploadSale, VoidSale,
};
use strongroom_domain::tills::{Digest, parse_signature};
use strongroom_engine::SaleFilter;
use strongroom_types::currency::Currency;
use strongroom_types::id::{CustomerId, ProductId, SaleId, ShiftId, TillId, TokenId};

use crate::call::{Answer, Call};
use crate::json::{FaultKind, Fields, NOBODY, Value, parse_object, read_object};
use crate::problem::Problem;
use crate::query::{Parameter, Query};
use crate::schema;
use crate::v1::products::{code, tax, tax_schema};
use crate::v1::shifts::{hand, named_till, taxes_schema, till};
use crate::v1::tills::{currency_of, digest, store_of, till_id};

const MOST_ITEMS: usize = 200;
const MOST_QUANTITY: i64 = 1_000_000;
const MOST_PAYLOAD: usize = 64 * 1_024;

/// Hexadecimal digits may look like a card number.
pub const EXEMPT: &[&str] = &["/previous", "/signature"];

/// `POST /v1/transactions`.
pub async fn create(caller: Caller<CreateSales>, call: Call) -> Result<Answer, Problem> {
    let body = call.object()?;
    let currency = match body.get("currency") {
        None | Some(Value::Null) => Some(currency_of(&caller, &call, named_till(&body)).await?),
        Some(_) => call.currency(&caller, &body, None).await?,
    };
    let (dialect, hand) = (call.dialect(), hand(&call));
    let command = read_object(&body, |fields| {
        let till = till(fields);
        let sale = new_sale(fields, (currency, dialect), false);
        let tender = tender(fields, currency, dialect);
        Some(CreateSale {
            sale: sale?,
            tender: tender?,
            till,
            hand,
        })
    })?;
    call.execute(&caller, command).await
}

/// `POST /v1/tills/{id}/transactions`.
pub async fn upload(caller: Caller<CreateSales>, call: Call) -> Result<Answer, Problem> {
    let id = till_id(&call);
    let link = read_object(&call.object()?, link)?;
    let till_currency = currency_of(&caller, &call, Some(id)).await?;
    let (dialect, hand) = (call.dialect(), hand(&call));
    let object = parse_object(link.payload.as_bytes()).map_err(Problem::from)?;
    let command = read_object(&object, |fields| {
        let sold_at = fields.time("sold_at");
        let sold_at = fields.required("sold_at", sold_at);
        let currency = match fields.value("currency") {
            Some(_) => fields.currency("currency"),
            None => Some(till_currency),
        };
        let sale = new_sale(fields, (currency, dialect), true);
        let tendered = fields.amount("tendered", currency, dialect);
        Some(UploadSale {
            till: id,
            sequence: link.sequence,
            previous: link.previous,
            signature: link.signature,
            payload: link.payload.clone(),
            sale: sale?,
            tendered: tendered.map(|money| money.minor),
            sold_at: sold_at?,
            hand,
        })
    })?;
    call.execute(&caller, command).await
}

/// A transaction's place in its till's chain, and what was signed.
struct Link {
    sequence: u64,
    previous: Digest,
    signature: [u8; 64],
    payload: String,
}

fn link(fields: &mut Fields<'_, '_>) -> Option<Link> {
    let sequence = fields.integer("sequence", 1, 1 << 53);
    let sequence = fields.required("sequence", sequence);
    let previous = fields.parsed(
        "previous",
        "64 lower-case hexadecimal digits",
        Digest::parse,
    );
    let previous = fields.required("previous", previous);
    let expected = "128 lower-case hexadecimal digits";
    let signature = fields.parsed("signature", expected, parse_signature);
    let signature = fields.required("signature", signature);
    let payload = fields.parsed("payload", "the JSON text that was signed", |text| {
        (1..=MOST_PAYLOAD)
            .contains(&text.len())
            .then(|| text.to_owned())
    });
    let payload = fields.required("payload", payload);
    Some(Link {
        sequence: u64::try_from(sequence?).ok()?,
        previous: previous?,
        signature: signature?,
        payload: payload?,
    })
}

/// `POST /v1/transactions/{id}/void`.
pub async fn void(caller: Caller<VoidSales>, call: Call) -> Result<Answer, Problem> {
    let (id, hand) = (sale_id(&call), hand(&call));
    let reason = read_object(&call.object()?, |fields| {
        let reason = fields.text("reason", 200);
        fields.required("reason", reason)
    })?;
    call.execute(&caller, VoidSale { id, reason, hand }).await
}

pub fn sale_id(call: &Call) -> SaleId {
    call.id(SaleId::parse, SaleId(NOBODY))
}

fn new_sale(
    fields: &mut Fields<'_, '_>,
    (currency, dialect): (Option<Currency>, Dialect),
    is_past: bool,
) -> Option<NewSale> {
    let _checked = fields.currency("currency");
    let items = fields.objects("items", 1..=MOST_ITEMS).map(|all| {
        let mut items = Vec::with_capacity(all.len());
        for mut one in all {
            items.push(item(&mut one, (currency, dialect), is_past));
        }
        items.into_iter().collect::<Option<Vec<NewItem>>>()
    });
    let items = fields.required("items", items);
    let discount = fields.amount("discount_amount", currency, dialect);
    let taxes_added = fields
        .boolean("taxes_included")
        .is_some_and(|included| !included);
    let amount = fields.amount("amount", currency, dialect);
    let customer = fields.parsed("customer_id", "a customer's id", |text| {
        (text.len() <= 64).then(|| CustomerId::parse(text).unwrap_or(CustomerId(NOBODY)))
    });
    let reference_id = fields.reference_id();
    let description = fields.text("description", 500);
    let metadata = fields.metadata();
    Some(NewSale {
        currency: currency?,
        items: items??,
        discount,
        taxes_added,
        amount,
        customer,
        reference_id,
        description,
        metadata: metadata.unwrap_or_default(),
    })
}

/// Of a past sale the price and the rate that were charged may stand there: the product's may be others by now.
fn item(
    fields: &mut Fields<'_, '_>,
    (currency, dialect): (Option<Currency>, Dialect),
    is_past: bool,
) -> Option<NewItem> {
    let id = fields.parsed("product_id", "a product's id", |text| {
        (text.len() <= 64).then(|| ProductId::parse(text).unwrap_or(ProductId(NOBODY)))
    });
    let sku = code(fields, "sku");
    let name = fields.text("name", 200);
    let quantity = fields.integer("quantity", 1, MOST_QUANTITY);
    let quantity = fields.required("quantity", quantity);
    let unit = fields.amount("unit_amount", currency, dialect);
    let discount = fields.amount("discount_amount", currency, dialect);
    let ppm = tax(fields);
    let named =
        usize::from(id.is_some()) + usize::from(sku.is_some()) + usize::from(name.is_some());
    if named > 1 {
        fields.invalid(
            "name",
            "name a product by its id or its SKU, or something else by a name",
        );
    }
    if id.is_none() && sku.is_none() {
        fields.required("unit_amount", unit);
    }
    let product = id.map(ItemProduct::Id).or(sku.map(ItemProduct::Sku));
    if product.is_none() {
        if name.is_none() && fields.value("product_id").is_none() && fields.value("sku").is_none() {
            fields.required("name", name.clone());
        }
    } else if ppm.is_some() && !is_past {
        fields.invalid("tax_rate_ppm", "a product has a rate of its own");
    }
    Some(NewItem {
        product,
        name,
        quantity: quantity?,
        unit,
        discount,
        ppm,
    })
}

/// `payment_token`, `tender: "cash"`, or a list of both.
fn tender(
    fields: &mut Fields<'_, '_>,
    currency: Option<Currency>,
    dialect: Dialect,
) -> Option<Tender> {
    let mut tender = Tender::default();
    let token = token(fields);
    let cash = fields.parsed("tender", "`cash`", |text| (text == "cash").then_some(()));
    let tendered = fields.amount("tendered", currency, dialect);
    tender.card = token;
    tender.cash = cash.is_some();
    tender.tendered = tendered.map(|money| money.minor);
    let asked = fields.value("payment_token").is_some() || fields.value("tender").is_some();
    let Some(all) = fields.objects("tenders", 1..=2) else {
        let missing = !asked && fields.value("tenders").is_none();
        if missing {
            let text = "or `tender`, or `tenders` is required";
            fields.fault(FaultKind::FieldRequired, "payment_token", text);
        }
        if tender.cash && tender.card.is_some() {
            fields.invalid("tender", "two tenders stand in `tenders`");
        }
        return (tender.cash || tender.card.is_some()).then_some(tender);
    };
    if asked {
        fields.invalid("tenders", "cannot stand beside `payment_token` or `tender`");
    }
    for mut one in all {
        one_tender(&mut one, &mut tender, currency, dialect);
    }
    (tender.cash || tender.card.is_some()).then_some(tender)
}

fn one_tender(
    fields: &mut Fields<'_, '_>,
    tender: &mut Tender,
    currency: Option<Currency>,
    dialect: Dialect,
) {
    let is_cash = fields.parsed("type", "`cash` or `card`", |text| match text {
        "cash" => Some(true),
        "card" => Some(false),
        _ => None,
    });
    let is_cash = fields.required("type", is_cash);
    let amount = fields.amount("amount", currency, dialect);
    let amount = amount.map(|money| money.minor);
    match is_cash {
        Some(true) => {
            if tender.cash {
                fields.invalid("type", "stands twice");
            }
            tender.cash = true;
            tender.cash_amount = amount;
            let tendered = fields.amount("tendered", currency, dialect);
            tender.tendered = tendered.map(|money| money.minor);
        }
        Some(false) => {
            if tender.card.is_some() {
                fields.invalid("type", "one card pays a transaction");
            }
            let token = token(fields);
            tender.card = fields.required("payment_token", token);
            tender.card_amount = amount;
        }
        None => fields.ignore_rest(),
    }
}

fn token(fields: &mut Fields<'_, '_>) -> Option<TokenId> {
    fields.parsed("payment_token", "a token's id", |text| {
        (text.len() <= 64).then(|| TokenId::parse(text).unwrap_or(TokenId(NOBODY)))
    })
}

/// What a list of a till's transactions is narrowed by.
pub fn filter(query: &Query) -> Result<SaleFilter, Problem> {
    Ok(SaleFilter {
        status: query.choice("status", SaleStatus::parse)?,
        till: query.id("till_id", |text| {
            TillId::parse(text).unwrap_or(TillId(NOBODY))
        })?,
        store: query.id("store_id", store_of)?,
        shift: query.id("shift_id", |text| {
            ShiftId::parse(text).unwrap_or(ShiftId(NOBODY))
        })?,
        customer: query.id("customer_id", |text| {
            CustomerId::parse(text).unwrap_or(CustomerId(NOBODY))
        })?,
        reference_id: query.reference_id()?,
        created_after: query.time("created_after")?,
        created_before: query.time("created_before")?,
    })
}

fn statuses() -> Vec<&'static str> {
    SaleStatus::ALL.iter().map(|s| s.as_str()).collect()
}

/// Parameters that only transactions of tills have.
pub const FILTERS: &[Parameter] = &[
    Parameter::one_of(
        "status",
        statuses,
        "Only transactions of tills in this state.",
    ),
    Parameter::text("till_id", "Only transactions of this till."),
    Parameter::text("store_id", "Only transactions of this store."),
    Parameter::text("shift_id", "Only transactions of this shift."),
    Parameter::text("customer_id", "Only transactions of this customer."),
];

fn item_schema() -> Schema {
    schema::object(
        &["quantity"],
        vec![
            ("product_id", schema::id("prod")),
            ("sku", schema::line(64)),
            ("name", schema::line(200)),
            (
                "quantity",
                json!({"type": "integer", "minimum": 1, "maximum": MOST_QUANTITY}),
            ),
            ("unit_amount", schema::amount()),
            ("discount_amount", schema::amount()),
            ("tax_rate_ppm", tax_schema()),
        ],
    )
}

fn sale_fields() -> Vec<(&'static str, Schema)> {
    vec![
        ("currency", schema::currency()),
        ("items", schema::list(item_schema())),
        ("discount_amount", schema::amount()),
        (
            "taxes_included",
            json!({"type": "boolean", "default": true}),
        ),
        ("amount", schema::amount()),
        ("customer_id", schema::id("cus")),
        ("reference_id", schema::reference_id()),
        ("description", schema::line(500)),
        ("metadata", schema::metadata()),
        ("tendered", schema::amount()),
    ]
}

pub fn create_schema() -> Schema {
    let tender = schema::object(
        &["type"],
        vec![
            ("type", schema::one_of(&["cash", "card"])),
            ("amount", schema::amount()),
            ("tendered", schema::amount()),
            ("payment_token", schema::id("tok")),
        ],
    );
    let mut fields = sale_fields();
    fields.push(("till_id", schema::id("till")));
    fields.push(("payment_token", schema::id("tok")));
    fields.push(("tender", schema::constant("cash")));
    fields.push(("tenders", schema::list(tender)));
    schema::object(&["items"], fields)
}

pub fn upload_schema() -> Schema {
    let payload = json!({
        "type": "string",
        "description": "JSON text as it was signed: `sold_at`, `items`, and what else a transaction in cash has.",
    });
    schema::object(
        &["sequence", "previous", "payload", "signature"],
        vec![
            ("sequence", json!({"type": "integer", "minimum": 1})),
            ("previous", digest()),
            ("payload", payload),
            (
                "signature",
                json!({"type": "string", "minLength": 128, "maxLength": 128}),
            ),
        ],
    )
}

pub fn void_schema() -> Schema {
    schema::object(&["reason"], vec![("reason", schema::line(200))])
}

fn sold_schema() -> Schema {
    let count = json!({"type": "integer", "minimum": 1});
    schema::reply(vec![
        ("product_id", schema::nullable(schema::id("prod"))),
        ("name", schema::text()),
        ("quantity", count),
        ("unit_amount", schema::minor()),
        ("discount_amount", schema::minor()),
        ("discount_share", schema::minor()),
        ("tax_rate_ppm", tax_schema()),
        ("tax", schema::minor()),
        ("total", schema::minor()),
    ])
}

fn paid_schema() -> Schema {
    let cash = schema::reply(vec![
        ("type", schema::constant("cash")),
        ("amount", schema::minor()),
        ("tendered", schema::minor()),
        ("change", schema::minor()),
        ("amount_refunded", schema::minor()),
    ]);
    let card = schema::reply(vec![
        ("type", schema::constant("card")),
        ("amount", schema::minor()),
        ("payment_id", schema::id("pay")),
        ("amount_refunded", schema::minor()),
    ]);
    schema::list(json!({"oneOf": [cash, card]}))
}

pub fn schema() -> Schema {
    let id = |prefix| schema::nullable(schema::id(prefix));
    let offline = schema::reply(vec![
        ("sequence", json!({"type": "integer", "minimum": 1})),
        ("hash", digest()),
        ("sold_at", schema::time()),
        ("price_differs", json!({"type": "boolean"})),
    ]);
    let receipt = schema::reply(vec![
        ("audit_log_id", schema::id("audit")),
        ("proof", schema::text()),
    ]);
    let fields = vec![
        ("id", schema::id("txn")),
        ("object", schema::constant("transaction")),
        ("type", schema::constant("sale")),
        ("status", schema::one_of(SHOWN)),
        ("amount", schema::minor()),
        ("amount_decimal", schema::text()),
        ("currency", schema::currency()),
        ("till_id", id("till")),
        ("store_id", id("store")),
        ("shift_id", id("shift")),
        ("customer_id", id("cus")),
        ("items", schema::list(sold_schema())),
        ("subtotal", schema::minor()),
        ("discount_amount", schema::minor()),
        ("taxes_included", json!({"type": "boolean"})),
        ("taxes", taxes_schema()),
        ("tenders", paid_schema()),
        ("amount_refunded", schema::minor()),
        ("reference_id", schema::nullable(schema::reference_id())),
        ("description", schema::nullable(schema::text())),
        ("metadata", schema::metadata()),
        ("offline", schema::nullable(offline)),
        ("completed_at", schema::nullable(schema::time())),
        ("voided_at", schema::nullable(schema::time())),
        ("void_reason", schema::nullable(schema::text())),
        ("receipt", receipt),
        ("created_at", schema::time()),
    ];
    schema::named("sale", schema::reply(fields))
}
