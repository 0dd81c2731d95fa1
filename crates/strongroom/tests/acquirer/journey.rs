//! The life of payments at an acquirer that behaves, and of one that does not answer.

use std::path::Path;

use rustix::process::Signal;
use serde_json::json;

use super::bank::{Account, Bank, Mood};
use super::kill;
use super::program::assert_clean_with;
use super::shop::{Client, Shop, wait};

const GOOD: &str = "4242424242424242";
const DECLINED: &str = "4000000000000002";
const POOR: &str = "4000000000009995";
const SILENT: &str = "4000000000001018";

/// Nothing in a folder holds any of these words.
fn holds_none(folder: &Path, words: &[&str]) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            holds_none(&path, words);
        } else if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            for word in words {
                let found = bytes
                    .windows(word.len())
                    .any(|window| window == word.as_bytes());
                assert!(!found, "`{word}` is in {}", path.display());
            }
        }
    }
}

#[test]
fn money_is_authorized_captured_settled_and_given_back_on_both_sides() {
    let bank = Bank::start(Mood::Calm, 1);
    let shop = Shop::of(&bank, 15);
    let serving = shop.installation.serve();
    let client = Client::of(&serving, &shop);
    let wallet = client.made("/v1/wallets", "wallet", &json!({ "type": "operating" }));

    // Captured in two parts, the second of which is what is left.
    let parts = client.pay("parts", GOOD, 1_000, false);
    let path = format!("/v1/payments/{parts}");
    let authorized = client.until_status(&parts, "authorized");
    let capture = format!("{path}/capture");
    client.made(&capture, "first", &json!({ "amount": 600 }));
    client.until(&path, |payment| payment["amount_settled"] == 600);
    client.made(&capture, "second", &json!({}));
    client.until(&path, |payment| payment["amount_settled"] == 1_000);
    let refund = json!({ "payment_id": parts, "amount": 300, "reason": "too many" });
    let refund = client.made("/v1/refunds", "refund", &refund);
    let refund = format!("/v1/refunds/{}", refund["id"].as_str().unwrap());
    client.until(&refund, |refund| refund["status"] == "completed");

    // Captured at once; undone; declined.
    let whole = client.pay("whole", GOOD, 250, true);
    let whole_path = format!("/v1/payments/{whole}");
    let settled = client.until(&whole_path, |payment| payment["amount_settled"] == 250);
    let void = client.pay("void", GOOD, 70, false);
    let voided = client.until_status(&void, "authorized");
    client.made(&format!("/v1/payments/{void}/void"), "undo", &json!({}));
    declined(&client);

    let account = |payment: &serde_json::Value| {
        let approval = payment["approval_code"].as_str().unwrap();
        bank.accounts()[approval].clone()
    };
    wait(|| match account(&voided).reversed {
        true => Ok(()),
        false => Err("it is not undone".to_owned()),
    });
    let kept = Account {
        minor: 1_000,
        captured: 1_000,
        refunded: 300,
        reversed: false,
    };
    assert_eq!(account(&authorized), kept);
    let kept = Account {
        minor: 250,
        captured: 250,
        ..Account::default()
    };
    assert_eq!(account(&settled), kept);
    assert_eq!(bank.accounts().len(), 3);
    let id = wallet["id"].as_str().unwrap();
    let balance = client.get(&format!("/v1/wallets/{id}/balance"));
    assert_eq!(balance["balances"]["available"], 950);

    let stopped = serving.running.stop(Signal::TERM);
    assert_eq!(stopped.status.code(), Some(0), "{}", stopped.err);
    assert!(stopped.err.contains("signed on at the acquirer"));
    for word in [GOOD, DECLINED, POOR] {
        assert!(!stopped.err.contains(word) && !stopped.rest.contains(word));
    }
    holds_none(
        &shop.installation.path("data"),
        &[GOOD, DECLINED, "9203917"],
    );
    assert_clean_with(&mut shop.installation.command("verify"));
}

fn declined(client: &Client) {
    for (number, failure) in [(DECLINED, "card_declined"), (POOR, "insufficient_funds")] {
        let declined = client.pay(failure, number, 90, true);
        let declined = client.until_status(&declined, "failed");
        assert_eq!(declined["failure_code"], failure);
    }
}

