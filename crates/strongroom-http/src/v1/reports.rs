//! Reports: asked for here, made by the server in its own time, fetched when they are there.

use bytes::Bytes;
use serde_json::{Value as Schema, json};
use strongroom_auth::Caller;
use strongroom_auth::permission::{ManageReports, ReadReports};
use strongroom_domain::rejection::{Code, Rejection};
use strongroom_domain::reports::{
    Asked, DeleteReport, KEPT_FOR, KEPT_LONGEST, ReportBody, ReportFailure, ReportFormat,
    ReportStatus, ReportType, ReportView, RequestReport,
};
use strongroom_domain::view;
use strongroom_engine::{ReadFault, ReportFilter, View};
use strongroom_types::id::{ApiKeyId, ReportId, ShiftId, StoreId};
use strongroom_types::time::Timestamp;

use crate::call::{Answer, Call};
use crate::json::{Fields, NOBODY, read_object};
use crate::pages;
use crate::problem::Problem;
use crate::query::Parameter;
use crate::schema;
use crate::v1::tills::may_see;
use crate::v1::wallets::expected;

/// `POST /v1/reports`.
pub async fn create(caller: Caller<ReadReports>, call: Call) -> Result<Answer, Problem> {
    let (by, now) = (call.credential().id, call.engine().now());
    let asked = read_object(&call.object()?, |fields| read_asked(fields, now))?;
    let narrowed = call
        .engine()
        .read(&caller, move |view| own(view, by, asked));
    let asked = narrowed.await?.ok_or_else(|| {
        let text = "a till's key is told of the taxes and shifts of its own store alone";
        Problem::from(Rejection::at(Code::PermissionDenied, "/type", text))
    })?;
    call.execute(&caller, RequestReport { asked, by }).await
}

fn read_asked(fields: &mut Fields<'_, '_>, now: Timestamp) -> Option<Asked> {
    let kind = fields.parsed("type", &expected(&types()), ReportType::parse);
    let kind = fields.required("type", kind);
    let format = fields.parsed("format", &expected(&formats()), ReportFormat::parse);
    let shift = other_id(fields, "shift_id", "a shift's id", |text| {
        ShiftId::parse(text).unwrap_or(ShiftId(NOBODY))
    });
    let store = other_id(fields, "store_id", "a store's id", |text| {
        StoreId::parse(text).unwrap_or(StoreId(NOBODY))
    });
    let wallet = fields.wallet("wallet_id");
    let currency = fields.currency("currency");
    let kept = fields.integer("expires_in", 1, KEPT_LONGEST / 1_000);
    let (from, to) = (fields.time("from"), fields.time("to"));
    // What is of all time, or of one shift, may leave the period out.
    let is_timeless = match kind {
        Some(ReportType::Reconciliation) => true,
        Some(ReportType::Shift) => shift.is_some(),
        _ => false,
    };
    let (from, to) = match is_timeless {
        true => (from.or(Some(Timestamp(0))), to.or(Some(now.plus(1)))),
        false => (fields.required("from", from), fields.required("to", to)),
    };
    Some(Asked {
        kind: kind?,
        format: format.unwrap_or(ReportFormat::Json),
        from: from?,
        to: to?,
        wallet,
        store,
        shift,
        kept_for: kept.map_or(KEPT_FOR, |seconds| seconds.saturating_mul(1_000)),
        currency,
    })
}

/// An id; text that is none becomes one that nobody has.
fn other_id<T>(
    fields: &mut Fields<'_, '_>,
    name: &'static str,
    what: &str,
    parse: impl FnOnce(&str) -> T,
) -> Option<T> {
    fields.parsed(name, what, |text| (text.len() <= 64).then(|| parse(text)))
}

/// What a key may ask for: all, or what is of its till's store. SECURITY: a till's key reads nothing of another store, and
/// wallets are nobody's store's.
fn own(view: &mut View<'_>, key: ApiKeyId, asked: Asked) -> Result<Option<Asked>, ReadFault> {
    let Some(till) = view.till_of(key)? else {
        return Ok(Some(asked));
    };
    let is_of_stores = matches!(asked.kind, ReportType::Tax | ReportType::Shift);
    if !is_of_stores || asked.store.is_some_and(|store| store != till.store) {
        return Ok(None);
    }
    Ok(Some(Asked {
        store: Some(till.store),
        ..asked
    }))
}

/// `GET /v1/reports/{id}`.
pub async fn read(caller: Caller<ReadReports>, call: Call) -> Result<Answer, Problem> {
    let (id, key) = (report_id(&call), call.credential().id);
    let now = call.engine().now();
    call.read(&caller, move |view| {
        let (report, progress) = seen(view, key, id)?;
        Ok(view::json(&ReportView::new(&report, progress, now)))
    })
    .await
}

fn seen(
    view: &mut View<'_>,
    key: ApiKeyId,
    id: ReportId,
) -> Result<(ReportBody, Option<u8>), ReadFault> {
    let (report, progress) = view.report(id)?;
    may_see(view, key, report.asked.store)?;
    Ok((report, progress))
}

/// `GET /v1/reports`.
pub async fn list(caller: Caller<ReadReports>, call: Call) -> Result<Answer, Problem> {
    let page = call.query().page()?;
    let (key, now) = (call.credential().id, call.engine().now());
    let filter = ReportFilter {
        kind: call.query().choice("type", ReportType::parse)?,
        store: None,
        created_after: call.query().time("created_after")?,
        created_before: call.query().time("created_before")?,
    };
    call.read(&caller, move |view| {
        let store = view.till_of(key)?.map(|till| till.store);
        let listing = view.reports(&ReportFilter { store, ..filter }, &page)?;
        Ok(pages::render(&listing, |(report, progress)| {
            view::json(&ReportView::new(report, *progress, now))
        }))
    })
    .await
}

