//! Wallets: made, read, changed, frozen, closed.

use serde_json::{Value as Schema, json};
use strongroom_auth::permission::{CreateWallets, ManageWallets, ReadWallets};
use strongroom_auth::{Caller, Dialect};
use strongroom_domain::view::{self, WalletBalanceView, WalletView};
use strongroom_domain::wallets::{
    Business, CreateWallet, Owner, SetWalletStatus, UpdateWallet, WalletStatus, WalletType,
};
use strongroom_engine::WalletFilter;
use strongroom_types::currency::Currency;
use strongroom_types::id::WalletId;

use crate::call::{Answer, Call};
use crate::json::{Fields, NOBODY, Object, Value, read_object};
use crate::pages;
use crate::problem::Problem;
use crate::query::{Parameter, Query};
use crate::schema;
use crate::v1::contact;
use crate::v1::tills::{may_see, unless_till};

/// `POST /v1/wallets`.
pub async fn create(caller: Caller<CreateWallets>, call: Call) -> Result<Answer, Problem> {
    let body = call.object()?;
    let currency = match body.get("low_balance_threshold") {
        Some(_) => call.currency(&caller, &body, None).await?,
        None => None,
    };
    let dialect = call.dialect();
    let command = read_object(&body, |fields| new_wallet(fields, currency, dialect))?;
    call.execute(&caller, command).await
}

/// `PATCH /v1/wallets/{id}`.
pub async fn update(caller: Caller<ManageWallets>, call: Call) -> Result<Answer, Problem> {
    let id = wallet_id(&call);
    let body = call.object()?;
    let currency = match body.get("low_balance_threshold") {
        Some(_) => call.currency(&caller, &Object::default(), Some(id)).await?,
        None => None,
    };
    let dialect = call.dialect();
    let command = read_object(&body, |fields| changes(fields, id, currency, dialect))?;
    call.execute(&caller, command).await
}

/// `POST /v1/wallets/{id}/freeze`.
pub async fn freeze(caller: Caller<ManageWallets>, call: Call) -> Result<Answer, Problem> {
    set_status(caller, call, WalletStatus::Frozen).await
}

/// `POST /v1/wallets/{id}/unfreeze`.
pub async fn unfreeze(caller: Caller<ManageWallets>, call: Call) -> Result<Answer, Problem> {
    set_status(caller, call, WalletStatus::Active).await
}

/// `POST /v1/wallets/{id}/close`.
pub async fn close(caller: Caller<ManageWallets>, call: Call) -> Result<Answer, Problem> {
    set_status(caller, call, WalletStatus::Closed).await
}

async fn set_status(
    caller: Caller<ManageWallets>,
    call: Call,
    status: WalletStatus,
) -> Result<Answer, Problem> {
    call.no_fields()?;
    let id = wallet_id(&call);
    call.execute(&caller, SetWalletStatus { id, status }).await
}

/// `GET /v1/wallets/{id}`.
pub async fn read(caller: Caller<ReadWallets>, call: Call) -> Result<Answer, Problem> {
    let (id, key) = (wallet_id(&call), call.credential().id);
    call.read(&caller, move |view| {
        may_see(view, key, None)?;
        let (wallet, books) = view.wallet(id)?;
        Ok(view::json(&WalletView::new(&wallet, &books)))
    })
    .await
}

/// `GET /v1/wallets/{id}/balance`.
pub async fn balance(caller: Caller<ReadWallets>, call: Call) -> Result<Answer, Problem> {
    let (id, key) = (wallet_id(&call), call.credential().id);
    call.read(&caller, move |view| {
        may_see(view, key, None)?;
        let (_, books) = view.wallet(id)?;
        Ok(view::json(&WalletBalanceView::new(id, &books.account)))
    })
    .await
}

/// `GET /v1/wallets`.
pub async fn list(caller: Caller<ReadWallets>, call: Call) -> Result<Answer, Problem> {
    let page = call.query().page()?;
    let filter = filter(call.query())?;
    let key = call.credential().id;
    call.read(&caller, move |view| {
        let listing = unless_till(view, key, |view| view.wallets(&filter, &page))?;
        Ok(pages::render(&listing, |(wallet, books)| {
            view::json(&WalletView::new(wallet, books))
        }))
    })
    .await
}

/// The wallet in the path.
pub fn wallet_id(call: &Call) -> WalletId {
    call.id(WalletId::parse, WalletId(NOBODY))
}

