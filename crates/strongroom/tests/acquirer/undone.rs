//! What has to be undone at the acquirer though something else is on its way: a capture as its sale is voided, and an approval that
//! comes after its reversal was answered.

use rustix::process::Signal;
use serde_json::json;

use super::bank::{Account, Bank, Mood};
use super::program::assert_clean_with;
use super::shop::{Shop, wait};

/// The acquirer takes the capture and does not say so; meanwhile the sale is voided. Both are undone there.
#[test]
fn a_capture_on_its_way_is_undone_with_the_sale_that_is_voided() {
    let bank = Bank::start(Mood::Calm, 8);
    bank.deaf_to("022", usize::MAX);
    let shop = Shop::of(&bank, 1);
    let serving = shop.installation.serve();
    let client = super::shop::Client::of(&serving, &shop);
    client.made("/v1/wallets", "wallet", &json!({ "type": "operating" }));
    let id = |made: &serde_json::Value| made["id"].as_str().unwrap().to_owned();
    let store = id(&client.made("/v1/stores", "store", &json!({ "name": "Berlin" })));
    let till = json!({ "store_id": store, "name": "1" });
    let till = id(&client.made("/v1/tills", "till", &till));
    client.made(
        "/v1/shifts",
        "shift",
        &json!({ "till_id": till, "opening_float": 0 }),
    );
    let token = client.token("token", "4242424242424242");
    let items = json!([{ "name": "Tea", "quantity": 1, "unit_amount": 700 }]);
    let sale = json!({ "till_id": till, "items": items, "payment_token": token });
    let sale = format!(
        "/v1/transactions/{}",
        id(&client.made("/v1/transactions", "sale", &sale))
    );
    client.until(&sale, |sale| sale["status"] == "completed");
    wait(|| match bank.heard().iter().any(|mti| mti == "0220") {
        true => Ok(()),
        false => Err("no capture is told of".to_owned()),
    });
    let void = json!({ "reason": "typed twice" });
    let voided = client.made(&format!("{sale}/void"), "void", &void);
    assert_eq!(voided["status"], "voided");
    bank.deaf_to("022", 0);
    let undone = Account {
        minor: 700,
        reversed: true,
        ..Account::default()
    };
    wait(|| {
        let accounts = bank.accounts();
        match accounts.values().all(|account| *account == undone) {
            true => Ok(()),
            false => Err(format!("{accounts:?}")),
        }
    });
    let heard = bank.heard();
    let count = |mti: &str| heard.iter().filter(|known| known.starts_with(mti)).count();
    assert_eq!((count("0100"), count("0220")), (1, 1), "{heard:?}");
    // The capture and the authorization, each by a number of its own.
    assert_eq!(bank.different("042"), 2, "{heard:?}");
    assert_eq!(serving.running.stop(Signal::TERM).status.code(), Some(0));
    assert_clean_with(&mut shop.installation.command("verify"));
}

/// The request is held up on its way, and its reversal finds nothing; then it arrives, and is approved.
#[test]
fn an_approval_that_comes_too_late_is_undone_by_a_number_of_its_own() {
    let bank = Bank::start(Mood::Calm, 9);
    // Long enough for a busy machine: the reversal is to be answered, not repeated.
    let shop = Shop::of(&bank, 4);
    let serving = shop.installation.serve();
    let client = super::shop::Client::of(&serving, &shop);
    client.made("/v1/wallets", "wallet", &json!({ "type": "operating" }));
    let payment = client.pay("held", "4000000000001034", 300, true);
    let failed = client.until_status(&payment, "failed");
    assert_eq!(failed["failure_code"], "acquirer_unreachable");
    let undone = Account {
        minor: 300,
        reversed: true,
        ..Account::default()
    };
    wait(|| match bank.accounts().values().next() {
        Some(account) if *account == undone => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let heard = bank.heard();
    let (first, reversals) = heard.split_first().unwrap();
    assert_eq!(first, "0100");
    assert!(
        reversals.iter().all(|mti| mti.starts_with("042")),
        "{heard:?}"
    );
    assert_eq!(bank.different("042"), 2, "{heard:?}");
    let shown = client.get(&format!("/v1/payments/{payment}"));
    assert_eq!(shown["status"], "failed");
    assert_eq!(serving.running.stop(Signal::TERM).status.code(), Some(0));
    assert_clean_with(&mut shop.installation.command("verify"));
}
