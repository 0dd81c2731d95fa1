//! Credit and debit: money entering and leaving a wallet.

use serde_json::Value as Schema;
use strongroom_auth::permission::{CreateCredits, CreateDebits};
use strongroom_auth::{Caller, Dialect, Permission};
use strongroom_domain::funding::{Credit, Debit, Funding};
use strongroom_types::currency::Currency;
use strongroom_types::id::WalletId;

use crate::call::{Answer, Call};
use crate::json::{Fields, read_object};
use crate::problem::Problem;
use crate::schema;
use crate::v1::wallets::wallet_id;

/// `POST /v1/wallets/{id}/credit`.
pub async fn credit(caller: Caller<CreateCredits>, call: Call) -> Result<Answer, Problem> {
    let funding = funding(&caller, &call).await?;
    call.execute(&caller, Credit(funding)).await
}

/// `POST /v1/wallets/{id}/debit`.
pub async fn debit(caller: Caller<CreateDebits>, call: Call) -> Result<Answer, Problem> {
    let funding = funding(&caller, &call).await?;
    call.execute(&caller, Debit(funding)).await
}

async fn funding<P: Permission>(caller: &Caller<P>, call: &Call) -> Result<Funding, Problem> {
    let wallet = wallet_id(call);
    let body = call.object()?;
    let currency = call.currency(caller, &body, Some(wallet)).await?;
    let dialect = call.dialect();
    let read = |fields: &mut Fields<'_, '_>| movement(fields, wallet, currency, dialect);
    Ok(read_object(&body, read)?)
}

fn movement(
    fields: &mut Fields<'_, '_>,
    wallet: WalletId,
    currency: Option<Currency>,
    dialect: Dialect,
) -> Option<Funding> {
    let _checked = fields.currency("currency");
    let amount = fields.amount("amount", currency, dialect);
    let amount = fields.required("amount", amount);
    let reference = fields.text("reference", 100);
    let description = fields.text("description", 500);
    Some(Funding {
        wallet,
        amount: amount?,
        reference,
        description,
    })
}

pub fn body_schema() -> Schema {
    schema::object(
        &["amount"],
        vec![
            ("amount", schema::amount()),
            ("currency", schema::currency()),
            ("reference", schema::line(100)),
            ("description", schema::line(500)),
        ],
    )
}
