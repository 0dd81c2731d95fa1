//! The rows of reports.

use crate::query::{CREATED, PAGE};
use crate::route::{Route, Verb};
use crate::v1::reports;

pub(super) fn report_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Post, "/v1/reports", reports::create)
            .about("Asks for a report; the server makes it in its own time.")
            .accepted()
            .weighs(5)
            .body(reports::create_schema)
            .reply(reports::schema),
        Route::guarded(Verb::Get, "/v1/reports", reports::list)
            .about("Lists reports, newest first.")
            .query(&[&PAGE, &CREATED, reports::FILTERS])
            .reply(reports::list_schema),
        Route::guarded(Verb::Get, "/v1/reports/{id}", reports::read)
            .about("A report, and how far it is.")
            .reply(reports::schema),
        Route::guarded(Verb::Get, "/v1/reports/{id}/content", reports::content)
            .about("What a completed report says, in its format.")
            .also(reports::MEDIA)
            .reply(reports::content_schema),
        Route::guarded(Verb::Delete, "/v1/reports/{id}", reports::delete)
            .about("Deletes a report and its content; one that is being made is given up.")
            .body(crate::schema::nothing)
            .reply(reports::schema),
    ]
}