fn new_wallet(
    fields: &mut Fields<'_, '_>,
    currency: Option<Currency>,
    dialect: Dialect,
) -> Option<CreateWallet> {
    let wallet_type = fields.parsed("type", &expected(TYPES), WalletType::parse);
    let wallet_type = fields.required("type", wallet_type);
    let named = fields.currency("currency");
    let parent = fields.wallet("parent_id");
    let owner = fields.object("owner").map(owner);
    let business = fields.object("business").map(business);
    let reference_id = fields.reference_id();
    let metadata = fields.metadata();
    let low_balance = fields.amount("low_balance_threshold", currency, dialect);
    Some(CreateWallet {
        wallet_type: wallet_type?,
        currency: named,
        parent,
        owner,
        business,
        reference_id,
        metadata: metadata.unwrap_or_default(),
        low_balance: low_balance.map(|money| money.minor),
    })
}

fn changes(
    fields: &mut Fields<'_, '_>,
    id: WalletId,
    currency: Option<Currency>,
    dialect: Dialect,
) -> Option<UpdateWallet> {
    let low_balance = match fields.raw("low_balance_threshold") {
        None => None,
        Some(Value::Null) => Some(None),
        Some(_) => {
            let limit = fields.amount("low_balance_threshold", currency, dialect);
            Some(limit.map(|money| money.minor))
        }
    };
    Some(UpdateWallet {
        id,
        owner: fields.object("owner").map(owner),
        business: fields.object("business").map(business),
        metadata: fields.metadata(),
        low_balance,
    })
}

fn owner(mut fields: Fields<'_, '_>) -> Owner {
    Owner {
        name: fields.text("name", 200),
        email: contact::email(&mut fields),
        phone: contact::phone(&mut fields),
    }
}

fn business(mut fields: Fields<'_, '_>) -> Business {
    Business {
        name: fields.text("name", 200),
        registration_number: fields.text("registration_number", 100),
        industry: fields.text("industry", 100),
    }
}

fn filter(query: &Query) -> Result<WalletFilter, Problem> {
    Ok(WalletFilter {
        wallet_type: query.choice("type", WalletType::parse)?,
        status: query.choice("status", WalletStatus::parse)?,
        parent: query.wallet("parent_id")?,
        currency: query.choice("currency", Currency::parse)?,
        reference_id: query.reference_id()?,
        email: query.text("email", 254)?,
        phone: query.text("phone", 32)?,
        created_after: query.time("created_after")?,
        created_before: query.time("created_before")?,
    })
}

const TYPES: &[&str] = &["master", "operating", "reserve", "sub_merchant"];
const STATUSES: &[&str] = &["active", "frozen", "closed"];

/// The parameters of `GET /v1/wallets` beside the page and the time range.
pub const FILTERS: &[Parameter] = &[
    Parameter::one_of("type", || TYPES.to_vec(), "Only wallets of this type."),
    Parameter::one_of(
        "status",
        || STATUSES.to_vec(),
        "Only wallets in this state.",
    ),
    Parameter::text("parent_id", "Only wallets directly below this one."),
    Parameter::text("currency", "Only wallets of this currency."),
    Parameter::text("reference_id", "The wallet of this reference id."),
    Parameter::text("email", "Only wallets whose owner has this e-mail address."),
    Parameter::text("phone", "Only wallets whose owner has this phone number."),
];

/// `one of a, b`, for messages.
pub fn expected(values: &[&str]) -> String {
    let quoted: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
    format!("one of {}", quoted.join(", "))
}

pub fn create_schema() -> Schema {
    schema::object(
        &["type"],
        vec![
            ("type", schema::one_of(TYPES)),
            ("currency", schema::currency()),
            ("parent_id", schema::id("wallet")),
            ("owner", owner_schema()),
            ("business", business_schema()),
            ("reference_id", schema::reference_id()),
            ("metadata", schema::metadata()),
            ("low_balance_threshold", schema::amount()),
        ],
    )
}

pub fn update_schema() -> Schema {
    schema::object(
        &[],
        vec![
            ("owner", owner_schema()),
            ("business", business_schema()),
            ("metadata", schema::metadata()),
            ("low_balance_threshold", schema::nullable(schema::amount())),
        ],
    )
}

fn owner_schema() -> Schema {
    schema::object(
        &[],
        vec![
            ("name", schema::nullable(schema::line(200))),
            ("email", schema::nullable(schema::line(254))),
            ("phone", schema::nullable(schema::line(32))),
        ],
    )
}

