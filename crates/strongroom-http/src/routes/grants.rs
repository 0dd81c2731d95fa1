//! The rows of what a person lets applications do for him.

use crate::route::{Route, Verb};
use crate::schema::nothing;
use crate::v1::grants;

pub(super) fn rows() -> Vec<Route> {
    vec![
        Route::personal(Verb::Get, "/v1/me/grants", grants::list)
            .about("Lists what one lets applications do.")
            .reply(grants::list_schema),
        Route::personal(Verb::Delete, "/v1/me/grants/{id}", grants::take_back)
            .about("Takes back what one lets an application do; its tokens end with it.")
            .body(nothing)
            .reply(grants::schema),
    ]
}
