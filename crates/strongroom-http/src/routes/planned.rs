//! The rows of beneficiaries, of payout schedules, and of what bounds payouts.

use crate::query::{CREATED, PAGE};
use crate::route::{Route, Verb};
use crate::v1::{beneficiaries, payout_schedules, payout_settings, payouts};

pub(super) fn rows() -> Vec<Route> {
    let mut rows = beneficiary_rows();
    rows.extend(schedule_rows());
    rows.extend(settings_rows());
    rows
}

fn beneficiary_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Post, "/v1/beneficiaries", beneficiaries::create)
            .about("Keeps a bank account under a name; it is paid once it has cooled off.")
            .recent()
            .created()
            .sensitive()
            .exempt(beneficiaries::EXEMPT)
            .waits()
            .body(beneficiaries::create_schema)
            .reply(beneficiaries::schema),
        Route::guarded(Verb::Get, "/v1/beneficiaries", beneficiaries::list)
            .about(
                "Lists beneficiaries, newest first; those that are deleted with `status=deleted`.",
            )
            .query(&[&PAGE, &CREATED, beneficiaries::FILTERS])
            .reply(beneficiaries::list_schema),
        Route::guarded(Verb::Get, "/v1/beneficiaries/{id}", beneficiaries::read)
            .about("A beneficiary.")
            .reply(beneficiaries::schema),
        Route::guarded(Verb::Patch, "/v1/beneficiaries/{id}", beneficiaries::update)
            .about("Changes a beneficiary; another account cools off anew.")
            .recent()
            .step_up()
            .exempt(beneficiaries::EXEMPT)
            .waits()
            .body(beneficiaries::update_schema)
            .reply(beneficiaries::schema),
        Route::guarded(
            Verb::Delete,
            "/v1/beneficiaries/{id}",
            beneficiaries::delete,
        )
        .about("Deletes a beneficiary with its account; its payouts stay as they are.")
        .recent()
        .sensitive()
        .body(crate::schema::nothing)
        .reply(beneficiaries::schema),
    ]
}

fn schedule_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Post, "/v1/payout-schedules", payout_schedules::create)
            .about("Makes a payout again and again, in a rhythm.")
            .created()
            .money()
            .sensitive()
            .exempt(payouts::EXEMPT)
            .waits()
            .body(payout_schedules::create_schema)
            .reply(payout_schedules::schema),
        Route::guarded(Verb::Get, "/v1/payout-schedules", payout_schedules::list)
            .about("Lists payout schedules, newest first.")
            .query(&[&PAGE, &CREATED, payout_schedules::FILTERS])
            .reply(payout_schedules::list_schema),
        Route::guarded(
            Verb::Get,
            "/v1/payout-schedules/{id}",
            payout_schedules::read,
        )
        .about("A payout schedule.")
        .reply(payout_schedules::schema),
        Route::guarded(
            Verb::Patch,
            "/v1/payout-schedules/{id}",
            payout_schedules::update,
        )
        .about("Changes what a schedule moves or when it ends, pauses it, or lets it go on.")
        .sensitive()
        .waits()
        .body(payout_schedules::update_schema)
        .reply(payout_schedules::schema),
        Route::guarded(
            Verb::Delete,
            "/v1/payout-schedules/{id}",
            payout_schedules::delete,
        )
        .about("Ends a schedule; its payouts stay as they are.")
        .sensitive()
        .body(crate::schema::nothing)
        .reply(payout_schedules::schema),
    ]
}

fn settings_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Get, "/v1/payout-settings", payout_settings::read)
            .about("What bounds payouts: how long a beneficiary's account cools off.")
            .reply(payout_settings::schema),
        Route::guarded(Verb::Patch, "/v1/payout-settings", payout_settings::change)
            .about("Changes what bounds payouts; in live mode a shorter period begins once the one in force is over.")
            .recent()
            .step_up()
            .waits()
            .body(payout_settings::change_schema)
            .reply(payout_settings::schema),
    ]
}
