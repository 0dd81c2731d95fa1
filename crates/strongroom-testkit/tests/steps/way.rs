//! The way: what the client asks for, and what the server does by itself, one after another.

use serde_json::{Value, json};
use strongroom_testkit::bank::{Line, iban, payout, statement, status_report, transfers};
use strongroom_testkit::tenant::{VISA, card};

use crate::shop::{Known, Shop};

/// One thing that happens.
#[derive(Debug)]
pub enum Step {
    /// A request, under an idempotency key that is its own; what its answer's id is called from then on.
    Ask {
        name: &'static str,
        path: &'static str,
        body: Body,
    },
    /// The worker's turn at something, until what is looked at has this text in this field.
    Work {
        of: &'static str,
        look: &'static str,
        field: &'static str,
        until: &'static str,
    },
}

type Make = fn(&Shop<'_>) -> Value;

#[derive(Debug)]
pub enum Body {
    Json(Make),
    /// A file of the bank.
    Xml(fn(&Shop<'_>) -> Option<String>),
}

impl Step {
    /// Takes it; nothing where the server does not answer, or not as it must.
    pub fn take(&self, shop: &Shop<'_>, known: &mut Known) -> Option<()> {
        match self {
            Step::Ask { name, path, body } => {
                let request = shop.request("POST", &shop.path(path));
                let request = match body {
                    Body::Json(make) => {
                        let key = format!("way-{name}");
                        request.idempotent(&key).json(&make(shop))
                    }
                    Body::Xml(make) => {
                        let request = request.body(make(shop)?);
                        request.header("Content-Type", "application/xml")
                    }
                };
                let reply = request.try_send()?;
                if reply.status >= 500 {
                    return None;
                }
                assert!(reply.status < 300, "{self:?}: {}", reply.text());
                known.ids.insert((*name).to_owned(), reply.id());
                Some(())
            }
            Step::Work {
                of,
                look,
                field,
                until,
            } => {
                for _ in 0..8 {
                    shop.attend(shop.id(of));
                    let found = shop.request("GET", &shop.path(look)).try_send()?;
                    if found.status == 200 && found.field(field) == *until {
                        return Some(());
                    }
                }
                None
            }
        }
    }
}

fn ask(name: &'static str, path: &'static str, make: Make) -> Step {
    let body = Body::Json(make);
    Step::Ask { name, path, body }
}

fn upload(name: &'static str, make: fn(&Shop<'_>) -> Option<String>) -> Step {
    let (path, body) = ("/v1/bank-files", Body::Xml(make));
    Step::Ask { name, path, body }
}

fn work(of: &'static str, look: &'static str, field: &'static str, until: &'static str) -> Step {
    Step::Work {
        of,
        look,
        field,
        until,
    }
}

fn pay(shop: &Shop<'_>, token: &str, minor: i64) -> Value {
    json!({
        "payment_token": shop.id(token), "amount": minor, "wallet_id": shop.id("wallet"), "capture": false,
    })
}

fn refund(shop: &Shop<'_>, minor: i64) -> Value {
    json!({ "payment_id": shop.id("payment"), "amount": minor, "reason": "returned" })
}

/// What the transfers of the file are called, in their order.
fn sent(shop: &Shop<'_>) -> Option<Vec<(String, String)>> {
    // A download goes on record, and so is killed at, too.
    let path = shop.path("/v1/payout-files/{file}/content");
    let content = shop.request("GET", &path).try_send()?;
    (content.status == 200).then(|| transfers(&content.text()))
}

/// Of three transfers the bank carries one out, refuses one, and says nothing of the third.
fn report(shop: &Shop<'_>) -> Option<String> {
    let file = shop.get(&shop.path("/v1/payout-files/{file}"));
    let sent = sent(shop)?;
    let said = [
        (sent[0].0.as_str(), "ACSC", None),
        (&sent[1].0, "RJCT", Some("AC04")),
    ];
    let about = file.field("message_id");
    Some(status_report("B-1", &about, Some("PART"), &said))
}

/// One is booked as it was said, the third went out and came back.
fn day(shop: &Shop<'_>) -> Option<String> {
    let sent = sent(shop)?;
    let of = |n: usize| (sent[n].0.as_str(), sent[n].1.as_str());
    let ((first, amount), (third, back)) = (of(0), of(2));
    let lines = [
        Line::debit(first, amount),
        Line::debit(third, back),
        Line::back(third, back, "AC06"),
    ];
    Some(statement("08", "S-1", shop.id("iban"), "PHP", &lines))
}

const PAYMENT: &str = "/v1/payments/{payment}";
const UNDONE: &str = "/v1/payments/{undone}";

/// All of it.
pub fn way() -> Vec<Step> {
    let mut way = money_in();
    way.extend(money_out());
    way
}

/// Captured in two parts, given back in part; and one that is undone.
fn money_in() -> Vec<Step> {
    vec![
        ask("token", "/v1/tokens", |_| card(VISA)),
        ask("payment", "/v1/payments", |shop| pay(shop, "token", 1_000)),
        work("payment", PAYMENT, "status", "authorized"),
        ask(
            "part",
            "/v1/payments/{payment}/capture",
            |_| json!({ "amount": 600 }),
        ),
        work("payment", PAYMENT, "amount_settled", "600"),
        ask("rest", "/v1/payments/{payment}/capture", |_| json!({})),
        work("payment", PAYMENT, "amount_settled", "1000"),
        ask("refund", "/v1/refunds", |shop| refund(shop, 300)),
        work("refund", "/v1/refunds/{refund}", "status", "completed"),
        // A bank that refuses, and one whose answer is lost.
        ask("refused", "/v1/refunds", |shop| refund(shop, 104)),
        work("refused", "/v1/refunds/{refused}", "status", "failed"),
        ask("late", "/v1/refunds", |shop| refund(shop, 105)),
        work("late", "/v1/refunds/{late}", "status", "completed"),
        ask("other", "/v1/tokens", |_| card(VISA)),
        ask("undone", "/v1/payments", |shop| pay(shop, "other", 500)),
        work("undone", UNDONE, "status", "authorized"),
        ask("void", "/v1/payments/{undone}/void", |_| json!({})),
        work("undone", UNDONE, "status", "voided"),
    ]
}

/// Three payouts in one file.
fn money_out() -> Vec<Step> {
    vec![
        ask("first", "/v1/payouts", |shop| out(shop, 100)),
        work("first", "/v1/payouts/{first}", "status", "pending"),
        ask("second", "/v1/payouts", |shop| out(shop, 200)),
        work("second", "/v1/payouts/{second}", "status", "pending"),
        ask("third", "/v1/payouts", |shop| out(shop, 300)),
        work("third", "/v1/payouts/{third}", "status", "pending"),
        ask(
            "file",
            "/v1/payout-files",
            |shop| json!({ "wallet_id": shop.id("wallet") }),
        ),
        work("file", "/v1/payout-files/{file}", "status", "ready"),
        ask("out", "/v1/payout-files/{file}/sent", |_| json!({})),
        work("file", "/v1/payouts/{third}", "status", "processing"),
        upload("report", report),
        work("report", "/v1/bank-files/{report}", "status", "completed"),
        upload("day", day),
        work("day", "/v1/bank-files/{day}", "status", "completed"),
    ]
}

fn out(shop: &Shop<'_>, minor: i64) -> Value {
    payout(shop.id("wallet"), minor, &iban(77))
}
