//! `/v1/payment-links`, and the page that they are paid on.

mod approved;
mod create;
mod page;
mod paying;

use serde_json::{Value, json};
use strongroom_testkit::exchange::{Outgoing, Reply};
use strongroom_testkit::server::TestServer;
use strongroom_testkit::tenant::Tenant;

/// A link over 500 into a new wallet.
pub fn link(acme: &Tenant<'_>, more: &Value) -> Value {
    let mut body = json!({ "amount": 500, "wallet_id": acme.wallet("master") });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    acme.post("/v1/payment-links", &body).expect(201).json()
}

pub fn id(link: &Value) -> &str {
    link["id"].as_str().unwrap()
}

/// A link as it is now.
pub fn now(acme: &Tenant<'_>, id: &str) -> Value {
    acme.get(&format!("/v1/payment-links/{id}"))
        .expect(200)
        .json()
}

pub fn form(server: &TestServer, id: &str, fields: &str) -> Outgoing {
    server
        .request("POST", &format!("/pay/{id}"))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(fields)
}

/// The form's fields for a card.
pub fn card(attempt: u64, number: &str) -> String {
    format!("attempt={attempt}&number={number}&expiry=12+%2F+30&cvv=737&name=Ana+Pe%C3%B1a")
}

/// Sends the form and follows it to the payment that was made.
pub fn pay(acme: &Tenant<'_>, id: &str, attempt: u64, number: &str) -> String {
    let reply = form(acme.server, id, &card(attempt, number)).send();
    assert_eq!(reply.status, 303, "{}", reply.text());
    let (page, payment) = attempt_of(&reply);
    assert_eq!(page, format!("/pay/{id}"));
    payment.unwrap_or_else(|| panic!("nothing was paid: {:?}", reply.header("location")))
}

/// Where a form led to, and the payment that it made.
pub fn attempt_of(reply: &Reply) -> (String, Option<String>) {
    let location = reply.header("location").unwrap();
    match location.split_once("?attempt=") {
        Some((page, payment)) => (page.to_owned(), Some(payment.to_owned())),
        None => (location.to_owned(), None),
    }
}
