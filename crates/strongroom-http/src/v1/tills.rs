//! Tills: enrolled, changed, leased time without a connection.

use serde_json::{Value as Schema, json};
use strongroom_auth::Caller;
use strongroom_auth::permission::{CreateTills, ManageTills, Permission, ReadTills};
use strongroom_domain::payments::PaymentBody;
use strongroom_domain::refunds::RefundBody;
use strongroom_domain::tills::{CreateTill, Digest, LeaseTill, TillView, UpdateTill};
use strongroom_domain::view;
use strongroom_engine::{Listing, ReadFault, TillFilter, View};
use strongroom_types::currency::Currency;
use strongroom_types::id::{ApiKeyId, SaleId, StoreId, TillId};

use crate::call::{Answer, Call};
use crate::json::{Fields, NOBODY, read_object};
use crate::pages;
use crate::problem::Problem;
use crate::query::Parameter;
use crate::schema;
use crate::v1::customers::removable;

const MOST_NAME: usize = 200;

/// Hexadecimal digits may look like a card number.
pub const EXEMPT: &[&str] = &["/public_key"];

/// `POST /v1/tills`.
pub async fn create(caller: Caller<CreateTills>, call: Call) -> Result<Answer, Problem> {
    let command = read_object(&call.object()?, |fields| {
        let store = fields.parsed("store_id", "a store's id", |text| {
            (text.len() <= 64).then(|| StoreId::parse(text).unwrap_or(StoreId(NOBODY)))
        });
        let store = fields.required("store_id", store);
        let name = fields.text("name", MOST_NAME);
        let name = fields.required("name", name);
        let key = key(fields);
        let public_key = public_key(fields);
        let metadata = fields.metadata();
        Some(CreateTill {
            store: store?,
            name: name?,
            key,
            public_key,
            metadata: metadata.unwrap_or_default(),
        })
    })?;
    call.execute(&caller, command).await
}

/// `PATCH /v1/tills/{id}`.
pub async fn update(caller: Caller<ManageTills>, call: Call) -> Result<Answer, Problem> {
    let id = till_id(&call);
    let command = read_object(&call.object()?, |fields| {
        let retired = |text: &str| (text == "retired").then_some(());
        Some(UpdateTill {
            id,
            name: fields.text("name", MOST_NAME),
            key: removable(fields, "api_key_id", key),
            public_key: removable(fields, "public_key", public_key),
            retire: fields.parsed("status", "`retired`", retired).is_some(),
            metadata: fields.metadata(),
        })
    })?;
    call.execute(&caller, command).await
}

/// `POST /v1/tills/{id}/lease`.
pub async fn lease(caller: Caller<ManageTills>, call: Call) -> Result<Answer, Problem> {
    let id = till_id(&call);
    let currency = Some(currency_of(&caller, &call, Some(id)).await?);
    let dialect = call.dialect();
    let command = read_object(&call.object()?, |fields| {
        let floor = fields.amount("floor_limit", currency, dialect);
        let floor = fields.required("floor_limit", floor);
        let total = fields.amount("total_limit", currency, dialect);
        let total = fields.required("total_limit", total);
        let starts_at = fields.time("starts_at");
        let ends_at = fields.time("ends_at");
        let ends_at = fields.required("ends_at", ends_at);
        Some(LeaseTill {
            id,
            floor_limit: floor?,
            total_limit: total?,
            starts_at,
            ends_at: ends_at?,
        })
    })?;
    call.execute(&caller, command).await
}

/// The currency of a till, of the key's own where none is named, or else the organization's.
pub async fn currency_of<P: Permission>(
    caller: &Caller<P>,
    call: &Call,
    till: Option<TillId>,
) -> Result<Currency, Problem> {
    let key = call.credential().id;
    let work = move |view: &mut View<'_>| {
        let known = match till {
            Some(id) => match view.till(id) {
                Ok(till) => Some(till),
                // One that is not there is refused by the decision, which also writes the refusal down.
                Err(ReadFault::NotFound) => None,
                Err(fault) => return Err(fault),
            },
            None => view.till_of(key)?,
        };
        match known {
            Some(till) => Ok(till.currency),
            None => Ok(view.tenant()?.currency),
        }
    };
    Ok(call.engine().read(caller, work).await?)
}

