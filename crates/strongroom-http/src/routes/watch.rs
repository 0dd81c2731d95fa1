//! The rows of alerts.

use crate::query::{CREATED, PAGE};
use crate::route::{Route, Verb};
use crate::v1::alerts;

pub(super) fn alert_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Get, "/v1/alerts", alerts::list)
            .about("Lists alerts, newest first.")
            .query(&[&PAGE, &CREATED, alerts::FILTERS])
            .reply(alerts::list_schema),
        Route::guarded(Verb::Get, "/v1/alerts/{id}", alerts::read)
            .about("An alert.")
            .reply(alerts::schema),
        Route::guarded(
            Verb::Post,
            "/v1/alerts/{id}/acknowledge",
            alerts::acknowledge,
        )
        .about("Says that somebody has seen an alert; it counts on.")
        .body(crate::schema::nothing)
        .reply(alerts::schema),
        Route::guarded(Verb::Post, "/v1/alerts/{id}/resolve", alerts::resolve)
            .about("Says that an alert is done with; what happens after it raises another.")
            .body(alerts::resolve_schema)
            .reply(alerts::schema),
    ]
}
