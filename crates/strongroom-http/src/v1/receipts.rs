//! Receipts of a till's transactions, in four forms.

use bytes::Bytes;
use serde_json::Value as Schema;
use strongroom_auth::Caller;
use strongroom_auth::permission::ReadTransactions;
use strongroom_domain::sales::{ReceiptView, receipt_html, receipt_text};
use strongroom_domain::view;
use strongroom_engine::{ReadFault, View};

use crate::call::{Answer, Call};
use crate::problem::Problem;
use crate::query::Parameter;
use crate::schema;
use crate::v1::receipt_pdf::receipt_pdf;
use crate::v1::sales;
use crate::v1::sales::sale_id;
use crate::v1::tills::may_see;

/// `GET /v1/transactions/{id}/receipt`.
pub async fn read(caller: Caller<ReadTransactions>, call: Call) -> Result<Answer, Problem> {
    let (id, key) = (sale_id(&call), call.credential().id);
    let form = call.query().choice("format", |text| {
        FORMATS.iter().copied().find(|known| *known == text)
    })?;
    let form = form.unwrap_or(if call.wants_pdf { "pdf" } else { "json" });
    let work = move |view: &mut View<'_>| {
        let sale = view.sale(id)?;
        may_see(view, key, sale.store)?;
        let store = match sale.store.map(|store| view.store(store)) {
            Some(Ok(store)) => Some(store),
            Some(Err(ReadFault::NotFound)) | None => None,
            Some(Err(fault)) => return Err(fault),
        };
        Ok(match form {
            "html" => receipt_html(&sale, store.as_ref()).into_bytes(),
            "text" => receipt_text(&sale, store.as_ref()).into_bytes(),
            "pdf" => receipt_pdf(&sale, store.as_ref()),
            _ => view::json(&ReceiptView::new(&sale, store.as_ref())),
        })
    };
    let bytes = call.engine().read(&caller, work).await?;
    Ok(Answer {
        body: Bytes::from(bytes),
        media: match form {
            "html" => Some("text/html; charset=utf-8"),
            "text" => Some("text/plain; charset=utf-8"),
            "pdf" => Some(PDF),
            _ => None,
        },
        filename: (form == "pdf").then(|| format!("receipt-{id}.pdf")),
        ..Answer::default()
    })
}

const PDF: &str = "application/pdf";

/// The media types of receipts beside JSON.
pub const MEDIA: &[&str] = &["text/html; charset=utf-8", "text/plain; charset=utf-8", PDF];

const FORMATS: &[&str] = &["json", "html", "text", "pdf"];

/// What a receipt is asked for as.
pub const FORMAT: &[Parameter] = &[Parameter::one_of(
    "format",
    || FORMATS.to_vec(),
    "JSON unless said otherwise, here or by `Accept: application/pdf`.",
)];

pub fn schema() -> Schema {
    let fields = vec![
        ("object", schema::constant("receipt")),
        ("store_name", schema::nullable(schema::text())),
        ("header", schema::list(schema::text())),
        ("transaction", sales::schema()),
        ("verification", schema::text()),
    ];
    schema::named("receipt", schema::reply(fields))
}
