//! Rows of what the log tells: events, audit records, checkpoints, and the requests beside it.

use crate::route::{Route, Verb};
use crate::v1::{audit_logs, checkpoints, events, request_logs};

use super::{CREATED, PAGE};

pub(super) fn log_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Get, "/v1/events", events::list)
            .about("Lists events, oldest first.")
            .query(&[&PAGE, events::FILTERS])
            .reply(events::list_schema),
        Route::guarded(Verb::Get, "/v1/events/stream", events::stream)
            .about("Streams events as they are committed, as server-sent events.")
            .query(&[events::RESUME, events::FILTERS])
            .reply(events::stream_schema)
            .streaming(),
        Route::guarded(Verb::Get, "/v1/events/{id}", events::read)
            .about("An event.")
            .reply(events::schema),
        Route::guarded(Verb::Get, "/v1/events/{id}/proof", events::proof)
            .about("The proof that the entry behind an event stands in the log.")
            .weighs(3)
            .reply(audit_logs::proof_schema),
        Route::guarded(Verb::Get, "/v1/audit-logs", audit_logs::list)
            .about("Lists audit records, newest first.")
            .weighs(2)
            .query(&[&PAGE, &CREATED, audit_logs::FILTERS])
            .reply(audit_logs::list_schema),
        Route::guarded(Verb::Get, "/v1/audit-logs/{id}", audit_logs::read)
            .about("An audit record.")
            .reply(audit_logs::schema),
        Route::guarded(Verb::Get, "/v1/audit-logs/{id}/proof", audit_logs::proof)
            .about("The proof that an audit record stands in the log.")
            .weighs(3)
            .reply(audit_logs::proof_schema),
        Route::guarded(Verb::Get, "/v1/checkpoints", checkpoints::list)
            .about("Lists signed checkpoints of the log.")
            .query(&[&PAGE])
            .reply(checkpoints::list_schema),
        Route::guarded(
            Verb::Get,
            "/v1/checkpoints/consistency",
            checkpoints::consistency,
        )
        .about("The proof that the log only grew between two sizes.")
        .weighs(3)
        .query(&[checkpoints::RANGE])
        .reply(checkpoints::consistency_schema),
        Route::guarded(Verb::Get, "/v1/request-logs", request_logs::list)
            .about("Lists requests made with the organization's keys.")
            .weighs(2)
            .query(&[&PAGE, &CREATED, request_logs::FILTERS])
            .reply(request_logs::list_schema),
    ]
}
