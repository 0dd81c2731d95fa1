//! Products: what is sold, and how many are left.

use serde_json::{Value as Schema, json};
use strongroom_auth::permission::{CreateProducts, ManageProducts, ReadProducts};
use strongroom_auth::{Caller, Dialect};
use strongroom_domain::products::{
    AdjustStock, CreateProduct, MOST_STOCK, ProductView, StockWish, UpdateProduct, WHOLE,
};
use strongroom_domain::view;
use strongroom_engine::{ProductFilter, ReadFault, View};
use strongroom_types::currency::Currency;
use strongroom_types::id::ProductId;

use crate::call::{Answer, Call};
use crate::json::{FaultKind, Fields, NOBODY, read_object};
use crate::pages;
use crate::problem::Problem;
use crate::query::{Parameter, Query};
use crate::schema;
use crate::v1::customers::removable;

const MOST_NAME: usize = 200;
const MOST_CODE: usize = 64;

/// What a barcode may look like, and a card number too.
pub const EXEMPT: &[&str] = &["/barcode"];

/// `POST /v1/products`.
pub async fn create(caller: Caller<CreateProducts>, call: Call) -> Result<Answer, Problem> {
    let body = call.object()?;
    let currency = call.currency(&caller, &body, None).await?;
    let dialect = call.dialect();
    let command = read_object(&body, |fields| new_product(fields, currency, dialect))?;
    call.execute(&caller, command).await
}

/// `PATCH /v1/products/{id}`.
pub async fn update(caller: Caller<ManageProducts>, call: Call) -> Result<Answer, Problem> {
    let id = product_id(&call);
    let body = call.object()?;
    let currency = match body.get("price").is_some() {
        true => Some(priced_in(&caller, &call, id).await?),
        false => None,
    };
    let dialect = call.dialect();
    let command = read_object(&body, |fields| {
        Some(UpdateProduct {
            id,
            name: fields.text("name", MOST_NAME),
            barcode: removable(fields, "barcode", |f| code(f, "barcode")),
            price: fields.amount("price", currency, dialect),
            tax_ppm: tax(fields),
            active: fields.boolean("active"),
            metadata: fields.metadata(),
        })
    })?;
    call.execute(&caller, command).await
}

/// The currency of a product's price; the organization's where there is no such product, which the decision refuses.
async fn priced_in(
    caller: &Caller<ManageProducts>,
    call: &Call,
    id: ProductId,
) -> Result<Currency, Problem> {
    let work = move |view: &mut View<'_>| match view.product(id) {
        Ok(product) => Ok(product.price.currency),
        Err(ReadFault::NotFound) => Ok(view.tenant()?.currency),
        Err(fault) => Err(fault),
    };
    Ok(call.engine().read(caller, work).await?)
}

/// `POST /v1/products/{id}/stock`.
pub async fn stock(caller: Caller<ManageProducts>, call: Call) -> Result<Answer, Problem> {
    let id = product_id(&call);
    let command = read_object(&call.object()?, |fields| {
        let change = fields.integer("change", -MOST_STOCK, MOST_STOCK);
        let count = fields.integer("count", 0, MOST_STOCK);
        let reason = fields.text("reason", MOST_NAME);
        let reason = fields.required("reason", reason);
        let wish = match (change, count) {
            (Some(_), Some(_)) => {
                fields.invalid("count", "cannot stand beside `change`");
                None
            }
            (Some(change), None) => Some(StockWish::By(change)),
            (None, Some(count)) => Some(StockWish::Counted(count)),
            (None, None) => {
                let known = fields.value("change").or(fields.value("count"));
                if known.is_none() {
                    fields.fault(FaultKind::FieldRequired, "change", "or `count` is required");
                }
                None
            }
        };
        Some(AdjustStock {
            id,
            wish: wish?,
            reason: reason?,
        })
    })?;
    call.execute(&caller, command).await
}

/// `GET /v1/products/{id}`.
pub async fn read(caller: Caller<ReadProducts>, call: Call) -> Result<Answer, Problem> {
    let id = product_id(&call);
    call.read(&caller, move |view| {
        Ok(view::json(&ProductView::new(&view.product(id)?)))
    })
    .await
}

/// `GET /v1/products`.
pub async fn list(caller: Caller<ReadProducts>, call: Call) -> Result<Answer, Problem> {
    let page = call.query().page()?;
    let filter = filter(call.query())?;
    call.read(&caller, move |view| {
        let listing = view.products(&filter, &page)?;
        Ok(pages::render(&listing, |product| {
            view::json(&ProductView::new(product))
        }))
    })
    .await
}

