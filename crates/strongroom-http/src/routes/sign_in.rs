//! The rows of the page where people sign in.

use crate::account::{Part, form_schema};
use crate::openapi;
use crate::route::{Door, LimitClass, Route, Verb};

pub(super) fn rows() -> Vec<Route> {
    vec![
        Route::open(Verb::Get, "/account", Door::Account(Part::Page))
            .about("The page on which people sign in, and see to their second factors.")
            .limited(LimitClass::Pages)
            .reply(openapi::page_schema),
        Route::open(Verb::Post, "/account", Door::Account(Part::Form))
            .about("Takes the page's forms, and leads back to it.")
            .limited(LimitClass::Unauthenticated)
            .other()
            .body(form_schema)
            .reply(openapi::page_schema),
    ]
}
