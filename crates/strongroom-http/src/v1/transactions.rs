//! Movements of money, of the whole organization or of one wallet.

use serde_json::{Value as Schema, json};
use strongroom_auth::Caller;
use strongroom_auth::permission::ReadTransactions;
use strongroom_domain::entry::{Transaction, TransactionKind};
use strongroom_domain::sales::SaleView;
use strongroom_domain::view::{self, StatementLineView, TransactionView};
use strongroom_engine::{ReadFault, SaleFilter, TransactionFilter};
use strongroom_types::id::{PayoutId, SaleId, TransactionId};
use strongroom_types::time::Timestamp;

use crate::call::{Answer, Call};
use crate::json::NOBODY;
use crate::pages;
use crate::problem::Problem;
use crate::query::{Parameter, Query};
use crate::schema;
use crate::v1::sales;
use crate::v1::tills::{may_see, seen};
use crate::v1::wallets::{balances, wallet_id};

/// `GET /v1/transactions/{id}`: a movement of money, or what a till sold.
pub async fn read(caller: Caller<ReadTransactions>, call: Call) -> Result<Answer, Problem> {
    let id = call.id(TransactionId::parse, TransactionId(NOBODY));
    let key = call.credential().id;
    call.read(&caller, move |view| {
        match view.sale(SaleId(id.0)) {
            Ok(sale) => {
                may_see(view, key, sale.store)?;
                return Ok(view::json(&SaleView::new(&sale)));
            }
            Err(ReadFault::NotFound) => may_see(view, key, None)?,
            Err(fault) => return Err(fault),
        }
        let (transaction, time) = view.transaction(id)?;
        Ok(view::json(&TransactionView::new(&transaction, time)))
    })
    .await
}

/// `GET /v1/transactions`: movements of money, or what tills sold where that is asked for. The key of a till sees what
/// its store sold, and nothing else.
pub async fn list(caller: Caller<ReadTransactions>, call: Call) -> Result<Answer, Problem> {
    let page = call.query().page()?;
    let wanted = sales_asked(call.query());
    let (filter, of_sales) = match wanted {
        true => (TransactionFilter::default(), sales::filter(call.query())?),
        false => (filter(call.query())?, sales::filter(call.query())?),
    };
    let key = call.credential().id;
    call.read(&caller, move |view| {
        let own = view.till_of(key)?.map(|till| till.store);
        if !wanted && own.is_none() {
            return Ok(pages::render(&view.transactions(&filter, &page)?, line));
        }
        let of_sales = SaleFilter {
            store: seen(of_sales.store, own),
            ..of_sales
        };
        Ok(pages::render(&view.sales(&of_sales, &page)?, |sale| {
            view::json(&SaleView::new(sale))
        }))
    })
    .await
}

/// Whether a query is about what tills sold.
fn sales_asked(query: &Query) -> bool {
    let only_of_sales = |known: &Parameter| query.get(known.name).is_some();
    query.get("type") == Some("sale") || sales::FILTERS.iter().any(only_of_sales)
}

/// `GET /v1/wallets/{id}/transactions`: the wallet's statement.
pub async fn statement(caller: Caller<ReadTransactions>, call: Call) -> Result<Answer, Problem> {
    let wallet = wallet_id(&call);
    let page = call.query().page()?;
    let filter = filter(call.query())?;
    let key = call.credential().id;
    call.read(&caller, move |view| {
        may_see(view, key, None)?;
        let listing = view.statement(wallet, &filter, &page)?;
        Ok(pages::render(
            &listing,
            |(transaction, time)| match StatementLineView::new(transaction, wallet, *time) {
                Some(line) => view::json(&line),
                None => line(&(transaction.clone(), *time)),
            },
        ))
    })
    .await
}

/// One element of a list of transactions.
pub fn line((transaction, time): &(Transaction, Timestamp)) -> Vec<u8> {
    view::json(&TransactionView::new(transaction, *time))
}

/// The filter a query describes; parameters that the route does not take are absent.
pub fn filter(query: &Query) -> Result<TransactionFilter, Problem> {
    Ok(TransactionFilter {
        kind: query.choice("type", kind)?,
        wallet: query.wallet("wallet_id")?,
        payout: query.id("payout_id", |text| {
            PayoutId::parse(text).unwrap_or(PayoutId(NOBODY))
        })?,
        reference_id: query.reference_id()?,
        created_after: query.time("created_after")?,
        created_before: query.time("created_before")?,
        min_amount: query.minor_units("min_amount")?,
        max_amount: query.minor_units("max_amount")?,
    })
}

