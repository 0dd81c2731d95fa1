//! Payout files: what goes to a bank, as one message of ISO 20022.

use bytes::Bytes;
use serde_json::{Value as Schema, json};
use strongroom_auth::Caller;
use strongroom_auth::permission::{
    CreatePayoutFiles, ReadPayoutContents, ReadPayoutFiles, SendPayoutFiles,
};
use strongroom_domain::payout_files::{
    ClosePayoutFile, DownloadPayoutFile, PayoutFileStatus, PayoutFileView, SendPayoutFile,
};
use strongroom_domain::view;
use strongroom_engine::PayoutFileFilter;
use strongroom_types::id::PayoutFileId;

use crate::call::{Answer, Call};
use crate::json::{NOBODY, read_object};
use crate::pages;
use crate::problem::Problem;
use crate::query::Parameter;
use crate::schema;
use crate::v1::tills::{may_see, unless_till};

/// `POST /v1/payout-files`: closes what waits for a wallet's file, before its cut-off.
pub async fn create(caller: Caller<CreatePayoutFiles>, call: Call) -> Result<Answer, Problem> {
    let command = read_object(&call.object()?, |fields| {
        let wallet = fields.wallet("wallet_id");
        let wallet = fields.required("wallet_id", wallet);
        Some(ClosePayoutFile { wallet: wallet? })
    })?;
    call.execute(&caller, command).await
}

/// `POST /v1/payout-files/{id}/sent`.
pub async fn sent(caller: Caller<SendPayoutFiles>, call: Call) -> Result<Answer, Problem> {
    call.no_fields()?;
    let id = file_id(&call);
    call.execute(&caller, SendPayoutFile { id }).await
}

/// `GET /v1/payout-files/{id}`.
pub async fn read(caller: Caller<ReadPayoutFiles>, call: Call) -> Result<Answer, Problem> {
    let (id, key) = (file_id(&call), call.credential().id);
    call.read(&caller, move |view| {
        may_see(view, key, None)?;
        Ok(view::json(&PayoutFileView::new(&view.payout_file(id)?)))
    })
    .await
}

/// `GET /v1/payout-files`.
pub async fn list(caller: Caller<ReadPayoutFiles>, call: Call) -> Result<Answer, Problem> {
    let page = call.query().page()?;
    let filter = PayoutFileFilter {
        wallet: call.query().wallet("wallet_id")?,
        status: call.query().choice("status", PayoutFileStatus::parse)?,
    };
    let key = call.credential().id;
    call.read(&caller, move |view| {
        let listing = unless_till(view, key, |view| view.payout_files(&filter, &page))?;
        Ok(pages::render(&listing, |file| {
            view::json(&PayoutFileView::new(file))
        }))
    })
    .await
}

/// `GET /v1/payout-files/{id}/content`. Who takes it goes on record before a byte of it is given out.
pub async fn content(caller: Caller<ReadPayoutContents>, call: Call) -> Result<Answer, Problem> {
    let (id, engine) = (file_id(&call), call.engine().clone());
    let key = call.credential().id;
    engine
        .read(&caller, move |view| may_see(view, key, None))
        .await?;
    call.commit(&caller, DownloadPayoutFile { id }).await?;
    let bytes = engine
        .read(&caller, move |view| {
            let file = view.payout_file(id)?;
            view.payout_file_content(&file)
        })
        .await?;
    Ok(Answer {
        body: Bytes::from(bytes),
        media: Some("application/xml"),
        ..Answer::default()
    })
}

fn file_id(call: &Call) -> PayoutFileId {
    call.id(PayoutFileId::parse, PayoutFileId(NOBODY))
}

const STATUSES: &[&str] = &["open", "closed", "ready", "sent"];

/// The parameters of `GET /v1/payout-files` beside the page.
pub const FILTERS: &[Parameter] = &[
    Parameter::one_of("status", || STATUSES.to_vec(), "Only files in this state."),
    Parameter::text("wallet_id", "Only files of payouts from this wallet."),
];

pub fn create_schema() -> Schema {
    schema::object(&["wallet_id"], vec![("wallet_id", schema::id("wallet"))])
}

/// A message of ISO 20022.
pub fn content_schema() -> Schema {
    schema::text()
}

pub fn schema() -> Schema {
    let number = || json!({"type": "integer", "minimum": 0});
    let fields = vec![
        ("id", schema::id("pfile")),
        ("object", schema::constant("payout_file")),
        ("status", schema::one_of(STATUSES)),
        ("wallet_id", schema::id("wallet")),
        ("rail_id", schema::id("rail")),
        ("message", schema::constant("pain.001.001.09")),
        ("message_id", schema::text()),
        ("payouts", number()),
        ("amount", number()),
        ("amount_decimal", schema::text()),
        ("currency", schema::currency()),
        ("cut_off_at", schema::time()),
        ("execution_date", schema::nullable(schema::text())),
        ("sha256", schema::nullable(schema::text())),
        ("bytes", schema::nullable(number())),
        ("closed_at", schema::nullable(schema::time())),
        ("sent_at", schema::nullable(schema::time())),
        ("created_at", schema::time()),
    ];
    schema::named("payout_file", schema::reply(fields))
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_states_is_the_one_understood() {
        let known = |text: &&str| PayoutFileStatus::parse(text).is_some();
        assert!(STATUSES.iter().all(known));
    }
}
