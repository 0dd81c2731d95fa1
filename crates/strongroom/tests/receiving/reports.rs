//! The events of fees and reports.

use serde_json::{Value, json};
use strongroom_types::time::Timestamp;

use super::every_event::{change, id, post};
use crate::program::Demo;

pub fn reported(demo: &Demo) {
    let later = json!({
        "applies_to": "payouts", "percent_bps": 10, "effective_from": "2099-01-01T00:00:00Z",
    });
    let schedule = post(demo, "/v1/fee-schedules", &later);
    let path = format!("/v1/fee-schedules/{}", id(&schedule));
    change(demo, "DELETE", &path, &json!({}));

    let period = |kind: &str, to: String, lives: i64| json!({ "type": kind, "from": "2026-01-01T00:00:00Z", "to": to, "expires_in": lives });
    // One that ends at once, and one that is deleted.
    let now = soon(&schedule);
    post(demo, "/v1/reports", &period("sales", now.clone(), 1));
    let deleted = post(demo, "/v1/reports", &period("fees", now, 86_400));
    let path = format!("/v1/reports/{}", id(&deleted));
    change(demo, "DELETE", &path, &json!({}));
    // More goes to and fro than a sum can say.
    let wallet = || {
        post(
            demo,
            "/v1/wallets",
            &json!({ "type": "master", "currency": "KWD" }),
        )
    };
    let (one, other) = (wallet(), wallet());
    let most = 9_007_199_254_740_991_i64;
    let credit = format!("/v1/wallets/{}/credit", id(&one));
    post(demo, &credit, &json!({ "amount": most, "currency": "KWD" }));
    let transfer = json!({
        "amount": most, "currency": "KWD", "source_wallet_id": id(&one), "destination_wallet_id": id(&other),
    });
    let moved = post(demo, "/v1/transfers", &transfer);
    let to = soon(&moved);
    post(demo, "/v1/reports", &period("balances", to, 86_400));
}

/// Just after something was made: a report waits for that.
fn soon(made: &Value) -> String {
    let at = made["created_at"].as_str().and_then(Timestamp::parse);
    at.unwrap().plus(1_000).to_string()
}