const KINDS: &[(&str, TransactionKind)] = &[
    ("credit", TransactionKind::Credit),
    ("debit", TransactionKind::Debit),
    ("transfer", TransactionKind::Transfer),
    ("payout", TransactionKind::Payout),
    ("payout_hold", TransactionKind::PayoutHold),
    ("payout_settlement", TransactionKind::PayoutSettlement),
    ("payout_release", TransactionKind::PayoutRelease),
    ("payout_reversal", TransactionKind::PayoutReversal),
    ("payment_capture", TransactionKind::PaymentCapture),
    ("payment_settlement", TransactionKind::PaymentSettlement),
    ("refund_hold", TransactionKind::RefundHold),
    ("refund_settlement", TransactionKind::RefundSettlement),
    ("refund_release", TransactionKind::RefundRelease),
    ("cash_float", TransactionKind::CashFloat),
    ("cash_in", TransactionKind::CashIn),
    ("cash_out", TransactionKind::CashOut),
    ("cash_close", TransactionKind::CashClose),
    ("sale_cash", TransactionKind::SaleCash),
    ("sale_void", TransactionKind::SaleVoid),
    ("cash_refund", TransactionKind::CashRefund),
    ("payment_reversal", TransactionKind::PaymentReversal),
];

fn kind(text: &str) -> Option<TransactionKind> {
    KINDS
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, kind)| *kind)
}

fn kinds() -> Vec<&'static str> {
    KINDS.iter().map(|(name, _)| *name).collect()
}

/// The same, and what tills sold.
fn kinds_and_sales() -> Vec<&'static str> {
    let mut all = kinds();
    all.push("sale");
    all
}

/// The parameters of `GET /v1/transactions` beside the page and the time range.
pub const FILTERS: &[Parameter] = &[
    Parameter::one_of(
        "type",
        kinds_and_sales,
        "Only transactions of this type; `sale` is what tills sold.",
    ),
    Parameter::text("payout_id", "Only transactions of this payout."),
    Parameter::text("reference_id", "The transaction of this reference id."),
    Parameter::integer(
        "min_amount",
        "Only transactions of at least this many minor units.",
    ),
    Parameter::integer(
        "max_amount",
        "Only transactions of at most this many minor units.",
    ),
];

/// The parameters of `GET /v1/wallets/{id}/transactions` beside the page and the time range.
pub const STATEMENT_FILTERS: &[Parameter] = &[
    Parameter::one_of("type", kinds, "Only transactions of this type."),
    Parameter::text("payout_id", "Only transactions of this payout."),
    Parameter::text("reference_id", "The transaction of this reference id."),
    Parameter::integer(
        "min_amount",
        "Only transactions of at least this many minor units.",
    ),
    Parameter::integer(
        "max_amount",
        "Only transactions of at most this many minor units.",
    ),
];

/// What the list of all transactions takes besides.
pub const OF_WALLET: &[Parameter] = &[Parameter::text(
    "wallet_id",
    "Only transactions that touch this wallet.",
)];

fn fields() -> Vec<(&'static str, Schema)> {
    vec![
        ("id", schema::id("txn")),
        ("object", schema::constant("transaction")),
        ("type", schema::one_of(&kinds())),
        ("status", schema::constant("completed")),
        ("amount", schema::minor()),
        ("amount_decimal", schema::text()),
        ("currency", schema::currency()),
        ("source_wallet_id", schema::nullable(schema::id("wallet"))),
        (
            "destination_wallet_id",
            schema::nullable(schema::id("wallet")),
        ),
        ("payout_id", schema::nullable(schema::id("payout"))),
        ("reference", schema::nullable(schema::text())),
        ("description", schema::nullable(schema::text())),
        ("created_at", schema::time()),
    ]
}

pub fn schema() -> Schema {
    schema::named("transaction", caused(schema::reply(fields())))
}

/// A movement of money, or what a till sold.
pub fn any_schema() -> Schema {
    json!({"anyOf": [schema(), sales::schema()]})
}

/// A movement's schema with what it was for, where that is a card's.
fn caused(schema: Schema) -> Schema {
    let schema = schema::optional(schema, "payment_id", schema::id("pay"));
    let schema = schema::optional(schema, "refund_id", schema::id("refund"));
    let schema = schema::optional(schema, "shift_id", schema::id("shift"));
    schema::optional(schema, "sale_id", schema::id("txn"))
}

pub fn list_schema() -> Schema {
    schema::page(any_schema())
}

pub fn statement_schema() -> Schema {
    let mut line = fields();
    line.push(("wallet_id", schema::id("wallet")));
    line.push(("change", schema::reply(balances())));
    line.push(("balances_after", schema::reply(balances())));
    schema::page(caused(schema::reply(line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_named_as_they_are_written() {
        for (name, kind) in KINDS {
            assert_eq!(serde_json::to_value(kind).unwrap(), *name);
        }
    }
}
