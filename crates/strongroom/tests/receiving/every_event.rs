//! An event of every type, each made to happen.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use strongroom_domain::event::EventType;
use strongroom_testkit::receiver::Receiver;
use strongroom_testkit::tenant::fresh;

use crate::program::Demo;
use crate::receiving::every_link;

/// What no demo lives long enough for, or has no second person for. An authorization that lapses is told as a void is, the
/// ends of an approval as its beginning, and of people an id alone, as of keys.
const TAKES_MORE: [&str; 20] = [
    "user.invited",
    "user.joined",
    "user.updated",
    "user.deactivated",
    "user.password_changed",
    "user.factor_added",
    "user.factor_removed",
    "user.sessions_ended",
    "session.created",
    "session.stepped_up",
    "session.ended",
    "payment.expired",
    // The sandbox takes every capture.
    "payment.capture_refused",
    "approval.approved",
    "approval.rejected",
    "approval.expired",
    "approval.executed",
    "approval.failed",
    "approval_policy.updated",
    "approval_policy.deleted",
];

#[derive(Deserialize)]
struct Page {
    data: Vec<Box<RawValue>>,
    has_more: bool,
    next_cursor: Option<String>,
}

/// The body of every event of a demo in which everything happened that can; byte for byte.
pub fn bodies(demo: &Demo) -> Vec<String> {
    wallets(demo);
    payouts(demo);
    keys(demo);
    webhooks(demo);
    cards(demo);
    astray(demo);
    approvals(demo);
    crate::receiving::shop::sold(demo);
    every_link::links(demo);
    crate::receiving::banks::sent(demo);
    crate::receiving::reports::reported(demo);
    crate::receiving::oauth::clients(demo);
    crate::receiving::roles::changed(demo);
    crate::receiving::planned::planned(demo);
    let all = EventType::ALL.iter().map(|event| event.as_str());
    let wanted: BTreeSet<&str> = all.filter(|name| !TAKES_MORE.contains(name)).collect();
    let started = std::time::Instant::now();
    loop {
        let bodies = stream(demo);
        let seen: BTreeSet<String> = bodies.iter().map(|body| kind(body)).collect();
        let missing: Vec<_> = wanted
            .iter()
            .filter(|name| !seen.contains(**name))
            .collect();
        if missing.is_empty() {
            return bodies;
        }
        assert!(
            started.elapsed().as_secs() < 120,
            "never happened: {missing:?}"
        );
        std::thread::yield_now();
    }
}

fn kind(body: &str) -> String {
    let event: Value = serde_json::from_str(body).unwrap();
    event["type"].as_str().unwrap().to_owned()
}

/// The body of every event so far.
pub fn stream(demo: &Demo) -> Vec<String> {
    let mut bodies = Vec::new();
    let mut target = "/v1/events?limit=100".to_owned();
    loop {
        let reply = demo.request("GET", &target).send();
        let page: Page = serde_json::from_slice(&reply.body).unwrap();
        bodies.extend(page.data.iter().map(|event| event.get().to_owned()));
        match page.next_cursor.filter(|_| page.has_more) {
            Some(cursor) => target = format!("/v1/events?limit=100&after={cursor}"),
            None => return bodies,
        }
    }
}

/// Carries a change out and gives its reply.
pub(super) fn change(demo: &Demo, method: &str, target: &str, body: &Value) -> Value {
    let request = demo.request(method, target).json(body);
    let reply = request.idempotent(&fresh("every")).send();
    assert!(reply.status < 300, "{method} {target}: {}", reply.text());
    reply.json()
}

pub fn post(demo: &Demo, target: &str, body: &Value) -> Value {
    change(demo, "POST", target, body)
}

pub fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}

fn wallets(demo: &Demo) {
    let made = post(
        demo,
        "/v1/wallets",
        &json!({ "type": "master", "metadata": { "note": "Peña ₱ </b>" } }),
    );
    let wallet = format!("/v1/wallets/{}", id(&made));
    change(
        demo,
        "PATCH",
        &wallet,
        &json!({ "low_balance_threshold": 500 }),
    );
    post(
        demo,
        &format!("{wallet}/credit"),
        &json!({ "amount": 1_000 }),
    );
    post(demo, &format!("{wallet}/debit"), &json!({ "amount": 600 }));
    let transfer = json!({
        "amount": 400,
        "source_wallet_id": id(&made),
        "destination_wallet_id": demo.text("wallets/reserve"),
    });
    post(demo, "/v1/transfers", &transfer);
    for step in ["freeze", "unfreeze", "close"] {
        post(demo, &format!("{wallet}/{step}"), &json!({}));
    }
}

/// In a sandbox the amount's last two digits choose how a payout to a bank ends.
fn payouts(demo: &Demo) {
    let bank = json!({
        "type": "bank_account", "account_name": "Ana Peña", "bank_code": "BDO", "account_number": "001234567890",
    });
    let pay = |amount: i64, recipient: &Value| {
        let body = json!({ "amount": amount, "currency": "PHP", "recipient": recipient });
        post(demo, "/v1/payouts", &body)
    };
    pay(10_000, &bank);
    pay(10_002, &bank);
    let cancelled = pay(20_000, &bank);
    post(
        demo,
        &format!("/v1/payouts/{}/cancel", id(&cancelled)),
        &json!({}),
    );
    let reserve = json!({ "type": "wallet", "id": demo.text("wallets/reserve") });
    let reversed = pay(30_000, &reserve);
    post(
        demo,
        &format!("/v1/payouts/{}/reverse", id(&reversed)),
        &json!({}),
    );
}

