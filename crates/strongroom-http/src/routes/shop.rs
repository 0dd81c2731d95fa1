//! The rows of customers, products, stores, tills and what is sold there.

use crate::query::{CREATED, PAGE};
use crate::route::{Route, Verb};
use crate::v1::{customers, products, receipts, sales, shifts, stores, tills};

pub(super) fn shop_rows() -> Vec<Route> {
    let mut rows = customer_rows();
    rows.extend(product_rows());
    rows.extend(store_rows());
    rows.extend(till_rows());
    rows.extend(shift_rows());
    rows.extend(sale_rows());
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

fn shift_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Post, "/v1/shifts", shifts::open)
            .about("Opens a till: one shift at a time.")
            .created()
            .money()
            .body(shifts::open_schema)
            .reply(shifts::schema),
        Route::guarded(Verb::Get, "/v1/shifts", shifts::list)
            .about("Lists shifts, newest first.")
            .query(&[&PAGE, &CREATED, shifts::FILTERS])
            .reply(shifts::list_schema),
        Route::guarded(Verb::Get, "/v1/shifts/{id}", shifts::read)
            .about("A shift.")
            .reply(shifts::schema),
        Route::guarded(Verb::Get, "/v1/shifts/{id}/report", shifts::report)
            .about("The X report of an open shift, the Z report of a closed one.")
            .reply(shifts::report_schema),
        Route::guarded(Verb::Post, "/v1/shifts/{id}/cash", shifts::cash)
            .about("Puts cash into a drawer or takes it out, with a reason.")
            .money()
            .body(shifts::cash_schema)
            .reply(shifts::schema),
        Route::guarded(Verb::Post, "/v1/shifts/{id}/close", shifts::close)
            .about("Closes a shift with the cash that was counted.")
            .money()
            .body(shifts::close_schema)
            .reply(shifts::schema),
    ]
}

fn sale_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Post, "/v1/transactions", sales::create)
            .about("Sells, for cash, by a card's token, or both.")
            .created()
            .money()
            .body(sales::create_schema)
            .reply(sales::schema),
        Route::guarded(Verb::Post, "/v1/transactions/{id}/void", sales::void)
            .about("Takes a transaction of a till back before its payment is settled.")
            .money()
            .waits()
            .body(sales::void_schema)
            .reply(sales::schema),
        Route::guarded(
            Verb::Get,
            "/v1/transactions/{id}/receipt",
            receipts::read,
        )
        .about("The receipt of a till's transaction, as JSON, HTML, plain text or PDF.")
        .query(&[receipts::FORMAT])
        .also(receipts::MEDIA)
        .reply(receipts::schema),
        Route::guarded(Verb::Post, "/v1/tills/{id}/transactions", sales::upload)
            .about("Takes in what a till sold without a connection, signed and in the order of its chain.")
            .created()
            .money()
            .exempt(sales::EXEMPT)
            .body(sales::upload_schema)
            .reply(sales::schema),
    ]
}
