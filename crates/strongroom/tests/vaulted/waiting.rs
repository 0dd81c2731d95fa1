//! Payments that wait for the vault: they are not declined, and what needs no vault goes on beside them.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::program::installation::{Installation, Serving};
use super::program::{Ended, Running};
use super::{card, number, wait};

/// More than are taken at once.
const PAYMENTS: usize = 230;

fn role(installation: &Installation, role: &str) -> Command {
    let mut command = installation.command("serve");
    command.args(["--role", role]);
    command
}

struct Shop<'a> {
    serving: &'a Serving,
    key: String,
}

/// A key that nothing else uses.
fn once() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("once-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A wallet that payments go to.
fn wallet(shop: &Shop<'_>) -> String {
    let made = shop.post("/v1/wallets", &json!({ "type": "operating" }));
    made["id"].as_str().unwrap().to_owned()
}

impl Shop<'_> {
    fn post(&self, target: &str, body: &Value) -> Value {
        let reply = self
            .serving
            .request("POST", target, &self.key)
            .idempotent(&once())
            .json(body)
            .send();
        assert_eq!(reply.status, 201, "{target}: {}", reply.text());
        reply.json()
    }

    fn status(&self, target: &str) -> String {
        let reply = self.serving.request("GET", target, &self.key).send();
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.field("status")
    }

    fn pay(&self, token: &str, wallet: &str) -> String {
        let body = json!({ "payment_token": token, "amount": 100, "wallet_id": wallet });
        let made = self.post("/v1/payments", &body);
        format!("/v1/payments/{}", made["id"].as_str().unwrap())
    }
}

/// A vault that is away, and so many payments that they fill what is looked at together.
#[test]
fn payments_that_wait_for_the_vault_hide_nothing() {
    let installation = Installation::configured(
        "data = 'data'\nkeyring = 'keyring.toml'\nlisten = '127.0.0.1:0'\n",
    );
    let vault = Running::start(&mut role(&installation, "vault"));
    let serving = Serving {
        running: Running::start(&mut role(&installation, "api")),
    };
    let shop = Shop {
        serving: &serving,
        key: installation.shown("test secret key"),
    };
    let token = shop.post("/v1/tokens", &card(&number(53), "917"));
    let token = token["id"].as_str().unwrap().to_owned();
    let wallet = wallet(&shop);
    shop.post(
        &format!("/v1/wallets/{wallet}/credit"),
        &json!({ "amount": 10_000 }),
    );
    assert!(vault.stop(Signal::TERM).status.success());
    wait(|| {
        let target = format!("/v1/tokens/{token}/reveal");
        let asked = serving.request("POST", &target, &shop.key);
        let reply = asked.json(&json!({ "reason": "a test" })).try_send();
        reply.filter(|reply| reply.json()["code"] == "vault_unavailable")
    });
    let payments: Vec<String> = (0..PAYMENTS).map(|_| shop.pay(&token, &wallet)).collect();
    let bank = json!({
        "amount": 100,
        "recipient": { "type": "bank_account", "account_number": "0012345678", "bank_code": "BDO", "account_name": "Juan" },
    });
    let payout = shop.post("/v1/payouts", &bank);
    let payout = format!("/v1/payouts/{}", payout["id"].as_str().unwrap());
    wait(|| (shop.status(&payout) == "completed").then_some(()));
    for payment in [&payments[0], &payments[PAYMENTS - 1]] {
        assert_eq!(shop.status(payment), "processing");
    }
    let vault = Running::start(&mut role(&installation, "vault"));
    for payment in &payments {
        wait(|| (shop.status(payment) == "captured").then_some(()));
    }
    assert!(serving.running.stop(Signal::TERM).status.success());
    assert!(vault.stop(Signal::TERM).status.success());
}

/// The vault is another one, which has not the number: nothing is declined, and with the right one all is paid.
#[test]
fn a_payment_whose_number_is_in_another_vault_waits() {
    let installation = Installation::new("127.0.0.1:0");
    let key = installation.shown("test secret key");
    let serve = || installation.serve();
    let serving = serve();
    let shop = Shop {
        serving: &serving,
        key: key.clone(),
    };
    let wallet = wallet(&shop);
    let token = shop.post("/v1/tokens", &card(&number(51), "917"));
    let token = token["id"].as_str().unwrap().to_owned();
    assert!(serving.running.stop(Signal::TERM).status.success());
    let (vault, away) = (installation.path("data/vault"), installation.path("away"));
    let swap = |from: &Path, to: &Path| std::fs::rename(from, to).unwrap();
    swap(&vault, &away);

    let serving = serve();
    let shop = Shop {
        serving: &serving,
        key: key.clone(),
    };
    let payment = shop.pay(&token, &wallet);
    // Another payment, of a number that this vault has, is made meanwhile: so the first had its turn.
    let other = shop.post("/v1/tokens", &card(&number(52), "917"));
    let other = shop.pay(other["id"].as_str().unwrap(), &wallet);
    wait(|| (shop.status(&other) == "captured").then_some(()));
    assert_eq!(shop.status(&payment), "processing");
    let actions = serving
        .request("GET", "/v1/audit-logs?limit=100", &key)
        .send()
        .text();
    assert!(!actions.contains("payment_failed"), "{actions}");
    let stopped = serving.running.stop(Signal::TERM);
    assert!(stopped.status.success());
    let told = "payments wait for card numbers that are in no vault of this server";
    assert!(stopped.err.contains(told), "{}", stopped.err);
    // `verify` says which.
    let mut verify = installation.command("verify");
    let ended = Ended::of(verify.output().unwrap());
    assert_eq!(ended.code, Some(1), "{}{}", ended.out, ended.err);
    assert!(ended.out.contains(&format!("`{token}`")), "{}", ended.out);

    std::fs::remove_dir_all(&vault).unwrap();
    swap(&away, &vault);
    let serving = serve();
    let shop = Shop {
        serving: &serving,
        key,
    };
    wait(|| (shop.status(&payment) == "captured").then_some(()));
    assert!(serving.running.stop(Signal::TERM).status.success());
}
