//! `GET /v1/test-data`

use serde_json::{Value, json};

use crate::v1::tenant;

/// What it tells is what happens: every card is tried.
#[test]
fn each_card_does_what_it_is_said_to_do() {
    let acme = tenant();
    let wallet = acme.wallet("master");
    let told = acme.get("/v1/test-data").expect(200).json();
    let cards = told["cards"].as_array().unwrap();
    assert_eq!(cards.len(), 14);
    for card in cards {
        let (number, outcome) = (
            card["number"].as_str().unwrap(),
            card["outcome"].as_str().unwrap(),
        );
        let token = acme.token(number).expect(201).id();
        let body = json!({ "payment_token": token, "amount": 500, "wallet_id": wallet });
        let id = acme.post("/v1/payments", &body).expect(201).id();
        for _ in 0..4 {
            acme.attend(&id);
            let status = acme
                .get(&format!("/v1/payments/{id}"))
                .expect(200)
                .field("status");
            if status != "processing" {
                break;
            }
        }
        let payment = acme.get(&format!("/v1/payments/{id}")).expect(200).json();
        let expected = match outcome {
            "approved" | "answers_late" | "never_arrives" => json!(["captured", null]),
            // Nobody answers here; `v1/payments/challenged` does.
            "challenges" | "challenges_then_declines" | "challenges_then_answers_late" => {
                json!(["requires_action", null])
            }
            "never_answers" => json!(["failed", "acquirer_unreachable"]),
            code => json!(["failed", code]),
        };
        assert_eq!(
            json!([payment["status"], payment["failure_code"]]),
            expected,
            "{number}"
        );
    }
    assert_eq!(
        told["bank_payouts"][0],
        json!({ "minor_amount_ends_with": "01", "outcome": "insufficient_funds" })
    );
    assert_eq!(
        told["refunds"][0],
        json!({ "minor_amount_ends_with": "04", "outcome": "refund_declined" })
    );
}

#[test]
fn live_mode_has_none() {
    let told = tenant().live().get("/v1/test-data").expect(200).json();
    let none = Value::Array(Vec::new());
    assert_eq!(
        [&told["cards"], &told["bank_payouts"], &told["refunds"]],
        [&none, &none, &none]
    );
}
