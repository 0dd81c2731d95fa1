//! The rows of fee schedules.

use crate::query::PAGE;
use crate::route::{Route, Verb};
use crate::v1::fee_schedules;

pub(super) fn fee_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Post, "/v1/fee-schedules", fee_schedules::create)
            .about("Charges fees for payments or payouts from a time on, in place of what was charged before.")
            .recent()
            .created()
            .sensitive()
            .body(fee_schedules::create_schema)
            .reply(fee_schedules::schema),
        Route::guarded(Verb::Get, "/v1/fee-schedules", fee_schedules::list)
            .about("Lists fee schedules, newest first.")
            .query(&[&PAGE, fee_schedules::FILTERS])
            .reply(fee_schedules::list_schema),
        Route::guarded(Verb::Get, "/v1/fee-schedules/{id}", fee_schedules::read)
            .about("A fee schedule.")
            .reply(fee_schedules::schema),
        Route::guarded(Verb::Delete, "/v1/fee-schedules/{id}", fee_schedules::delete)
            .about("Takes a fee schedule back that has not begun.")
            .recent()
            .sensitive()
            .body(crate::schema::nothing)
            .reply(fee_schedules::schema),
    ]
}
