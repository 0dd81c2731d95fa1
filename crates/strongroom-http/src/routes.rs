//! The route table: every path the server answers, in one place.
//!
//! From it come the router, the OpenAPI document, the committed list `docs/routes.txt` and the coverage tests.

mod access;
mod banks;
mod fees;
mod grants;
mod hooks;
mod links;
mod log;
mod oauth;
mod people;
mod planned;
mod rates;
mod reports;
mod roles;
mod shop;
mod sign_in;
mod watch;

use std::sync::LazyLock;

use crate::encryption_keys;
use crate::leaks;
use crate::openapi;
use crate::query::{CREATED, PAGE};
use crate::route::{Door, LimitClass, Route, Verb};
use crate::signature_page;
use crate::v1::{
    account, api_keys, funding, payments, payouts, refunds, sales, test_data, tokens, transactions,
    transfers, wallets,
};

/// All rows, in the order they are documented.
pub fn routes() -> &'static [Route] {
    static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
        let mut rows = open_rows();
        rows.extend(account_rows());
        rows.extend(wallet_rows());
        rows.extend(money_rows());
        rows.extend(payout_rows());
        rows.extend(banks::rows());
        rows.extend(planned::rows());
        rows.extend(token_rows());
        rows.extend(payment_rows());
        rows.extend(refund_rows());
        rows.extend(key_rows());
        rows.extend(access::rows());
        rows.extend(roles::rows());
        rows.extend(rates::rows());
        rows.extend(hooks::webhook_rows());
        rows.extend(hooks::delivery_rows());
        rows.extend(people::user_rows());
        rows.extend(people::entrance_rows());
        rows.extend(roles::reset_rows());
        rows.extend(people::own_rows());
        rows.extend(people::factor_rows());
        rows.extend(grants::rows());
        rows.extend(watch::approval_rows());
        rows.extend(watch::policy_rows());
        rows.extend(watch::alert_rows());
        rows.extend(shop::shop_rows());
        rows.extend(links::payment_link_rows());
        rows.extend(links::page_rows());
        rows.extend(links::challenge_rows());
        rows.extend(fees::fee_rows());
        rows.extend(reports::report_rows());
        rows.extend(oauth::client_rows());
        rows.extend(oauth::endpoint_rows());
        rows.extend(sign_in::rows());
        rows.extend(log::log_rows());
        rows
    });
    &ROUTES
}

fn open_rows() -> Vec<Route> {
    vec![
        Route::open(Verb::Get, "/health", Door::Health)
            .about("Whether the process answers.")
            .reply(openapi::status_schema),
        Route::open(Verb::Get, "/ready", Door::Ready)
            .about("Whether the server takes work.")
            .reply(openapi::status_schema),
        Route::open(Verb::Get, "/openapi.json", Door::Document)
            .about("This document.")
            .limited(LimitClass::Pages),
        Route::open(Verb::Get, "/.well-known/strongroom-pins", Door::Pins)
            .about("The signed set of keys that clients may hold the server to.")
            .limited(LimitClass::Pages)
            .reply(openapi::pins_schema),
        Route::open(
            Verb::Get,
            "/tools/webhook-signature",
            Door::Page(signature_page::page),
        )
        .about("A page for test mode that checks a webhook's signatures in the browser.")
        .limited(LimitClass::Pages),
        Route::open(
            Verb::Get,
            "/.well-known/strongroom-encryption-keys",
            Door::EncryptionKeys,
        )
        .about("The keys that card fields may be encrypted to, newest first.")
        .limited(LimitClass::Pages)
        .reply(encryption_keys::schema),
        Route::open(Verb::Post, "/leaks", Door::Leaks)
            .about("Takes a secret key that somebody found where it should not be, and revokes it.")
            .limited(LimitClass::Unauthenticated)
            .accepted()
            .body(leaks::body_schema)
            .reply(leaks::schema),
    ]
}

fn account_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Get, "/v1/account", account::read)
            .about("The account behind the key.")
            .reply(account::schema),
        Route::guarded(Verb::Get, "/v1/auth/verify", account::verify)
            .about("What the server takes the key for.")
            .reply(account::verify_schema),
        Route::guarded(Verb::Get, "/v1/test-data", test_data::read)
            .about("What the sandbox does for which card and amount.")
            .reply(test_data::schema),
    ]
}

