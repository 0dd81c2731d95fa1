//! The rows of customers, products, stores and tills.

use crate::query::{CREATED, PAGE};
use crate::route::{Route, Verb};
use crate::v1::{customers, products, stores, tills};

pub(super) fn shop_rows() -> Vec<Route> {
    let mut rows = customer_rows();
    rows.extend(product_rows());
    rows.extend(store_rows());
    rows.extend(till_rows());
    rows
}

fn customer_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Post, "/v1/customers", customers::create)
            .about("Takes a customer in.")
            .created()
            .body(customers::create_schema)
            .reply(customers::schema),
        Route::guarded(Verb::Get, "/v1/customers", customers::list)
            .about("Lists customers, newest first.")
            .query(&[&PAGE, &CREATED, customers::FILTERS])
            .reply(customers::list_schema),
        Route::guarded(Verb::Get, "/v1/customers/{id}", customers::read)
            .about("A customer.")
            .reply(customers::schema),
        Route::guarded(Verb::Patch, "/v1/customers/{id}", customers::update)
            .about("Changes a customer's name, e-mail address, phone number or metadata.")
            .body(customers::update_schema)
            .reply(customers::schema),
        Route::guarded(Verb::Post, "/v1/customers/{id}/erase", customers::erase)
            .about("Forgets who a customer is: what is personal goes with its key, for good.")
            .body(crate::schema::nothing)
            .reply(customers::schema),
    ]
}

fn product_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Post, "/v1/products", products::create)
            .about("Makes a product.")
            .created()
            .exempt(products::EXEMPT)
            .body(products::create_schema)
            .reply(products::schema),
        Route::guarded(Verb::Get, "/v1/products", products::list)
            .about("Lists products, newest first.")
            .query(&[&PAGE, products::FILTERS])
            .reply(products::list_schema),
        Route::guarded(Verb::Get, "/v1/products/{id}", products::read)
            .about("A product.")
            .reply(products::schema),
        Route::guarded(Verb::Patch, "/v1/products/{id}", products::update)
            .about("Changes a product; what was sold before stays as it was sold.")
            .exempt(products::EXEMPT)
            .body(products::update_schema)
            .reply(products::schema),
        Route::guarded(Verb::Post, "/v1/products/{id}/stock", products::stock)
            .about("Changes how many of a product are left, or says how many were counted.")
            .body(products::stock_schema)
            .reply(products::schema),
    ]
}

fn store_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Post, "/v1/stores", stores::create)
            .about("Makes a store.")
            .created()
            .body(stores::create_schema)
            .reply(stores::schema),
        Route::guarded(Verb::Get, "/v1/stores", stores::list)
            .about("Lists stores, newest first.")
            .query(&[&PAGE])
            .reply(stores::list_schema),
        Route::guarded(Verb::Get, "/v1/stores/{id}", stores::read)
            .about("A store.")
            .reply(stores::schema),
        Route::guarded(Verb::Patch, "/v1/stores/{id}", stores::update)
            .about("Changes a store's name, receipts or metadata.")
            .body(stores::update_schema)
            .reply(stores::schema),
    ]
}

fn till_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Post, "/v1/tills", tills::create)
            .about("Enrols a till, with the key that acts for it alone.")
            .created()
            .exempt(tills::EXEMPT)
            .body(tills::create_schema)
            .reply(tills::schema),
        Route::guarded(Verb::Get, "/v1/tills", tills::list)
            .about("Lists tills, newest first.")
            .query(&[&PAGE, tills::FILTERS])
            .reply(tills::list_schema),
        Route::guarded(Verb::Get, "/v1/tills/{id}", tills::read)
            .about("A till, and where an upload of its chain goes on.")
            .reply(tills::schema),
        Route::guarded(Verb::Patch, "/v1/tills/{id}", tills::update)
            .about("Changes a till's name or keys, or takes it out of use for good.")
            .exempt(tills::EXEMPT)
            .body(tills::update_schema)
            .reply(tills::schema),
        Route::guarded(Verb::Post, "/v1/tills/{id}/lease", tills::lease)
            .about("Lets a till sell without a connection, for so long and up to so much.")
            .body(tills::lease_schema)
            .reply(tills::schema),
    ]
}
