//! Transfers between two wallets of one organization.

use serde_json::Value as Schema;
use strongroom_auth::permission::{CreateTransfers, ReadTransactions};
use strongroom_auth::{Caller, Dialect};
use strongroom_domain::entry::TransactionKind;
use strongroom_domain::transfers::CreateTransfer;
use strongroom_domain::view::{self, TransactionView};
use strongroom_engine::{ReadFault, TransactionFilter};
use strongroom_types::currency::Currency;
use strongroom_types::id::{TransactionId, WalletId};

use crate::call::{Answer, Call};
use crate::json::{Fields, NOBODY, Object, Value, read_object};
use crate::pages;
use crate::problem::Problem;
use crate::query::Parameter;
use crate::schema;
use crate::v1::tills::{may_see, unless_till};
use crate::v1::transactions;

/// `POST /v1/transfers`.
pub async fn create(caller: Caller<CreateTransfers>, call: Call) -> Result<Answer, Problem> {
    let body = call.object()?;
    let source = named_wallet(&body, "source_wallet_id");
    let currency = call.currency(&caller, &body, source).await?;
    let dialect = call.dialect();
    let command = read_object(&body, |fields| new_transfer(fields, currency, dialect))?;
    call.execute(&caller, command).await
}

/// `GET /v1/transfers/{id}`.
pub async fn read(caller: Caller<ReadTransactions>, call: Call) -> Result<Answer, Problem> {
    let id = call.id(TransactionId::parse, TransactionId(NOBODY));
    let key = call.credential().id;
    call.read(&caller, move |view| {
        may_see(view, key, None)?;
        let (transaction, time) = view.transaction(id)?;
        match transaction.kind {
            TransactionKind::Transfer => Ok(view::json(&TransactionView::new(&transaction, time))),
            _ => Err(ReadFault::NotFound),
        }
    })
    .await
}

/// `GET /v1/transfers`.
pub async fn list(caller: Caller<ReadTransactions>, call: Call) -> Result<Answer, Problem> {
    let page = call.query().page()?;
    let filter = TransactionFilter {
        kind: Some(TransactionKind::Transfer),
        ..transactions::filter(call.query())?
    };
    let key = call.credential().id;
    call.read(&caller, move |view| {
        let listing = unless_till(view, key, |view| view.transactions(&filter, &page))?;
        Ok(pages::render(&listing, transactions::line))
    })
    .await
}

/// The wallet a body names under `name`, for its currency; faults are reported when the body is read.
pub fn named_wallet(body: &Object<'_>, name: &str) -> Option<WalletId> {
    match body.get(name) {
        Some(Value::Text(text)) => WalletId::parse(text),
        _ => None,
    }
}

fn new_transfer(
    fields: &mut Fields<'_, '_>,
    currency: Option<Currency>,
    dialect: Dialect,
) -> Option<CreateTransfer> {
    let _checked = fields.currency("currency");
    let amount = fields.amount("amount", currency, dialect);
    let amount = fields.required("amount", amount);
    let source = fields.wallet("source_wallet_id");
    let source = fields.required("source_wallet_id", source);
    let destination = fields.wallet("destination_wallet_id");
    let destination = fields.required("destination_wallet_id", destination);
    let reference_id = fields.reference_id();
    let description = fields.text("description", 500);
    Some(CreateTransfer {
        amount: amount?,
        source: source?,
        destination: destination?,
        reference_id,
        description,
    })
}

/// The parameters of `GET /v1/transfers` beside the page and the time range.
pub const FILTERS: &[Parameter] = &[
    Parameter::text("wallet_id", "Only transfers from or to this wallet."),
    Parameter::text("reference_id", "The transfer of this reference id."),
    Parameter::integer(
        "min_amount",
        "Only transfers of at least this many minor units.",
    ),
    Parameter::integer(
        "max_amount",
        "Only transfers of at most this many minor units.",
    ),
];

pub fn body_schema() -> Schema {
    let required = ["amount", "source_wallet_id", "destination_wallet_id"];
    schema::object(
        &required,
        vec![
            ("amount", schema::amount()),
            ("currency", schema::currency()),
            ("source_wallet_id", schema::id("wallet")),
            ("destination_wallet_id", schema::id("wallet")),
            ("reference_id", schema::reference_id()),
            ("description", schema::line(500)),
        ],
    )
}
