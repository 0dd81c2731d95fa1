//! The rows of people: as others manage them, at the door, and of what is their own.

use crate::query::PAGE;
use crate::route::{Route, Verb};
use crate::schema::nothing;
use crate::v1::{invitations, me, passkeys, sessions, users};

pub(super) fn user_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Post, "/v1/users", users::invite)
            .about("Invites a person; the text of the invitation is shown once.")
            .created()
            .sensitive()
            .recent()
            .secret()
            .waits()
            .body(users::invite_schema)
            .reply(users::invited_schema),
        Route::guarded(Verb::Get, "/v1/users", users::list)
            .about("Lists people, newest first.")
            .query(&[&PAGE, users::FILTERS])
            .reply(users::list_schema),
        Route::guarded(Verb::Get, "/v1/users/{id}", users::read)
            .about("A person.")
            .reply(users::schema),
        Route::guarded(Verb::Patch, "/v1/users/{id}", users::update)
            .about("Changes a person's name or role.")
            .sensitive()
            .recent()
            .waits()
            .body(users::update_schema)
            .reply(users::schema),
        Route::guarded(Verb::Post, "/v1/users/{id}/deactivate", users::deactivate)
            .about("Sends a person away for good; his sessions end with it.")
            .sensitive()
            .recent()
            .body(nothing)
            .reply(users::schema),
        Route::guarded(Verb::Get, "/v1/users/{id}/sessions", users::sessions)
            .about("Lists the sessions of a person that go on.")
            .reply(sessions::list_schema),
        Route::guarded(
            Verb::Post,
            "/v1/users/{id}/end-sessions",
            users::end_sessions,
        )
        .about("Ends all sessions of a person.")
        .sensitive()
        .body(nothing)
        .reply(users::schema),
    ]
}

pub(super) fn entrance_rows() -> Vec<Route> {
    vec![
        Route::visitor(Verb::Post, "/v1/invitations/accept", invitations::accept)
            .about("Accepts an invitation with a password of one's own.")
            .created()
            .body(invitations::accept_schema)
            .reply(users::schema),
        Route::visitor(Verb::Post, "/v1/sessions", sessions::create)
            .about("Signs a person in.")
            .created()
            .secret()
            .body(sessions::create_schema)
            .reply(sessions::begun_schema),
    ]
}

pub(super) fn own_rows() -> Vec<Route> {
    vec![
        Route::personal(Verb::Get, "/v1/sessions", sessions::list)
            .about("Lists one's own sessions that go on.")
            .reply(sessions::list_schema),
        Route::personal(Verb::Post, "/v1/sessions/{id}/end", sessions::end)
            .about("Ends one of one's own sessions; `current` is the one that asks.")
            .body(nothing)
            .reply(sessions::ended_schema),
        Route::personal(Verb::Get, "/v1/me", me::read)
            .about("Oneself.")
            .reply(users::schema),
        Route::personal(Verb::Post, "/v1/me/password", me::change_password)
            .about("Changes one's password; all other sessions end.")
            .body(me::password_change_schema)
            .reply(users::schema),
        Route::personal(Verb::Post, "/v1/me/step-up", me::step_up)
            .about("Shows a second factor again, for what is dangerous.")
            .body(me::step_up_schema)
            .reply(sessions::schema),
        Route::personal(Verb::Post, "/v1/me/totp", me::begin_totp)
            .about("Offers a secret for an authenticator, shown once.")
            .created()
            .secret()
            .body(nothing)
            .reply(me::offered_schema),
        Route::personal(Verb::Post, "/v1/me/totp/confirm", me::confirm_totp)
            .about("Enrols the authenticator by a code of it; the first factor comes with recovery codes, shown once.")
            .secret()
            .body(me::confirm_schema)
            .reply(me::codes_schema),
    ]
}

pub(super) fn factor_rows() -> Vec<Route> {
    vec![
        Route::personal(Verb::Get, "/v1/me/passkeys", passkeys::list)
            .about("Lists one's own passkeys.")
            .reply(passkeys::list_schema),
        Route::personal(
            Verb::Get,
            "/v1/me/passkeys/registration",
            passkeys::registration,
        )
        .about("What `navigator.credentials.create` takes to make a passkey.")
        .reply(passkeys::options_schema),
        Route::personal(Verb::Get, "/v1/me/passkeys/assertion", passkeys::assertion)
            .about("What `navigator.credentials.get` takes to step up by a passkey.")
            .reply(passkeys::options_schema),
        Route::personal(Verb::Post, "/v1/me/passkeys", passkeys::add)
            .about("Registers a passkey; the first factor comes with recovery codes, shown once.")
            .created()
            .secret()
            .body(passkeys::add_schema)
            .reply(passkeys::added_schema),
        Route::personal(Verb::Delete, "/v1/me/passkeys/{id}", passkeys::remove)
            .about("Removes a passkey.")
            .recent()
            .body(nothing)
            .reply(passkeys::gone_schema),
        Route::personal(Verb::Delete, "/v1/me/totp", me::remove_totp)
            .about("Removes the authenticator.")
            .recent()
            .body(nothing)
            .reply(me::removed_schema),
        Route::personal(Verb::Post, "/v1/me/recovery-codes", me::new_recovery_codes)
            .about("Makes new recovery codes in place of those that are left, shown once.")
            .created()
            .secret()
            .recent()
            .body(nothing)
            .reply(me::codes_schema),
    ]
}