fn business_schema() -> Schema {
    schema::object(
        &[],
        vec![
            ("name", schema::nullable(schema::line(200))),
            ("registration_number", schema::nullable(schema::line(100))),
            ("industry", schema::nullable(schema::line(100))),
        ],
    )
}

pub fn schema() -> Schema {
    let mut balance = balances();
    balance.push(("currency", schema::currency()));
    schema::named(
        "wallet",
        schema::reply(vec![
            ("id", schema::id("wallet")),
            ("object", schema::constant("wallet")),
            ("type", schema::one_of(TYPES)),
            ("status", schema::one_of(STATUSES)),
            ("currency", schema::currency()),
            ("parent_id", schema::nullable(schema::id("wallet"))),
            ("owner", schema::nullable(owner_schema())),
            ("business", schema::nullable(business_schema())),
            ("balance", schema::reply(balance)),
            ("low_balance_threshold", schema::nullable(schema::minor())),
            ("reference_id", schema::nullable(schema::reference_id())),
            ("metadata", schema::metadata()),
            ("created_at", schema::time()),
        ]),
    )
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}

pub fn balance_schema() -> Schema {
    schema::reply(vec![
        ("wallet_id", schema::id("wallet")),
        ("balances", schema::reply(balances())),
        ("currency", schema::currency()),
    ])
}

/// The balances of a wallet; `total` is the sum of the three before it.
pub fn balances() -> Vec<(&'static str, Schema)> {
    let described = |what: &str| {
        let mut schema = schema::minor();
        if let Some(fields) = schema.as_object_mut() {
            fields.insert("description".into(), json!(what));
        }
        schema
    };
    vec![
        ("available", described("May be spent.")),
        ("pending", described("Announced, not yet here.")),
        ("reserved", described("Held for a payout that has begun.")),
        ("total", described("The sum of the three.")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse_object;

    fn create(body: &str) -> Result<CreateWallet, Vec<String>> {
        let object = parse_object(body.as_bytes()).unwrap();
        let php = Currency::parse("PHP");
        read_object(&object, |fields| new_wallet(fields, php, Dialect::Nextapi))
            .map_err(|faults| faults.into_iter().map(|fault| fault.pointer).collect())
    }

    #[test]
    fn a_body_becomes_a_command() {
        let body = r#"{"type":"sub_merchant","currency":"php","owner":{"name":"Ana","email":"ana@example.org"},
            "business":{"industry":"retail"},"reference_id":"w-1","metadata":{"a":"b"},"low_balance_threshold":"5.00"}"#;
        let command = create(body).unwrap_or_else(|faults| panic!("{faults:?}"));
        assert_eq!(command.currency, Currency::parse("PHP"));
        assert_eq!(command.low_balance, Some(500));
        assert_eq!(
            command.owner.unwrap().email.as_deref(),
            Some("ana@example.org")
        );
    }

    #[test]
    fn all_faults_are_found_at_once() {
        let faults =
            create(r#"{"type":"piggy","currency":"XAU","owner":{"email":"x","age":3}}"#).err();
        let expected = ["/owner/age", "/currency", "/owner/email", "/type"];
        assert_eq!(faults.unwrap(), expected);
        assert_eq!(create("{}").err().unwrap(), ["/type"]);
    }

    #[test]
    fn a_threshold_is_set_removed_or_left() {
        let change = |body: &str| {
            let object = parse_object(body.as_bytes()).unwrap();
            let php = Currency::parse("PHP");
            let read = |fields: &mut Fields<'_, '_>| {
                changes(fields, WalletId(NOBODY), php, Dialect::Nextapi)
            };
            read_object(&object, read)
                .map(|command| command.low_balance)
                .ok()
        };
        assert_eq!(change("{}"), Some(None));
        assert_eq!(
            change(r#"{"low_balance_threshold":null}"#),
            Some(Some(None))
        );
        assert_eq!(
            change(r#"{"low_balance_threshold":100}"#),
            Some(Some(Some(100)))
        );
        assert_eq!(change(r#"{"low_balance_threshold":-1}"#), None);
    }

    #[test]
    fn the_lists_of_values_are_the_ones_understood() {
        assert!(TYPES.iter().all(|text| WalletType::parse(text).is_some()));
        assert!(
            STATUSES
                .iter()
                .all(|text| WalletStatus::parse(text).is_some())
        );
    }
}