fn wallet_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Post, "/v1/wallets", wallets::create)
            .about("Creates a wallet.")
            .created()
            .body(wallets::create_schema)
            .reply(wallets::schema),
        Route::guarded(Verb::Get, "/v1/wallets", wallets::list)
            .about("Lists wallets.")
            .query(&[&PAGE, &CREATED, wallets::FILTERS])
            .reply(wallets::list_schema),
        Route::guarded(Verb::Get, "/v1/wallets/{id}", wallets::read)
            .about("A wallet.")
            .reply(wallets::schema),
        Route::guarded(Verb::Patch, "/v1/wallets/{id}", wallets::update)
            .about("Changes a wallet's owner, business, metadata or low balance threshold.")
            .body(wallets::update_schema)
            .reply(wallets::schema),
        Route::guarded(Verb::Get, "/v1/wallets/{id}/balance", wallets::balance)
            .about("A wallet's balances.")
            .reply(wallets::balance_schema),
        Route::guarded(Verb::Post, "/v1/wallets/{id}/freeze", wallets::freeze)
            .about("Stops all money of a wallet.")
            .body(crate::schema::nothing)
            .reply(wallets::schema),
        Route::guarded(Verb::Post, "/v1/wallets/{id}/unfreeze", wallets::unfreeze)
            .about("Lets a frozen wallet move money again.")
            .body(crate::schema::nothing)
            .reply(wallets::schema),
        Route::guarded(Verb::Post, "/v1/wallets/{id}/close", wallets::close)
            .about("Closes an empty wallet for good.")
            .body(crate::schema::nothing)
            .reply(wallets::schema),
    ]
}

fn money_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Post, "/v1/wallets/{id}/credit", funding::credit)
            .about("Brings money into a wallet.")
            .created()
            .money()
            .body(funding::body_schema)
            .reply(transactions::schema),
        Route::guarded(Verb::Post, "/v1/wallets/{id}/debit", funding::debit)
            .about("Takes money out of a wallet.")
            .created()
            .money()
            .sensitive()
            .waits()
            .body(funding::body_schema)
            .reply(transactions::schema),
        Route::guarded(
            Verb::Get,
            "/v1/wallets/{id}/transactions",
            transactions::statement,
        )
        .about("A wallet's statement: its transactions with the balances after each.")
        .query(&[&PAGE, &CREATED, transactions::STATEMENT_FILTERS])
        .reply(transactions::statement_schema),
        Route::guarded(Verb::Post, "/v1/transfers", transfers::create)
            .about("Moves money between two wallets.")
            .created()
            .money()
            .body(transfers::body_schema)
            .reply(transactions::schema),
        Route::guarded(Verb::Get, "/v1/transfers", transfers::list)
            .about("Lists transfers.")
            .query(&[&PAGE, &CREATED, transfers::FILTERS])
            .reply(transactions::list_schema),
        Route::guarded(Verb::Get, "/v1/transfers/{id}", transfers::read)
            .about("A transfer.")
            .reply(transactions::schema),
        Route::guarded(Verb::Get, "/v1/transactions", transactions::list)
            .about("Lists all movements of money, or what tills sold.")
            .query(&[
                &PAGE,
                &CREATED,
                transactions::FILTERS,
                transactions::OF_WALLET,
                sales::FILTERS,
            ])
            .reply(transactions::list_schema),
        Route::guarded(Verb::Get, "/v1/transactions/{id}", transactions::read)
            .about("A movement of money, or what a till sold.")
            .reply(transactions::any_schema),
    ]
}

