//! The rows of who may do what.

use crate::route::{Route, Verb};
use crate::v1::access;

pub(super) fn rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Get, "/v1/access/explain", access::explain)
            .about("Whether a key may do something, by which rule, and what each request is held to besides.")
            .query(&[access::EXPLAIN])
            .reply(access::explain_schema),
        Route::guarded(Verb::Get, "/v1/access/who-can", access::who_can)
            .about("The keys that may do something.")
            .query(&[access::WHO_CAN])
            .reply(access::who_can_schema),
        Route::guarded(Verb::Get, "/v1/api-keys/{id}/usage", access::usage)
            .about("Which permissions a key made use of lately, by the request log, and which it holds in vain.")
            .weighs(5)
            .query(&[access::USAGE])
            .reply(access::usage_schema),
    ]
}
