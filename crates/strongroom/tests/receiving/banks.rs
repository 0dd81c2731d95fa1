//! What a file rail tells: a rail, a file from its beginning to the bank's answer.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use strongroom_testkit::bank::{fresh_iban, iban, payout, rail, status_report};

use crate::program::Demo;
use crate::receiving::every_event::{change, id, post};

pub fn sent(demo: &Demo) {
    let wallet = post(demo, "/v1/wallets", &json!({ "type": "master" }));
    let path = format!("/v1/wallets/{}/credit", id(&wallet));
    post(demo, &path, &json!({ "amount": 1_000 }));
    let made = post(demo, "/v1/payout-rails", &rail(id(&wallet), &fresh_iban()));
    let path = format!("/v1/payout-rails/{}", id(&made));
    change(demo, "PATCH", &path, &json!({ "batch_limit": 1 }));
    let paid = post(demo, "/v1/payouts", &payout(id(&wallet), 10, &iban(3)));
    // Full with one, so that it is closed at once.
    let path = format!("/v1/payouts/{}", id(&paid));
    let file = until(demo, &path, |payout| payout["payout_file_id"].is_string());
    let path = format!(
        "/v1/payout-files/{}",
        file["payout_file_id"].as_str().unwrap()
    );
    let file = until(demo, &path, |file| file["status"] == "ready");
    post(demo, &format!("{path}/sent"), &json!({}));
    let about = file["message_id"].as_str().unwrap();
    let report = status_report("B-1", about, Some("ACSC"), &[]);
    let request = demo.request("POST", "/v1/bank-files").body(report);
    let reply = request.header("Content-Type", "application/xml").send();
    assert_eq!(reply.status, 202, "{}", reply.text());
}

fn until(demo: &Demo, path: &str, done: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + Duration::from_secs(300);
    loop {
        let found = demo.get(path);
        if done(&found) {
            return found;
        }
        assert!(Instant::now() < end, "never so: {found}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}