fn payout_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Post, "/v1/payouts", payouts::create)
            .about("Pays money out to a wallet or a bank account.")
            .created()
            .money()
            .sensitive()
            .exempt(payouts::EXEMPT)
            .waits()
            .body(payouts::create_schema)
            .reply(payouts::schema),
        Route::guarded(Verb::Get, "/v1/payouts", payouts::list)
            .about("Lists payouts.")
            .query(&[&PAGE, &CREATED, payouts::FILTERS])
            .reply(payouts::list_schema),
        Route::guarded(Verb::Get, "/v1/payouts/{id}", payouts::read)
            .about("A payout.")
            .reply(payouts::schema),
        Route::guarded(Verb::Post, "/v1/payouts/{id}/cancel", payouts::cancel)
            .about("Cancels a payout that is not being processed yet.")
            .money()
            .sensitive()
            .body(crate::schema::nothing)
            .reply(payouts::schema),
        Route::guarded(Verb::Post, "/v1/payouts/{id}/reverse", payouts::reverse)
            .about("Brings the money of a completed payout back.")
            .money()
            .sensitive()
            .body(crate::schema::nothing)
            .reply(payouts::schema),
    ]
}

fn token_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Post, "/v1/tokens", tokens::create)
            .about("Takes a card in and gives a token for it. The security code is kept in memory only.")
            .created()
            .card()
            .exempt(tokens::EXEMPT)
            .body(tokens::create_schema)
            .reply(tokens::schema),
        Route::guarded(Verb::Get, "/v1/tokens", tokens::list)
            .about("Lists tokens.")
            .query(&[&PAGE])
            .reply(tokens::list_schema),
        Route::guarded(Verb::Get, "/v1/tokens/{id}", tokens::read)
            .about("A token, without its card number.")
            .reply(tokens::schema),
        Route::guarded(Verb::Delete, "/v1/tokens/{id}", tokens::delete)
            .about("Deletes a token, its card number and its holder's name for good.")
            .sensitive()
            .body(crate::schema::nothing)
            .reply(tokens::deleted_schema),
        Route::guarded(Verb::Post, "/v1/tokens/{id}/reveal", tokens::reveal)
            .about("Shows a token's card number, once the log says to whom and why. Live keys sign this request.")
            .recent()
            .step_up()
            .secret()
            .waits()
            .body(tokens::reveal_schema)
            .reply(tokens::revealed_schema),
    ]
}

fn payment_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Post, "/v1/payments", payments::create)
            .about("Takes money from a card, by its token; the acquirer answers afterwards.")
            .created()
            .money()
            .body(payments::create_schema)
            .reply(payments::schema),
        Route::guarded(Verb::Get, "/v1/payments", payments::list)
            .about("Lists payments.")
            .query(&[&PAGE, &CREATED, payments::FILTERS])
            .reply(payments::list_schema),
        Route::guarded(Verb::Get, "/v1/payments/{id}", payments::read)
            .about("A payment.")
            .reply(payments::schema),
        Route::guarded(Verb::Post, "/v1/payments/{id}/capture", payments::capture)
            .about("Captures an authorized payment, or a part of it.")
            .money()
            .body(payments::capture_schema)
            .reply(payments::schema),
        Route::guarded(Verb::Post, "/v1/payments/{id}/void", payments::void)
            .about("Gives an authorization up before anything of it is captured.")
            .money()
            .body(crate::schema::nothing)
            .reply(payments::schema),
    ]
}

fn refund_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Post, "/v1/refunds", refunds::create)
            .about("Gives a captured payment, or a part of it, back to its card.")
            .created()
            .money()
            .sensitive()
            .waits()
            .body(refunds::create_schema)
            .reply(refunds::schema),
        Route::guarded(Verb::Get, "/v1/refunds", refunds::list)
            .about("Lists refunds.")
            .query(&[&PAGE, &CREATED, refunds::FILTERS])
            .reply(refunds::list_schema),
        Route::guarded(Verb::Get, "/v1/refunds/{id}", refunds::read)
            .about("A refund.")
            .reply(refunds::schema),
    ]
}

