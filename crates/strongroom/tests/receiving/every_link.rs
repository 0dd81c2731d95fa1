//! The events of payment links, and of a cardholder who is asked by his bank.

use serde_json::{Value, json};
use strongroom_types::time::{SECOND, Timestamp};

use super::every_event::{id, post};
use crate::program::Demo;

/// How long the link lives that is to expire; longer than it takes to ask for it.
const SOON: i64 = 15 * SECOND;

pub fn links(demo: &Demo) {
    let link = |more: Value| {
        let mut body = json!({ "amount": 500, "currency": "PHP", "description": "Peña" });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        post(demo, "/v1/payment-links", &body)
    };
    let cancelled = link(json!({}));
    let made = Timestamp::parse(cancelled["created_at"].as_str().unwrap()).unwrap();
    link(json!({ "expires_at": made.plus(SOON).to_string() }));
    let path = format!("/v1/payment-links/{}/cancel", id(&cancelled));
    post(demo, &path, &json!({}));
    let paid = link(json!({}));
    // The card's bank asks its holder, who confirms.
    let card = "attempt=0&number=4000000000003105&expiry=12/99&cvv=123&name=";
    let page = form(demo, &format!("/pay/{}", id(&paid)), card);
    let payment = wait(|| {
        let link = demo.get(&format!("/v1/payment-links/{}", id(&paid)));
        let payment = demo.get(&format!("/v1/payments/{}", link["payment_id"].as_str()?));
        (payment["status"] == "requires_action").then_some(payment)
    });
    assert!(
        page.contains("/challenges/") || page.contains("?attempt="),
        "{page}"
    );
    let challenge = payment["next_action"]["path"].as_str().unwrap();
    form(demo, challenge, "answer=confirm");
}

/// Sends a form, once the vault is there, and gives where it leads.
fn form(demo: &Demo, path: &str, fields: &str) -> String {
    wait(|| {
        let reply = demo
            .request("POST", path)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(fields)
            .send();
        if reply.status == 503 {
            return None;
        }
        assert_eq!(reply.status, 303, "{}", reply.text());
        Some(reply.header("location").unwrap().to_owned())
    })
}

fn wait<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    let began = std::time::Instant::now();
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(began.elapsed().as_secs() < 180, "it did not come");
        std::thread::yield_now();
    }
}
