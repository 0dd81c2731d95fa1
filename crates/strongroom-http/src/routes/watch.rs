//! The rows of alerts and approvals.

use crate::query::{CREATED, PAGE};
use crate::route::{Route, Verb};
use crate::v1::{alerts, approval_policies, approvals};

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

pub(super) fn approval_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Get, "/v1/approvals", approvals::list)
            .about("Lists requests that wait, or waited, for approvals, newest first.")
            .query(&[&PAGE, &CREATED, approvals::FILTERS])
            .reply(approvals::list_schema),
        Route::guarded(Verb::Get, "/v1/approvals/{id}", approvals::read)
            .about("An approval with the exact request.")
            .reply(approvals::schema),
        Route::guarded(Verb::Post, "/v1/approvals/{id}/approve", approvals::approve)
            .about("Agrees to the request with this hash; the last one needed has it carried out.")
            .sensitive()
            .body(approvals::approve_schema)
            .reply(approvals::schema),
        Route::guarded(Verb::Post, "/v1/approvals/{id}/reject", approvals::reject)
            .about("Refuses a request for good.")
            .sensitive()
            .body(approvals::reject_schema)
            .reply(approvals::schema),
        Route::guarded(
            Verb::Post,
            "/v1/approvals/{id}/withdraw",
            approvals::withdraw,
        )
        .about("Takes a request of one's own back.")
        .sensitive()
        .body(crate::schema::nothing)
        .reply(approvals::schema),
    ]
}

pub(super) fn policy_rows() -> Vec<Route> {
    vec![
        Route::guarded(
            Verb::Post,
            "/v1/approval-policies",
            approval_policies::create,
        )
        .about("Has acts of a kind wait for approvals.")
        .recent()
        .created()
        .sensitive()
        .waits()
        .body(approval_policies::create_schema)
        .reply(approval_policies::schema),
        Route::guarded(Verb::Get, "/v1/approval-policies", approval_policies::list)
            .about("Lists policies of approvals, newest first.")
            .query(&[&PAGE])
            .reply(approval_policies::list_schema),
        Route::guarded(
            Verb::Get,
            "/v1/approval-policies/{id}",
            approval_policies::read,
        )
        .about("A policy of approvals.")
        .reply(approval_policies::schema),
        Route::guarded(
            Verb::Patch,
            "/v1/approval-policies/{id}",
            approval_policies::update,
        )
        .about("Asks for a policy to be changed: it waits for what the policy itself asks for.")
        .recent()
        .accepted()
        .sensitive()
        .body(approval_policies::update_schema)
        .reply(approvals::schema),
        Route::guarded(
            Verb::Delete,
            "/v1/approval-policies/{id}",
            approval_policies::delete,
        )
        .about("Asks for a policy to be deleted: it waits for what the policy itself asks for.")
        .recent()
        .accepted()
        .sensitive()
        .body(crate::schema::nothing)
        .reply(approvals::schema),
    ]
}
