//! The events of beneficiaries, of payouts for later and of schedules.

use serde_json::{Value, json};

use super::every_event::{change, id, post};
use crate::program::Demo;

pub fn planned(demo: &Demo) {
    let account = |iban: &str| json!({ "iban": iban });
    let described = json!({ "name": "Ana Peña", "account": account("DE89370400440532013000") });
    let made = post(demo, "/v1/beneficiaries", &described);
    let path = format!("/v1/beneficiaries/{}", id(&made));
    change(demo, "PATCH", &path, &json!({ "reference": "₱" }));
    let other = json!({ "account": account("GB82WEST12345698765432") });
    change(demo, "PATCH", &path, &other);
    let period = json!({ "beneficiary_cooling_off": 60 });
    change(demo, "PATCH", "/v1/payout-settings", &period);

    // A day ahead by the server's own clock.
    let tomorrow = made["payable_from"].as_str().unwrap();
    let reserve = json!({ "type": "wallet", "id": demo.text("wallets/reserve") });
    let body = |more: &Value| {
        let mut body = json!({ "amount": 5, "currency": "PHP", "recipient": reserve });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let later = post(
        demo,
        "/v1/payouts",
        &body(&json!({ "execute_at": tomorrow })),
    );
    post(
        demo,
        &format!("/v1/payouts/{}/cancel", id(&later)),
        &json!({}),
    );
    let daily = json!({ "interval": "daily", "start_on": &tomorrow[..10], "time": "23:59" });
    let schedule = post(demo, "/v1/payout-schedules", &body(&daily));
    let schedule = format!("/v1/payout-schedules/{}", id(&schedule));
    change(demo, "PATCH", &schedule, &json!({ "description": "Peña" }));
    change(demo, "DELETE", &schedule, &json!({}));
    change(demo, "DELETE", &path, &json!({}));
}
