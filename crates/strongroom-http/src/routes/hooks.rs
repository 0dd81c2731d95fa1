//! The rows of webhooks, and of what is sent to them.

use crate::query::{CREATED, PAGE};
use crate::route::{Route, Verb};
use crate::v1::{webhook_attempts, webhooks};

pub(super) fn webhook_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Post, "/v1/webhooks", webhooks::create)
            .about("Creates an endpoint that events are sent to; its secret is shown once.")
            .created()
            .sensitive()
            .secret()
            .body(webhooks::create_schema)
            .reply(webhooks::secret_schema),
        Route::guarded(Verb::Get, "/v1/webhooks", webhooks::list)
            .about("Lists webhooks.")
            .query(&[&PAGE])
            .reply(webhooks::list_schema),
        Route::guarded(Verb::Get, "/v1/webhooks/{id}", webhooks::read)
            .about("A webhook, without its secret.")
            .reply(webhooks::schema),
        Route::guarded(Verb::Patch, "/v1/webhooks/{id}", webhooks::update)
            .about("Changes a webhook, or stops and resumes it.")
            .sensitive()
            .body(webhooks::update_schema)
            .reply(webhooks::schema),
        Route::guarded(Verb::Delete, "/v1/webhooks/{id}", webhooks::delete)
            .about("Deletes a webhook; nothing more is sent to it.")
            .sensitive()
            .body(crate::schema::nothing)
            .reply(webhooks::deleted_schema),
    ]
}

pub(super) fn delivery_rows() -> Vec<Route> {
    vec![
        Route::guarded(
            Verb::Get,
            "/v1/webhooks/{id}/deliveries",
            webhooks::deliveries,
        )
        .about("What a webhook has not taken yet, and what was given up, the oldest event first.")
        .query(&[&PAGE, webhooks::OF_DELIVERIES])
        .reply(webhooks::deliveries_schema),
        Route::guarded(
            Verb::Get,
            "/v1/webhooks/{id}/attempts",
            webhook_attempts::list,
        )
        .about(
            "The attempts of 30 days at sending to a webhook, newest first, with what it answered.",
        )
        .query(&[&PAGE, &CREATED, webhook_attempts::FILTERS])
        .reply(webhook_attempts::list_schema),
        Route::guarded(
            Verb::Post,
            "/v1/webhooks/{id}/challenge",
            webhooks::challenged,
        )
        .about("Sends the challenge that a webhook must answer once more.")
        .sensitive()
        .body(crate::schema::nothing)
        .reply(webhooks::schema),
        Route::guarded(Verb::Post, "/v1/webhooks/{id}/roll", webhooks::roll)
            .about("Makes a new secret; the old one signs beside it for a while.")
            .sensitive()
            .secret()
            .body(webhooks::roll_schema)
            .reply(webhooks::secret_schema),
        Route::guarded(Verb::Post, "/v1/webhooks/{id}/test", webhooks::test)
            .about("Sends the endpoint, and nobody else, an event of type `webhook.test`.")
            .sensitive()
            .body(crate::schema::nothing)
            .reply(webhooks::sending_schema),
        Route::guarded(Verb::Post, "/v1/webhooks/{id}/replay", webhooks::replay)
            .about("Sends one event again, those of a time, or all that were given up.")
            .weighs(10)
            .sensitive()
            .body(webhooks::replay_schema)
            .reply(webhooks::sending_schema),
    ]
}
