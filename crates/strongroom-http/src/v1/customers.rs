//! Customers: taken in, found by how they are reached, changed, erased.

use serde_json::{Value as Schema, json};
use strongroom_auth::Caller;
use strongroom_auth::permission::{
    CreateCustomers, EraseCustomers, ManageCustomers, ReadCustomers,
};
use strongroom_domain::customers::{
    CreateCustomer, CustomerView, EraseCustomer, Person, UpdateCustomer,
};
use strongroom_domain::view;
use strongroom_engine::CustomerFilter;
use strongroom_types::id::CustomerId;

use crate::call::{Answer, Call};
use crate::json::{Fields, NOBODY, Value, read_object};
use crate::pages;
use crate::problem::Problem;
use crate::query::{Parameter, Query};
use crate::schema;
use crate::v1::contact;

const MOST_NAME: usize = 200;

/// `POST /v1/customers`.
pub async fn create(caller: Caller<CreateCustomers>, call: Call) -> Result<Answer, Problem> {
    let command = read_object(&call.object()?, |fields| {
        let person = Person {
            name: fields.text("name", MOST_NAME),
            email: contact::email(fields),
            phone: contact::phone(fields),
        };
        let reference_id = fields.reference_id();
        let metadata = fields.metadata();
        Some(CreateCustomer {
            person,
            reference_id,
            metadata: metadata.unwrap_or_default(),
        })
    })?;
    call.execute(&caller, command).await
}

/// `PATCH /v1/customers/{id}`.
pub async fn update(caller: Caller<ManageCustomers>, call: Call) -> Result<Answer, Problem> {
    let id = customer_id(&call);
    let command = read_object(&call.object()?, |fields| {
        Some(UpdateCustomer {
            id,
            name: removable(fields, "name", |fields| fields.text("name", MOST_NAME)),
            email: removable(fields, "email", contact::email),
            phone: removable(fields, "phone", contact::phone),
            metadata: fields.metadata(),
        })
    })?;
    call.execute(&caller, command).await
}

/// A field that `null` removes and that stays when it is absent.
pub fn removable<T>(
    fields: &mut Fields<'_, '_>,
    name: &'static str,
    read: impl FnOnce(&mut Fields<'_, '_>) -> Option<T>,
) -> Option<Option<T>> {
    match fields.raw(name) {
        None => None,
        Some(Value::Null) => Some(None),
        Some(_) => Some(read(fields)),
    }
}

/// `POST /v1/customers/{id}/erase`.
pub async fn erase(caller: Caller<EraseCustomers>, call: Call) -> Result<Answer, Problem> {
    call.no_fields()?;
    let id = customer_id(&call);
    call.execute(&caller, EraseCustomer { id }).await
}

/// `GET /v1/customers/{id}`.
pub async fn read(caller: Caller<ReadCustomers>, call: Call) -> Result<Answer, Problem> {
    let id = customer_id(&call);
    call.read(&caller, move |view| {
        Ok(view::json(&CustomerView::new(&view.customer(id)?)))
    })
    .await
}

/// `GET /v1/customers`.
pub async fn list(caller: Caller<ReadCustomers>, call: Call) -> Result<Answer, Problem> {
    let page = call.query().page()?;
    let filter = filter(call.query())?;
    call.read(&caller, move |view| {
        let listing = view.customers(&filter, &page)?;
        Ok(pages::render(&listing, |customer| {
            view::json(&CustomerView::new(customer))
        }))
    })
    .await
}

fn customer_id(call: &Call) -> CustomerId {
    call.id(CustomerId::parse, CustomerId(NOBODY))
}

fn filter(query: &Query) -> Result<CustomerFilter, Problem> {
    Ok(CustomerFilter {
        email: query.text("email", 254)?,
        phone: query.text("phone", 32)?,
        reference_id: query.reference_id()?,
        created_after: query.time("created_after")?,
        created_before: query.time("created_before")?,
    })
}

/// The parameters of `GET /v1/customers` beside the page and the time range.
pub const FILTERS: &[Parameter] = &[
    Parameter::text("email", "Only customers with this e-mail address."),
    Parameter::text("phone", "Only customers with this phone number."),
    Parameter::text("reference_id", "The customer of this reference id."),
];

fn person() -> Vec<(&'static str, Schema)> {
    vec![
        ("name", schema::nullable(schema::line(MOST_NAME))),
        ("email", schema::nullable(schema::line(254))),
        ("phone", schema::nullable(schema::line(32))),
    ]
}

pub fn create_schema() -> Schema {
    let mut fields = person();
    fields.push(("reference_id", schema::reference_id()));
    fields.push(("metadata", schema::metadata()));
    schema::object(&[], fields)
}

pub fn update_schema() -> Schema {
    let mut fields = person();
    fields.push(("metadata", schema::metadata()));
    schema::object(&[], fields)
}

pub fn schema() -> Schema {
    let total = schema::reply(vec![
        ("currency", schema::currency()),
        ("transactions", json!({"type": "integer", "minimum": 0})),
        ("amount", schema::minor()),
        ("amount_decimal", schema::text()),
    ]);
    let erasure = schema::reply(vec![
        ("audit_log_id", schema::id("audit")),
        ("proof", schema::text()),
    ]);
    let mut fields = vec![
        ("id", schema::id("cus")),
        ("object", schema::constant("customer")),
    ];
    fields.extend(person());
    fields.extend([
        ("reference_id", schema::nullable(schema::reference_id())),
        ("metadata", schema::metadata()),
        ("totals", schema::list(total)),
        ("erased_at", schema::nullable(schema::time())),
        ("erasure", schema::nullable(erasure)),
        ("created_at", schema::time()),
    ]);
    schema::named("customer", schema::reply(fields))
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}