/// `GET /v1/reports/{id}/content`.
pub async fn content(caller: Caller<ReadReports>, call: Call) -> Result<Answer, Problem> {
    let (id, key) = (report_id(&call), call.credential().id);
    let now = call.engine().now();
    let read = call.engine().read(&caller, move |view| {
        let (report, _) = seen(view, key, id)?;
        // SECURITY: that its time is over holds from then on, however late that is written down.
        match report.status_at(now) {
            ReportStatus::Completed => {
                let bytes = view.report_content(&report)?;
                Ok((report, Some(bytes)))
            }
            ReportStatus::Deleted | ReportStatus::Expired => Err(ReadFault::NotFound),
            ReportStatus::Queued | ReportStatus::Failed => Ok((report, None)),
        }
    });
    let (report, bytes) = read.await?;
    let Some(bytes) = bytes else {
        let status = report.status.as_str();
        let text = format!("`{id}` is {status}: it has no content");
        return Err(Problem::from(Rejection::new(Code::ReportNotReady, text)));
    };
    let (kind, format) = (report.asked.kind.as_str(), report.asked.format);
    Ok(Answer {
        body: Bytes::from(bytes),
        media: Some(format.media()),
        filename: Some(format!("{kind}-{id}.{}", format.as_str())),
        ..Answer::default()
    })
}

/// `DELETE /v1/reports/{id}`.
pub async fn delete(caller: Caller<ManageReports>, call: Call) -> Result<Answer, Problem> {
    call.no_fields()?;
    let (id, key) = (report_id(&call), call.credential().id);
    // What is not there is refused by the decision, which also writes the refusal down.
    let read = call
        .engine()
        .read(&caller, move |view| match seen(view, key, id) {
            Ok(_) => Ok(id),
            Err(ReadFault::NotFound) => Ok(ReportId(NOBODY)),
            Err(fault) => Err(fault),
        });
    let id = read.await?;
    call.execute(&caller, DeleteReport { id }).await
}

fn report_id(call: &Call) -> ReportId {
    call.id(ReportId::parse, ReportId(NOBODY))
}

fn types() -> Vec<&'static str> {
    ReportType::ALL.iter().map(|kind| kind.as_str()).collect()
}

fn formats() -> Vec<&'static str> {
    let all = ReportFormat::ALL.iter();
    all.map(|format| format.as_str()).collect()
}

/// The media types of contents beside JSON.
pub const MEDIA: &[&str] = &[
    ReportFormat::Csv.media(),
    ReportFormat::Parquet.media(),
    ReportFormat::Pdf.media(),
];

/// The parameters of `GET /v1/reports` beside the page and the time range.
pub const FILTERS: &[Parameter] = &[Parameter::one_of(
    "type",
    types,
    "Only reports of this type.",
)];

pub fn create_schema() -> Schema {
    schema::object(
        &["type"],
        vec![
            ("type", schema::one_of(&types())),
            ("from", schema::time()),
            ("to", schema::time()),
            ("format", schema::one_of(&formats())),
            ("wallet_id", schema::id("wallet")),
            ("store_id", schema::id("store")),
            ("shift_id", schema::id("shift")),
            ("currency", schema::currency()),
            (
                "expires_in",
                json!({"type": "integer", "minimum": 1, "maximum": KEPT_LONGEST / 1_000, "default": KEPT_FOR / 1_000}),
            ),
        ],
    )
}

fn count() -> Schema {
    schema::nullable(json!({"type": "integer", "minimum": 0}))
}

pub fn schema() -> Schema {
    let failures: Vec<&str> = ReportFailure::ALL.iter().map(|f| f.as_str()).collect();
    let fields = vec![
        ("id", schema::id("report")),
        ("object", schema::constant("report")),
        ("type", schema::one_of(&types())),
        ("format", schema::one_of(&formats())),
        ("status", schema::one_of(ReportView::STATUSES)),
        (
            "progress",
            json!({"type": "integer", "minimum": 0, "maximum": 100}),
        ),
        ("from", schema::time()),
        ("to", schema::time()),
        ("wallet_id", schema::nullable(schema::id("wallet"))),
        ("store_id", schema::nullable(schema::id("store"))),
        ("shift_id", schema::nullable(schema::id("shift"))),
        ("currency", schema::nullable(schema::currency())),
        ("lines", count()),
        ("size", count()),
        ("sha256", schema::nullable(schema::text())),
        ("differences", count()),
        ("failure_code", schema::nullable(schema::one_of(&failures))),
        ("content", schema::nullable(schema::text())),
        ("requested_by", schema::id("key")),
        ("finished_at", schema::nullable(schema::time())),
        ("expires_at", schema::nullable(schema::time())),
        ("created_at", schema::time()),
    ];
    schema::named("report", schema::reply(fields))
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}

/// The content of a report in JSON; what its lines hold its type says.
pub fn content_schema() -> Schema {
    let kinds = ["string", "integer", "null"].map(|kind| json!({"type": kind}));
    let cell = json!({"anyOf": kinds});
    let line = json!({"type": "object", "additionalProperties": cell});
    let fields = vec![
        ("object", schema::constant("report_content")),
        ("report_id", schema::id("report")),
        ("type", schema::one_of(&types())),
        ("from", schema::time()),
        ("to", schema::time()),
        ("created_at", schema::time()),
        ("columns", schema::list(schema::text())),
        ("lines", schema::list(line.clone())),
        ("totals", schema::list(line)),
    ];
    schema::named("report_content", schema::reply(fields))
}
