//! The rows of roles, and of passwords that somebody resets.

use crate::query::PAGE;
use crate::route::{Route, Verb};
use crate::schema::nothing;
use crate::v1::{password_resets, roles, users};

/// Forgotten passwords.
pub(super) fn reset_rows() -> Vec<Route> {
    vec![
        Route::guarded(
            Verb::Post,
            "/v1/users/{id}/password-reset",
            password_resets::start,
        )
        .about("Starts a reset of a person's password; its text is shown once, to be handed over.")
        .created()
        .sensitive()
        .recent()
        .secret()
        .body(password_resets::start_schema)
        .reply(password_resets::started_schema),
        Route::visitor(
            Verb::Post,
            "/v1/password-resets/accept",
            password_resets::accept,
        )
        .about("Chooses another password by the text of a reset; all sessions end.")
        .body(password_resets::accept_schema)
        .reply(users::schema),
    ]
}

pub(super) fn rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Post, "/v1/roles", roles::create)
            .about("Makes a role: a named set of permissions that its maker holds, and conditions that bind its holders.")
            .created()
            .recent()
            .sensitive()
            .body(roles::create_schema)
            .reply(roles::schema),
        Route::guarded(Verb::Get, "/v1/roles", roles::list)
            .about("Lists roles, newest first, and behind the last the built-in ones.")
            .query(&[&PAGE])
            .reply(roles::list_schema),
        Route::guarded(Verb::Get, "/v1/roles/{id}", roles::read)
            .about("A role by its id, or a built-in one by its name.")
            .reply(roles::schema),
        Route::guarded(Verb::Patch, "/v1/roles/{id}", roles::update)
            .about("Changes a role, and with it what all who hold it may do.")
            .recent()
            .sensitive()
            .waits()
            .body(roles::update_schema)
            .reply(roles::schema),
        Route::guarded(Verb::Delete, "/v1/roles/{id}", roles::delete)
            .about("Deletes a role that nobody holds.")
            .recent()
            .sensitive()
            .body(nothing)
            .reply(roles::schema),
        Route::guarded(Verb::Get, "/v1/roles/{id}/holders", roles::holders)
            .about("Who holds a role: keys that are not revoked and people who are not deactivated.")
            .query(&[roles::HOLDERS])
            .reply(roles::holders_schema),
    ]
}
