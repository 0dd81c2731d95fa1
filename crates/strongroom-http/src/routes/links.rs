//! The rows of payment links, and of the page that they are paid on.

use crate::openapi;
use crate::pay::{self, Part};
use crate::query::{CREATED, PAGE};
use crate::route::{Door, LimitClass, Route, Verb};
use crate::v1::payment_links;

pub(super) fn payment_link_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Post, "/v1/payment-links", payment_links::create)
            .about("Creates a link that one payer may pay, on a page of this server.")
            .created()
            .body(payment_links::create_schema)
            .reply(payment_links::schema),
        Route::guarded(Verb::Get, "/v1/payment-links", payment_links::list)
            .about("Lists payment links.")
            .for_secret_keys()
            .query(&[&PAGE, &CREATED, payment_links::FILTERS])
            .reply(payment_links::list_schema),
        Route::guarded(Verb::Get, "/v1/payment-links/{id}", payment_links::read)
            .about("A payment link.")
            .reply(payment_links::schema),
        Route::guarded(
            Verb::Post,
            "/v1/payment-links/{id}/cancel",
            payment_links::cancel,
        )
        .about("Cancels a payment link that nobody has paid.")
        .body(crate::schema::nothing)
        .reply(payment_links::schema),
    ]
}

/// 3-D Secure, as the sandbox has it.
pub(super) fn challenge_rows() -> Vec<Route> {
    vec![
        Route::open(Verb::Get, "/challenges/{id}", Door::Pay(Part::Challenge))
            .about("The sandbox bank's question to a cardholder.")
            .limited(LimitClass::Payers)
            .reply(openapi::page_schema),
        Route::open(Verb::Post, "/challenges/{id}", Door::Pay(Part::Answer))
            .about("Takes his answer, and leads to what came of it.")
            .limited(LimitClass::Payers)
            .other()
            .body(pay::answer_schema)
            .reply(openapi::page_schema),
    ]
}

pub(super) fn page_rows() -> Vec<Route> {
    vec![
        Route::open(Verb::Get, "/pay/{id}", Door::Pay(Part::Page))
            .about("The page that a payment link is paid on.")
            .limited(LimitClass::Payers)
            .reply(openapi::page_schema),
        Route::open(Verb::Post, "/pay/{id}", Door::Pay(Part::Submit))
            .about("Takes the page's form: pays the link by a card, and leads back to the page.")
            .limited(LimitClass::Payers)
            .other()
            .body(pay::form_schema)
            .reply(openapi::page_schema),
        Route::open(Verb::Get, "/pay/{id}/qr", Door::Pay(Part::Code))
            .about("The page's address as a QR code (SVG).")
            .limited(LimitClass::Payers)
            .reply(openapi::page_schema),
    ]
}
