//! A capture that the acquirer does not take, though it approved the payment.

use rustix::process::Signal;
use serde_json::json;

use super::bank::{Account, Bank, Mood};
use super::program::assert_clean_with;
use super::shop::{Client, Shop, wait};

const GOOD: &str = "4242424242424242";

/// The server is killed while nobody knows; a refund waits for the capture. Both end, and what else is paid goes on.
#[test]
fn a_capture_that_is_refused_is_taken_back_and_ends_what_waits_for_it() {
    let bank = Bank::start(Mood::Calm, 12);
    let shop = Shop::of(&bank, 1);
    let serving = shop.installation.serve();
    let client = Client::of(&serving, &shop);
    let wallet = client.made("/v1/wallets", "wallet", &json!({ "type": "operating" }));
    let balance = format!("/v1/wallets/{}/balance", wallet["id"].as_str().unwrap());
    let before = client.pay("before", GOOD, 400, true);
    let path = format!("/v1/payments/{before}");
    client.until(&path, |payment| payment["amount_settled"] == 400);

    bank.refuse_captures(Some("54"));
    bank.deaf_to("022", usize::MAX);
    let refused = client.pay("refused", GOOD, 300, true);
    let captured = client.until_status(&refused, "captured");
    let told = bank.heard().len();
    wait(|| match bank.heard().len() > told {
        true => Ok(()),
        false => Err("no capture is told of".to_owned()),
    });
    let refund = json!({ "payment_id": refused, "amount": 300, "reason": "returned" });
    let refund = client.made("/v1/refunds", "refund", &refund);
    let refund = format!("/v1/refunds/{}", refund["id"].as_str().unwrap());
    let held = client.get(&balance)["balances"].clone();
    assert_eq!(
        (&held["pending"], &held["reserved"]),
        (&json!(300), &json!(300))
    );
    serving.running.kill();

    let serving = shop.installation.serve();
    let client = Client::of(&serving, &shop);
    bank.deaf_to("022", 0);
    let failed = client.until_status(&refused, "failed");
    assert_eq!(failed["failure_code"], "expired_card");
    assert_eq!(
        (&failed["amount_captured"], &failed["amount_refused"]),
        (&json!(0), &json!(300))
    );
    let refund = client.until(&refund, |refund| refund["status"] == "failed");
    assert_eq!(refund["failure_code"], "capture_refused");
    let free = client.get(&balance)["balances"].clone();
    assert_eq!(
        (&free["available"], &free["pending"], &free["reserved"]),
        (&json!(400), &json!(0), &json!(0))
    );
    let approval = captured["approval_code"].as_str().unwrap();
    let undone = Account {
        minor: 300,
        reversed: true,
        ..Account::default()
    };
    wait(|| match &bank.accounts()[approval] {
        account if *account == undone => Ok(()),
        account => Err(format!("{account:?}")),
    });

    bank.refuse_captures(None);
    let after = client.pay("after", GOOD, 50, true);
    let path = format!("/v1/payments/{after}");
    client.until(&path, |payment| payment["amount_settled"] == 50);
    let actions = client.all("/v1/audit-logs");
    let actions = actions
        .iter()
        .filter(|entry| entry["action"] == "payment_capture_refused");
    assert_eq!(actions.count(), 1);
    assert_eq!(serving.running.stop(Signal::TERM).status.code(), Some(0));
    assert_clean_with(&mut shop.installation.command("verify"));
}
