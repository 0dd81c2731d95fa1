//! Killed at each step of a payment's life in its turn – as the client has its answer, as the acquirer hears a message, as its
//! answer is out, as the books show it –: nothing is lost, nothing is done twice, and what has to be undone is undone.
//!
//! `killed.rs` kills anywhere, under load and on bad lines; here each place is known, and is met.

use std::cell::Cell;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::bank::{Account, Bank, Mood};
use super::killed::{at_rest, compare};
use super::program::assert_clean_with;
use super::program::installation::Serving;
use super::shop::{Client, Shop, wait};

const GOOD: &str = "4242424242424242";

/// A merchant whose server is killed again and again.
struct Life {
    bank: Bank,
    shop: Shop,
    serving: Option<Serving>,
    kills: Cell<u32>,
}

impl Life {
    fn begin() -> Life {
        let bank = Bank::start(Mood::Calm, 7);
        let shop = Shop::of(&bank, 2);
        let serving = Some(shop.installation.serve());
        Life {
            bank,
            shop,
            serving,
            kills: Cell::new(0),
        }
    }

    fn client(&self) -> Client {
        Client::of(self.serving.as_ref().unwrap(), &self.shop)
    }

    /// The server is gone: what lies there is whole, and another one starts.
    fn again(&mut self) {
        drop(self.serving.take());
        self.kills.set(self.kills.get() + 1);
        assert_clean_with(&mut self.shop.installation.command("verify"));
        self.serving = Some(self.shop.installation.serve());
    }

    /// Killed now.
    fn killed(&mut self) {
        super::kill(self.serving.as_ref().unwrap().running.id());
        self.again();
    }

