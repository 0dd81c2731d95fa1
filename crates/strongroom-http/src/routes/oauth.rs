//! The rows of OAuth: clients as they are managed, and what clients themselves ask.

use crate::oauth::{Part, schemas};
use crate::openapi;
use crate::query::PAGE;
use crate::route::{Door, LimitClass, Route, Verb};
use crate::schema::nothing;
use crate::v1::oauth_clients as clients;

pub(super) fn client_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Post, "/v1/oauth/clients", clients::create)
            .about("Registers a client of OAuth; its secret, if it has one, is shown once.")
            .created()
            .recent()
            .sensitive()
            .secret()
            .waits()
            .body(clients::create_schema)
            .reply(clients::secret_schema),
        Route::guarded(Verb::Get, "/v1/oauth/clients", clients::list)
            .about("Lists clients of OAuth.")
            .query(&[&PAGE])
            .reply(clients::list_schema),
        Route::guarded(Verb::Get, "/v1/oauth/clients/{id}", clients::read)
            .about("A client of OAuth, without its secret.")
            .reply(clients::schema),
        Route::guarded(Verb::Patch, "/v1/oauth/clients/{id}", clients::update)
            .about("Changes what a client is called, may have, or shows who it is by.")
            .recent()
            .sensitive()
            .waits()
            .body(clients::update_schema)
            .reply(clients::schema),
        Route::guarded(
            Verb::Post,
            "/v1/oauth/clients/{id}/rotate-secret",
            clients::rotate,
        )
        .about("Gives a client a new secret, shown once; the old one works on for a while.")
        .recent()
        .sensitive()
        .secret()
        .waits()
        .body(clients::rotate_schema)
        .reply(clients::secret_schema),
        Route::guarded(Verb::Delete, "/v1/oauth/clients/{id}", clients::delete)
            .about("Deletes a client at once and for good, and with it every token that it has.")
            .recent()
            .sensitive()
            .body(nothing)
            .reply(clients::schema),
    ]
}

/// What clients ask. They show who they are in ways of their own, so no row asks for a key.
pub(super) fn endpoint_rows() -> Vec<Route> {
    vec![
        Route::open(
            Verb::Get,
            "/.well-known/oauth-authorization-server",
            Door::Oauth(Part::Metadata),
        )
        .about("What this authorization server can do (RFC 8414).")
        .limited(LimitClass::Pages)
        .reply(schemas::metadata),
        Route::open(Verb::Post, "/oauth/par", Door::Oauth(Part::Push))
            .about("Takes what a client asks a person for, ahead of sending him here (RFC 9126).")
            .limited(LimitClass::Unauthenticated)
            .created()
            .body(schemas::pushed_request)
            .reply(schemas::pushed),
        Route::open(Verb::Get, "/oauth/authorize", Door::Oauth(Part::Page))
            .about("The page on which a person signs in and answers what a client asks.")
            .limited(LimitClass::Pages)
            .reply(openapi::page_schema),
        Route::open(Verb::Post, "/oauth/authorize", Door::Oauth(Part::Answer))
            .about("Takes the page's forms, and leads back to the client.")
            .limited(LimitClass::Unauthenticated)
            .other()
            .body(schemas::page_form)
            .reply(openapi::page_schema),
        Route::open(Verb::Post, "/oauth/token", Door::Oauth(Part::Token))
            .about("Gives a client an access token (RFC 6749).")
            .limited(LimitClass::Unauthenticated)
            .body(schemas::token_request)
            .reply(schemas::token),
        Route::open(Verb::Post, "/oauth/revoke", Door::Oauth(Part::Revoke))
            .about("Revokes a token of the client's, at once (RFC 7009).")
            .limited(LimitClass::Unauthenticated)
            .body(schemas::about_token)
            .reply(schemas::nothing),
        Route::open(
            Verb::Post,
            "/oauth/introspect",
            Door::Oauth(Part::Introspect),
        )
        .about("Tells a client what one of its tokens is good for (RFC 7662).")
        .limited(LimitClass::Unauthenticated)
        .body(schemas::about_token)
        .reply(schemas::introspection),
    ]
}
