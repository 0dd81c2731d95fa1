//! The rows of payout rails, and of the files to and from banks.

use crate::query::PAGE;
use crate::route::{Route, Verb};
use crate::v1::{bank_files, payout_files, payout_rails};

pub(super) fn rows() -> Vec<Route> {
    let mut rows = rail_rows();
    rows.extend(payout_file_rows());
    rows.extend(bank_file_rows());
    rows
}

fn rail_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Post, "/v1/payout-rails", payout_rails::create)
            .about("Puts a wallet on the file rail: its payouts to IBANs leave in files.")
            .created()
            .recent()
            .sensitive()
            .exempt(payout_rails::EXEMPT)
            .body(payout_rails::create_schema)
            .reply(payout_rails::schema),
        Route::guarded(Verb::Get, "/v1/payout-rails", payout_rails::list)
            .about("Lists payout rails.")
            .query(&[&PAGE])
            .reply(payout_rails::list_schema),
        Route::guarded(Verb::Get, "/v1/payout-rails/{id}", payout_rails::read)
            .about("A payout rail.")
            .reply(payout_rails::schema),
        Route::guarded(Verb::Patch, "/v1/payout-rails/{id}", payout_rails::update)
            .about("Changes a rail's debtor name, BIC, cut-off or limit, or takes it out of use.")
            .recent()
            .sensitive()
            .body(payout_rails::update_schema)
            .reply(payout_rails::schema),
    ]
}

fn payout_file_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Post, "/v1/payout-files", payout_files::create)
            .about("Closes the file that a wallet's payouts wait in, before its cut-off.")
            .created()
            .sensitive()
            .body(payout_files::create_schema)
            .reply(payout_files::schema),
        Route::guarded(Verb::Get, "/v1/payout-files", payout_files::list)
            .about("Lists payout files.")
            .query(&[&PAGE, payout_files::FILTERS])
            .reply(payout_files::list_schema),
        Route::guarded(Verb::Get, "/v1/payout-files/{id}", payout_files::read)
            .about("A payout file, without its content.")
            .reply(payout_files::schema),
        Route::guarded(
            Verb::Get,
            "/v1/payout-files/{id}/content",
            payout_files::content,
        )
        .about("The message for the bank (pain.001.001.09); the log says who took it.")
        .file()
        .reply(payout_files::content_schema),
        Route::guarded(Verb::Post, "/v1/payout-files/{id}/sent", payout_files::sent)
            .about("Says that the bank has the file: its payouts are processed from then on.")
            .sensitive()
            .body(crate::schema::nothing)
            .reply(payout_files::schema),
    ]
}

fn bank_file_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Post, "/v1/bank-files", bank_files::receive)
            .about("Takes a file of a bank in: pain.002, camt.053 or camt.054.")
            .accepted()
            .sensitive()
            .xml()
            .body(bank_files::body_schema)
            .reply(bank_files::schema),
        Route::guarded(Verb::Get, "/v1/bank-files", bank_files::list)
            .about("Lists files of banks.")
            .query(&[&PAGE, bank_files::FILTERS])
            .reply(bank_files::list_schema),
        Route::guarded(Verb::Get, "/v1/bank-files/{id}", bank_files::read)
            .about("A file of a bank, and how far it is applied.")
            .reply(bank_files::schema),
        Route::guarded(
            Verb::Get,
            "/v1/bank-files/{id}/entries",
            bank_files::entries,
        )
        .about("What a bank's file says, and what became of it, in the order it is applied.")
        .query(&[&PAGE, bank_files::ENTRY_FILTERS])
        .reply(bank_files::entries_schema),
    ]
}