fn product_id(call: &Call) -> ProductId {
    call.id(ProductId::parse, ProductId(NOBODY))
}

fn new_product(
    fields: &mut Fields<'_, '_>,
    currency: Option<Currency>,
    dialect: Dialect,
) -> Option<CreateProduct> {
    let sku = code(fields, "sku");
    let sku = fields.required("sku", sku);
    let name = fields.text("name", MOST_NAME);
    let name = fields.required("name", name);
    let barcode = code(fields, "barcode");
    let _checked = fields.currency("currency");
    let price = fields.amount("price", currency, dialect);
    let price = fields.required("price", price);
    let tax_ppm = tax(fields);
    let stock = fields.integer("stock", 0, MOST_STOCK);
    let metadata = fields.metadata();
    Some(CreateProduct {
        sku: sku?,
        name: name?,
        barcode,
        price: price?,
        tax_ppm: tax_ppm.unwrap_or(0),
        stock,
        metadata: metadata.unwrap_or_default(),
    })
}

/// A SKU or a barcode: visible ASCII characters, so that two that look alike are one.
pub fn code(fields: &mut Fields<'_, '_>, name: &'static str) -> Option<String> {
    fields.parsed(name, "1 to 64 visible ASCII characters", |text| {
        let fits =
            (1..=MOST_CODE).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| text.to_owned())
    })
}

/// A rate of tax in parts per million.
pub fn tax(fields: &mut Fields<'_, '_>) -> Option<u32> {
    let rate = fields.integer("tax_rate_ppm", 0, i64::from(WHOLE))?;
    u32::try_from(rate).ok()
}

fn filter(query: &Query) -> Result<ProductFilter, Problem> {
    let active = |text: &str| match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    };
    Ok(ProductFilter {
        sku: query.text("sku", MOST_CODE)?,
        barcode: query.text("barcode", MOST_CODE)?,
        active: query.choice("active", active)?,
    })
}

/// The parameters of `GET /v1/products` beside the page.
pub const FILTERS: &[Parameter] = &[
    Parameter::text("sku", "The product with this SKU."),
    Parameter::text("barcode", "The product with this barcode."),
    Parameter::one_of(
        "active",
        || vec!["true", "false"],
        "Only products that are sold, or that are not.",
    ),
];

/// A rate of tax, for schemas.
pub fn tax_schema() -> Schema {
    json!({
        "type": "integer", "minimum": 0, "maximum": WHOLE,
        "description": "Parts per million: 120000 is 12 %.",
    })
}

fn count_schema() -> Schema {
    json!({"type": "integer", "minimum": 0, "maximum": MOST_STOCK})
}

pub fn create_schema() -> Schema {
    schema::object(
        &["sku", "name", "price"],
        vec![
            ("sku", schema::line(MOST_CODE)),
            ("name", schema::line(MOST_NAME)),
            ("barcode", schema::line(MOST_CODE)),
            ("price", schema::amount()),
            ("currency", schema::currency()),
            ("tax_rate_ppm", tax_schema()),
            ("stock", count_schema()),
            ("metadata", schema::metadata()),
        ],
    )
}

pub fn update_schema() -> Schema {
    schema::object(
        &[],
        vec![
            ("name", schema::line(MOST_NAME)),
            ("barcode", schema::nullable(schema::line(MOST_CODE))),
            ("price", schema::amount()),
            ("tax_rate_ppm", tax_schema()),
            ("active", json!({"type": "boolean"})),
            ("metadata", schema::metadata()),
        ],
    )
}

pub fn stock_schema() -> Schema {
    schema::object(
        &["reason"],
        vec![
            (
                "change",
                json!({"type": "integer", "minimum": -MOST_STOCK, "maximum": MOST_STOCK}),
            ),
            ("count", count_schema()),
            ("reason", schema::line(MOST_NAME)),
        ],
    )
}

pub fn schema() -> Schema {
    let stock =
        json!({"type": "integer", "description": "Below zero after sales without a connection."});
    let fields = vec![
        ("id", schema::id("prod")),
        ("object", schema::constant("product")),
        ("sku", schema::text()),
        ("name", schema::text()),
        ("barcode", schema::nullable(schema::text())),
        ("price", schema::minor()),
        ("price_decimal", schema::text()),
        ("currency", schema::currency()),
        ("tax_rate_ppm", tax_schema()),
        ("stock", schema::nullable(stock)),
        ("active", json!({"type": "boolean"})),
        ("metadata", schema::metadata()),
        ("created_at", schema::time()),
    ];
    schema::named("product", schema::reply(fields))
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}