/// `GET /v1/tills/{id}`.
pub async fn read(caller: Caller<ReadTills>, call: Call) -> Result<Answer, Problem> {
    let (id, key) = (till_id(&call), call.credential().id);
    let now = call.engine().now();
    call.read(&caller, move |view| {
        let till = view.till(id)?;
        may_see(view, key, Some(till.store))?;
        Ok(view::json(&TillView::new(&till, now)))
    })
    .await
}

/// SECURITY: the key of a till sees nothing of another store.
///
/// # Errors
/// [`ReadFault::NotFound`].
pub fn may_see(
    view: &mut View<'_>,
    key: ApiKeyId,
    store: Option<StoreId>,
) -> Result<(), ReadFault> {
    match view.till_of(key)? {
        Some(till) if Some(till.store) != store => Err(ReadFault::NotFound),
        _ => Ok(()),
    }
}

/// A list of what is the whole organization's. SECURITY: the key of a till sees nothing of it.
///
/// # Errors
/// As the list's own.
pub fn unless_till<T>(
    view: &mut View<'_>,
    key: ApiKeyId,
    list: impl FnOnce(&mut View<'_>) -> Result<Listing<T>, ReadFault>,
) -> Result<Listing<T>, ReadFault> {
    match view.till_of(key)? {
        Some(_) => Ok(Listing::default()),
        None => list(view),
    }
}

/// Where a payment or a refund comes from.
#[derive(Clone, Copy)]
pub struct Origin {
    /// The transaction of a till that it is of.
    sale: Option<SaleId>,
    /// The key that made it by itself.
    maker: Option<ApiKeyId>,
}

impl Origin {
    pub fn of_payment(payment: &PaymentBody) -> Origin {
        Origin {
            sale: payment.sale,
            maker: payment.maker,
        }
    }

    pub fn of_refund(refund: &RefundBody) -> Origin {
        Origin {
            sale: refund.sale,
            maker: refund.maker,
        }
    }

    /// Whether it is of the store of a till's key: sold there, or made by this key or another one of a till there.
    fn is_seen(
        self,
        view: &mut View<'_>,
        key: ApiKeyId,
        store: StoreId,
    ) -> Result<bool, ReadFault> {
        if let Some(sale) = self.sale {
            return Ok(view.sale(sale)?.store == Some(store));
        }
        match self.maker {
            Some(maker) if maker == key => Ok(true),
            Some(maker) => Ok(view.till_of(maker)?.is_some_and(|till| till.store == store)),
            None => Ok(false),
        }
    }
}

/// The same as [`may_see`], of a payment or a refund.
///
/// # Errors
/// [`ReadFault::NotFound`].
pub fn may_see_of(view: &mut View<'_>, key: ApiKeyId, origin: Origin) -> Result<(), ReadFault> {
    match view.till_of(key)? {
        Some(till) if !origin.is_seen(view, key, till.store)? => Err(ReadFault::NotFound),
        _ => Ok(()),
    }
}

/// Takes out of a page what a till's key may not see: it may be shorter than was asked for.
///
/// # Errors
/// When something cannot be read.
pub fn keep_seen<T>(
    view: &mut View<'_>,
    key: ApiKeyId,
    page: &mut Listing<T>,
    origin: impl Fn(&T) -> Origin,
) -> Result<(), ReadFault> {
    let Some(till) = view.till_of(key)? else {
        return Ok(());
    };
    let mut seen = Vec::new();
    for item in page.items.drain(..) {
        if origin(&item).is_seen(view, key, till.store)? {
            seen.push(item);
        }
    }
    page.items = seen;
    Ok(())
}

/// `GET /v1/tills`.
pub async fn list(caller: Caller<ReadTills>, call: Call) -> Result<Answer, Problem> {
    let page = call.query().page()?;
    let store = call.query().id("store_id", store_of)?;
    let (key, now) = (call.credential().id, call.engine().now());
    call.read(&caller, move |view| {
        let own = view.till_of(key)?.map(|till| till.store);
        let store = seen(store, own);
        let listing = view.tills(&TillFilter { store }, &page)?;
        Ok(pages::render(&listing, |till| {
            view::json(&TillView::new(till, now))
        }))
    })
    .await
}

/// The store that a list is narrowed to: what is asked for, within what the key may see.
pub fn seen(asked: Option<StoreId>, own: Option<StoreId>) -> Option<StoreId> {
    match (asked, own) {
        (Some(asked), Some(own)) if asked != own => Some(StoreId(NOBODY)),
        (asked, own) => own.or(asked),
    }
}

pub fn store_of(text: &str) -> StoreId {
    StoreId::parse(text).unwrap_or(StoreId(NOBODY))
}

pub fn till_id(call: &Call) -> TillId {
    call.id(TillId::parse, TillId(NOBODY))
}

fn key(fields: &mut Fields<'_, '_>) -> Option<ApiKeyId> {
    fields.parsed("api_key_id", "a key's id", |text| {
        (text.len() <= 64).then(|| ApiKeyId::parse(text).unwrap_or(ApiKeyId(NOBODY)))
    })
}

fn public_key(fields: &mut Fields<'_, '_>) -> Option<Digest> {
    let expected = "an Ed25519 public key as 64 lower-case hexadecimal digits";
    fields.parsed("public_key", expected, Digest::parse)
}

/// The parameters of `GET /v1/tills` beside the page.
pub const FILTERS: &[Parameter] = &[Parameter::text("store_id", "Only tills of this store.")];

/// 32 bytes in hexadecimal digits.
pub fn digest() -> Schema {
    json!({"type": "string", "minLength": 64, "maxLength": 64, "description": "Lower-case hexadecimal digits."})
}

pub fn create_schema() -> Schema {
    schema::object(
        &["store_id", "name"],
        vec![
            ("store_id", schema::id("store")),
            ("name", schema::line(MOST_NAME)),
            ("api_key_id", schema::id("key")),
            ("public_key", digest()),
            ("metadata", schema::metadata()),
        ],
    )
}

pub fn update_schema() -> Schema {
    schema::object(
        &[],
        vec![
            ("name", schema::line(MOST_NAME)),
            ("api_key_id", schema::nullable(schema::id("key"))),
            ("public_key", schema::nullable(digest())),
            ("status", schema::constant("retired")),
            ("metadata", schema::metadata()),
        ],
    )
}

pub fn lease_schema() -> Schema {
    schema::object(
        &["floor_limit", "total_limit", "ends_at"],
        vec![
            ("floor_limit", schema::amount()),
            ("total_limit", schema::amount()),
            ("starts_at", schema::time()),
            ("ends_at", schema::time()),
        ],
    )
}

pub fn schema() -> Schema {
    let lease = schema::reply(vec![
        ("floor_limit", schema::minor()),
        ("total_limit", schema::minor()),
        ("used", schema::minor()),
        ("starts_at", schema::time()),
        ("ends_at", schema::time()),
    ]);
    let offline = schema::reply(vec![
        ("next_sequence", json!({"type": "integer", "minimum": 1})),
        ("previous", digest()),
    ]);
    let fields = vec![
        ("id", schema::id("till")),
        ("object", schema::constant("till")),
        ("store_id", schema::id("store")),
        ("name", schema::text()),
        ("status", schema::one_of(&["active", "retired"])),
        ("currency", schema::currency()),
        ("api_key_id", schema::nullable(schema::id("key"))),
        ("public_key", schema::nullable(digest())),
        ("open_shift_id", schema::nullable(schema::id("shift"))),
        ("lease", schema::nullable(lease)),
        ("offline", offline),
        ("metadata", schema::metadata()),
        ("created_at", schema::time()),
    ];
    schema::named("till", schema::reply(fields))
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}