fn keys(demo: &Demo) {
    let made = post(demo, "/v1/api-keys", &json!({ "role": "viewer" }));
    let rolled = post(
        demo,
        &format!("/v1/api-keys/{}/roll", id(&made)),
        &json!({}),
    );
    let rolled = format!("/v1/api-keys/{}", id(&rolled));
    change(demo, "PATCH", &rolled, &json!({ "name": "Peña" }));
    post(demo, &format!("{rolled}/revoke"), &json!({}));
    let leaked = post(demo, "/v1/api-keys", &json!({ "role": "viewer" }));
    post(demo, "/leaks", &json!({ "key": leaked["key"] }));
    // The leak raised an alert in its own commit.
    let alert = demo.get("/v1/alerts?type=leaked_key");
    let alert = format!("/v1/alerts/{}", id(&alert["data"][0]));
    post(demo, &format!("{alert}/acknowledge"), &json!({}));
    let note = json!({ "note": "Peña" });
    post(demo, &format!("{alert}/resolve"), &note);
}

fn webhooks(demo: &Demo) {
    let receiver = Receiver::willing();
    let wanted =
        json!({ "url": receiver.url(), "events": ["webhook.test"], "description": "Peña" });
    let made = post(demo, "/v1/webhooks", &wanted);
    let webhook = format!("/v1/webhooks/{}", id(&made));
    change(demo, "PATCH", &webhook, &json!({ "description": "₱" }));
    post(demo, &format!("{webhook}/test"), &json!({}));
    post(demo, &format!("{webhook}/roll"), &json!({}));
    post(
        demo,
        &format!("{webhook}/replay"),
        &json!({ "failed": true }),
    );
    change(demo, "DELETE", &webhook, &json!({}));
    let gone = Receiver::start(|_| (410, None));
    let wanted = json!({ "url": gone.url(), "events": ["wallet.credited"] });
    post(demo, "/v1/webhooks", &wanted);
    let reserve = format!("/v1/wallets/{}", demo.text("wallets/reserve"));
    post(demo, &format!("{reserve}/credit"), &json!({ "amount": 1 }));
    let answering = Receiver::willing();
    answering.says(|request| request.header("webhook-id").to_owned());
    let wanted = json!({ "url": answering.url(), "events": ["webhook.test"], "challenge": true });
    post(demo, "/v1/webhooks", &wanted);
}

/// Tokens, payments and refunds; the card and the amount choose how they end.
fn cards(demo: &Demo) {
    let token = |number: &str, lives: i64| {
        let card = json!({ "number": number, "exp_month": 12, "exp_year": 2099, "cvv": "123", "name": "Ana Peña" });
        post(
            demo,
            "/v1/tokens",
            &json!({ "card": card, "expires_in": lives }),
        )
    };
    token("4242424242424242", 1);
    let shown = token("4242424242424242", 60);
    let path = format!("/v1/tokens/{}", id(&shown));
    post(
        demo,
        &format!("{path}/reveal"),
        &json!({ "reason": "every event" }),
    );
    change(demo, "DELETE", &path, &json!({}));
    let pay = |number: &str, capture: bool| {
        let token = token(number, 60);
        let body = json!({ "payment_token": id(&token), "amount": 5_000, "capture": capture });
        post(demo, "/v1/payments", &body)
    };
    pay("4000000000000002", true);
    let authorized = pay("4242424242424242", false);
    becomes(demo, &authorized, "authorized");
    post(
        demo,
        &format!("/v1/payments/{}/void", id(&authorized)),
        &json!({}),
    );
    let captured = pay("4242424242424242", true);
    becomes(demo, &captured, "captured");
    for amount in [100, 104] {
        let body = json!({ "payment_id": id(&captured), "amount": amount, "reason": "Peña" });
        post(demo, "/v1/refunds", &body);
    }
}

/// A request that waits for somebody else, and is taken back.
/// A card number where none may stand.
fn astray(demo: &Demo) {
    let body = json!({ "type": "operating", "metadata": { "note": "4242424242424242" } });
    let refused = demo.request("POST", "/v1/wallets").json(&body).send();
    assert_eq!(refused.status, 422, "{}", refused.text());
}

fn approvals(demo: &Demo) {
    let policy = json!({ "act": "token_reveal", "approvals": 1 });
    post(demo, "/v1/approval-policies", &policy);
    let card =
        json!({ "number": "4242424242424242", "exp_month": 12, "exp_year": 2099, "cvv": "123" });
    let token = post(
        demo,
        "/v1/tokens",
        &json!({ "card": card, "expires_in": 60 }),
    );
    let reveal = format!("/v1/tokens/{}/reveal", id(&token));
    let waiting = post(demo, &reveal, &json!({ "reason": "Peña" }));
    let withdraw = format!("/v1/approvals/{}/withdraw", id(&waiting));
    post(demo, &withdraw, &json!({}));
}

/// Waits until a payment stands so.
fn becomes(demo: &Demo, payment: &Value, status: &str) {
    let started = std::time::Instant::now();
    let path = format!("/v1/payments/{}", id(payment));
    while demo.get(&path)["status"] != status {
        assert!(
            started.elapsed().as_secs() < 20,
            "`{path}` never was {status}"
        );
        std::thread::yield_now();
    }
}
