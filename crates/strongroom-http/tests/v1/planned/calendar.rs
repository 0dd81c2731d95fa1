//! When the times of a schedule are.

use serde_json::{Value, json};

use super::recurring::{PATH, daily};
use super::{beneficiary, cools_off, with};
use crate::v1::{refuses, tenant};

#[test]
fn days_are_held_to_where_there_are_such() {
    let acme = tenant();
    let (from, to) = (acme.funded("master", 1_000), acme.wallet("operating"));
    let body = json!({
        "amount": 5, "source_wallet_id": from, "recipient": { "type": "wallet", "id": to },
    });
    let cases = [
        // Midnight in UTC, unless it says otherwise.
        (
            json!({ "interval": "monthly", "start_on": "2026-01-31" }),
            (json!(31), "2026-01-31T00:00:00.000Z"),
        ),
        (
            json!({ "interval": "monthly", "day": 31, "start_on": "2026-02-01" }),
            (json!(31), "2026-02-28T00:00:00.000Z"),
        ),
        // A Thursday, and the Monday behind it, by summer time.
        (
            json!({
                "interval": "weekly", "day": 1, "start_on": "2026-04-02",
                "time": "09:30", "zone": "Europe/Berlin",
            }),
            (json!(1), "2026-04-06T07:30:00.000Z"),
        ),
        (
            json!({ "interval": "yearly", "start_on": "2026-03-01", "day": 29, "zone": "Asia/Manila" }),
            (json!(29), "2026-03-28T16:00:00.000Z"),
        ),
        (
            json!({ "interval": "daily", "start_on": "2026-03-29", "time": "02:30", "zone": "Europe/Berlin" }),
            (Value::Null, "2026-03-29T01:30:00.000Z"),
        ),
    ];
    for (rhythm, (day, next)) in cases {
        let made = acme.post("/v1/payout-schedules", &with(body.clone(), &rhythm));
        let made = made.expect(201).json();
        assert_eq!(
            (&made["day"], &made["next_execution_at"]),
            (&day, &json!(next)),
            "{rhythm}"
        );
        assert_eq!(made["next_occurrence"], 1);
    }
}

#[test]
fn what_is_no_rhythm_is_refused() {
    let acme = tenant();
    let (from, to) = (acme.funded("master", 1_000), acme.wallet("operating"));
    let with = |more: Value| with(daily(&from, &to), &more).to_string();
    let cases = [
        (with(json!({ "interval": "hourly" })), "/interval"),
        (with(json!({ "day": 1 })), "/day"),
        (with(json!({ "interval": "weekly", "day": 8 })), "/day"),
        (with(json!({ "interval": "monthly", "day": 32 })), "/day"),
        (with(json!({ "interval": "yearly", "day": 0 })), "/day"),
        (with(json!({ "time": "24:00" })), "/time"),
        (with(json!({ "zone": "Mars/Olympus" })), "/zone"),
        (with(json!({ "start_on": "2026-02-30" })), "/start_on"),
        (with(json!({ "start_on": "2025-12-31" })), "/start_on"),
        (with(json!({ "start_on": "2028-01-01" })), "/start_on"),
        (with(json!({ "end_on": "2026-01-01" })), "/end_on"),
        (
            with(json!({ "end_on": "2026-02-01", "count": 2 })),
            "/count",
        ),
        (with(json!({ "count": 0 })), "/count"),
        (with(json!({ "missed": "both" })), "/missed"),
    ];
    let cases: Vec<_> = cases
        .iter()
        .map(|(body, at)| (body.as_str(), 422, "invalid_field", *at))
        .collect();
    refuses(&acme, "POST", PATH, &cases);
    cools_off(&acme, 0);
    let mut both = daily(&from, &to);
    both["beneficiary_id"] = json!(beneficiary(&acme, 41));
    acme.post(PATH, &both).refused(422, "invalid_field");
    both.as_object_mut().unwrap().remove("recipient");
    both["currency"] = json!("EUR");
    acme.post(PATH, &both).refused(422, "currency_mismatch");
}