    /// Killed as the acquirer hears a message of a class that follows from what is asked for, or as its answer is out. What
    /// was asked for is asked for again, under its key.
    fn killed_at(
        &mut self,
        (class, answers): (&'static str, bool),
        ask: impl Fn(&Client) -> Value,
    ) {
        let process = self.serving.as_ref().unwrap().running.id();
        self.bank.set_trap(class, answers, process);
        // Its answer may be lost with the server.
        ask(&self.client());
        wait(|| match self.bank.is_trapped() {
            true => Err(format!("no {class} comes")),
            false => Ok(()),
        });
        self.again();
        ask(&self.client());
    }

    /// Waits until a field of what is found there has a value.
    fn until(&self, path: &str, field: &str, value: Value) {
        self.client().until(path, |found| found[field] == value);
    }
}

/// Sends a request, or learns nothing because the server died.
fn tried(client: &Client, path: &str, key: &str, body: &Value) -> Value {
    let reply = client.post(path, key, body);
    let reply = reply.filter(|reply| reply.status != 503);
    reply.map_or(Value::Null, |reply| reply.json())
}

/// A payment of a new card that is only authorized; its path.
fn begun(life: &Life, name: &str, minor: i64) -> String {
    let id = life.client().pay(name, GOOD, minor, false);
    format!("/v1/payments/{id}")
}

#[test]
fn a_kill_at_each_step_of_a_payments_life_leaves_both_books_the_same() {
    let mut life = Life::begin();
    let wallet = json!({ "type": "operating" });
    life.client().made("/v1/wallets", "wallet", &wallet);

    let payment = authorized(&mut life);
    captured(&mut life, &payment);
    given_back(&mut life, &payment);
    undone(&mut life);

    let (payments, refunds) = at_rest(&life.client(), &life.bank);
    compare(&payments, &life.bank);
    let heard = life.bank.heard();
    let count = |mti: &str| heard.iter().filter(|known| *known == mti).count();
    println!(
        "{} payments, {} refunds, {} kills, each at a step of its own; heard: {heard:?}",
        payments.len(),
        refunds.len(),
        life.kills.get()
    );
    // Each was sent once as new, unless the kill came between the shelf and the line. What was left unanswered was repeated, as such.
    assert!(count("0100") <= payments.len() && count("0220") <= 3);
    assert!(count("0200") <= refunds.len());
    let repeated = ["0221", "0201", "0421"].map(&count);
    assert!(!repeated.contains(&0), "{heard:?}");
    let accounts = life.bank.accounts();
    let kept = Account {
        minor: 1_000,
        captured: 1_000,
        refunded: 600,
        reversed: false,
    };
    assert!(
        accounts.values().any(|account| *account == kept),
        "{accounts:?}"
    );
    let serving = life.serving.take().unwrap();
    assert_eq!(serving.running.stop(Signal::TERM).status.code(), Some(0));
    assert_clean_with(&mut life.shop.installation.command("verify"));
}

/// From the client's request to the approval; one is killed while nobody knows, and is undone.
fn authorized(life: &mut Life) -> String {
    // Whatever was sent by then and not answered is undone.
    let early = begun(life, "early", 60);
    life.killed();
    life.client()
        .until(&early, |payment| payment["status"] != "processing");
    let payment = begun(life, "kept", 1_000);
    life.until(&payment, "status", json!("authorized"));
    life.killed();
    life.until(&payment, "status", json!("authorized"));

    let token = life.client().token("unheard-token", GOOD);
    let unheard = json!({ "payment_token": token, "amount": 70, "capture": false });
    let pay = |client: &Client| tried(client, "/v1/payments", "unheard", &unheard);
    life.killed_at(("010", false), pay);
    let id = pay(&life.client())["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/payments/{id}");
    life.until(&path, "failure_code", json!("acquirer_unreachable"));

    // As the answer is out: it was kept, or it was not.
    let token = life.client().token("heard-token", GOOD);
    let heard = json!({ "payment_token": token, "amount": 80, "capture": false });
    let pay = |client: &Client| tried(client, "/v1/payments", "heard", &heard);
    life.killed_at(("010", true), pay);
    let id = pay(&life.client())["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/payments/{id}");
    life.client()
        .until(&path, |payment| payment["status"] != "processing");
    payment
}

/// In three parts, each of which is heard of once.
fn captured(life: &mut Life, payment: &str) {
    let path = format!("{payment}/capture");
    life.client()
        .made(&path, "first", &json!({ "amount": 300 }));
    life.killed();
    life.until(payment, "amount_settled", json!(300));
    let part = json!({ "amount": 300 });
    life.killed_at(("022", false), |client| {
        tried(client, &path, "second", &part)
    });
    life.until(payment, "amount_settled", json!(600));
    life.killed_at(("022", true), |client| {
        tried(client, &path, "third", &json!({}))
    });
    life.until(payment, "amount_settled", json!(1_000));
    life.killed();
    life.until(payment, "amount_settled", json!(1_000));
}

fn given_back(life: &mut Life, payment: &str) {
    let id = payment.rsplit('/').next().unwrap().to_owned();
    let body = json!({ "payment_id": id, "amount": 200, "reason": "returned" });
    let refund = |client: &Client, key: &str| tried(client, "/v1/refunds", key, &body);
    refund(&life.client(), "refund");
    life.killed();
    life.until(payment, "amount_refunded", json!(200));
    life.killed_at(("020", false), |client| refund(client, "again"));
    life.until(payment, "amount_refunded", json!(400));
    life.killed_at(("020", true), |client| refund(client, "last"));
    life.until(payment, "amount_refunded", json!(600));
    life.killed();
    life.until(payment, "amount_refunded", json!(600));
}

/// Voids, of which the acquirer hears in the end.
fn undone(life: &mut Life) {
    for (name, at) in [
        ("v0", None),
        ("v1", Some(("042", false))),
        ("v2", Some(("042", true))),
    ] {
        let payment = begun(life, name, 90);
        life.until(&payment, "status", json!("authorized"));
        let path = format!("{payment}/void");
        let void = |client: &Client| tried(client, &path, name, &json!({}));
        match at {
            Some(at) => life.killed_at(at, void),
            None => {
                void(&life.client());
                life.killed();
            }
        }
        life.until(&payment, "status", json!("voided"));
    }
}
