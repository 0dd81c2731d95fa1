//! The events of fees and reports.

use serde_json::json;

use super::every_event::{change, id, post};
use crate::program::Demo;

pub fn reported(demo: &Demo) {
    let later = json!({
        "applies_to": "payouts", "percent_bps": 10, "effective_from": "2099-01-01T00:00:00Z",
    });
    let schedule = post(demo, "/v1/fee-schedules", &later);
    let path = format!("/v1/fee-schedules/{}", id(&schedule));
    change(demo, "DELETE", &path, &json!({}));

    let period = |kind: &str, lives: i64| {
        json!({
            "type": kind, "from": "2026-01-01T00:00:00Z", "to": "2099-01-01T00:00:00Z", "expires_in": lives,
        })
    };
    // One that ends at once, and one that is deleted.
    post(demo, "/v1/reports", &period("sales", 1));
    let deleted = post(demo, "/v1/reports", &period("fees", 86_400));
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
    post(demo, "/v1/transfers", &transfer);
    post(demo, "/v1/reports", &period("balances", 86_400));
}
