//! How reports look on the wire.

use serde::Serialize;
use strongroom_types::currency::Currency;
use strongroom_types::id::{ApiKeyId, ReportId, ShiftId, StoreId, WalletId};
use strongroom_types::time::Timestamp;

use crate::reports::{ReportBody, ReportStatus};

/// A report, without its content.
#[derive(Serialize)]
pub struct ReportView {
    pub id: ReportId,
    pub object: &'static str,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub format: &'static str,
    pub status: &'static str,
    /// Percent, while it is made.
    pub progress: u8,
    pub from: Timestamp,
    pub to: Timestamp,
    pub wallet_id: Option<WalletId>,
    pub store_id: Option<StoreId>,
    pub shift_id: Option<ShiftId>,
    pub currency: Option<Currency>,
    pub lines: Option<u64>,
    pub size: Option<u64>,
    pub sha256: Option<String>,
    pub differences: Option<u64>,
    pub failure_code: Option<&'static str>,
    /// Where its content is, while there is any.
    pub content: Option<String>,
    pub requested_by: ApiKeyId,
    pub finished_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

impl ReportView {
    /// The texts of all states that a report shows.
    pub const STATUSES: &'static [&'static str] = &[
        "queued",
        "running",
        "completed",
        "failed",
        "deleted",
        "expired",
    ];

    /// `progress` is how far the server is that makes it now.
    pub fn new(body: &ReportBody, progress: Option<u8>, now: Timestamp) -> ReportView {
        let standing = body.status_at(now);
        let (status, progress) = match (standing, progress) {
            (ReportStatus::Queued, Some(percent)) => ("running", percent.min(99)),
            (ReportStatus::Queued, None) => ("queued", 0),
            (ReportStatus::Failed, _) => ("failed", 0),
            (status, _) => (status.as_str(), if body.digest.is_some() { 100 } else { 0 }),
        };
        let made = body.digest.is_some();
        let is_there = standing == ReportStatus::Completed;
        ReportView {
            id: body.id,
            object: "report",
            kind: body.asked.kind.as_str(),
            format: body.asked.format.as_str(),
            status,
            progress,
            from: body.asked.from,
            to: body.asked.to,
            wallet_id: body.asked.wallet,
            store_id: body.asked.store,
            shift_id: body.asked.shift,
            currency: body.asked.currency,
            lines: made.then_some(body.lines),
            size: made.then_some(body.size),
            sha256: body.digest.map(|digest| digest.to_string()),
            differences: body.differences,
            failure_code: body.failure.map(|failure| failure.as_str()),
            content: is_there.then(|| format!("/v1/reports/{}/content", body.id)),
            requested_by: body.requested_by,
            finished_at: body.finished_at,
            expires_at: body.expires_at,
            created_at: body.created_at,
        }
    }
}
