//! An alert as the API shows it.

use serde::Serialize;
use strongroom_types::id::{AlertId, AnyId, ApiKeyId, RequestId};
use strongroom_types::time::Timestamp;

use crate::alerts::Alert;

#[derive(Serialize)]
pub struct AlertView<'a> {
    pub id: AlertId,
    pub object: &'static str,
    #[serde(rename = "type")]
    pub rule: &'static str,
    pub severity: &'static str,
    pub status: &'static str,
    pub subject_id: AnyId,
    pub count: u64,
    pub first_seen_at: Timestamp,
    pub last_seen_at: Timestamp,
    pub last_request_id: Option<RequestId>,
    pub acknowledged_by: Option<ApiKeyId>,
    pub acknowledged_at: Option<Timestamp>,
    pub resolved_by: Option<ApiKeyId>,
    pub resolved_at: Option<Timestamp>,
    pub note: Option<&'a str>,
    pub created_at: Timestamp,
}

impl<'a> AlertView<'a> {
    pub fn new(alert: &'a Alert) -> AlertView<'a> {
        let Alert {
            id,
            rule,
            severity,
            status,
            subject,
            count,
            first_seen,
            last_seen,
            request,
            acknowledged,
            resolved,
            note,
            created_at,
        } = alert;
        AlertView {
            id: *id,
            object: "alert",
            rule: rule.as_str(),
            severity: severity.as_str(),
            status: status.as_str(),
            subject_id: *subject,
            count: *count,
            first_seen_at: *first_seen,
            last_seen_at: *last_seen,
            last_request_id: *request,
            acknowledged_by: acknowledged.and_then(|handled| handled.by),
            acknowledged_at: acknowledged.map(|handled| handled.at),
            resolved_by: resolved.and_then(|handled| handled.by),
            resolved_at: resolved.map(|handled| handled.at),
            note: note.as_deref(),
            created_at: *created_at,
        }
    }
}
