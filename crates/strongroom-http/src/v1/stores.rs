//! Stores.

use serde_json::{Value as Schema, json};
use strongroom_auth::Caller;
use strongroom_auth::permission::{CreateStores, ManageStores, ReadStores};
use strongroom_domain::stores::{CreateStore, StoreView, UpdateStore};
use strongroom_domain::view;
use strongroom_types::id::StoreId;

use crate::call::{Answer, Call};
use crate::json::{Fields, NOBODY, read_object};
use crate::pages;
use crate::problem::Problem;
use crate::schema;
use crate::v1::tills::may_see;

const MOST_NAME: usize = 200;
const MOST_LINES: usize = 8;
const MOST_LINE: usize = 80;

/// `POST /v1/stores`.
pub async fn create(caller: Caller<CreateStores>, call: Call) -> Result<Answer, Problem> {
    let command = read_object(&call.object()?, |fields| {
        let name = fields.text("name", MOST_NAME);
        let name = fields.required("name", name);
        let currency = fields.currency("currency");
        let wallet = fields.wallet("wallet_id");
        let header = header(fields);
        let metadata = fields.metadata();
        Some(CreateStore {
            name: name?,
            currency,
            wallet,
            header: header.unwrap_or_default(),
            metadata: metadata.unwrap_or_default(),
        })
    })?;
    call.execute(&caller, command).await
}

/// `PATCH /v1/stores/{id}`.
pub async fn update(caller: Caller<ManageStores>, call: Call) -> Result<Answer, Problem> {
    let id = store_id(&call);
    let command = read_object(&call.object()?, |fields| {
        Some(UpdateStore {
            id,
            name: fields.text("name", MOST_NAME),
            header: header(fields),
            metadata: fields.metadata(),
        })
    })?;
    call.execute(&caller, command).await
}

/// `GET /v1/stores/{id}`.
pub async fn read(caller: Caller<ReadStores>, call: Call) -> Result<Answer, Problem> {
    let (id, key) = (store_id(&call), call.credential().id);
    call.read(&caller, move |view| {
        let store = view.store(id)?;
        may_see(view, key, Some(store.id))?;
        Ok(view::json(&StoreView::new(&store)))
    })
    .await
}

/// `GET /v1/stores`.
pub async fn list(caller: Caller<ReadStores>, call: Call) -> Result<Answer, Problem> {
    let page = call.query().page()?;
    let key = call.credential().id;
    call.read(&caller, move |view| {
        let only = view.till_of(key)?.map(|till| till.store);
        let listing = view.stores(only, &page)?;
        Ok(pages::render(&listing, |store| {
            view::json(&StoreView::new(store))
        }))
    })
    .await
}

fn store_id(call: &Call) -> StoreId {
    call.id(StoreId::parse, StoreId(NOBODY))
}

/// Lines for the head of receipts.
fn header(fields: &mut Fields<'_, '_>) -> Option<Vec<String>> {
    let lines = fields.texts("receipt_header", MOST_LINES)?;
    let fits =
        |line: &String| line.chars().count() <= MOST_LINE && !line.chars().any(char::is_control);
    if lines.iter().all(fits) {
        return Some(lines);
    }
    fields.invalid("receipt_header", "each line has at most 80 characters");
    None
}

fn header_schema() -> Schema {
    let about = "At most 8 lines.";
    json!({"type": "array", "description": about, "items": {"type": "string", "maxLength": MOST_LINE}})
}

pub fn create_schema() -> Schema {
    schema::object(
        &["name"],
        vec![
            ("name", schema::line(MOST_NAME)),
            ("currency", schema::currency()),
            ("wallet_id", schema::id("wallet")),
            ("receipt_header", header_schema()),
            ("metadata", schema::metadata()),
        ],
    )
}

pub fn update_schema() -> Schema {
    schema::object(
        &[],
        vec![
            ("name", schema::line(MOST_NAME)),
            ("receipt_header", header_schema()),
            ("metadata", schema::metadata()),
        ],
    )
}

pub fn schema() -> Schema {
    let fields = vec![
        ("id", schema::id("store")),
        ("object", schema::constant("store")),
        ("name", schema::text()),
        ("currency", schema::currency()),
        ("wallet_id", schema::nullable(schema::id("wallet"))),
        ("receipt_header", schema::list(schema::text())),
        ("metadata", schema::metadata()),
        ("created_at", schema::time()),
    ];
    schema::named("store", schema::reply(fields))
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}
