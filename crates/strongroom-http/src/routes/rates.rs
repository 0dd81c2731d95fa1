//! The rows of what an organization bounds its own requests by.

use crate::route::{Route, Verb};
use crate::v1::rate_limits;

pub(super) fn rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Get, "/v1/rate-limits", rate_limits::read)
            .about("The organization's own rates, what the server allows, what is used, and what was passed.")
            .query(&[rate_limits::FILTERS])
            .reply(rate_limits::schema),
        Route::guarded(Verb::Patch, "/v1/rate-limits", rate_limits::change)
            .about("Changes the organization's own rates, from the next request on.")
            .recent()
            .body(rate_limits::change_schema)
            .reply(rate_limits::changed_schema),
    ]
}