#[test]
fn what_is_never_answered_is_undone_and_fails_and_the_reversal_arrives() {
    let bank = Bank::start(Mood::Calm, 2);
    bank.deaf_to("042", 1);
    let shop = Shop::of(&bank, 1);
    let serving = shop.installation.serve();
    let client = Client::of(&serving, &shop);
    client.made("/v1/wallets", "wallet", &json!({ "type": "operating" }));
    let payment = client.pay("silent", SILENT, 500, true);
    // The server is killed while nobody knows, and again while it undoes it.
    wait(|| match bank.heard().contains(&"0100".to_owned()) {
        true => Ok(()),
        false => Err("nothing was sent".to_owned()),
    });
    assert_eq!(
        client.get(&format!("/v1/payments/{payment}"))["status"],
        "processing"
    );
    serving.running.kill();
    let serving = shop.installation.serve();
    wait(
        || match bank.heard().iter().any(|mti| mti.starts_with("042")) {
            true => Ok(()),
            false => Err("nothing is undone".to_owned()),
        },
    );
    serving.running.kill();
    let serving = shop.installation.serve();
    let client = Client::of(&serving, &shop);
    let failed = client.until_status(&payment, "failed");
    assert_eq!(failed["failure_code"], "acquirer_unreachable");
    let accounts = bank.accounts();
    assert_eq!(accounts.len(), 1, "it was asked for once");
    assert!(accounts.values().all(|account| account.reversed));
    let heard = bank.heard();
    assert_eq!(heard.iter().filter(|mti| *mti == "0100").count(), 1);
    assert!(heard.contains(&"0421".to_owned()), "{heard:?}");
    assert_eq!(serving.running.stop(Signal::TERM).status.code(), Some(0));
    assert_clean_with(&mut shop.installation.command("verify"));
}

/// The processes below another one.
fn children(of: u32) -> Vec<u32> {
    // One that has just ended has none.
    let tasks = std::fs::read_dir(format!("/proc/{of}/task")).into_iter();
    let lists = tasks
        .flatten()
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| {
            let ids = list.split_whitespace().map(|id| id.parse().unwrap());
            ids.collect::<Vec<u32>>()
        })
        .collect()
}

fn status_of(process: u32, name: &str) -> String {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or("").trim().to_owned()
}

/// What connects is a process of its own that may do nothing else; without acquirers there is none.
#[test]
fn connections_are_made_by_a_process_that_can_do_nothing_else() {
    let bank = Bank::start(Mood::Calm, 3);
    let shop = Shop::of(&bank, 15);
    let serving = shop.installation.serve();
    let vault = children(serving.running.id());
    let [vault] = vault[..] else {
        panic!("one vault: {vault:?}");
    };
    let [dialler] = children(vault)[..] else {
        panic!("one dialler: {:?}", children(vault));
    };
    let line = std::fs::read_to_string(format!("/proc/{dialler}/cmdline")).unwrap();
    assert!(line.contains(&format!("--to\0{}", bank.address)), "{line}");
    for process in [vault, dialler] {
        // A dialler confines itself before it answers, which may be after the vault is ready.
        wait(|| match status_of(process, "Seccomp:").as_str() {
            "2" => Ok(()),
            other => Err(format!("seccomp: {other}")),
        });
        assert_eq!(status_of(process, "NoNewPrivs:"), "1");
    }
    // It has no file of the installation open.
    for file in std::fs::read_dir(format!("/proc/{dialler}/fd"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let target = std::fs::read_link(file.path()).unwrap_or_default();
        assert!(
            !target.starts_with(shop.installation.path("")),
            "{target:?}"
        );
    }
    // Without it the vault ends, and is started again with another one.
    kill(dialler);
    bank.hang_up();
    wait(|| match children(serving.running.id())[..] {
        [again] if again != vault && !children(again).is_empty() => Ok(()),
        ref other => Err(format!("{other:?}")),
    });
    let client = Client::of(&serving, &shop);
    client.made("/v1/wallets", "wallet", &json!({ "type": "operating" }));
    let payment = client.pay("after", GOOD, 100, true);
    client.until_status(&payment, "captured");
    assert_eq!(serving.running.stop(Signal::TERM).status.code(), Some(0));

    let plain = Shop::configured("");
    let serving = plain.installation.serve();
    let vault = children(serving.running.id());
    assert_eq!(vault.len(), 1);
    assert!(children(vault[0]).is_empty());
    assert_eq!(serving.running.stop(Signal::TERM).status.code(), Some(0));
}

/// A payment that nothing was sent of waits for its acquirer, and another currency's goes to the sandbox.
#[test]
fn an_acquirer_that_comes_late_is_waited_for() {
    let bank = Bank::start(Mood::Calm, 4);
    bank.refuse_sign_on(true);
    let shop = Shop::of(&bank, 15);
    let serving = shop.installation.serve();
    let client = Client::of(&serving, &shop);
    client.made("/v1/wallets", "wallet", &json!({ "type": "operating" }));
    let dollars = json!({ "type": "operating", "currency": "USD" });
    let dollars = client.made("/v1/wallets", "dollars", &dollars);
    let waiting = client.pay("waits", GOOD, 100, true);
    let token = client.token("sandbox-token", GOOD);
    let sandbox = json!({ "payment_token": token, "amount": 100, "currency": "USD", "wallet_id": dollars["id"] });
    let sandbox = client.made("/v1/payments", "sandbox", &sandbox);
    client.until_status(sandbox["id"].as_str().unwrap(), "captured");
    let before = client.get(&format!("/v1/payments/{waiting}"));
    assert_eq!(before["status"], "processing");
    assert!(bank.heard().is_empty());
    bank.refuse_sign_on(false);
    client.until_status(&waiting, "captured");
    assert_eq!(bank.accounts().len(), 1);
    let stopped = serving.running.stop(Signal::TERM);
    assert_eq!(stopped.status.code(), Some(0));
    assert!(stopped.err.contains("the acquirer refuses the sign-on"));
}