fn key_rows() -> Vec<Route> {
    vec![
        Route::guarded(Verb::Post, "/v1/api-keys", api_keys::create)
            .about("Creates an API key; its text is shown once.")
            .created()
            .recent()
            .sensitive()
            .secret()
            .waits()
            .body(api_keys::create_schema)
            .reply(api_keys::secret_schema),
        Route::guarded(Verb::Get, "/v1/api-keys", api_keys::list)
            .about("Lists API keys.")
            .query(&[&PAGE])
            .reply(api_keys::list_schema),
        Route::guarded(Verb::Get, "/v1/api-keys/{id}", api_keys::read)
            .about("An API key, without its text.")
            .reply(api_keys::schema),
        Route::guarded(Verb::Patch, "/v1/api-keys/{id}", api_keys::update)
            .about("Changes a key's name, networks and money limits, or lets it end sooner.")
            .recent()
            .sensitive()
            .waits()
            .body(api_keys::update_schema)
            .reply(api_keys::schema),
        Route::guarded(Verb::Post, "/v1/api-keys/{id}/roll", api_keys::roll)
            .about("Makes a key that takes another's place; the old one works on for a while.")
            .created()
            .recent()
            .sensitive()
            .secret()
            .waits()
            .body(api_keys::roll_schema)
            .reply(api_keys::secret_schema),
        Route::guarded(Verb::Post, "/v1/api-keys/{id}/revoke", api_keys::revoke)
            .about("Revokes a key at once and for good.")
            .recent()
            .sensitive()
            .body(crate::schema::nothing)
            .reply(api_keys::schema),
    ]
}

/// The table as text, as committed in `docs/routes.txt`.
pub fn listing() -> String {
    let head = format!(
        "{:<6}{:<36}{:<23}{:<7}{:<11}{:<8}{:<8}status",
        "", "path", "permission", "money", "signature", "limit", "reply"
    );
    let rows = routes().iter().map(Route::line);
    let lines: Vec<String> = std::iter::once(head).chain(rows).collect();
    format!("{}\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use strongroom_auth::permission;

    use super::*;
    use crate::route::{ReplyKind, SignatureClass};

    #[test]
    fn the_committed_table_is_true() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/routes.txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, listing()).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(path).unwrap(),
            listing(),
            "run with UPDATE_GOLDEN=1 and review the change"
        );
    }

    #[test]
    fn rows_are_complete_and_unlike() {
        let mut seen = std::collections::HashSet::new();
        for route in routes() {
            let name = format!("{} {}", route.verb.as_str(), route.path);
            assert!(seen.insert(name.clone()), "{name} stands twice");
            assert!(!route.summary.is_empty(), "{name}");
            let is_of_people = matches!(route.door, Door::Personal(_) | Door::Visitor(_));
            assert_eq!(
                route.permission.is_some(),
                route.path.starts_with("/v1/") && !is_of_people,
                "{name}"
            );
            assert!(
                route
                    .permission
                    .is_none_or(|p| permission::ALL.contains(&p)),
                "{name}"
            );
            assert_eq!(route.is_mutating(), route.body.is_some(), "{name}");
            assert!(route.is_mutating() || !route.money, "{name}");
        }
    }

    #[test]
    fn what_reads_needs_a_permission_to_read_and_what_changes_does_not_get_by_with_one() {
        for route in routes() {
            let Some(permission) = route.permission else {
                continue;
            };
            // Asking for a report is reading that takes longer: it changes nothing that it could be a report of.
            let asks = route.verb == Verb::Post && route.path == "/v1/reports";
            assert_eq!(
                permission.starts_with("read:"),
                !route.is_mutating() || asks,
                "{}",
                route.path
            );
        }
    }

    #[test]
    fn whatever_takes_money_out_makes_keys_or_shows_cards_is_sensitive() {
        for route in routes().iter().filter(|route| route.is_mutating()) {
            let words = [
                "debit",
                "payouts",
                "api-keys",
                "webhooks",
                "tokens/{id}",
                "refunds",
                "approval",
                "users",
                "payout-rails",
                "payout-files",
                "bank-files",
                "/oauth/clients",
                "roles",
                "fee-schedules",
                "beneficiaries",
                "payout-schedules",
                "payout-settings",
            ];
            let leaves = words.iter().any(|word| route.path.contains(word));
            assert_eq!(
                leaves,
                route.signature == SignatureClass::Sensitive,
                "{}",
                route.path
            );
            assert!(
                route.reply == ReplyKind::Kept
                    || [
                        "api-keys",
                        "webhooks",
                        "reveal",
                        "users",
                        "sessions",
                        "me/",
                        "/oauth/clients"
                    ]
                    .iter()
                    .any(|word| route.path.contains(word)),
                "{}",
                route.path
            );
        }
    }
}
